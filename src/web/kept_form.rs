//! What somebody sent after their session had ended. It travels through signing in, in hidden fields of our own pages, and is
//! sent again by a press. Only forms in which one writes at length are kept, in a bounded size, and never what is secret.
//!
//! Invariant: nothing of it is stored, and nothing is done by it before somebody has signed in and pressed the button.
//! Called by `admission`, `sign_in` and `sign_in_code`; kept by `tests/web/signed_out.rs`.

use super::admission::local_path;
use actix_web::web::Query;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// A form has so many bytes at most as it is sent; what is longer is not kept.
pub(super) const KEPT_BYTES_MAX: usize = 128 << 10;
/// Signing in with it takes so many: it is encoded once more.
pub(super) const SIGN_IN_BYTES_MAX: usize = 3 * KEPT_BYTES_MAX + (8 << 10);
/// A form has so many fields at most.
const FIELDS_MAX: usize = 2_000;
/// Words in the names of fields that are not kept; a rule's file has no secrets, whatever its fields are called.
const SECRET: [&str; 6] = ["password", "secret", "token", "credential", "auth", "api_key"];

/// A form that was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeptForm {
    /// Where it was sent to: a path of ours.
    pub to: String,
    /// Its fields.
    pub fields: Vec<(String, String)>,
}

impl KeptForm {
    /// Whether forms that are sent there are kept: the rules' editor and builder, the settings of a connection or source.
    pub fn is_kept(path: &str) -> bool {
        match path.split('/').skip(1).collect::<Vec<_>>()[..] {
            ["rules", _, act] => ["build", "edit", "review", "publish"].contains(&act),
            ["connections" | "sources", _] => true,
            _ => false,
        }
    }

    /// The form that was sent to a path; `None` where it is none that is kept.
    pub fn read(to: &str, body: &str) -> Option<Self> {
        let to = local_path(Some(to));
        if !Self::is_kept(&to) || body.len() > KEPT_BYTES_MAX {
            return None;
        }
        let fields = Query::<Vec<(String, String)>>::from_query(body).ok()?.into_inner();
        if fields.len() > FIELDS_MAX {
            return None;
        }
        let is_rule = to.starts_with("/rules/");
        let is_plain = |name: &str| {
            let lower = name.to_lowercase();
            name != "form_token" && (is_rule || !SECRET.iter().any(|word| lower.contains(word)))
        };
        let fields: Vec<_> = fields.into_iter().filter(|(name, _)| is_plain(name)).collect();
        (!fields.is_empty()).then_some(Self { to, fields })
    }

    /// Its fields as a body again, for one hidden field.
    pub fn body(&self) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs = self.fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT_BYTES_MAX, KeptForm};

    #[test]
    fn what_is_written_at_length_is_kept_and_read_again() {
        let body = "text=a%0D%0Ab+%26+c&form_token=x&opened=&act=check";
        let kept = KeptForm::read("/rules/guests/build", body).expect("it is kept");
        let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(kept.fields, [of("text", "a\r\nb & c"), of("opened", ""), of("act", "check")]);
        assert_eq!(KeptForm::read(&kept.to, &kept.body()), Some(kept));
    }

    #[test]
    fn secrets_and_short_forms_and_foreign_places_are_not_kept() {
        let kept = KeptForm::read("/connections/crm", "title=Ours&auth.password=a&Token=b&client_secret=c");
        assert_eq!(kept.expect("the title").fields, [("title".to_owned(), "Ours".to_owned())]);
        assert_eq!(KeptForm::read("/connections/crm", "token=b"), None);
        for to in [
            "",
            "/",
            "/connections/crm/secret",
            "/connections/new/hubspot",
            "/sources/tours/sign-in",
            "/account/password",
            "/sign-in",
            "//example.org/edit",
            "https://example.org/rules/a/edit",
            "/rules/a/remove",
        ] {
            assert_eq!(KeptForm::read(to, "text=a"), None, "{to}");
        }
        let long = format!("text={}", "a".repeat(KEPT_BYTES_MAX));
        assert_eq!(KeptForm::read("/rules/a/edit", &long), None);
        assert_eq!(KeptForm::read("/rules/a/edit", &"a=b&".repeat(2_001)), None);
    }
}
