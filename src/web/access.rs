//! How the pages are reached: whether somebody has to sign in, and under which name a TLS proxy shows them to the world.
//! Decided once at the start (`app::serve`), asked by the guard and by whatever writes a whole address.

use super::hooks_url::{HooksUrl, base_here};
use actix_web::HttpRequest;
use actix_web::http::Uri;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where webhooks are listened for where nothing else is said.
const HOOKS_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// How the pages are reached.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Who comes in.
    pub doors: Doors,
    /// `--ui-url`: where a TLS proxy shows them.
    pub url: Option<UiUrl>,
    /// `--hooks-url`: where webhooks come in from outside.
    pub hooks_url: Option<HooksUrl>,
    /// Where webhooks are listened for; known once it is.
    pub hooks_listen: Option<SocketAddr>,
}

/// Who comes in.
#[derive(Clone, Debug, Default)]
pub enum Doors {
    /// Whoever signs in.
    #[default]
    SignIn,
    /// Everybody on this machine, as an admin called "demo". Only for a home that is thrown away. The key makes the tokens
    /// of its forms.
    Open {
        /// Chance, new at each start.
        key: String,
    },
}

/// An address `https://host[:port]` without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UiUrl {
    /// `host` or `host:port`, in small letters, without the port that https has anyway.
    host: String,
}

impl UiUrl {
    /// Reads it; the error is a sentence with a way out.
    pub fn parse(text: &str) -> Result<Self, String> {
        let example = "give it as in https://waypost.example.com";
        let uri: Uri = text.trim().parse().map_err(|_| format!("it is no URL; {example}"))?;
        if uri.scheme_str() != Some("https") {
            return Err(format!(
                "the pages are shown by a TLS proxy only, so it begins with https://; {example}"
            ));
        }
        let authority = uri.authority().ok_or_else(|| format!("it names no host; {example}"))?;
        if authority.as_str().contains('@') || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(format!("it is the name of a host and nothing behind it; {example}"));
        }
        let host = authority.as_str().to_lowercase();
        let host = host.strip_suffix(":443").unwrap_or(&host).to_owned();
        if is_loopback(&host) {
            return Err(format!("a name of this machine needs no URL; leave it out, or {example}"));
        }
        Ok(Self { host })
    }

    /// The whole address.
    pub fn base(&self) -> String {
        format!("https://{}", self.host)
    }

    /// Whether a `Host` is this one.
    fn is(&self, host: &str) -> bool {
        let host = host.to_lowercase();
        host.strip_suffix(":443").unwrap_or(&host) == self.host
    }
}

impl std::str::FromStr for UiUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

/// How a request reached us, by its `Host`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// By a name of this machine.
    Here,
    /// Through the proxy, by the name of `--ui-url`: the browser speaks TLS.
    ByUrl,
}

impl Access {
    /// For a home that is thrown away.
    pub fn open(key: String) -> Self {
        Self { doors: Doors::Open { key }, ..Self::default() }
    }

    /// How a `Host` is ours; `None`: it isn't.
    pub fn reached(&self, host: &str) -> Option<Reached> {
        if self.url.as_ref().is_some_and(|url| url.is(host)) {
            return Some(Reached::ByUrl);
        }
        is_loopback(host).then_some(Reached::Here)
    }

    /// How this request reached us. The guard lets no other in.
    pub fn reached_by(&self, request: &HttpRequest) -> Reached {
        let host = request.headers().get("host").and_then(|host| host.to_str().ok());
        host.and_then(|host| self.reached(host)).unwrap_or(Reached::Here)
    }

    /// The beginning of the addresses that booking systems send to, and whether these can be reached from outside.
    pub fn hooks_base(&self) -> (String, bool) {
        match (&self.hooks_url, self.hooks_listen) {
            (Some(url), _) => (url.base().to_owned(), url.is_tls()),
            (None, listen) => (base_here(listen.unwrap_or(HOOKS_LISTEN)), false),
        }
    }

    /// The beginning of a whole address that is shown to people: the URL where there is one, else what they used.
    pub fn base(&self, request: &HttpRequest) -> String {
        if let Some(url) = &self.url {
            return url.base();
        }
        let host = request.headers().get("host").and_then(|host| host.to_str().ok());
        format!("http://{}", host.filter(|host| is_loopback(host)).unwrap_or("localhost"))
    }
}

/// `localhost`, `127.0.0.1`, `[::1]`, each with or without a port.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, "")) => name,
            Some((name, port)) if port.strip_prefix(':').is_some_and(is_port) => name,
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) if is_port(port) => name,
            Some(_) => return false,
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|digit| digit.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::{Access, Reached, UiUrl, is_loopback};

    #[test]
    fn only_names_of_this_machine_are_ours() {
        for host in ["localhost", "LOCALHOST:8081", "127.0.0.1:8081", "127.0.0.2", "[::1]", "[::1]:8081"] {
            assert!(is_loopback(host), "{host}");
        }
        let foreign = [
            "",
            "example.org",
            "localhost.example.org",
            "127.0.0.1.example.org",
            "localhost:",
            "localhost:x",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "[::1",
            "::1",
            "[::1]x",
            "localhost:99999",
            "user@localhost",
            "localhost:+1",
        ];
        for host in foreign {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_url_is_a_host_behind_tls() {
        assert_eq!(UiUrl::parse("https://Tours.Example.org/").unwrap().base(), "https://tours.example.org");
        assert_eq!(
            UiUrl::parse("https://tours.example.org:443").unwrap().base(),
            "https://tours.example.org"
        );
        assert_eq!(UiUrl::parse("https://t.example.org:8443").unwrap().base(), "https://t.example.org:8443");
        let wrong = [
            "",
            "tours.example.org",
            "http://tours.example.org",
            "https://",
            "https://tours.example.org/waypost",
            "https://tours.example.org/?a",
            "https://me@tours.example.org",
            "https://localhost:8081",
            "ftp://tours.example.org",
        ];
        for text in wrong {
            assert!(UiUrl::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_host_is_ours_by_the_url_or_by_this_machine() {
        let url = Some(UiUrl::parse("https://tours.example.org").unwrap());
        let access = Access { url, ..Access::default() };
        assert_eq!(access.reached("tours.example.org"), Some(Reached::ByUrl));
        assert_eq!(access.reached("TOURS.example.org:443"), Some(Reached::ByUrl));
        assert_eq!(access.reached("127.0.0.1:8081"), Some(Reached::Here));
        for foreign in ["tours.example.org:8081", "x.tours.example.org", "tours.example.org.", "example.org"]
        {
            assert_eq!(access.reached(foreign), None, "{foreign}");
        }
        assert_eq!(Access::default().reached("tours.example.org"), None);
    }
}
