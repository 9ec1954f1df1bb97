//! The manifests that the binary embeds.

/// Built-in connectors: name and manifest. A folder's `connectors/NAME.yaml` replaces one of the same name.
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    &[
        ("apaleo", include_str!("../../rules/connectors/apaleo.yaml")),
        ("bokun", include_str!("../../rules/connectors/bokun.yaml")),
        ("cal-com", include_str!("../../rules/connectors/cal-com.yaml")),
        ("calendly", include_str!("../../rules/connectors/calendly.yaml")),
        ("fareharbor", include_str!("../../rules/connectors/fareharbor.yaml")),
        ("http", include_str!("../../rules/connectors/http.yaml")),
        ("hubspot", include_str!("../../rules/connectors/hubspot.yaml")),
        ("pretix", include_str!("../../rules/connectors/pretix.yaml")),
        ("sandbox", include_str!("../../rules/connectors/sandbox.yaml")),
        ("square", include_str!("../../rules/connectors/square.yaml")),
        ("stripe", include_str!("../../rules/connectors/stripe.yaml")),
        ("webhook", include_str!("../../rules/connectors/webhook.yaml")),
    ]
}
