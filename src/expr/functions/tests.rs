//! Table tests of the functions.

use super::super::{Engine, Limits, Scope, Scripts};
use super::catalogue;
use serde_json::{Value, json};
use std::sync::Arc;

fn engine() -> Engine {
    let mut scripts = Scripts::default();
    scripts
        .tables
        .insert("tables/tour-codes.csv".into(), "pk,code,title\n42,SNK,Snorkel\n7,,\"Hike, long\"\n".into());
    let (engine, mistakes) = Engine::build(&scripts, Limits::default());
    assert_eq!(mistakes, []);
    engine
}

fn outcome(engine: &Engine, text: &str) -> String {
    let mut scope = Scope::new();
    let booking = json!({
        "pk": 42,
        "receipt_total": 12500,
        "nothing": null,
        "big": "placeholder",
        "company": {"currency": "usd"},
        "contact": {"name": "Siobhán Ní Bhriain", "phone": "+353 1 555 0100"},
        "custom_field_values": [
            {"custom_field": {"title": "Shoe size", "name": "shoe"}, "display_value": "42 EU", "value": "42"},
            {"custom_field": {"title": "Diet", "name": "diet"}, "display_value": "", "value": "none"},
        ],
    });
    scope.set("booking", Arc::new(booking));
    let expression = match engine.compile(text, &["booking"]) {
        Ok(expression) => expression,
        Err(error) => return format!("syntax: {} {}", error.message, error.hint.unwrap_or_default()),
    };
    match engine.evaluate(&expression, &scope) {
        Ok(Ok(value)) => value.to_string(),
        Ok(Err(_)) => "missing".to_owned(),
        Err(error) => format!("error: {}", error.message),
    }
}

fn table(cases: &[(&str, &str)]) {
    let engine = engine();
    for (text, expected) in cases {
        assert_eq!(outcome(&engine, text), *expected, "{text}");
    }
}

#[test]
fn choices() {
    table(&[
        ("present(booking.nothing)", "false"),
        ("present(booking.a.b.c)", "false"),
        ("present(\"  \")", "false"),
        ("present([])", "false"),
        ("present(#{})", "false"),
        ("present(0)", "true"),
        ("present(false)", "true"),
        ("first_of(booking.a, \"\", 3, 4)", "3"),
        ("first_of(booking.a, booking.b)", "missing"),
        ("default_to(booking.a, \"x\")", "\"x\""),
        ("default_to(booking.pk, 1)", "42"),
        ("text(12)", "\"12\""),
        ("text(12345678901234567890.0)", "\"1.2345678901234567e+19\""),
        ("text([1, ()])", "\"[1,null]\""),
        ("text(booking.a)", "missing"),
        ("json(#{a: 1})", "\"{\\\"a\\\":1}\""),
    ]);
}

#[test]
fn names_are_split_as_front_desks_do() {
    let cases = [
        ("Siobhán Ní Bhriain", Some("Siobhán"), Some("Ní Bhriain")),
        ("Lee, Mary", Some("Mary"), Some("Lee")),
        ("Mary Ann Lee", Some("Mary Ann"), Some("Lee")),
        ("Ludwig van der Berg", Some("Ludwig"), Some("van der Berg")),
        ("Maria de la Cruz", Some("Maria"), Some("de la Cruz")),
        ("Van Morrison", Some("Van"), Some("Morrison")),
        ("Cher", Some("Cher"), None),
        ("Dr. Smith", None, Some("Smith")),
        ("Dr. Ana Lopes", Some("Ana"), Some("Lopes")),
        ("Mr John Smith Jr.", Some("John"), Some("Smith Jr.")),
        ("John Smith, Jr.", Some("John"), Some("Smith Jr.")),
        ("  Jo   Bloggs ", Some("Jo"), Some("Bloggs")),
        (",", None, None),
        ("", None, None),
        ("Lee,", Some("Lee"), None),
    ];
    for (full, first, last) in cases {
        let split = super::names::split(full);
        assert_eq!((split.0.as_deref(), split.1.as_deref()), (first, last), "{full}");
    }
    table(&[
        ("full_name(\"Mary\", booking.a)", "\"Mary\""),
        ("full_name(booking.a, ())", "missing"),
        ("first_name(booking.a)", "missing"),
        ("last_name(booking.contact.name)", "\"Ní Bhriain\""),
    ]);
}

#[test]
fn phones_come_out_as_e164_or_not_at_all() {
    table(&[
        ("phone(\"(415) 555-2671\", \"US\")", "\"+14155552671\""),
        ("phone(\"+44 20 7946 0958\")", "\"+442079460958\""),
        ("phone(\"0044 20 7946 0958\")", "\"+442079460958\""),
        ("phone(\"(415) 555-2671\")", "missing"),
        ("phone(\"call me\")", "missing"),
        ("phone(booking.nothing)", "missing"),
        (
            "phone(\"1\", \"ZZ9\")",
            "error: `phone`: `ZZ9` is no country; write its two letters, such as \"US\".",
        ),
        ("is_phone(\"+44 20 7946 0958\")", "true"),
        ("is_phone(booking.nothing)", "false"),
    ]);
}

#[test]
fn dates_keep_their_offset_unless_a_zone_is_named() {
    table(&[
        ("date(\"2015-01-22T11:30:00-1000\", \"%-d %B %Y\", \"Pacific/Honolulu\")", "\"22 January 2015\""),
        ("date(\"2015-01-22T11:30:00-1000\", \"%H:%M\")", "\"11:30\""),
        ("date(\"2015-01-22T11:30:00-1000\", \"%H:%M\", \"Europe/Berlin\")", "\"22:30\""),
        (
            "date(\"2015-01-22T11:30:00-1000\", \"%A, %-d. %B\", \"Europe/Berlin\", \"de\")",
            "\"Donnerstag, 22. Januar\"",
        ),
        ("date(\"2015-01-22T11:30:00-1000\", \"%a %b\", \"pt-BR\")", "\"qui jan\""),
        ("date(\"2015-02-22\", \"%d.%m.%Y\", \"Pacific/Honolulu\")", "\"22.02.2015\""),
        ("date(\"2015-02-22T10:00:00\", \"%H %z\", \"Europe/Berlin\")", "\"10 +0100\""),
        ("date(0, \"%Y\")", "\"1970\""),
        ("date(booking.nothing, \"%Y\")", "missing"),
        (
            "date(\"soon\", \"%Y\")",
            "error: `date`: `soon` is no date; one is written 2026-11-22 or 2026-11-22T10:00:00+01:00.",
        ),
        (
            "date(\"2015-02-22\", \"%Y\", \"Pacific/Honolul\")",
            "syntax: There is no time zone `Pacific/Honolul`. did you mean \"Pacific/Honolulu\"?",
        ),
        (
            "date(\"2015-02-22\", \"%Y\", \"Pacific/\" + \"Hono\")",
            "error: `date`: There is no time zone `Pacific/Hono` (zones are named like \"Pacific/Honolulu\" or \"Europe/Berlin\").",
        ),
        (
            "date(\"2015-02-22\", \"%!\")",
            "syntax: `%!` is no format of dates. %d day, %m month, %Y year, %H:%M time, %A weekday, %B month's name; %% is a percent sign",
        ),
        (
            "date(\"2015-02-22\", \"%Y\", \"UTC\", \"xx\")",
            "syntax: The language `xx` is not known here. there are en, de, fr, es, it, nl, pt",
        ),
        ("date_add(\"2015-01-31\", 1, \"months\")", "\"2015-02-28\""),
        ("date_add(\"2015-01-22T11:30:00-1000\", -2, \"hours\")", "\"2015-01-22T09:30:00-10:00\""),
        ("date_add(\"2015-01-22\", 90, \"minutes\")", "\"2015-01-22T01:30:00\""),
        ("date_add(0, 1, \"day\")", "86400000"),
        (
            "date_add(\"2015-01-22\", 9223372036854775807, \"days\")",
            "error: `date_add`: that is too far away.",
        ),
        (
            "date_add(\"2015-01-22\", 1, \"moons\")",
            "error: `date_add`: `moons` is no unit; there are years, months, weeks, days, hours, minutes and seconds.",
        ),
        ("days_between(\"2015-01-22T23:00:00-1000\", \"2015-02-01\")", "10"),
        ("days_between(\"2015-02-01\", \"2015-01-22\")", "-10"),
        ("iso_date(\"2015-01-22T23:00:00-1000\", \"UTC\")", "\"2015-01-23\""),
        ("epoch_ms(\"1970-01-01T00:00:01Z\")", "1000"),
    ]);
}

#[test]
fn money_is_exact() {
    table(&[
        ("money(booking.receipt_total, booking.company.currency)", "\"125.00\""),
        ("money(5, \"USD\")", "\"0.05\""),
        ("money(-5, \"USD\")", "\"-0.05\""),
        ("money(1250, \"JPY\")", "\"1250\""),
        ("money(1250, \"kwd\")", "\"1.250\""),
        ("money(\"1250\", \"EUR\")", "\"12.50\""),
        ("money(1250.0, \"EUR\")", "\"12.50\""),
        ("money(booking.nothing, \"EUR\")", "missing"),
        ("money(1.5, \"EUR\")", "error: `money`: `1.5` is not a whole number of the smallest coin."),
        (
            "money(1, \"XXZ\")",
            "error: `money`: `XXZ` is no currency; write its three letters, such as \"USD\".",
        ),
        ("money(1, booking.nothing)", "error: `money`: the currency is missing."),
        ("money(\"a\", \"EUR\")", "error: `money`: `a` is no number."),
        ("minor(\"12.5\", \"EUR\")", "1250"),
        ("minor(0.1, \"EUR\")", "10"),
        (
            "minor(\"12.345\", \"EUR\")",
            "error: `minor`: `12.345` has more decimals than the currency, or is too large.",
        ),
        (
            "minor(\"99999999999999999999\", \"EUR\")",
            "error: `minor`: `99999999999999999999` has more decimals than the currency, or is too large.",
        ),
        ("number(\"12.5\")", "12.5"),
        ("number(\" 12 \")", "12"),
        ("number(\"x\")", "error: `number`: `x` is no number."),
        ("integer(\"12.7\")", "12"),
        ("integer(-12.7)", "-12"),
    ]);
}

#[test]
fn texts() {
    table(&[
        ("upper(\"straße\")", "\"STRASSE\""),
        ("lower(\"ÀB\")", "\"àb\""),
        ("title_case(\"mary o'NEIL-smith\")", "\"Mary O'neil-Smith\""),
        ("trim(\"  a b \")", "\"a b\""),
        ("\"  a b \".trim()", "\"a b\""),
        ("booking.contact.name.trim().upper()", "\"SIOBHÁN NÍ BHRIAIN\""),
        ("replace(\"a-b-c\", \"-\", \"+\")", "\"a+b+c\""),
        ("replace(\"a-b-c\", '-', \"+\")", "\"a+b+c\""),
        ("\"abc\".replace(\"b\", \"\")", "\"ac\""),
        ("split(\"a,b\", \",\")", "[\"a\",\"b\"]"),
        ("join([\"a\", (), 3], \", \")", "\"a, 3\""),
        ("contains(\"abc\", \"b\")", "true"),
        ("contains([1, 2], 2)", "true"),
        ("contains(booking.nothing, \"b\")", "false"),
        ("starts_with(\"abc\", \"ab\")", "true"),
        ("ends_with(\"abc\", \"ab\")", "false"),
        ("length(\"äöü\")", "3"),
        ("length([1])", "1"),
        ("truncate(\"äöü\", 2)", "\"äö\""),
        ("truncate(\"äöü\", -2)", "\"\""),
        ("slug(\"Ålesund & Süd-Tour!\")", "\"alesund-sud-tour\""),
        ("digits(\"AB-12 3\")", "\"123\""),
        (
            "strip_html(\"<p>a &lt; b<br>c&nbsp;&#233;</p><script>x()</script> 1 < 2\")",
            "\"a < b\\nc é\\n1 < 2\"",
        ),
        ("strip_html(\"a <b\")", "\"a\""),
        ("sha256(\"a\")", "\"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\""),
        ("upper([1])", "error: `upper`: a text is needed, and this is a list."),
        ("upper(booking.a)", "missing"),
    ]);
}

#[test]
fn tables_are_looked_up_by_their_first_column() {
    table(&[
        ("lookup(\"tour-codes\", booking.pk, \"code\")", "\"SNK\""),
        ("lookup(\"tour-codes\", \"7\", \"title\")", "\"Hike, long\""),
        ("lookup(\"tour-codes\", 8, \"code\")", "missing"),
        ("lookup(\"tour-codes\", 7, \"code\", \"none\")", "\"none\""),
        ("lookup(\"tour-codes\", booking.nothing, \"code\")", "missing"),
        (
            "lookup(\"tour-code\", 7, \"code\")",
            "syntax: There is no table `tour-code`. did you mean \"tour-codes\"?",
        ),
        (
            "lookup(\"tour-codes\", 7, \"cod\")",
            "syntax: The table `tour-codes` has no column `cod`. did you mean \"code\"?",
        ),
        (
            "lookup(\"zebra\" + \"s\", 7, \"cod\")",
            "error: `lookup`: There is no table `zebras` (make the file tables/zebras.csv).",
        ),
    ]);
    let mut scripts = Scripts::default();
    for (name, text) in
        [("twice", "a,b\n1,2\n1,3\n"), ("ragged", "a,b\n1,2\n1\n"), ("empty", ""), ("columns", "a,a\n")]
    {
        scripts.tables.insert(format!("tables/{name}.csv"), text.into());
    }
    let (_, mistakes) = Engine::build(&scripts, Limits::default());
    let told: Vec<String> = mistakes
        .iter()
        .map(|(file, error)| format!("{file} at {}: {}", error.offset, error.message))
        .collect();
    assert_eq!(
        told,
        [
            "tables/columns.csv at 0: The column `a` is here twice.",
            "tables/empty.csv at 0: This table is empty.",
            "tables/ragged.csv at 8: This line has 1 cells, and the first line has 2.",
            "tables/twice.csv at 8: The key `1` is in this table twice.",
        ]
    );
}

#[test]
fn custom_fields_are_found_by_title_or_name() {
    table(&[
        ("field(booking, \"Shoe size\")", "\"42 EU\""),
        ("field(booking, \"shoe\")", "\"42 EU\""),
        ("field(booking, \"SHOE SIZE \")", "\"42 EU\""),
        ("field(booking, \"Diet\")", "\"none\""),
        ("field_value(booking, \"Shoe size\")", "\"42\""),
        ("field(booking, \"Hat\")", "missing"),
        ("field(booking.nothing, \"Hat\")", "missing"),
        ("field(booking.contact, \"Hat\")", "missing"),
        ("field(booking.pk, \"Hat\")", "error: `field`: the first argument must be a booking or a customer."),
    ]);
}

#[test]
fn each_function_of_the_catalogue_has_its_words_and_is_known() {
    let engine = engine();
    let mut seen = std::collections::BTreeSet::new();
    for function in catalogue() {
        assert!(seen.insert(function.name), "{} is there twice", function.name);
        assert!(!function.about.is_empty() && function.example.contains(function.name), "{}", function.name);
        let arguments = vec!["()"; function.arity.0].join(", ");
        let call = format!("{}({arguments})", function.name);
        if function.name != "lookup" {
            assert!(!outcome(&engine, &call).starts_with("syntax"), "{call}");
        }
        if function.name == "split" {
            continue; // rhai has one with three arguments
        }
        let many = vec!["()"; function.arity.1 + 1].join(", ");
        let said = outcome(&engine, &format!("{}({many})", function.name));
        assert!(said.starts_with("syntax") && said.contains(function.about), "{said}");
    }
}

#[test]
fn examples_of_the_catalogue_are_true() {
    let engine = engine();
    for function in catalogue() {
        let Some((call, value)) = function.example.split_once(") is ") else { continue };
        if call.contains("booking.") || call.contains("booking,") || call.contains("trip.") {
            continue;
        }
        let said = outcome(&engine, &format!("{call})"));
        let said: Value = serde_json::from_str(&said).expect("it came to a value");
        let expected: Value = serde_json::from_str(value).expect("the example's value is JSON");
        assert_eq!(said, expected, "{}", function.example);
    }
}
