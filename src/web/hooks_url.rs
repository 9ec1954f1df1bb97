//! Where webhooks reach this Waypost from outside: what `--hooks-url` says, else the address that it listens at.

use actix_web::http::Uri;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// An address `https://host[:port]` without a path, below which a proxy passes `/hooks/…` on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HooksUrl {
    base: String,
}

impl HooksUrl {
    /// Reads it; the error is a sentence with a way out.
    pub fn parse(text: &str) -> Result<Self, String> {
        let example = "give it as in https://hooks.example.com";
        let uri: Uri = text.trim().parse().map_err(|_| format!("it is no URL; {example}"))?;
        let Some(scheme @ ("https" | "http")) = uri.scheme_str() else {
            return Err(format!("it begins with https://; {example}"));
        };
        let authority = uri.authority().ok_or_else(|| format!("it names no host; {example}"))?;
        if authority.as_str().contains('@') || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(format!("it is the name of a host and nothing behind it; {example}"));
        }
        Ok(Self { base: format!("{scheme}://{}", authority.as_str().to_lowercase()) })
    }

    /// The beginning of every source's address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether booking systems that ask for TLS take it.
    pub fn is_tls(&self) -> bool {
        self.base.starts_with("https://")
    }
}

impl std::str::FromStr for HooksUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

/// The beginning of addresses on this machine.
pub fn base_here(listen: SocketAddr) -> String {
    let ip = if listen.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { listen.ip() };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

#[cfg(test)]
mod tests {
    use super::{HooksUrl, base_here};

    #[test]
    fn an_address_for_webhooks_is_a_host_and_nothing_more() {
        let base = |text: &str| HooksUrl::parse(text).map(|url| url.base().to_owned()).ok();
        assert_eq!(base("https://Hooks.Example.com/").as_deref(), Some("https://hooks.example.com"));
        assert_eq!(base(" http://10.0.0.2:8080 ").as_deref(), Some("http://10.0.0.2:8080"));
        for wrong in
            ["", "hooks.example.com", "ftp://x", "https://a@b", "https://x/y", "https://x?y", "https://"]
        {
            assert_eq!(base(wrong), None, "{wrong}");
        }
        assert_eq!(base_here("0.0.0.0:8080".parse().unwrap()), "http://127.0.0.1:8080");
        assert_eq!(base_here("[::1]:80".parse().unwrap()), "http://[::1]:80");
    }
}
