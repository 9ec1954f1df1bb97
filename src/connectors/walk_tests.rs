//! The language of walks: what places lead to, how ranges are cut and lists paged, and what mistakes are told.

use super::walk_read::read_walk;
use super::{Verified, WalkCall, WalkFound, WalkPlace, WalkRecord, WalkSpec};
use crate::document::{parse, render};
use crate::expr::{Engine, Limits, Scope, Scripts};
use jiff::civil::date;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

fn engine() -> Engine {
    Engine::build(&Scripts::default(), Limits::default()).0
}

fn read(text: &str) -> Result<WalkSpec, String> {
    let node = parse("connectors/own.yaml", text).expect("it is YAML");
    let mut told = Vec::new();
    let read = read_walk("connectors/own.yaml", &node, Verified::Unverified, &engine(), &mut told);
    let told: Vec<String> = told.iter().map(|one| render(one, Some(text))).collect();
    match read {
        Some(walk) if told.is_empty() => Ok(walk),
        _ => Err(told.join("\n")),
    }
}

fn fareharbor() -> Arc<WalkSpec> {
    let mut told = Vec::new();
    let catalogue = super::Catalogue::builtin(&engine(), &mut told);
    assert!(told.is_empty(), "{told:?}");
    let spec = catalogue.connectors["fareharbor"].source.clone().expect("it sends webhooks");
    spec.walk.expect("it can be walked")
}

const PAGED: &str = "
by: { what: modification, at: modified }
levels:
  - as: reservation
    call: { method: GET, path: /reservations, query: { from: '{{ page.since }}', to: '{{ range.to_time }}', page: '{{ page.number }}', size: '{{ page.size }}' } }
    each: /reservations
    pages: { size: 3, after: modified, count: /count }
    emit: document
";

/// The path and query of a place's call.
fn rendered(walk: &WalkSpec, at: &WalkCall) -> String {
    let engine = engine();
    let (call, inputs) = walk.call(at, None).expect("the level is there");
    let mut scope = Scope::new();
    for (name, value) in inputs {
        scope.set(&name, Arc::new(value));
    }
    let text = |template: &crate::expr::Template| {
        let value = template.evaluate(&engine, &scope).expect("it evaluates").expect("nothing is missing");
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    };
    let query: Vec<String> =
        call.query.iter().map(|(name, template)| format!("{name}={}", text(template))).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{} {}{mark}{}", call.method, text(&call.path), query.join("&"))
}

fn call_of(place: &WalkPlace) -> &WalkCall {
    match place {
        WalkPlace::Call(call) => call,
        WalkPlace::Record(record) => panic!("{record:?} is no call"),
    }
}

fn lead(walk: &WalkSpec, at: &WalkPlace, answer: &Value) -> WalkFound {
    walk.read(call_of(at), answer.clone(), None).expect("it is readable")
}

#[test]
fn fareharbors_tree_leads_from_companies_to_bookings() {
    let walk = fareharbor();
    assert_eq!((walk.kind.as_str(), walk.by.as_str()), ("booking", "tour date"));
    let first = walk.begin(None, (date(2027, 3, 1), date(2027, 3, 20)));
    let mut told = vec![rendered(&walk, call_of(&first[0]))];
    let companies = lead(
        &walk,
        &first[0],
        &json!({ "companies": [{ "shortname": "harbour" }, { "shortname": "reef & co" }] }),
    );
    assert_eq!(companies.accounts, ["harbour", "reef & co"]);
    told.extend(companies.places.iter().map(|place| rendered(&walk, call_of(place))));
    let items = lead(&walk, &companies.places[0], &json!({ "items": [{ "pk": 867, "name": "x" }] }));
    told.extend(items.places.iter().map(|place| rendered(&walk, call_of(place))));
    let slots = lead(&walk, &items.places[1], &json!({ "availabilities": [{ "pk": 435_426 }] }));
    told.extend(slots.places.iter().map(|place| rendered(&walk, call_of(place))));
    insta::assert_snapshot!(told.join("\n"));
    let bookings =
        lead(&walk, &slots.places[0], &json!({ "bookings": [{ "uuid": "d751" }, { "uuid": "d752" }] }));
    let record = |key: &str| WalkRecord { account: Some("harbour".into()), key: key.into() };
    assert_eq!(bookings.records, [record("d751"), record("d752")]);
    assert_eq!((bookings.places.len(), bookings.next), (0, None));
    let depths: Vec<i64> = [&first[0], &companies.places[0], &items.places[0], &slots.places[0]]
        .into_iter()
        .chain([&WalkPlace::Record(record("d751"))])
        .map(|place| walk.depth(place))
        .collect();
    assert_eq!(depths, [0, 1, 2, 3, 4]);
}

#[test]
fn a_source_of_one_account_begins_behind_the_companies() {
    let walk = fareharbor();
    let first = walk.begin(Some("harbour"), (date(2027, 3, 1), date(2027, 3, 1)));
    assert_eq!(first.len(), 1);
    assert_eq!(rendered(&walk, call_of(&first[0])), "GET /companies/harbour/items/");
}

#[test]
fn pieces_of_a_range_leave_no_day_out_whether_their_last_day_is_part_of_them_or_not() {
    let walk = fareharbor();
    let first = walk.begin(Some("harbour"), (date(2026, 1, 1), date(2026, 12, 31)));
    let found = lead(&walk, &first[0], &json!({ "items": [{ "pk": 1 }] }));
    let ranges: Vec<(String, String)> =
        found.places.iter().map(|place| (call_of(place).from.clone(), call_of(place).to.clone())).collect();
    assert_eq!(ranges.len(), 29);
    assert_eq!(ranges[0], ("2026-01-01".to_owned(), "2026-01-14".to_owned()));
    assert_eq!(ranges[28], ("2026-12-31".to_owned(), "2027-01-01".to_owned()));
    let mut day = date(2026, 1, 1);
    while day <= date(2026, 12, 31) {
        let text = day.to_string();
        assert!(ranges.iter().any(|(from, to)| *from <= text && text < *to), "{day} is in no range");
        day = day.tomorrow().expect("there is a next day");
    }
}

#[test]
fn a_paged_list_goes_on_behind_its_last_value() {
    let walk = read(PAGED).expect("it is well");
    let first = walk.begin(None, (date(2027, 3, 1), date(2027, 3, 2)));
    let page = |times: &[&str], count: i64| {
        let items: Vec<Value> = times.iter().map(|time| json!({ "modified": time })).collect();
        json!({ "reservations": items, "count": count })
    };
    let mut told = vec![rendered(&walk, call_of(&first[0]))];
    let one = lead(
        &walk,
        &first[0],
        &page(&["2027-03-01T10:00:00Z", "2027-03-01T12:30:00+01:00", "2027-03-01T12:00:00Z"], 8),
    );
    assert_eq!((one.documents.len(), one.told, one.behind), (3, Some(8), 5.0 / 8.0));
    let next = WalkPlace::Call(one.next.expect("there is more"));
    told.push(rendered(&walk, call_of(&next)));
    // A whole page of one second: by number within it.
    let two = lead(
        &walk,
        &next,
        &page(&["2027-03-01T13:00:00+01:00", "2027-03-01T12:00:00Z", "2027-03-01T12:00:00Z"], 6),
    );
    assert_eq!(two.told, None);
    let next = WalkPlace::Call(two.next.expect("there is more"));
    told.push(rendered(&walk, call_of(&next)));
    let three = lead(&walk, &next, &page(&["2027-03-01T12:00:00Z", "2027-03-02T08:00:00Z"], 5));
    assert_eq!((three.documents.len(), three.next), (2, None));
    assert_eq!(walk.read(call_of(&next), Value::Null, None), Ok(WalkFound::default()), "204 is the end");
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn an_answer_that_is_not_what_it_should_be_is_never_nothing_there() {
    let walk = fareharbor();
    let first = walk.begin(None, (date(2027, 3, 1), date(2027, 3, 2)));
    let at = call_of(&first[0]);
    let wrong = |body: &str| {
        walk.read(at, serde_json::from_str(body).expect("it is JSON"), None)
            .expect_err("it is wrong")
            .to_string()
    };
    let told: Vec<String> = [
        "[]",
        "{}",
        r#"{"companies": null}"#,
        r#"{"companies": [{"name": "x"}]}"#,
        r#"{"companies": [{"shortname": {}}]}"#,
    ]
    .iter()
    .map(|body| wrong(body))
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_place_reads_back_as_it_was_written() {
    let walk = fareharbor();
    let mut places = walk.begin(None, (date(2027, 3, 1), date(2027, 3, 2)));
    places.push(WalkPlace::Record(WalkRecord { account: None, key: "ä\"1".into() }));
    for place in places {
        let text = serde_json::to_string(&place).expect("it is written");
        assert_eq!(serde_json::from_str::<WalkPlace>(&text).expect("it is read"), place);
    }
}

#[test]
fn records_are_within_days_by_their_own_date() {
    let walk = fareharbor();
    let at = |time: &str| json!({ "availability": { "start_at": time } });
    let within = |told: &Value| walk.within(told, "2027-03-01", "2027-03-02");
    let cases = [
        (at("2027-03-02T23:30:00-1000"), true),
        (at("2027-03-03T00:00:00-1000"), false),
        (at("soon"), false),
        (json!({}), false),
    ];
    let got: BTreeSet<(String, bool)> =
        cases.iter().map(|(told, _)| (told.to_string(), within(told))).collect();
    let expected = cases.iter().map(|(told, within)| (told.to_string(), *within)).collect();
    assert_eq!(got, expected);
}

#[test]
fn mistakes_in_a_walk_name_the_place_and_the_way_out() {
    let texts = [
        "levels: []",
        "by: { what: x, at: y }\nlevels:\n  - as: a\n    call: { method: GET, path: /a }\n    each: /a",
        "by: { what: x, at: y }\nlevels:\n  - as: a\n    call: { method: GET, path: /a }\n    each: a.b\n    emit: key\n    key: k",
        "by: { what: x, at: y }\nlevels:\n  - as: a\n    call: { method: GET, path: '/a/{{ b.pk }}' }\n    each: /a\n    emit: document",
        "by: { what: x, at: y }\nlevels:\n  - as: a\n    call: { method: GET, path: /a }\n    each: /a\n    span: 36h\n    account: name\n    emit: key",
        "levels:\n  - as: range\n    call: { method: GET, path: /a }\n    each: /a\n    pages: { size: 0 }\n    emit: document",
    ];
    let told: Vec<String> = texts.iter().map(|text| read(text).map(|_| ()).unwrap_err()).collect();
    insta::assert_snapshot!(told.join("\n---\n"));
}

#[test]
fn a_place_is_told_in_words() {
    let walk = fareharbor();
    let call = |level: usize, page| WalkCall {
        level,
        taken:
            json!({ "company": { "shortname": "reef" }, "item": { "pk": 7 }, "availability": { "pk": 12 } })
                .as_object()
                .cloned()
                .unwrap_or_default(),
        from: "2027-03-01".into(),
        to: "2027-03-14".into(),
        page,
        since: None,
    };
    let record = WalkRecord { account: Some("reef".into()), key: "k-1".into() };
    let told = [
        WalkPlace::Call(WalkCall { taken: serde_json::Map::new(), ..call(0, 1) }),
        WalkPlace::Call(call(2, 1)),
        WalkPlace::Call(call(3, 2)),
        WalkPlace::Record(record),
    ]
    .map(|place| format!("{} of {:?}", walk.in_words(&place), walk.account_at(&place)));
    insta::assert_snapshot!(told.join("\n"), @r#"
    list of each company of None
    list of each availability (company reef, item 7, 2027-03-01 to 2027-03-14) of Some("reef")
    list of each booking (company reef, item 7, availability 12, page 2) of Some("reef")
    booking k-1 of reef of Some("reef")
    "#);
}
