//! The trace token: a text of fixed width that the load generator puts into the booking's `external_id` and that the rule
//! under test hands on to the CRM as it is. By it the mock CRM knows which event arrived, and when it was sent.
//!
//! `wpb-RRRRRRRR-SSSSSSSSSS-NNNNNNNNNNNNNNNNNNN`: run (hex), number of the event in the run, sent at (ns since 1970).

/// Length of a rendered token.
pub const LEN: usize = 43;
const PREFIX: &[u8] = b"wpb-";

/// Run of the probes that wait for a server to come up; the mock CRM does not count them.
pub const PROBES: u32 = 0;

/// One event, as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub run: u32,
    pub seq: u32,
    pub sent_ns: u64,
}

impl Token {
    /// As text.
    pub fn render(&self) -> String {
        format!("wpb-{:08x}-{:010}-{:019}", self.run, self.seq, self.sent_ns)
    }

    /// The token that begins with the first byte of `text`.
    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text.get(..LEN)?).ok()?;
        let mut parts = text.strip_prefix("wpb-")?.split('-');
        let token = Self {
            run: u32::from_str_radix(parts.next()?, 16).ok()?,
            seq: parts.next()?.parse().ok()?,
            sent_ns: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(token)
    }

    /// The first token anywhere in a body. JSON is not parsed, so that the mock CRM stays cheap.
    pub fn find(body: &[u8]) -> Option<Self> {
        memchr::memmem::find_iter(body, PREFIX).find_map(|at| Self::parse(&body[at..]))
    }
}

#[cfg(test)]
mod tests {
    use super::{LEN, Token};

    const TOKEN: Token = Token { run: 0xdead_beef, seq: 4711, sent_ns: 1_763_822_717_123_456_789 };

    #[test]
    fn a_token_is_found_in_a_body_also_after_a_false_start() {
        let text = TOKEN.render();
        assert_eq!(text.len(), LEN);
        let body = format!("{{\"x\":\"wpb-nope\",\"external_id\":\"{text}\"}}");
        assert_eq!(Token::find(body.as_bytes()), Some(TOKEN));
        assert_eq!(Token::find(&body.as_bytes()[..body.len() - 10]), None);
        assert_eq!(Token::find(b"{}"), None);
    }
}
