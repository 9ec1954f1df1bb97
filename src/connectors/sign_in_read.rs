//! Reads `sign_in:` of a source's file, and of a manifest, which describes ways so that a file only names the secret.

use super::envelope_read::read_header_name;
use super::manifest::Catalogue;
use super::secret::{read_secret, read_secret_keys};
use super::sign_in::{OfferedWay, Secrets, SignIn, SignInWay};
use super::signature_read::{read_signature, standard_webhooks};
use crate::document::{Diagnostic, Entry, Fields, Node, Place, Yaml, suggest};
use crate::domain::{AddressRange, TokenAlgorithm, TokenScheme};

/// The words of ways that need no manifest.
pub(super) const WORDS: [&str; 7] = ["address", "header", "basic", "hmac", "standard_webhooks", "jwt", "ips"];
/// Ways together.
const WAYS_MAX: usize = 8;
/// Addresses of one list.
const ADDRESSES_MAX: usize = 1_000;

/// What a way is read with.
struct Reading<'r> {
    file: &'r str,
    /// Ways of the manifest.
    offered: &'r [OfferedWay],
    /// For address lists by a connector's name.
    catalogue: Option<&'r Catalogue>,
    /// A source's file names secrets; a manifest never does.
    wants_secrets: bool,
}

/// Reads `sign_in:` of a source's file.
pub(super) fn read_sign_in(
    file: &str,
    node: &Node,
    offered: &[OfferedWay],
    catalogue: &Catalogue,
    diagnostics: &mut Vec<Diagnostic>,
) -> SignIn {
    let reading = Reading { file, offered, catalogue: Some(catalogue), wants_secrets: true };
    let items: &[Node] = match &node.yaml {
        Yaml::List(items) => items,
        _ => std::slice::from_ref(node),
    };
    let known = diagnostics.len();
    let mut ways = Vec::new();
    let mut named = Vec::new();
    for item in items {
        match &item.yaml {
            Yaml::Map(entries) => {
                for entry in entries {
                    let Some(way) = reading.way(entry, diagnostics) else { continue };
                    if offered.iter().any(|offered| offered.name == entry.key) {
                        named.push((entry.key.clone(), ways.len()));
                    }
                    ways.push(way);
                }
            }
            _ => match item.as_text() {
                Some("address" | "token") => ways.push(SignInWay::Address),
                Some(word) => diagnostics.push(reading.unknown(word, item.place)),
                None => diagnostics.push(
                    Diagnostic::error(file, Some(item.place), "This is no way to sign in.")
                        .hint("write `sign_in: address`, or `sign_in: [address, { hmac: { … } }]`"),
                ),
            },
        }
    }
    let in_address =
        ways.iter().filter(|way| matches!(way, SignInWay::Address | SignInWay::Token { .. })).count();
    if in_address > 1 {
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), "The address holds one secret or token, not several.")
                .hint("keep one of `address` and `jwt`, once"),
        );
    }
    if ways.len() > WAYS_MAX {
        let message = format!("A webhook shows at most {WAYS_MAX} things.");
        diagnostics.push(Diagnostic::error(file, Some(node.place), message).hint("name fewer ways"));
    }
    if ways.is_empty() {
        // What is wrong with it has been told; nobody gets in by less than was meant.
        if diagnostics.len() == known {
            diagnostics.push(
                Diagnostic::error(file, Some(node.place), "`sign_in` names no way to sign in.")
                    .hint("write `sign_in: address`, or leave the line out, which says the same"),
            );
        }
        return SignIn::default();
    }
    SignIn { ways, named }
}

/// Reads `sign_in:` of a manifest.
pub(super) fn read_offered(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<OfferedWay> {
    let Yaml::Map(entries) = &node.yaml else {
        let message = format!("`sign_in` is a map of ways by their names, and this is {}.", node.kind());
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), message)
                .hint("write `signature:` and below it `title:`, `help:` and `hmac:`"),
        );
        return Vec::new();
    };
    entries.iter().filter_map(|entry| read_one_offered(file, entry, diagnostics)).collect()
}

fn read_one_offered(file: &str, entry: &Entry, diagnostics: &mut Vec<Diagnostic>) -> Option<OfferedWay> {
    if WORDS.contains(&entry.key.as_str()) {
        let message = format!("`{}` is the word of a way that every source knows.", entry.key);
        diagnostics.push(
            Diagnostic::error(file, Some(entry.place), message)
                .hint("give it another name, such as `signature`"),
        );
        return None;
    }
    let mut fields = Fields::new(file, "a way to sign in", &entry.value, diagnostics);
    let title = fields.required_text("title");
    let help = fields.text("help").unwrap_or_default();
    let parts: Vec<(&'static str, Option<&Node>)> =
        WORDS[1..].iter().map(|word| (*word, fields.node(word))).collect();
    fields.finish();
    let named: Vec<(&str, &Node)> =
        parts.into_iter().filter_map(|(word, node)| Some((word, node?))).collect();
    let [(word, node)] = named.as_slice() else {
        diagnostics.push(
            Diagnostic::error(
                file,
                Some(entry.place),
                "A way to sign in is exactly one of those that there are.",
            )
            .hint(format!("they are {}", WORDS[1..].join(", "))),
        );
        return None;
    };
    let reading = Reading { file, offered: &[], catalogue: None, wants_secrets: false };
    let way = reading.known(word, node, diagnostics)?;
    Some(OfferedWay { name: entry.key.clone(), title: title?, help, way })
}

impl Reading<'_> {
    fn way(&self, entry: &Entry, diagnostics: &mut Vec<Diagnostic>) -> Option<SignInWay> {
        if let Some(offered) = self.offered.iter().find(|offered| offered.name == entry.key) {
            return self.of_manifest(offered, &entry.value, diagnostics);
        }
        if !WORDS.contains(&entry.key.as_str()) {
            diagnostics.push(self.unknown(&entry.key, entry.place));
            return None;
        }
        self.known(&entry.key, &entry.value, diagnostics)
    }

    fn unknown(&self, word: &str, place: Place) -> Diagnostic {
        let known: Vec<&str> =
            self.offered.iter().map(|offered| offered.name.as_str()).chain(WORDS).collect();
        let hint = match word {
            "address" | "token" => "write `address` by itself, without anything below it".to_owned(),
            _ if known.contains(&word) => format!("write what it needs below it: `{word}: {{ … }}`"),
            _ => suggest(word, known.iter().copied()).map_or_else(
                || format!("there are {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            ),
        };
        Diagnostic::error(self.file, Some(place), format!("`{word}` is no way to sign in here.")).hint(hint)
    }

    fn known(&self, word: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<SignInWay> {
        match word {
            "header" => self.header(node, diagnostics),
            "basic" => self.basic(node, diagnostics),
            "hmac" => {
                let mut fields = Fields::new(self.file, "a signature", node, diagnostics);
                let parts = SecretKeys::take(&mut fields, self.wants_secrets);
                let (url, place) = (fields.text("url"), fields.place());
                let scheme = read_signature(self.file, fields)?;
                let secrets = parts.read(self, place, diagnostics)?;
                Some(SignInWay::Signature { scheme, url, secrets })
            }
            "standard_webhooks" => {
                let mut fields = Fields::new(self.file, "a signature", node, diagnostics);
                let parts = SecretKeys::take(&mut fields, self.wants_secrets);
                let tolerance = fields.duration("tolerance");
                let place = fields.place();
                fields.finish();
                let scheme = standard_webhooks(tolerance);
                let secrets = parts.read(self, place, diagnostics)?;
                Some(SignInWay::Signature { scheme, url: None, secrets })
            }
            "jwt" => self.token(node, diagnostics),
            "ips" => self.addresses(node, diagnostics),
            _ => {
                diagnostics.push(self.unknown(word, node.place));
                None
            }
        }
    }

    /// A way of the manifest: what is left to say is the secret, and what the sender is told of.
    fn of_manifest(
        &self,
        offered: &OfferedWay,
        node: &Node,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<SignInWay> {
        let mut way = offered.way.clone();
        let mut fields = Fields::new(self.file, "a way to sign in", node, diagnostics);
        let parts = SecretKeys::take(&mut fields, offered.wants_secret());
        if let SignInWay::Signature { url, scheme, .. } = &mut way {
            *url = fields.text("url");
            if let Some(tolerance) = fields.duration("tolerance") {
                scheme.tolerance_ms = Some(tolerance.as_millis() as i64);
            }
        }
        if let SignInWay::Basic { user, .. } = &mut way
            && let Some(own) = fields.text("user")
        {
            *user = own;
        }
        let place = fields.place();
        fields.finish();
        let own = if offered.wants_secret() { parts.read(self, place, diagnostics)? } else { Vec::new() };
        match &mut way {
            SignInWay::Header { secrets, .. }
            | SignInWay::Basic { secrets, .. }
            | SignInWay::Signature { secrets, .. }
            | SignInWay::Token { secrets, .. } => *secrets = own,
            SignInWay::Address | SignInWay::Addresses(_) => {}
        }
        Some(way)
    }

    fn header(&self, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<SignInWay> {
        let mut fields = Fields::new(self.file, "a header", node, diagnostics);
        let name = fields.required_text("name");
        let prefix = fields.text("prefix").unwrap_or_default();
        let parts = SecretKeys::take(&mut fields, self.wants_secrets);
        let place = fields.place();
        fields.finish();
        let secrets = parts.read(self, place, diagnostics);
        let name = name?.trim().to_ascii_lowercase();
        // Headers that hold credentials may be named here: they are compared, and never kept.
        let name = if super::envelope_read::CREDENTIALS.contains(&name.as_str()) {
            name
        } else {
            read_header_name(self.file, &name, place, diagnostics)?
        };
        Some(SignInWay::Header { name, prefix, secrets: secrets? })
    }

    fn basic(&self, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<SignInWay> {
        let mut fields = Fields::new(self.file, "user and password", node, diagnostics);
        let user = fields.text("user").unwrap_or_else(|| "waypost".to_owned());
        let parts = SecretKeys::take(&mut fields, self.wants_secrets);
        let place = fields.place();
        fields.finish();
        if user.contains(':') || user.is_empty() {
            diagnostics.push(
                Diagnostic::error(self.file, Some(place), "A user's name is not empty and holds no `:`.")
                    .hint("write `user: waypost`"),
            );
        }
        Some(SignInWay::Basic { user, secrets: parts.read(self, place, diagnostics)? })
    }

    fn token(&self, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<SignInWay> {
        let mut fields = Fields::new(self.file, "a token", node, diagnostics);
        let algorithm = fields.required_text("algorithm");
        let public_key = fields.text("public_key");
        let issuer = fields.text("issuer");
        let audience = fields.text("audience");
        let account_claim = fields.text("account_claim");
        let found = algorithm.as_deref().and_then(|text| {
            TokenAlgorithm::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(text))
        });
        let shared = found == Some(TokenAlgorithm::Hs256);
        let parts = SecretKeys::take(&mut fields, self.wants_secrets && (shared || found.is_none()));
        let place = fields.place();
        fields.finish();
        let Some(found) = found else {
            if let Some(text) = algorithm {
                let names = TokenAlgorithm::ALL.map(TokenAlgorithm::as_str).join(", ");
                let message = format!("`{text}` is no algorithm that is accepted.");
                diagnostics.push(
                    Diagnostic::error(self.file, Some(place), message).hint(format!("it is one of {names}")),
                );
            }
            return None;
        };
        let has_key = public_key.as_deref().is_some_and(|key| key.contains("-----BEGIN PUBLIC KEY-----"));
        if !shared && self.wants_secrets && !has_key {
            let message =
                format!("A token with {} is checked by a public key, and there is none.", found.as_str());
            diagnostics.push(Diagnostic::error(self.file, Some(place), message).hint(
                "write `public_key: |` and below it the lines from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----",
            ));
            return None;
        }
        if shared && public_key.is_some() {
            diagnostics.push(
                Diagnostic::error(
                    self.file,
                    Some(place),
                    "A token with HS256 is checked by a shared secret.",
                )
                .hint("name it: `secret: NAME`; or take RS256 or ES256 with the public key"),
            );
            return None;
        }
        let secrets = if shared { parts.read(self, place, diagnostics)? } else { Vec::new() };
        let scheme = TokenScheme { algorithm: found, public_key, issuer, audience, account_claim };
        Some(SignInWay::Token { scheme, secrets })
    }

    /// Addresses, and names of connectors whose manifests list theirs.
    fn addresses(&self, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<SignInWay> {
        let items: &[Node] = match &node.yaml {
            Yaml::List(items) => items,
            _ => std::slice::from_ref(node),
        };
        let mut ranges = Vec::new();
        for item in items {
            let text = item.as_text().unwrap_or_default();
            let published = self
                .catalogue
                .and_then(|catalogue| catalogue.connectors.get(text)?.source.as_ref())
                .map(|spec| spec.addresses.as_slice())
                .filter(|addresses| !addresses.is_empty());
            match (published, AddressRange::parse(text)) {
                (Some(addresses), _) => ranges.extend_from_slice(addresses),
                (None, Some(range)) => ranges.push(range),
                (None, None) => diagnostics.push(self.no_address(text, item.place)),
            }
        }
        if ranges.is_empty() || ranges.len() > ADDRESSES_MAX {
            if items.is_empty() || ranges.len() > ADDRESSES_MAX {
                let message = format!("A list of addresses has 1 to {ADDRESSES_MAX}.");
                diagnostics.push(
                    Diagnostic::error(self.file, Some(node.place), message)
                        .hint("write `ips: [203.0.113.0/24]`"),
                );
            }
            return None;
        }
        Some(SignInWay::Addresses(ranges))
    }

    fn no_address(&self, text: &str, place: Place) -> Diagnostic {
        let publish: Vec<&str> = self
            .catalogue
            .iter()
            .flat_map(|catalogue| catalogue.connectors.values())
            .filter(|known| known.source.as_ref().is_some_and(|spec| !spec.addresses.is_empty()))
            .map(|known| known.name.as_str())
            .collect();
        let hint = if publish.is_empty() {
            "write an address, `203.0.113.7`, or a network, `203.0.113.0/24`".to_owned()
        } else {
            format!(
                "write an address, `203.0.113.7`, a network, `203.0.113.0/24`, or a connector whose addresses are \
                 published: {}",
                publish.join(", ")
            )
        };
        Diagnostic::error(self.file, Some(place), format!("`{text}` is no address and no network."))
            .hint(hint)
    }
}

/// Reads a manifest's list of published addresses.
pub(super) fn read_published(
    file: &str,
    texts: &[(String, Place)],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<AddressRange> {
    let mut ranges = Vec::new();
    for (text, place) in texts {
        match AddressRange::parse(text) {
            Some(range) => ranges.push(range),
            None => diagnostics.push(
                Diagnostic::error(file, Some(*place), format!("`{text}` is no address and no network."))
                    .hint("write an address, `203.0.113.7`, or a network, `203.0.113.0/24`"),
            ),
        }
    }
    ranges
}

/// `secret:`, `env:` or `secrets:` among other keys.
struct SecretKeys<'n> {
    secret: Option<&'n Node>,
    env: Option<&'n Node>,
    several: Option<&'n Node>,
}

impl<'n> SecretKeys<'n> {
    fn take(fields: &mut Fields<'n, '_>, wanted: bool) -> Self {
        if !wanted {
            return Self { secret: None, env: None, several: None };
        }
        Self { secret: fields.node("secret"), env: fields.node("env"), several: fields.node("secrets") }
    }

    fn read(self, reading: &Reading<'_>, place: Place, diagnostics: &mut Vec<Diagnostic>) -> Option<Secrets> {
        if !reading.wants_secrets {
            return Some(Vec::new());
        }
        let file = reading.file;
        if let (Some(node), None, None) = (self.several, self.secret, self.env) {
            let Yaml::List(items) = &node.yaml else {
                let message = format!("`secrets` is a list, and this is {}.", node.kind());
                diagnostics.push(
                    Diagnostic::error(file, Some(node.place), message)
                        .hint("write `secrets: [{ secret: NEW }, { secret: OLD }]`"),
                );
                return None;
            };
            let read: Secrets =
                items.iter().filter_map(|item| read_secret(file, item, diagnostics)).collect();
            return (!read.is_empty()).then_some(read);
        }
        if self.several.is_some() {
            diagnostics.push(
                Diagnostic::error(file, Some(place), "The secret stands here twice.")
                    .hint("keep one of `secret:`, `env:` and `secrets:`"),
            );
            return None;
        }
        read_secret_keys(file, self.secret, self.env, place, diagnostics).map(|secret| vec![secret])
    }
}
