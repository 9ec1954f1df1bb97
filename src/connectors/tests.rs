//! What several tests of this module need.

use super::{Catalogue, Connection, Source, read_connection, read_source};
use crate::document::{Diagnostic, parse, render};
use crate::expr::{Engine, Limits, Scripts};

/// An engine without scripts.
pub(super) fn engine() -> Engine {
    let (engine, mistakes) = Engine::build(&Scripts::default(), Limits::default());
    assert!(mistakes.is_empty(), "{mistakes:?}");
    engine
}

/// The built-in connectors.
pub(super) fn catalogue(engine: &Engine) -> Catalogue {
    let mut diagnostics = Vec::new();
    let catalogue = Catalogue::builtin(engine, &mut diagnostics);
    let told = told(&diagnostics, None);
    assert!(diagnostics.is_empty(), "{told}");
    catalogue
}

/// Diagnostics as people see them.
pub(super) fn told(diagnostics: &[Diagnostic], text: Option<&str>) -> String {
    diagnostics.iter().map(|told| render(told, text)).collect::<Vec<_>>().join("\n")
}

/// A connection that is well.
pub(super) fn connection(engine: &Engine, text: &str) -> Connection {
    let (connection, told) = try_connection(engine, text);
    assert_eq!(told, "");
    connection.expect("it is well")
}

/// A connection, and what is said of it.
pub(super) fn try_connection(engine: &Engine, text: &str) -> (Option<Connection>, String) {
    let node = parse("connections/crm.yaml", text).expect("it is YAML");
    let mut diagnostics = Vec::new();
    let read =
        read_connection("connections/crm.yaml", "crm", &node, &catalogue(engine), engine, &mut diagnostics);
    (read, told(&diagnostics, Some(text)))
}

/// A source, and what is said of it.
pub(super) fn try_source(engine: &Engine, text: &str) -> (Option<Source>, String) {
    let node = parse("sources/tours.yaml", text).expect("it is YAML");
    let mut diagnostics = Vec::new();
    let read =
        read_source("sources/tours.yaml", "tours", &node, (&catalogue(engine), engine), &mut diagnostics);
    (read, told(&diagnostics, Some(text)))
}

#[test]
fn the_built_in_connectors_are_well() {
    let engine = engine();
    let catalogue = catalogue(&engine);
    let names: Vec<&str> = catalogue.connectors.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "apaleo",
            "bokun",
            "cal-com",
            "calendly",
            "fareharbor",
            "http",
            "hubspot",
            "pretix",
            "sandbox",
            "square",
            "stripe",
            "webhook"
        ]
    );
}
