//! Reads `auth:` of an API, in a manifest or in the file of a source that is described there.

use super::api_auth::{ApiAuth, RequestSignature, written_date};
use super::source_api::ApiSecret;
use super::templates::{Compiling, names_read};
use crate::document::{Diagnostic, Fields, Node, Place, Yaml, suggest};
use crate::domain::{BytesAs, HashName};
use crate::expr::{Engine, Template};

/// How a date is written where nothing else is said.
const DATE: &str = "%Y-%m-%dT%H:%M:%SZ";

/// What the parts of a sign-in are read with.
#[derive(Clone, Copy)]
struct AuthOf<'r> {
    file: &'r str,
    secrets: &'r [ApiSecret],
    engine: &'r Engine,
}

/// Reads `auth:`. `None` where something is wrong, which has been told.
pub(super) fn read_auth(
    file: &str,
    node: &Node,
    secrets: &[ApiSecret],
    engine: &Engine,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<ApiAuth> {
    let of = AuthOf { file, secrets, engine };
    let mut fields = Fields::new(file, "the API's sign-in", node, diagnostics);
    let headers = fields.node("headers");
    let basic = fields.node("basic");
    let signed = fields.node("signed");
    let oauth = fields.node("oauth2");
    let place = fields.place();
    fields.finish();
    match (headers, basic, signed, oauth) {
        (Some(node), None, None, None) => of.headers(node, &["secret"], diagnostics).map(ApiAuth::Headers),
        (None, Some(node), None, None) => of.basic(node, diagnostics),
        (None, None, Some(node), None) => of.signed(node, diagnostics).map(ApiAuth::Signed),
        (None, None, None, Some(node)) => of.oauth2(node, diagnostics),
        _ => {
            diagnostics.push(
                Diagnostic::error(file, Some(place), "The API is signed in to in one way.")
                    .hint("give one of `headers:`, `basic:`, `signed:` and `oauth2:`"),
            );
            None
        }
    }
}

impl AuthOf<'_> {
    /// A text that sees the secrets and these names. Secrets that nobody declared are told.
    fn template(
        &self,
        place: Place,
        text: &str,
        names: &[&str],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Template> {
        let compiling = Compiling { file: self.file, engine: self.engine, names };
        let template = compiling.text(place, text, diagnostics)?;
        for (name, _) in names_read(&template, "secret") {
            self.must_know(&name, place, diagnostics);
        }
        Some(template)
    }

    fn must_know(&self, name: &str, place: Place, diagnostics: &mut Vec<Diagnostic>) {
        if self.secrets.iter().any(|secret| secret.name == name) {
            return;
        }
        let known = self.secrets.iter().map(|secret| secret.name.as_str());
        let hint = suggest(name, known).map_or_else(
            || {
                format!(
                    "add it below `secrets:`, as `{name}: {{ secret: NAME }}` in a source's file, or as `{name}: {{ label: … \
                     }}` in a manifest"
                )
            },
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("The API has no secret `{name}`.");
        diagnostics.push(Diagnostic::error(self.file, Some(place), message).hint(hint));
    }

    fn headers(
        &self,
        node: &Node,
        names: &[&str],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Vec<(String, Template)>> {
        let entries = match &node.yaml {
            Yaml::Map(entries) if !entries.is_empty() => entries,
            _ => {
                let told = "`headers` must be a map of names to texts.";
                diagnostics.push(
                    Diagnostic::error(self.file, Some(node.place), told)
                        .hint("write `headers: { Authorization: \"Bearer {{ secret.token }}\" }`"),
                );
                return None;
            }
        };
        let mut read = Vec::new();
        for entry in entries {
            let name = &entry.key;
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
                diagnostics.push(
                    Diagnostic::error(
                        self.file,
                        Some(entry.place),
                        format!("`{name}` is no name of a header."),
                    )
                    .hint("write it as that system does: `X-Api-Key`"),
                );
                return None;
            }
            let text = entry.value.as_text().unwrap_or_default();
            if text.trim().is_empty() {
                let message = format!("The header `{name}` has no value.");
                diagnostics.push(
                    Diagnostic::error(self.file, Some(entry.value.place), message)
                        .hint(format!("write `{name}: \"{{{{ secret.token }}}}\"`")),
                );
                return None;
            }
            read.push((name.clone(), self.template(entry.value.place, text, names, diagnostics)?));
        }
        Some(read)
    }

    fn basic(&self, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<ApiAuth> {
        let mut fields = Fields::new(self.file, "basic sign-in", node, diagnostics);
        let (user, password) = (fields.text("user"), fields.text("password"));
        fields.finish();
        let mut side = |text: Option<String>| {
            self.template(node.place, &text.unwrap_or_default(), &["secret"], diagnostics)
        };
        let (user, password) = (side(user)?, side(password)?);
        if !user.reads("secret") && !password.reads("secret") {
            diagnostics.push(
                Diagnostic::error(self.file, Some(node.place), "This sign-in names no secret.").hint(
                    "write `basic: { user: waypost, password: \"{{ secret.password }}\" }`; a password never stands in a \
                     file",
                ),
            );
            return None;
        }
        Some(ApiAuth::Basic { user, password })
    }

    fn signed(&self, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<RequestSignature> {
        let mut fields = Fields::new(self.file, "a signed request", node, diagnostics);
        let algorithm = fields.text("algorithm");
        let key = fields.required_text("key");
        let text = fields.required_text("text");
        let encoding = fields.text("encoding");
        let date = fields.text("date").unwrap_or_else(|| DATE.to_owned());
        let headers = fields.node("headers");
        let place = fields.place();
        let mut wrong = |message: String, hint: &str| {
            fields.report(Diagnostic::error(self.file, Some(place), message).hint(hint));
        };
        let hash = match algorithm.as_deref() {
            None | Some("sha256") => Some(HashName::Sha256),
            Some("sha1") => Some(HashName::Sha1),
            Some("sha512") => Some(HashName::Sha512),
            Some(other) => {
                let hint = "it is one of sha256, sha512 and sha1";
                wrong(format!("`{other}` is no algorithm of a signature."), hint);
                None
            }
        };
        let written = match encoding.as_deref() {
            None | Some("base64") => Some(BytesAs::Base64),
            Some("hex") => Some(BytesAs::Hex),
            Some(other) => {
                wrong(format!("A signature is never written as `{other}`."), "it is one of base64 and hex");
                None
            }
        };
        // Any moment shows whether these letters can be written.
        let dated = written_date(&date, 0).filter(|written| !written.is_empty());
        if dated.is_none() {
            let hint =
                "write it in the letters of strftime: `date: \"%Y-%m-%d %H:%M:%S\"`, or `%s` for seconds";
            wrong(format!("No date can be written as `{date}`."), hint);
        }
        if headers.is_none() {
            let hint = "write `headers: { X-Signature: \"{{ signature }}\" }`";
            wrong("Nothing says where the signature goes.".to_owned(), hint);
        }
        fields.finish();
        let key = self.template(place, &key?, &["secret"], diagnostics)?;
        let text =
            self.template(place, &text?, &["secret", "date", "method", "path", "body"], diagnostics)?;
        let headers = self.headers(headers?, &["secret", "date", "signature"], diagnostics)?;
        if !headers.iter().any(|(_, template)| template.reads("signature")) {
            diagnostics.push(
                Diagnostic::error(self.file, Some(place), "No header holds the signature.")
                    .hint("write `headers: { X-Signature: \"{{ signature }}\" }`"),
            );
            return None;
        }
        dated?;
        Some(RequestSignature { hash: hash?, key, text, written: written?, date, headers })
    }

    fn oauth2(&self, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<ApiAuth> {
        let mut fields = Fields::new(self.file, "OAuth 2", node, diagnostics);
        let token_url = fields.required_text("token_url");
        let client_id = fields.required_text("client_id");
        let client_secret = fields.required_text("client_secret");
        let scope = fields.text("scope").unwrap_or_default();
        fields.finish();
        for name in [&client_id, &client_secret].into_iter().flatten() {
            self.must_know(name, node.place, diagnostics);
        }
        let token_url = token_url?;
        if !super::connection::is_base_url(&token_url) {
            diagnostics.push(super::source_api_read::no_base_url(self.file, node.place, &token_url));
        }
        Some(ApiAuth::ClientCredentials {
            token_url,
            client_id: client_id?,
            client_secret: client_secret?,
            scope,
        })
    }
}
