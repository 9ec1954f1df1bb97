//! The manifests that the binary embeds.

/// Built-in connectors: name and manifest. A folder's `connectors/NAME.yaml` replaces one of the same name.
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    &[
        ("apaleo", include_str!("../../rules/connectors/apaleo.yaml")),
        ("fareharbor", include_str!("../../rules/connectors/fareharbor.yaml")),
        ("http", include_str!("../../rules/connectors/http.yaml")),
        ("hubspot", include_str!("../../rules/connectors/hubspot.yaml")),
        ("sandbox", include_str!("../../rules/connectors/sandbox.yaml")),
        ("webhook", include_str!("../../rules/connectors/webhook.yaml")),
    ]
}
