//! Where a request comes from: the other end of its connection, or what proxies that are trusted say of it.

use crate::domain::AddressRange;
use actix_web::HttpRequest;
use std::net::IpAddr;

/// How this Waypost is reached from outside.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    /// `https://host`, below which a proxy passes `/hooks/…` on.
    pub base: Option<String>,
    /// Proxies whose word about a sender is taken (`X-Forwarded-For`).
    pub proxies: Vec<AddressRange>,
}

impl Reached {
    /// Where a request comes from. What proxies wrote is read from the right, for as long as who wrote it is trusted:
    /// what stands further left, the sender may have written itself.
    pub(super) fn sender(&self, request: &HttpRequest) -> Option<IpAddr> {
        let mut sender = request.peer_addr()?.ip();
        if self.proxies.is_empty() || !self.trusts(sender) {
            return Some(sender);
        }
        let lines: Vec<_> = request.headers().get_all("x-forwarded-for").collect();
        for entry in lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')) {
            // What can't be read ends it: nobody knows who wrote what stands before.
            sender = address_of(std::str::from_utf8(entry).ok()?)?;
            if !self.trusts(sender) {
                break;
            }
        }
        Some(sender)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|range| range.contains(address))
    }

    /// The whole address that a request came to, as its sender wrote it.
    pub(super) fn url(&self, request: &HttpRequest) -> String {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        match &self.base {
            Some(base) => format!("{base}{path}"),
            None => {
                let host = request.headers().get("host").and_then(|host| host.to_str().ok());
                format!("https://{}{path}", host.unwrap_or_default())
            }
        }
    }
}

/// `203.0.113.7`, `203.0.113.7:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
fn address_of(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(inner, _)| inner);
    bare.unwrap_or(entry)
        .parse()
        .ok()
        .or_else(|| entry.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::Reached;
    use crate::domain::AddressRange;
    use actix_web::http::header::HeaderValue;
    use actix_web::test::TestRequest;

    fn sender(peer: &str, forwarded: &[&str]) -> Option<String> {
        let proxies = ["10.0.0.0/8", "127.0.0.1"].map(|text| AddressRange::parse(text).unwrap());
        let reached = Reached { base: None, proxies: proxies.to_vec() };
        let mut request = TestRequest::default().peer_addr(format!("{peer}:4711").parse().unwrap());
        for line in forwarded {
            request = request.append_header(("x-forwarded-for", *line));
        }
        reached.sender(&request.to_http_request()).map(|address| address.to_string())
    }

    #[test]
    fn the_word_of_a_proxy_counts_only_where_it_is_trusted() {
        let told = |address: &str| Some(address.to_owned());
        for (peer, forwarded, expected) in [
            ("198.51.100.1", &[][..], told("198.51.100.1")),
            ("198.51.100.1", &["203.0.113.7"], told("198.51.100.1")),
            ("10.0.0.1", &[], told("10.0.0.1")),
            ("10.0.0.1", &["203.0.113.7"], told("203.0.113.7")),
            ("10.0.0.1", &["34.240.36.71, 203.0.113.7"], told("203.0.113.7")),
            ("10.0.0.1", &["34.240.36.71, 203.0.113.7, 10.0.0.2"], told("203.0.113.7")),
            ("10.0.0.1", &["34.240.36.71", "203.0.113.7:99"], told("203.0.113.7")),
            ("10.0.0.1", &["[2001:db8::1]:99"], told("2001:db8::1")),
            ("10.0.0.1", &["34.240.36.71, unknown"], None),
        ] {
            assert_eq!(sender(peer, forwarded), expected, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_text_is_not_passed_over() {
        // Else the proxy itself would be the sender, or who stands in the line before.
        let proxies = vec![AddressRange::parse("10.0.0.0/8").unwrap()];
        let line = HeaderValue::from_bytes(b"\xff, 198.51.100.1 \xff").unwrap();
        let request = TestRequest::default()
            .peer_addr("10.0.0.1:4711".parse().unwrap())
            .append_header(("x-forwarded-for", "203.0.113.7"))
            .append_header(("x-forwarded-for", line));
        assert_eq!(Reached { base: None, proxies }.sender(&request.to_http_request()), None);
    }
}
