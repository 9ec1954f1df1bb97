//! Connections and sources from the pages: what forms write, where keys go and where never, what is refused, and the first
//! steps from an empty folder to a rule.

use crate::filled::HOSTILE;
use crate::workshop::{GUESTS, Workshop};
use actix_web::http::StatusCode;
use std::path::Path;
use waypost::connectors::SecretRef;
use waypost::domain::Role;
use waypost::sandbox;

const KEY: &str = "pat-eu1-0c0ffee0-very-secret";

/// Everything that is in files below a folder.
fn all_bytes(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(all_bytes(&path));
        } else {
            all.extend(std::fs::read(&path).unwrap_or_default());
        }
    }
    all
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

async fn new_hubspot(shop: &Workshop, name: &str, key: &str) -> crate::filled::Seen {
    let form = [("title", "Our HubSpot"), ("name", name), ("setting.portal", "1234"), ("secret", key)];
    shop.post("/connections/new/hubspot", &form).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_address_is_told_at_its_box_before_anything_is_kept() {
    let shop = Workshop::open(0).await;
    for address in
        ["http://169.254.169.254/", "http://127.0.0.1:9900", "http://[::1]:9900/api", "http://localhost:9900"]
    {
        let form = [("title", "Ours"), ("name", "ours"), ("base_url", address)];
        let seen = shop.post("/connections/new/sandbox", &form).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{address}");
        assert!(
            seen.text.contains("<a href=\"#allow_private\">This address is in a private network"),
            "{}",
            seen.text
        );
        assert!(seen.text.contains("id=\"allow_private-wrong\""), "{}", seen.text);
        assert_eq!(shop.read("connections/ours.yaml"), "", "{address}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_becomes_a_file_and_a_commit_and_its_key_goes_into_the_vault_only() {
    let shop = Workshop::open(0).await.with_git();
    let form = shop.get("/connections/new/hubspot").await.text;
    for shown in
        ["Service key", "Hub ID", "pattern=\"[0-9]+\"", "Service keys, and create one", "type=\"password\""]
    {
        assert!(form.contains(shown), "{shown}");
    }
    let seen = new_hubspot(&shop, "our-hubspot", KEY).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.text);
    assert_eq!(seen.header("location"), "/connections/our-hubspot?said=connected");
    assert_eq!(
        shop.read("connections/our-hubspot.yaml"),
        "connector: hubspot\ntitle: Our HubSpot\nsettings: { portal: \"1234\" }\n\
         auth: { token: { secret: connection.our-hubspot } }\n"
    );
    assert_eq!(
        shop.git(&["log", "-1", "--format=%an <%ae> %s"]).trim(),
        "Ciara Byrne <siobhan@example.org> Connect Our HubSpot (HubSpot)"
    );
    assert!(shop.app.has_secret(&SecretRef::Vault("connection.our-hubspot".into())));
    assert!(shop.app.active().expect("rules").connections.contains_key("our-hubspot"));
    // The key is nowhere but in the vault, and there it is sealed.
    assert!(!holds(&all_bytes(&shop.rules), KEY));
    for secret in shop.app.store.secrets().await.expect("the vault") {
        assert!(!holds(&secret.sealed, KEY));
    }
    let page = shop.get("/connections/our-hubspot").await.text;
    assert!(page.contains("It is not shown again") && page.contains("Set <time"), "{page}");
    assert!(!page.contains(KEY));
    for address in ["/connections", "/settings/audit", "/connections/our-hubspot?part=live", "/begin"] {
        assert!(!shop.get_as(Role::Admin, address).await.text.contains(KEY), "{address}");
    }
    let audit = shop.get_as(Role::Admin, "/settings/audit").await.text;
    assert!(audit.contains("made a connection") && audit.contains("our-hubspot"), "{audit}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_with_mistakes_writes_nothing_and_says_each_at_its_field() {
    let shop = Workshop::open(0).await.with_git();
    let long = "x".repeat(41);
    for name in
        ["", "new", "../rules", "a/b", "/etc/passwd", "..", ".a", "a.b", "-a", "é", "a\nb", &long, HOSTILE]
    {
        let seen = new_hubspot(&shop, name, KEY).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(seen.text.contains("href=\"#name\""), "{name}");
        assert!(!seen.text.contains(KEY), "{name}: what was typed as a key is never shown");
    }
    let wrong: [(&str, &str, &str); 7] = [
        ("title", "", "#title"),
        ("title", "a\nallow_private: true", "#title"),
        ("title", &"t".repeat(501), "#title"),
        ("setting.portal", "12 34", "#setting.portal"),
        ("setting.deal_key", "Robert'); --", "#setting.deal_key"),
        ("secret", "", "#secret"),
        ("secret", "a\nb", "#secret"),
    ];
    for (field, value, at) in wrong {
        let mut form = vec![("title", "Ours"), ("name", "ours"), ("setting.portal", "1"), ("secret", KEY)];
        form.retain(|(key, _)| *key != field);
        form.push((field, value));
        let seen = shop.post("/connections/new/hubspot", &form).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}={value}");
        assert!(seen.text.contains(&format!("href=\"{at}\"")), "{field}={value}: {}", seen.text);
        assert!(!seen.text.contains(KEY));
    }
    let form = [("title", "S"), ("name", "s"), ("base_url", "https://user:pass@crm.example.com")];
    assert_eq!(shop.post("/connections/new/sandbox", &form).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    for connector in ["fareharbor", "nothing", "..%2f"] {
        let seen =
            shop.post(&format!("/connections/new/{connector}"), &[("title", "x"), ("name", "x")]).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{connector}");
    }
    assert_eq!(shop.git(&["status", "--porcelain"]), "");
    let secrets = shop.app.store.secrets().await.expect("the vault");
    assert!(secrets.iter().all(|secret| secret.name == "source.tours.token"), "{secrets:?}");
    // One that is there stays as it is, and so does its key.
    let seen = shop
        .post(
            "/connections/new/sandbox",
            &[("title", "Other"), ("name", "crm"), ("base_url", "https://x.example"), ("secret", KEY)],
        )
        .await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(seen.text.contains("href=\"#name\""));
    assert!(!shop.app.has_secret(&SecretRef::Vault("connection.crm".into())));
    assert!(shop.read("connections/crm.yaml").contains("title: Our CRM"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_values_come_back_as_themselves_and_as_nothing_else() {
    let shop = Workshop::open(0).await;
    for (number, title) in
        [HOSTILE, "a: b", "&x *y", "{{ secret }}", "# no", "- a", "true", "\u{202e}abc", "'\"\\"]
            .iter()
            .enumerate()
    {
        let (name, account) = (format!("s{number}"), *title);
        let seen = shop
            .post("/sources/new/fareharbor", &[("title", *title), ("name", &name), ("account", account)])
            .await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{title}: {}", seen.text);
        let active = shop.app.active().expect("rules");
        let source = &active.sources[&name];
        assert_eq!((source.title.as_str(), source.account.as_deref()), (*title, Some(account)));
        for address in [format!("/sources/{name}"), "/sources".into(), "/connections".into(), "/begin".into()]
        {
            assert!(!shop.get(&address).await.text.contains("<img src=x"), "{title} at {address}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_changed_in_the_file_and_the_rest_of_it_stays() {
    let shop = Workshop::open(0).await.with_git();
    let file = "# Ours since 2024.\nconnector: sandbox\ntitle: Our CRM # as we say\n\n# Here.\nbase_url: http://127.0.0.1:9\nallow_private: true\nretry: { schedule: [1s], give_up_after: 72h }\n";
    shop.write("connections/crm.yaml", file);
    let opened = shop.opened("connections/crm.yaml").await.expect("it is there");
    let form = |title: &'static str, rate: &'static str, opened: &str| {
        vec![
            ("title".to_owned(), title.to_owned()),
            ("base_url".into(), "http://127.0.0.1:9".into()),
            ("allow_private".into(), "true".into()),
            ("limit.per_second".into(), rate.into()),
            ("limit.concurrency".into(), "3".into()),
            ("reason".into(), "The CRM complained".into()),
            ("opened".into(), opened.to_owned()),
        ]
    };
    let send = async |form: Vec<(String, String)>| {
        let form: Vec<(&str, &str)> =
            form.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        shop.post("/connections/crm", &form).await
    };
    for wrong in ["0", "-1", "many", "1e9", "NaN"] {
        let seen = send(form("Our CRM", wrong, &opened)).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(seen.text.contains("href=\"#limit.per_second\""), "{wrong}");
    }
    assert_eq!(shop.read("connections/crm.yaml"), file);
    let seen = send(form("Our CRM", "2.5", &opened)).await;
    assert_eq!(seen.header("location"), "/connections/crm?said=changed", "{}", seen.text);
    let limits = "limits: { per_second: 2.5, concurrency: 3 }\n";
    assert_eq!(shop.read("connections/crm.yaml"), format!("{file}{limits}"));
    assert_eq!(shop.git(&["log", "-1", "--format=%an %s"]).trim(), "Ciara Byrne The CRM complained");
    let active = shop.app.active().expect("rules");
    assert_eq!(active.connections["crm"].limits.per_second, Some(2.5));
    // Sent once more, nothing is different.
    let opened = shop.opened("connections/crm.yaml").await.expect("it is there");
    assert_eq!(send(form("Our CRM", "2.5", &opened)).await.header("location"), "/connections/crm?said=same");

    // Somebody changes the file meanwhile: refused with the difference, and nothing is lost by sending it again.
    shop.write("connections/crm.yaml", &format!("{file}{limits}timeout: 9s # Ben\n"));
    let seen = send(form("Theirs and mine", "2.5", &opened)).await;
    assert_eq!(seen.status, StatusCode::CONFLICT);
    assert!(seen.text.contains("Somebody changed the file meanwhile"), "{}", seen.text);
    assert!(seen.text.contains("Theirs and mine"));
    assert!(!shop.read("connections/crm.yaml").contains("mine"));
    let now = seen
        .text
        .split_once("name=\"opened\" value=\"")
        .expect("a form")
        .1
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(send(form("Theirs and mine", "2.5", &now)).await.status, StatusCode::SEE_OTHER);
    let text = shop.read("connections/crm.yaml");
    assert!(text.contains("title: Theirs and mine") && text.contains("timeout: 9s # Ben"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_replaced_and_only_one_that_the_connection_names() {
    let shop = Workshop::open(0).await;
    assert_eq!(new_hubspot(&shop, "hub", KEY).await.status, StatusCode::SEE_OTHER);
    let value = || {
        use secrecy::ExposeSecret as _;
        use waypost::ports::Secrets as _;
        shop.app.secrets.vault("connection.hub").map(|value| value.expose_secret().to_owned())
    };
    assert_eq!(value().as_deref(), Some(KEY));
    let form = [("secret", "connection.hub"), ("value", " another-key ")];
    let seen = shop.post("/connections/hub/secret", &form).await;
    assert_eq!(seen.header("location"), "/connections/hub?said=key");
    assert_eq!(value().as_deref(), Some("another-key"));
    let address = shop.get("/sources/tours").await.text;
    for name in ["source.tours.token", "connection.other", ""] {
        let seen = shop.post("/connections/hub/secret", &[("secret", name), ("value", "stolen")]).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{name}");
    }
    for wrong in ["", "  ", "two\nlines"] {
        let seen =
            shop.post("/connections/hub/secret", &[("secret", "connection.hub"), ("value", wrong)]).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    assert_eq!(value().as_deref(), Some("another-key"));
    assert!(
        address.contains(
            shop.get("/sources/tours")
                .await
                .text
                .split_once("id=\"url-1\">")
                .unwrap()
                .1
                .split('<')
                .next()
                .unwrap()
        )
    );
    // A connection without a key is given one: its file then names it.
    let seen = shop.post("/connections/crm/secret", &[("value", KEY)]).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.text);
    assert!(shop.read("connections/crm.yaml").ends_with("auth: { token: { secret: connection.crm } }\n"));
    assert!(!shop.read("connections/crm.yaml").contains(KEY));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_rules_use_stays_and_what_none_uses_goes_with_its_key() {
    let shop = Workshop::open(0).await.with_git();
    for (place, file) in
        [("/connections/crm", "connections/crm.yaml"), ("/sources/tours", "sources/tours.yaml")]
    {
        let page = shop.get(place).await.text;
        assert!(page.contains("can’t be taken away while rules use it"), "{place}");
        let opened = shop.opened(file).await.expect("it is there");
        let seen = shop.post(&format!("{place}/remove"), &[("opened", &opened)]).await;
        assert_eq!(seen.status, StatusCode::CONFLICT, "{place}");
        assert!(seen.text.contains("Guests"), "{place}");
        assert!(shop.rules.join(file).exists());
    }
    assert_eq!(new_hubspot(&shop, "hub", KEY).await.status, StatusCode::SEE_OTHER);
    let file = "connections/hub.yaml";
    // Not as it was when the page was opened.
    assert_eq!(
        shop.post("/connections/hub/remove", &[("opened", "c0ffee")]).await.status,
        StatusCode::CONFLICT
    );
    let opened = shop.opened(file).await.expect("it is there");
    let seen = shop.post("/connections/hub/remove", &[("opened", &opened)]).await;
    assert_eq!(seen.header("location"), "/connections?said=taken-away", "{}", seen.text);
    assert!(!shop.rules.join(file).exists());
    assert!(!shop.app.has_secret(&SecretRef::Vault("connection.hub".into())));
    assert_eq!(
        shop.git(&["log", "-1", "--format=%an %s"]).trim(),
        "Ciara Byrne Take away connections/hub.yaml"
    );
    assert_eq!(shop.git(&["status", "--porcelain"]), "");
    assert_eq!(shop.get("/connections/hub").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_says_whom_it_reached_or_why_not() {
    let shop = Workshop::open(0).await;
    let seen = shop.post("/connections/crm/test", &[]).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert!(
        seen.text.contains("can&#39;t be reached")
            || seen.text.contains("can’t be reached")
            || seen.text.contains("can&#x27;t be reached"),
        "{}",
        seen.text
    );
    let clock = std::sync::Arc::new(waypost::clock::SystemClock::new());
    let crm = sandbox::start("127.0.0.1:0".parse().expect("an address"), None, clock).await.expect("a CRM");
    let form = [("title", "Trial"), ("name", "trial"), ("base_url", &crm.url()), ("allow_private", "true")];
    assert_eq!(shop.post("/connections/new/sandbox", &form).await.status, StatusCode::SEE_OTHER);
    let seen = shop.post("/connections/trial/test", &[]).await;
    assert!(seen.text.contains("Reached the sandbox CRM of Waypost"), "{}", seen.text);
    crm.stop().await;
    // Without its value nothing is called.
    let file = "connector: hubspot\ntitle: Hub\nauth: { token: { secret: nowhere } }\n";
    shop.publish("connections/hub.yaml", file).await.expect("it is published");
    let seen = shop.post("/connections/hub/test", &[]).await;
    assert!(
        seen.text.contains("has no value") && seen.text.contains("Paste the key further down"),
        "{}",
        seen.text
    );
    assert_eq!(shop.post("/connections/none/test", &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_sees_how_it_is_and_no_form() {
    let shop = Workshop::open(0).await;
    for address in ["/connections", "/connections/crm", "/sources", "/sources/tours", "/begin"] {
        let seen = shop.get_as(Role::Viewer, address).await;
        assert_eq!(seen.status, StatusCode::OK, "{address}");
        let tags = seen.text.split("<form ").skip(1).filter_map(|form| form.split('>').next());
        for tag in tags.filter(|tag| tag.contains("method=\"post\"")) {
            let left = ["action=\"/sign-out\"", "action=\"/colours\""];
            assert!(left.iter().any(|action| tag.contains(action)), "{address}: <form {tag}>");
        }
        assert!(!seen.text.contains("/connections/new"), "{address}");
    }
    for address in ["/connections/new", "/connections/new/hubspot", "/sources/new/fareharbor"] {
        assert_eq!(shop.get_as(Role::Viewer, address).await.status, StatusCode::FORBIDDEN, "{address}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_steps_lead_from_an_empty_folder_to_a_rule() {
    let shop = Workshop::empty().await.with_git_empty();
    let page = async || shop.get("/begin").await.text;
    assert!(shop.get("/").await.text.contains("href=\"/begin\""), "Today leads there");
    assert!(page().await.contains("Choose a booking system"));
    let seen = shop.post("/sources/new/fareharbor", &[("title", "Reef Tours"), ("name", "reef")]).await;
    assert_eq!(seen.header("location"), "/sources/reef?said=connected", "{}", seen.text);
    let source = shop.get("/sources/reef").await.text;
    assert!(source.contains("Go on with the next step") && source.contains("Waiting for the first webhook"));
    assert!(page().await.contains("Choose a CRM"));
    let form = [
        ("title", "Trial"),
        ("name", "trial"),
        ("base_url", "http://127.0.0.1:9"),
        ("allow_private", "true"),
    ];
    assert_eq!(shop.post("/connections/new/sandbox", &form).await.status, StatusCode::SEE_OTHER);
    let offered = page().await;
    assert!(offered.contains("value=\"guests-to-sandbox\""), "{offered}");
    assert!(!offered.contains("value=\"guests-to-hubspot\""), "what does not fit is not offered");
    let form = [("recipe", "guests-to-sandbox"), ("source", "reef"), ("connection", "trial")];
    for wrong in [
        [("recipe", "x"), form[1], form[2]],
        [form[0], ("source", "x"), form[2]],
        [form[0], form[1], ("connection", "../x")],
    ] {
        assert_eq!(shop.post("/begin/rule", &wrong).await.status, StatusCode::NOT_FOUND);
    }
    let seen = shop.post("/begin/rule", &form).await;
    assert_eq!(seen.header("location"), "/begin?said=committed", "{}", seen.text);
    assert!(shop.read("guests-to-sandbox.yaml").contains("use: \"trial.upsert_contact\""));
    assert!(page().await.contains("Waiting for the first booking"));
    shop.book_from("reef", &crate::support::Booking::new(1)).await;
    let done = page().await;
    assert!(done.contains("A booking has come in"), "{done}");
    assert!(!shop.get("/").await.text.contains("href=\"/begin\""), "nothing is left to do");
    assert_eq!(shop.git(&["log", "--format=%s"]).lines().count(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_thing_that_is_connected_makes_the_folder_and_no_later_one_does() {
    let shop = Workshop::empty().await;
    std::fs::remove_dir(&shop.rules).expect("it is empty");
    let form = |name: &'static str| [("title", "Reef Tours"), ("name", name)];
    let seen = shop.post("/sources/new/fareharbor", &form("reef")).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.text);
    assert!(shop.rules.join("sources/reef.yaml").exists());
    std::fs::remove_dir_all(&shop.rules).expect("a folder");
    let seen = shop.post("/sources/new/fareharbor", &form("other")).await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", seen.text);
    assert!(!shop.rules.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_with_a_mistake_takes_nothing_and_says_where_it_is() {
    let shop = Workshop::open(0).await.with_git();
    shop.write("guests.yaml", &GUESTS.replace("crm.upsert_contact", "crm.nothing"));
    let seen = new_hubspot(&shop, "hub", KEY).await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(seen.text.contains("guests.yaml"), "{}", seen.text);
    assert!(!shop.rules.join("connections/hub.yaml").exists());
    assert!(!shop.app.has_secret(&SecretRef::Vault("connection.hub".into())), "no key is left behind");
}
