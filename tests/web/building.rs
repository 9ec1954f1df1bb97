//! The rule builder: what it shows, what each press does to the draft, and that nothing is kept before it is published; with
//! hostile payloads, files and forms. And a rule that is renamed, and one that goes.

use crate::support::Booking;
use crate::workshop::{GUESTS, Workshop};
use actix_web::http::StatusCode;
use serde_json::json;
use waypost::domain::Role;

const BUILD: &str = "/rules/guests/build";

/// The draft as a page holds it.
fn draft_of(page: &str) -> String {
    let start = page.find("<textarea name=\"text\"").unwrap_or_else(|| panic!("a draft in {page}"));
    let text = &page[start..];
    let text = &text[text.find(">\n").expect("the draft") + 2..text.find("</textarea>").expect("its end")];
    text.replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#38;", "&")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
}

fn opened_of(page: &str) -> String {
    let at = page.find("name=\"opened\" value=\"").expect("what was opened");
    page[at..].split('"').nth(3).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_built_by_presses_looked_at_and_published() {
    let shop = Workshop::open(2).await.with_git();
    let page = shop.get(BUILD).await;
    assert_eq!(page.status, StatusCode::OK);
    for word in [
        "There is no mistake in it.",
        "name=\"s0.with.phone\" value=\"{{ person.phone }}\"",
        "<span class=\"chip\">Person › Phone</span>",
        "<span class=\"sent\">+49123456789</span>",
        "value=\"put person.email\"",
        "<input type=\"checkbox\" name=\"from\" value=\"tours\" checked> Reef Tours",
    ] {
        assert!(page.text.contains(word), "{word}: {}", page.text);
    }
    let opened = opened_of(&page.text);
    let draft = draft_of(&page.text);
    assert_eq!(draft, GUESTS);
    // A value goes into a field that was chosen.
    let press = async |act: &str, more: &[(&str, &str)], text: &str| {
        let form = [&[("text", text), ("opened", &opened), ("act", act)], more].concat();
        shop.post(BUILD, &form).await
    };
    let put = press("put trip.title", &[("into", "s0.with.note")], &draft).await;
    assert!(put.text.contains("value=\"{{ trip.title }}\""), "{}", put.text);
    let draft = draft_of(&put.text);
    assert_eq!(draft, format!("{GUESTS}      note: \"{{{{ trip.title }}}}\"\n"));
    // What is typed is in the draft, in the place where it belongs.
    let typed = [
        ("title", "Guests of today"),
        ("shown", "on"),
        ("on", "created"),
        ("when.0.field", "person.email"),
        ("when.0.op", "present"),
        ("s0.with.phone", "{{ booking.contact.phone }}"),
    ];
    let checked = press("check", &typed, &draft).await;
    assert!(checked.text.contains("0123 456789"), "{}", checked.text);
    let draft = draft_of(&checked.text);
    assert_eq!(
        draft,
        GUESTS
            .replace("title: Guests", "title: Guests of today")
            .replace("on: [created, updated]\n", "on: [created]\nwhen: present(person.email)\n")
            .replace("{{ person.phone }}", "{{ booking.contact.phone }}")
            + "      note: \"{{ trip.title }}\"\n"
    );
    // Both ways: the text of the file, and back.
    let file = press("file", &[("title", "Guests")], &draft).await;
    assert!(
        file.text.contains("<label for=\"text\">The file") && file.text.contains("title: Guests\n"),
        "{}",
        file.text
    );
    assert_eq!(shop.read("guests.yaml"), GUESTS, "nothing is kept yet");
    let review = press("review", &[], &draft).await;
    assert!(review.text.contains("Which bookings it touches"), "{}", review.text);
    let form = [("text", draft.as_str()), ("opened", &opened), ("reason", "Built")];
    let done = shop.post("/rules/guests/publish", &form).await;
    assert_eq!(done.header("location"), "/rules/guests/apply?said=committed");
    assert_eq!(shop.read("guests.yaml"), draft);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistake_stands_at_its_field_with_a_button_that_mends_it() {
    let shop = Workshop::open(1).await;
    let text = GUESTS
        .replace("from: tours", "from: toors")
        .replace("{{ person.phone }}", "{{ person.phon }}")
        .replace("      id: \"{{ person.email }}\"\n", "");
    let opened = shop.opened("guests.yaml").await.expect("a hash");
    let form = [("text", text.as_str()), ("opened", &opened), ("act", "check")];
    let page = shop.post(BUILD, &form).await;
    for word in [
        "There is no source `toors`. Did you mean `tours`?",
        "value=\"mend from\"",
        "value=\"mend s0.with.phone\"",
        "needs the field `id`",
        "Something is missing still, or wrong",
    ] {
        assert!(page.text.contains(word), "{word}: {}", page.text);
    }
    let at = |word: &str| page.text.find(word).unwrap_or_else(|| panic!("{word}"));
    assert!(at("id=\"t.s0.2Ewith.2Eid\"") < at("needs the field `id`"));
    let form = [
        ("text", text.as_str()),
        ("opened", &opened),
        ("act", "mend from"),
        ("from", "toors"),
        ("shown", "from"),
    ];
    let mended = shop.post(BUILD, &form).await;
    assert_eq!(draft_of(&mended.text), text.replace("toors", "tours"));
    // A broken draft is not reviewed but shown again.
    let form = [("text", text.as_str()), ("opened", &opened), ("act", "review")];
    let refused = shop.post(BUILD, &form).await;
    assert!(!refused.text.contains("Which bookings it touches"));
    assert!(
        refused.text.contains("There is no source `toors`")
            && refused.text.contains("A booking to pick from")
    );
    // What is no YAML can only be put right in the file.
    let page = shop.post(BUILD, &[("text", "title: [\n"), ("opened", &opened)]).await;
    assert!(page.text.contains("can’t be shown in the builder"), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_windows_keeps_its_line_breaks_and_comments() {
    let windows = GUESTS.replace('\n', "\r\n");
    let shop = Workshop::with(&[("guests.yaml", &windows)], 1).await;
    let page = shop.get(BUILD).await;
    let form = [
        ("text", draft_of(&page.text)),
        ("opened", opened_of(&page.text)),
        ("title", "Theirs".to_owned()),
        ("act", "check".to_owned()),
    ];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let checked = shop.post(BUILD, &form).await;
    let (text, opened) = (draft_of(&checked.text), opened_of(&checked.text));
    let form = [("text", text.as_str()), ("opened", &opened), ("reason", "Built")];
    let done = shop.post("/rules/guests/publish", &form).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    assert_eq!(shop.read("guests.yaml"), windows.replace("title: Guests", "title: Theirs"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_values_are_text_and_hostile_names_are_nobodys() {
    let hostile = "\"><img src=x onerror=alert(1)>{{ 7 * 7 }}</script>";
    let shop = Workshop::open(0).await;
    let mut booking = Booking::new(1);
    booking.body["booking"]["contact"]["name"] = json!(hostile);
    booking.body["booking"][hostile] = json!(hostile);
    booking.body["booking"]["}} evil {{"] = json!("x");
    shop.book(&booking).await;
    let page = shop.get(BUILD).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("&#60;img src=x"), "{}", page.text);
    assert!(!page.text.contains("<img") && !page.text.contains("put booking[\"}} evil"), "{}", page.text);
    let form = [
        ("text", GUESTS),
        ("act", hostile),
        ("into", hostile),
        ("booking", hostile),
        ("s0.with.\"><img src=x>", hostile),
        ("when.0.field", hostile),
        ("title", hostile),
        ("fn.value", hostile),
        ("as-text", hostile),
        ("s0.use", hostile),
    ];
    let page = shop.post(BUILD, &form).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text.contains("<img"), "{}", page.text);
    for name in ["..%2Fguests", "%2Fetc%2Fpasswd", "sources%2Ftours", "guests.test", "gu%20ests", "%00"] {
        for page in ["build?recipe=blank", "rename", "remove"] {
            let seen = shop.get(&format!("/rules/{name}/{page}")).await;
            assert_eq!(seen.status, StatusCode::NOT_FOUND, "{name}/{page}");
        }
    }
    let huge = "#".repeat((1 << 20) + 1);
    let seen = shop.post(BUILD, &[("text", &huge), ("opened", "")]).await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(shop.read("guests.yaml"), GUESTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_whoever_may_change_rules_gets_to_the_builder_and_only_by_its_own_forms() {
    let shop = Workshop::open(1).await;
    for page in ["build", "rename", "remove"] {
        let address = format!("/rules/guests/{page}");
        assert_eq!(shop.get_as(Role::Viewer, &address).await.status, StatusCode::FORBIDDEN, "{page}");
        assert_eq!(shop.get_as(Role::Editor, &address).await.status, StatusCode::OK, "{page}");
        let form = [("form_token", "forged"), ("text", GUESTS), ("reason", "x"), ("new_name", "evil")];
        let forged = shop.post_as_is(&address, &form).await;
        assert_eq!(forged.status, StatusCode::FORBIDDEN, "{page}");
    }
    assert_eq!(shop.read("guests.yaml"), GUESTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recipes_and_empty_rules_open_in_the_builder() {
    let shop = Workshop::open(1).await;
    let begun = shop.post("/rules/new", &[("name", "my-guests"), ("recipe", "guests-to-sandbox")]).await;
    assert_eq!(begun.header("location"), "/rules/my-guests/build?recipe=guests-to-sandbox");
    let page = shop.get(begun.header("location")).await;
    assert!(page.text.contains("A new rule: my-guests"), "{}", page.text);
    let blank = shop.get("/rules/notes/build?recipe=blank").await;
    assert_eq!(blank.status, StatusCode::OK);
    assert_eq!(shop.get("/rules/notes/build").await.status, StatusCode::NOT_FOUND);
    // A step is added, filled and taken away again.
    let text = draft_of(&blank.text);
    let form = [("text", text.as_str()), ("act", "add-step"), ("new_step", "crm.upsert_contact")];
    let added = shop.post("/rules/notes/build", &form).await;
    let longer = draft_of(&added.text);
    assert!(
        longer.starts_with(&text) && longer.matches("- ").count() == text.matches("- ").count() + 1,
        "{longer}"
    );
    let form = [("text", longer.as_str()), ("act", "remove-step 1")];
    assert_eq!(draft_of(&shop.post("/rules/notes/build", &form).await.text), text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_renamed_with_its_tests_in_one_commit_and_removed_in_another() {
    let tests = "- name: a test\n  given: payloads/a.json\n  expect: { sends: 1 }\n";
    let shop = Workshop::with(&[("guests.yaml", GUESTS), ("guests.test.yaml", tests)], 1).await.with_git();
    let asked = shop.get("/rules/guests/rename").await;
    assert!(asked.text.contains("was: guests"), "{}", asked.text);
    let opened = opened_of(&asked.text);
    for (name, reason, said) in [
        ("guests", "x", "its name already"),
        ("../evil", "x", "name of a rule"),
        ("new", "x", "name of a rule"),
        ("people", "", "Say in a few words why"),
    ] {
        let form = [("new_name", name), ("opened", opened.as_str()), ("reason", reason)];
        let refused = shop.post("/rules/guests/rename", &form).await;
        assert!(refused.text.contains(said), "{said}: {}", refused.text);
    }
    let form = [("new_name", "People"), ("opened", opened.as_str()), ("reason", "A better name")];
    let done = shop.post("/rules/guests/rename", &form).await;
    assert_eq!(done.header("location"), "/rules/people?said=renamed", "{}", done.text);
    assert_eq!(shop.read("people.yaml"), GUESTS.replace("title: Guests\n", "title: Guests\nwas: guests\n"));
    assert_eq!((shop.read("people.test.yaml").as_str(), shop.read("guests.yaml").as_str()), (tests, ""));
    let commit = shop.git(&["show", "--no-renames", "--name-status", "--format=%s", "HEAD"]);
    assert_eq!(
        commit.trim(),
        "A better name\n\nD\tguests.test.yaml\nD\tguests.yaml\nA\tpeople.test.yaml\nA\tpeople.yaml"
    );
    assert!(shop.app.active().is_some_and(|active| active.rules.keys().eq(["people"])));
    assert_eq!(shop.git(&["status", "--porcelain"]), "");
    // Somebody changes it meanwhile.
    let opened = opened_of(&shop.get("/rules/people/remove").await.text);
    let form = [("opened", opened.as_str()), ("reason", "Not needed")];
    let before = shop.read("people.yaml");
    shop.write("people.yaml", &format!("{before}# Ben\n"));
    let refused = shop.post("/rules/people/remove", &form).await;
    assert!(refused.text.contains("somebody changed the file"), "{}", refused.text);
    shop.write("people.yaml", &before);
    let done = shop.post("/rules/people/remove", &form).await;
    assert_eq!(done.header("location"), "/rules?said=rule-removed", "{}", done.text);
    assert_eq!((shop.read("people.yaml"), shop.read("people.test.yaml")), (String::new(), String::new()));
    assert_eq!(shop.git(&["log", "-1", "--format=%s"]).trim(), "Not needed");
    assert!(shop.app.active().is_some_and(|active| active.rules.is_empty()));
    assert_eq!(shop.get("/rules/people/remove").await.status, StatusCode::NOT_FOUND);
}
