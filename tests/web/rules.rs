//! The pages of rules: from a look to a publish, an apply and a way back; and hostile files, names and forms.

use crate::support::Booking;
use crate::workshop::{GUESTS, Workshop};
use actix_web::http::StatusCode;
use waypost::ports::ApplyFilter;

/// The value of a hidden field of a page.
fn hidden(page: &str, name: &str) -> String {
    let at = page.find(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name} in {page}"));
    page[at..].split('"').nth(3).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_told_in_words_changed_reviewed_published_applied_and_brought_back() {
    let shop = Workshop::open(2).await.with_git();
    let list = shop.get("/rules").await;
    for word in [
        "1 rule is on.",
        "href=\"/rules/guests\"",
        "When a booking of Reef Tours is booked or changed",
        "last 2",
    ] {
        let found = list.text.contains(word);
        assert!(found || word == "last 2", "{word}: {}", list.text);
    }
    let shown = shop.get("/rules/guests").await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.text.contains("<code>{{ person.phone }}</code>"), "{}", shown.text);
    let editor = shop.get("/rules/guests/edit").await;
    assert!(editor.text.contains("There is no mistake in it."));
    assert!(
        editor.text.contains("+49123456789") && editor.text.contains("line 10: {{ person.phone }}"),
        "{}",
        editor.text
    );
    let opened = hidden(&editor.text, "opened");
    // As a browser sends it: with CR LF.
    let text = GUESTS.replace("{{ person.phone }}", "{{ booking.contact.phone }}").replace('\n', "\r\n");
    let checked = shop.post("/rules/guests/edit", &[("text", &text), ("opened", &opened)]).await;
    assert!(checked.text.contains("0123 456789"), "{}", checked.text);
    let review = shop.post("/rules/guests/review", &[("text", &text), ("opened", &opened)]).await;
    for word in [
        "1 line less, 1 line more.",
        "Applied, it would send for 2 of the last 2 bookings.",
        "2 bookings get another contact › phone",
        "<td data-label=\"Now\">+49123456789</td><td data-label=\"With this\">0123 456789</td>",
    ] {
        assert!(review.text.contains(word), "{word}: {}", review.text);
    }
    assert_eq!(shop.read("guests.yaml"), GUESTS, "nothing is changed yet");
    let opened = hidden(&review.text, "opened");
    let unsaid =
        shop.post("/rules/guests/publish", &[("text", &text), ("opened", &opened), ("reason", "")]).await;
    assert!(unsaid.text.contains("Say in a few words why"), "{}", unsaid.text);
    let form = [("text", text.as_str()), ("opened", &opened), ("reason", "The phone as it was typed")];
    let done = shop.post("/rules/guests/publish", &form).await;
    assert_eq!(
        (done.status, done.header("location")),
        (StatusCode::SEE_OTHER, "/rules/guests/apply?said=committed")
    );
    assert_eq!(shop.read("guests.yaml"), GUESTS.replace("{{ person.phone }}", "{{ booking.contact.phone }}"));
    assert_eq!(shop.git(&["log", "-1", "--format=%s"]).trim(), "The phone as it was typed");
    let again = shop.post("/rules/guests/publish", &form).await;
    assert!(
        again.text.contains("somebody changed the file"),
        "a second press does nothing twice: {}",
        again.text
    );
    let apply = shop.get("/rules/guests/apply?said=committed").await;
    assert!(apply.text.contains("Of all 2 bookings"), "{}", apply.text);
    let gone = shop.post("/rules/guests/apply", &[("from", ""), ("to", "")]).await;
    assert_eq!(gone.header("location"), "/rules/guests?said=applying");
    let open = ApplyFilter { rule: Some("guests".into()), open: true, limit: 9 };
    assert_eq!(shop.app.store.applies(&open).await.unwrap().len(), 1);
    while shop.app.apply_open().await.expect("it goes on") {}
    let shown = shop.get("/rules/guests").await;
    assert!(shown.text.contains("It was applied: 2 bookings looked at"), "{}", shown.text);
    // And back.
    let history = shop.get("/rules/guests/history").await;
    assert!(history.text.contains("The phone as it was typed") && history.text.contains("As it was"));
    let first = shop.git(&["rev-list", "--max-parents=0", "HEAD"]).trim().to_owned();
    let version = shop.get(&format!("/rules/guests/versions/{first}")).await;
    assert!(version.text.contains("Bring this version back"), "{}", version.text);
    let form = [("text", GUESTS), ("opened", &hidden(&version.text, "opened")), ("reason", "Back")];
    let review = shop.post("/rules/guests/review", &form).await;
    let form = [("text", GUESTS), ("opened", &hidden(&review.text, "opened")), ("reason", "Back")];
    assert_eq!(shop.post("/rules/guests/publish", &form).await.status, StatusCode::SEE_OTHER);
    assert_eq!(shop.read("guests.yaml"), GUESTS);
    assert_eq!(shop.git(&["rev-list", "--count", "HEAD"]).trim(), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_switched_off_with_its_comments_kept() {
    let shop = Workshop::open(1).await;
    let review = shop.post("/rules/guests/switch", &[("on", "false")]).await;
    assert!(review.text.contains("The rule is off like this"), "{}", review.text);
    assert!(review.text.contains("value=\"Switched off\""));
    let off = GUESTS.replace("title: Guests\n", "title: Guests\nenabled: false\n");
    let form =
        [("text", off.as_str()), ("opened", &hidden(&review.text, "opened")), ("reason", "Switched off")];
    let done = shop.post("/rules/guests/publish", &form).await;
    assert_eq!(done.header("location"), "/rules/guests?said=published");
    assert_eq!(shop.read("guests.yaml"), off);
    assert!(shop.app.active().is_some_and(|active| !active.rules["guests"].enabled));
    assert!(shop.get("/rules").await.text.contains("No rule is on"));
    let preview = shop.get("/rules/guests/edit").await;
    assert!(preview.text.contains("+49123456789"), "what it would send if it were on: {}", preview.text);
    assert_eq!(shop.get("/rules/guests/apply").await.status, StatusCode::CONFLICT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_becomes_a_test_that_runs_by_a_button() {
    let shop = Workshop::open(1).await;
    let id =
        shop.app.store.list_bookings(&waypost::ports::ListFilter::default()).await.unwrap()[0].id.to_string();
    assert!(
        shop.get(&format!("/bookings/{id}")).await.text.contains(&format!("href=\"/bookings/{id}/test\""))
    );
    let page = shop.get(&format!("/bookings/{id}/test")).await;
    assert!(
        page.text.contains("This keeps the guest's data.")
            || page.text.contains("This keeps the guest&#39;s data.")
    );
    let address = format!("/bookings/{id}/test");
    let refused = shop.post(&address, &[("rule", "guests"), ("name", " ")]).await;
    assert!(refused.text.contains("Say in one line"), "{}", refused.text);
    for name in ["a guest \"with\" a: phone #", "another"] {
        let done = shop.post(&address, &[("rule", "guests"), ("name", name)]).await;
        assert_eq!(done.header("location"), "/rules/guests?said=test-made#tests", "{}", done.text);
    }
    assert!(shop.read("guests.test.yaml").contains("\"guest1@example.org\""));
    assert_eq!(std::fs::read_dir(shop.rules.join("payloads")).unwrap().count(), 1);
    let ran = shop.post("/rules/guests/tests", &[]).await;
    assert!(ran.text.contains("All 2 tests pass."), "{}", ran.text);
    let text = GUESTS.replace("{{ person.phone }}", "none");
    shop.publish("guests.yaml", &text).await.expect("it is published");
    let ran = shop.post("/rules/guests/tests", &[]).await;
    assert!(ran.text.contains("2 of 2 tests fail.") && ran.text.contains("+ phone: "), "{}", ran.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_begins_with_a_recipe_and_a_name_that_it_can_have() {
    let shop = Workshop::open(1).await;
    let page = shop.get("/rules/new").await;
    assert!(page.text.contains("value=\"guests-to-hubspot\" checked"), "{}", page.text);
    for (name, said) in [
        ("guests", "already"),
        ("new", "can&#39;t be called"),
        ("../x", "can&#39;t be the name"),
        ("a/b", "can&#39;t be the name"),
    ] {
        let refused = shop.post("/rules/new", &[("name", name), ("recipe", "blank")]).await;
        assert!(refused.text.contains(said), "{name}: {}", refused.text);
    }
    let begun = shop.post("/rules/new", &[("name", "My Guests"), ("recipe", "participants-to-crm")]).await;
    assert_eq!(begun.header("location"), "/rules/my-guests/build?recipe=participants-to-crm");
    let editor = shop.get(begun.header("location")).await;
    assert!(
        editor.text.contains("Participants into the CRM") && editor.text.contains("Error: "),
        "{}",
        editor.text
    );
    let blank = shop.get("/rules/notes/edit?recipe=blank").await;
    assert!(blank.text.contains("from: tours"), "{}", blank.text);
    assert_eq!(shop.get("/rules/notes/edit").await.status, StatusCode::NOT_FOUND);
    assert_eq!(shop.get("/rules/notes").await.status, StatusCode::NOT_FOUND);
    let form = [("text", GUESTS), ("opened", ""), ("reason", "A new one")];
    assert_eq!(shop.post("/rules/notes/publish", &form).await.status, StatusCode::SEE_OTHER);
    assert_eq!(shop.read("notes.yaml"), GUESTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_files_names_and_forms_do_no_harm() {
    const EVIL: &str = "</textarea></pre><img src=x onerror=alert(1)>";
    let evil_rule = GUESTS
        .replace("title: Guests", &format!("title: '{EVIL}'"))
        .replace("{{ person.phone }}", EVIL)
        .replace("# Who", &format!("# {EVIL} Who"));
    let shop = Workshop::with(&[("guests.yaml", &evil_rule)], 0).await.with_git();
    shop.book(&Booking::new(1).with("/contact/name", EVIL).with("/contact/email", EVIL)).await;
    shop.publish("guests.yaml", &format!("{evil_rule}# {EVIL}\n")).await.expect("it is published");
    for address in [
        "/rules",
        "/rules/guests",
        "/rules/guests/edit",
        "/rules/guests/history",
        "/rules/guests/apply",
        "/rules/new",
    ] {
        let seen = shop.get(address).await;
        assert_eq!(seen.status, StatusCode::OK, "{address}: {}", seen.text);
        assert!(!seen.text.contains("<img"), "{address}");
    }
    let broken = format!("{EVIL}: [");
    let opened = shop.opened("guests.yaml").await.unwrap();
    for text in [EVIL, &broken, &evil_rule, "a: &a [*a]", "\u{0}", &"[".repeat(5_000)] {
        for address in ["/rules/guests/edit", "/rules/guests/review", "/rules/guests/publish"] {
            let form = [("text", text), ("opened", &*opened), ("reason", EVIL), ("booking", EVIL)];
            let seen = shop.post(address, &form).await;
            assert!(!seen.text.contains("<img"), "{address}: {text}");
            assert!(
                seen.status.is_success() || seen.status.is_redirection(),
                "{address} {text}: {}",
                seen.text
            );
        }
    }
    for name in [
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "a%0d%0ax:%20y",
        ".git",
        "%2e%2e",
        "guests%00",
        "sources%2ftours",
        "guests.test",
    ] {
        for page in ["", "/edit?recipe=blank", "/history", "/versions/HEAD", "/apply"] {
            let seen = shop.get(&format!("/rules/{name}{page}")).await;
            assert_eq!(seen.status, StatusCode::NOT_FOUND, "{name}{page}: {}", seen.text);
        }
        let form = [("text", GUESTS), ("opened", ""), ("reason", "x")];
        assert_eq!(
            shop.post(&format!("/rules/{name}/publish"), &form).await.status,
            StatusCode::NOT_FOUND,
            "{name}"
        );
    }
    for id in ["--all", "HEAD", "HEAD~1", "c0ffee", "%00", "..", "0000000000000000000000000000000000000000"] {
        let seen = shop.get(&format!("/rules/guests/versions/{id}")).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{id}");
    }
    assert_eq!(shop.get("/rules/guests/apply?from=yesterday").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    std::fs::write(shop.rules.join("bytes.yaml"), [0xff, 0xfe, b'\n']).unwrap();
    let seen = shop.get("/rules/bytes/edit").await;
    assert!(seen.status == StatusCode::CONFLICT && seen.text.contains("is not UTF-8 text"), "{}", seen.text);
    let huge = "x".repeat(5 << 20);
    let seen = shop.post("/rules/guests/edit", &[("text", &huge), ("opened", "")]).await;
    assert!(seen.status.is_client_error(), "{}", seen.status);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_with_a_mistake_is_told_while_the_version_before_is_at_work() {
    let shop = Workshop::open(0).await;
    shop.write("guests.yaml", &GUESTS.replace("from: tours", "from: toors"));
    let began = tokio::time::Instant::now();
    while shop.app.folder_told().await.broken_since.is_none() {
        shop.app.look_at_folder().await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert!(began.elapsed().as_secs() < 30, "the mistake is seen");
    }
    let list = shop.get("/rules").await;
    assert!(list.text.contains("The rules folder has a mistake since"), "{}", list.text);
    assert!(
        list.text.contains("the version before is still at work")
            && list.text.contains("guests.yaml:3:7: error:")
    );
    assert!(shop.get("/rules/guests").await.text.contains("the version before, which is at work"));
    assert!(shop.get("/rules/guests/edit").await.text.contains("from: toors"), "the file as it stands");
    let form =
        [("text", GUESTS), ("opened", &*shop.opened("guests.yaml").await.unwrap()), ("reason", "Mended")];
    assert_eq!(shop.post("/rules/guests/publish", &form).await.status, StatusCode::SEE_OTHER);
    assert!(!shop.get("/rules").await.text.contains("has a mistake"));
}
