//! Subscriptions: what a source needs, what is to be done for it, and what is not understood.

use super::tests::{catalogue, engine, try_source};
use super::{
    ApiAnswer, Catalogue, HookAddress, HookDoor, Sends, SourceSpec, Subscription, SubscriptionAct,
    SubscriptionPlan, plan_subscriptions,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

const HERE: &str = "https://hooks.example.com/hooks/inn/new";

/// What it shows, what is wanted, what is there, what is to be done.
type Planned<'t> = (&'t str, Vec<Sends>, Vec<Subscription>, &'t [&'t str]);

fn door() -> HookDoor {
    HookDoor { base: "https://hooks.example.com".into(), source: "inn".into() }
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn sends(address: &str, events: &[&str], properties: &[&str]) -> Sends {
    Sends { address: HookAddress::new(address), events: set(events), properties: set(properties) }
}

fn one(id: &str, sends: Sends) -> Subscription {
    Subscription { id: id.into(), sends }
}

fn told(plan: &SubscriptionPlan) -> Vec<String> {
    plan.acts.iter().map(SubscriptionAct::told).collect()
}

fn with_apaleo<T>(look: impl FnOnce(&SourceSpec) -> T) -> T {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| catalogue(&engine()));
    look(CATALOGUE.connectors["apaleo"].source.as_ref().expect("a source side"))
}

fn wanted(kinds: &[&str], properties: &[&str]) -> Vec<Sends> {
    with_apaleo(|spec| {
        let subscriptions = spec.subscriptions.as_ref().expect("they can be made");
        subscriptions.wanted(&spec.records, &set(kinds), &HookAddress::new(HERE), &set(properties))
    })
}

fn read(status: u16, body: Value) -> Result<Vec<Subscription>, String> {
    with_apaleo(|spec| {
        spec.subscriptions.as_ref().expect("they can be made").read(&ApiAnswer { status, body })
    })
}

#[test]
fn one_subscription_is_needed_and_with_single_properties_a_second_one_for_the_account() {
    assert_eq!(wanted(&["booking"], &[]), [sends(HERE, &["booking/*", "reservation/*"], &[])]);
    assert_eq!(
        wanted(&["booking"], &["SEA", "CTY"]),
        [sends(HERE, &["reservation/*"], &["CTY", "SEA"]), sends(HERE, &["booking/*"], &[])]
    );
    assert_eq!(wanted(&["folio"], &["SEA"]), [], "events of kinds that nobody keeps are not asked for");
}

#[test]
fn a_plan_makes_changes_takes_away_and_leaves() {
    let all = || sends(HERE, &["booking/*", "reservation/*"], &[]);
    let old = "https://hooks.example.com/hooks/inn/old";
    let elsewhere = "https://hooks.example.com/hooks/inn-by-the-sea/new";
    let table: &[Planned] = &[
        (
            "nothing there",
            vec![all()],
            vec![],
            &["Subscribe to booking/* and reservation/*, of all properties."],
        ),
        (
            "all well, and one of somebody else",
            vec![all()],
            vec![one("a", all()), one("b", sends(elsewhere, &["reservation/*"], &[]))],
            &["Leave the subscription a as it is: booking/* and reservation/*, of all properties."],
        ),
        (
            "twice",
            vec![all()],
            vec![one("a", all()), one("b", all())],
            &[
                "Take away the subscription b: another one sends the same (booking/* and reservation/*, of all properties).",
                "Leave the subscription a as it is: booking/* and reservation/*, of all properties.",
            ],
        ),
        (
            "another secret in the address",
            vec![all()],
            vec![one("a", sends(old, &["booking/*", "reservation/*"], &[]))],
            &["Change the subscription a: send to the address that this source has now."],
        ),
        (
            "narrowed, and more than is needed",
            vec![all()],
            vec![one("a", sends(HERE, &["reservation/*", "folio/*"], &["SEA"]))],
            &[
                "Change the subscription a: send booking/* too; no longer send folio/*; send for all properties instead of \
                 the property SEA.",
            ],
        ),
        (
            "split: what is missing comes first, so that nothing is unsent meanwhile",
            wanted(&["booking"], &["SEA"]),
            vec![one("a", all())],
            &[
                "Subscribe to booking/*, of all properties.",
                "Change the subscription a: no longer send booking/*; send for the property SEA instead of all properties.",
            ],
        ),
        (
            "not needed any more",
            vec![],
            vec![one("a", sends(old, &["reservation/*"], &[]))],
            &["Take away the subscription a: nothing needs it (reservation/*, of all properties)."],
        ),
    ];
    for (what, wanted, there, expected) in table {
        let plan = plan_subscriptions(&door(), wanted, there);
        assert_eq!(told(&plan), *expected, "{what}");
    }
}

#[test]
fn whose_an_address_is_goes_by_its_beginning() {
    for (address, ours) in [
        ("https://hooks.example.com/hooks/inn/x", true),
        ("https://Hooks.Example.com/hooks/inn?key=x", true),
        ("https://hooks.example.com/hooks/inn/", true),
        ("https://hooks.example.com/hooks/inn-2/x", false),
        ("https://hooks.example.com/hooks/INN/x", false),
        ("https://hooks.example.com:443/hooks/inn/x", true),
        ("https://hooks.example.com/hooks/%69nn/x", true),
        ("https://hooks.example.com:8443/hooks/inn/x", false),
        ("https://hooks.example.com/hooks/inn/../inn-2/x", false),
        ("https://hooks.example.com/hooks/inn/%2e%2E/inn-2/x", false),
        ("https://hooks.example.com/hooks/inn%2Fx", false),
        ("https://hooks.example.com@evil.example/hooks/inn/x", false),
        ("https://hooks.example.com.evil.example/hooks/inn/x", false),
        ("http://hooks.example.com/hooks/inn/x", false),
        ("https://hooks.example.com", false),
        ("", false),
    ] {
        let plan = plan_subscriptions(&door(), &[], &[one("a", sends(address, &[], &[]))]);
        assert_eq!((plan.acts.len(), plan.others), if ours { (1, 0) } else { (0, 1) }, "{address}");
    }
}

#[test]
fn an_address_is_the_same_however_a_booking_system_writes_it() {
    let ours = HookAddress::new("https://hooks.example.com/hooks/inn/a%2Db%5Fc%2Fd%20e");
    assert_eq!(ours.as_str(), "https://hooks.example.com/hooks/inn/a-b_c%2Fd%20e");
    for same in [
        "https://Hooks.Example.com:443/hooks/inn/a-b_c%2Fd%20e/",
        "HTTPS://hooks.example.com/hooks/inn/%61-b_c%2Fd%20e",
        " https://hooks.example.com/hooks/inn/a-b_c%2Fd%20e ",
    ] {
        assert_eq!(HookAddress::new(same), ours, "{same}");
    }
    for other in [
        "https://hooks.example.com/hooks/inn/A-b_c%2Fd%20e",
        "https://hooks.example.com/hooks/inn/a-b_c/d%20e",
        "http://hooks.example.com:443/hooks/inn/a-b_c%2Fd%20e",
        "https://hooks.example.com/hooks/inn/a-b_c%2Fd%20e?key=x",
    ] {
        assert_ne!(HookAddress::new(other), ours, "{other}");
    }
    for odd in ["%", "a%", "a%2", "a%zz%é", "%é", "%+5", "://", ""] {
        assert_eq!(HookAddress::new(&format!("https://h/{odd}x")).as_str(), format!("https://h/{odd}x"));
    }
}

#[test]
fn what_is_not_understood_is_no_empty_list() {
    assert_eq!(read(204, Value::Null), Ok(vec![]));
    assert_eq!(read(200, json!([])), Ok(vec![]));
    let there = json!([{ "Id": "a", "EndpointUrl": HERE, "Events": ["Reservation/*"], "PropertyIds": null }]);
    assert_eq!(read(200, there), Ok(vec![one("a", sends(HERE, &["reservation/*"], &[]))]));
    let twice = json!([{ "id": "a", "endpointUrl": HERE }, { "id": "a", "endpointUrl": HERE }]);
    assert_eq!(read(200, twice), Ok(vec![one("a", sends(HERE, &[], &[]))]));
    for wrong in [
        Value::Null,
        json!({}),
        json!("none"),
        json!([1]),
        json!([{ "endpointUrl": HERE }]),
        json!([{ "id": "a" }]),
        json!([{ "id": "a\n", "endpointUrl": HERE }]),
        json!([{ "id": "a", "endpointUrl": HERE, "events": "reservation/*" }]),
        json!([{ "id": "a", "endpointUrl": HERE, "propertyIds": [1] }]),
    ] {
        assert!(read(200, wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn a_source_says_whether_it_subscribes_by_itself() {
    let keys = "api: { client_id: { secret: a }, client_secret: { secret: b } }\n";
    let subscribe = |line: &str| {
        let (source, told) = try_source(&engine(), &format!("connector: apaleo\n{keys}subscribe: {line}\n"));
        source
            .filter(|_| told.is_empty())
            .map(|source| (source.subscribe.by_itself, source.subscribe.properties))
    };
    assert_eq!(subscribe("ask"), Some((false, set(&[]))));
    assert_eq!(subscribe("auto"), Some((true, set(&[]))));
    assert_eq!(subscribe("{ auto: true, properties: [SEA, CTY] }"), Some((true, set(&["CTY", "SEA"]))));
    assert_eq!(subscribe("{ properties: SEA }"), Some((false, set(&["SEA"]))));
    for wrong in ["sometimes", "7", "{ properties: [\"a b\"] }", "{ propertys: [SEA] }"] {
        assert_eq!(subscribe(wrong), None, "{wrong}");
    }
    let (_, told) = try_source(&engine(), "connector: fareharbor\nsubscribe: auto\n");
    insta::assert_snapshot!(told, @r"
    sources/tours.yaml:2:12: warning: The subscriptions of FareHarbor are not made from here, so `subscribe` leads to nothing.
      |
    2 | subscribe: auto
      |            ^^^^
    hint: take the line out
    ");
    let (_, told) = try_source(&engine(), "connector: apaleo\nsubscribe: auto\n");
    assert!(told.contains("apaleo lets nobody subscribe without keys."), "{told}");
}

/// What the booking system has after the acts.
fn carried_out(there: &[Subscription], plan: &SubscriptionPlan) -> Vec<Subscription> {
    let mut there = there.to_vec();
    for (number, act) in plan.acts.iter().enumerate() {
        match act {
            SubscriptionAct::Create(sends) => there.push(one(&format!("new-{number}"), sends.clone())),
            SubscriptionAct::Update(old, sends) => {
                let known = there.iter_mut().find(|known| known.id == old.id).expect("it is there");
                known.sends = sends.clone();
            }
            SubscriptionAct::Delete(old, _) => there.retain(|known| known.id != old.id),
            SubscriptionAct::Leave(_) => {}
        }
    }
    there
}

fn any_sends() -> impl Strategy<Value = Sends> {
    let address = prop_oneof![
        4 => Just(HERE),
        2 => Just("https://hooks.example.com/hooks/inn/old"),
        1 => Just("https://hooks.example.com/hooks/inn-2/new"),
        1 => Just("https://others.example.com/hooks/inn/new"),
    ];
    let some = |of: &'static [&'static str]| proptest::sample::subsequence(of, 0..=of.len());
    (address, some(&["booking/*", "reservation/*", "folio/*"]), some(&["CTY", "SEA"]))
        .prop_map(|(address, events, properties)| sends(address, &events, &properties))
}

proptest! {
    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_do_and_others_alone(
        there in proptest::collection::vec(any_sends(), 0..7),
        kinds in proptest::sample::subsequence(vec!["booking"], 0..=1),
        properties in proptest::sample::subsequence(vec!["CTY", "SEA"], 0..=2),
    ) {
        let there: Vec<Subscription> =
            there.into_iter().enumerate().map(|(number, sends)| one(&number.to_string(), sends)).collect();
        let wanted = wanted(&kinds, &properties);
        let plan = plan_subscriptions(&door(), &wanted, &there);
        let after = carried_out(&there, &plan);
        let ours = |one: &&Subscription| one.sends.address.as_str().starts_with("https://hooks.example.com/hooks/inn/");
        let mut have: Vec<&Sends> = after.iter().filter(ours).map(|one| &one.sends).collect();
        let mut want: Vec<&Sends> = wanted.iter().collect();
        let order = |sends: &&Sends| (sends.events.clone(), sends.properties.clone());
        have.sort_by_key(order);
        want.sort_by_key(order);
        prop_assert_eq!(have, want);
        let foreign = |all: &[Subscription]| -> Vec<Subscription> {
            all.iter().filter(|one| !ours(one)).cloned().collect()
        };
        prop_assert_eq!(foreign(&after), foreign(&there));
        let again = plan_subscriptions(&door(), &wanted, &after);
        prop_assert!(again.is_done());
        for sends in &wanted {
            prop_assert!(sends.properties.is_empty() || !sends.events.contains("booking/*"));
        }
    }
}
