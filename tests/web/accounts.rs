//! Coming in and going out, as a browser does it: first account, links, second factor, sessions, people and tokens.

use crate::filled::{ADMIN, Seen, Site};
use crate::signed_in::{PASSWORD, session_of};
use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use totp_rs::{Builder, Secret};
use waypost::app::{Origin, Who};
use waypost::domain::{Role, Scope};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// A browser at the door: its visit, and the token of the forms that it is shown.
pub struct Visit {
    pub cookie: String,
    pub token: String,
}

impl Visit {
    /// Opens a page of the door.
    pub async fn at(site: &Site, address: &str) -> Self {
        let request = TestRequest::get().uri(address).insert_header(("host", "127.0.0.1:8081"));
        let seen = site.send(request).await;
        assert_eq!(seen.status, StatusCode::OK, "{address}: {}", seen.text);
        let visit = seen.cookie("waypost-visit").expect("a visit begins");
        Self { cookie: format!("waypost-visit={visit}"), token: seen.form_token() }
    }

    /// Sends a form of it.
    pub async fn send(&self, site: &Site, address: &str, form: &[(&str, &str)]) -> Seen {
        site.post_with(&self.cookie, &self.token, address, form).await
    }
}

/// Signs in by the page.
pub async fn sign_in(site: &Site, email: &str, password: &str) -> Seen {
    let visit = Visit::at(site, "/sign-in").await;
    visit.send(site, "/sign-in", &[("email", email), ("password", password)]).await
}

/// Whether a session opens pages.
async fn is_in(site: &Site, session: &str) -> bool {
    site.get_as(session, "/connections").await.status == StatusCode::OK
}

#[actix_web::test]
async fn a_person_signs_in_and_out() {
    let site = Site::empty().await;
    let away = site.get_as("", "/events?kind=ignored").await;
    assert_eq!(away.status, StatusCode::SEE_OTHER);
    assert_eq!(away.header("location"), "/sign-in?next=%2Fevents%3Fkind%3Dignored");
    let visit = Visit::at(&site, away.header("location")).await;
    let form = [("email", " Siobhan@Example.org "), ("password", PASSWORD), ("next", "/events?kind=ignored")];
    let seen = visit.send(&site, "/sign-in", &form).await;
    assert_eq!((seen.status, seen.header("location")), (StatusCode::SEE_OTHER, "/events?kind=ignored"));
    let session = seen.cookie("waypost").expect("a session");
    assert!(is_in(&site, &session).await);
    let token = site.form_token_of(&session).await;
    let out = site.post_as(&session, &token, "/sign-out", &[]).await;
    assert_eq!(out.cookie("waypost").as_deref(), Some(""));
    assert!(!is_in(&site, &session).await);
    assert!(is_in(&site, &site.session).await, "the other session goes on");
}

#[actix_web::test]
async fn what_is_wrong_with_a_sign_in_is_told_alike() {
    let site = Site::empty().await;
    session_of(&site.app, "disabled@example.org", Role::Viewer).await;
    let disabled = site.app.person_by_email("disabled@example.org").await.unwrap();
    site.app.set_disabled(&Who::command_line(), &disabled.id, true).await.unwrap();
    site.app.invite(&Who::command_line(), "invited@example.org", "Mary", Role::Viewer).await.unwrap();
    let mut told = Vec::new();
    let tries = [
        (ADMIN, "wrong password"),
        ("nobody@example.org", PASSWORD),
        ("disabled@example.org", PASSWORD),
        ("invited@example.org", ""),
    ];
    for (email, password) in tries {
        let seen = sign_in(&site, email, password).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{email}");
        assert_eq!(seen.cookie("waypost"), None, "{email}");
        let text = seen.text.replace(email, "EMAIL");
        let (head, rest) = text.split_once("name=\"form_token\" value=\"").expect("a form");
        told.push(format!("{head}{}", &rest[64..]));
    }
    assert!(told.iter().all(|text| *text == told[0]), "{told:#?}");
    assert!(told[0].contains("The e-mail or the password is not right."));
}

#[actix_web::test]
async fn who_guesses_waits_longer_and_longer() {
    let site = Site::empty().await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(sign_in(&site, ADMIN, "a wrong password").await.status.as_u16());
    }
    assert_eq!(statuses, [422, 422, 422, 422, 429, 429]);
    let seen = sign_in(&site, ADMIN, PASSWORD).await;
    assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS, "also the right one waits");
    assert_eq!(seen.header("retry-after"), "2");
    site.clock.on(2_000);
    assert_eq!(sign_in(&site, ADMIN, "a wrong password").await.status.as_u16(), 422);
    let seen = sign_in(&site, ADMIN, PASSWORD).await;
    assert_eq!(seen.header("retry-after"), "4");
    site.clock.on(4_000);
    assert_eq!(sign_in(&site, ADMIN, PASSWORD).await.status, StatusCode::SEE_OTHER);
    // The address has tried six times by now, and so has everybody else behind it.
    let mut many = 0;
    for number in 0..12 {
        let seen = sign_in(&site, &format!("guest{number}@example.org"), "a wrong password").await;
        many += usize::from(seen.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(many, 6);
}

#[actix_web::test]
async fn a_session_is_a_new_one_at_each_sign_in() {
    let site = Site::empty().await;
    let planted = "a".repeat(32);
    let visit = Visit::at(&site, "/sign-in").await;
    let cookie = format!("{}; waypost={planted}", visit.cookie);
    let form = [("email", ADMIN), ("password", PASSWORD)];
    let seen = site.post_with(&cookie, &visit.token, "/sign-in", &form).await;
    let session = seen.cookie("waypost").expect("a session");
    assert_ne!(session, planted);
    assert!(!is_in(&site, &planted).await);
    // Signing in over a session ends that one.
    let token = site.form_token_of(&session).await;
    let again = site.post_as(&session, &token, "/sign-in", &form).await.cookie("waypost").expect("a session");
    assert_ne!(again, session);
    assert!(is_in(&site, &again).await && !is_in(&site, &session).await);
}

#[actix_web::test]
async fn sessions_end_when_idle_and_at_last_in_any_case() {
    let site = Site::empty().await;
    let idle = session_of(&site.app, "editor@example.org", Role::Editor).await;
    site.clock.on(12 * HOUR - 1_000);
    assert!(is_in(&site, &site.session).await, "used in time");
    site.clock.on(2_000);
    assert!(!is_in(&site, &idle).await, "idle for more than twelve hours");
    for half_day in 1..=60 {
        site.clock.on(11 * HOUR);
        assert!(is_in(&site, &site.session).await, "half day {half_day}");
    }
    site.clock.on(5 * DAY);
    assert!(!is_in(&site, &site.session).await);
    let fresh = sign_in(&site, ADMIN, PASSWORD).await.cookie("waypost").expect("a session");
    let mut looks = 0;
    while is_in(&site, &fresh).await {
        site.clock.on(11 * HOUR);
        looks += 1;
        assert!(looks < 100);
    }
    assert_eq!(looks, 30 * 24 / 11 + 1, "thirty days, however much it is used");
}

#[actix_web::test]
async fn a_changed_password_ends_the_other_sessions_and_renews_this_one() {
    let site = Site::empty().await;
    let other = sign_in(&site, ADMIN, PASSWORD).await.cookie("waypost").expect("a session");
    let wrong = [("present", "not this one at all"), ("new", "harbour and whale")];
    assert_eq!(site.post("/account/password", &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let weak = [("present", PASSWORD), ("new", "short")];
    let seen = site.post("/account/password", &weak).await;
    assert!(seen.text.contains("href=\"#new\""), "{}", seen.text);
    assert!(is_in(&site, &other).await && is_in(&site, &site.session).await, "nothing has changed");
    let right = [("present", PASSWORD), ("new", "harbour and whale")];
    let seen = site.post("/account/password", &right).await;
    assert_eq!(seen.header("location"), "/account?said=password");
    let renewed = seen.cookie("waypost").expect("a new token");
    assert!(is_in(&site, &renewed).await);
    assert!(!is_in(&site, &other).await && !is_in(&site, &site.session).await);
    assert_eq!(sign_in(&site, ADMIN, PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(sign_in(&site, ADMIN, "harbour and whale").await.status, StatusCode::SEE_OTHER);
}

#[actix_web::test]
async fn somebody_who_is_disabled_or_changes_roles_is_out_at_once() {
    let site = Site::empty().await;
    let session = session_of(&site.app, "editor@example.org", Role::Editor).await;
    let id = site.app.person_by_email("editor@example.org").await.unwrap().id;
    assert!(is_in(&site, &session).await);
    let seen = site.post(&format!("/settings/people/{id}/disable"), &[]).await;
    assert_eq!(seen.header("location"), "/settings/people?said=disabled");
    assert!(!is_in(&site, &session).await);
    assert_eq!(sign_in(&site, "editor@example.org", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    site.post(&format!("/settings/people/{id}/enable"), &[]).await;
    let session = sign_in(&site, "editor@example.org", PASSWORD).await.cookie("waypost").expect("a session");
    let seen = site.post(&format!("/settings/people/{id}/role"), &[("role", "viewer")]).await;
    assert_eq!(seen.header("location"), "/settings/people?said=role");
    assert!(!is_in(&site, &session).await, "no page goes on with the rights of before");
}

#[actix_web::test]
async fn the_last_admin_stays() {
    let site = Site::empty().await;
    let id = site.app.person_by_email(ADMIN).await.unwrap().id;
    site.app.invite(&Who::command_line(), "invited@example.org", "Mary", Role::Admin).await.unwrap();
    for (act, form) in [("role", &[("role", "viewer")][..]), ("disable", &[])] {
        let seen = site.post(&format!("/settings/people/{id}/{act}"), form).await;
        assert_eq!(seen.status, StatusCode::CONFLICT, "{act}");
        assert!(seen.text.contains("the last admin who can sign in"), "{act}: {}", seen.text);
    }
    let person = site.app.person(&id).await.unwrap();
    assert_eq!((person.role, person.disabled_at), (Role::Admin, None));
    assert!(is_in(&site, &site.session).await);
    session_of(&site.app, "second@example.org", Role::Admin).await;
    let seen = site.post(&format!("/settings/people/{id}/role"), &[("role", "viewer")]).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.text);
}

#[actix_web::test]
async fn an_invitation_leads_to_an_account_once() {
    let site = Site::empty().await;
    let form = [("name", "Ólafur Ævar Þórsson"), ("email", "olafur@example.org"), ("role", "editor")];
    let seen = site.post("/settings/people", &form).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);
    let path = seen.text.split_once("http://127.0.0.1:8081/welcome/").expect("a link").1;
    let path = format!("/welcome/{}", path.split('<').next().unwrap_or_default());
    let taken = site.post("/settings/people", &form).await;
    assert!(taken.text.contains("There is an account with this e-mail address already."), "{}", taken.text);
    let visit = Visit::at(&site, &path).await;
    let weak = visit.send(&site, &path, &[("password", "olafur@example.org")]).await;
    assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY);
    // What else is sent with it changes nothing.
    let sent = [("password", "a good password"), ("email", "other@example.org"), ("role", "admin")];
    let seen = visit.send(&site, &path, &sent).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.text);
    assert!(is_in(&site, &seen.cookie("waypost").expect("a session")).await);
    let person = site.app.person_by_email("olafur@example.org").await.unwrap();
    assert_eq!((person.role, person.name.as_str()), (Role::Editor, "Ólafur Ævar Þórsson"));
    let again = visit.send(&site, &path, &[("password", "another password")]).await;
    assert_eq!(again.status, StatusCode::GONE);
    assert_eq!(site.get_as("", &path).await.status, StatusCode::GONE);
    assert_eq!(sign_in(&site, "olafur@example.org", "a good password").await.status, StatusCode::SEE_OTHER);
}

#[actix_web::test]
async fn links_end_and_newer_ones_void_them() {
    let site = Site::empty().await;
    let person = site.app.person_by_email(ADMIN).await.unwrap();
    let old = site.app.make_link(&Who::command_line(), &person).await.unwrap();
    let new = site.app.make_link(&Who::command_line(), &person).await.unwrap();
    assert_eq!(site.get_as("", &old.path).await.status, StatusCode::GONE);
    let visit = Visit::at(&site, &new.path).await;
    site.clock.on(DAY + 1);
    let seen = visit.send(&site, &new.path, &[("password", "a good password")]).await;
    assert_eq!(seen.status, StatusCode::GONE);
    assert_eq!(sign_in(&site, ADMIN, PASSWORD).await.status, StatusCode::SEE_OTHER, "the old password holds");
    for odd in ["/welcome/x", "/welcome/..%2F..", "/welcome/%00", &format!("/welcome/{}", "a".repeat(4_000))]
    {
        assert_eq!(site.get_as("", odd).await.status, StatusCode::GONE, "{odd}");
    }
}

#[actix_web::test]
async fn the_first_account_is_made_by_the_newest_link_of_the_start() {
    let site = Site::without_people().await;
    let seen = site.get_as("", "/sign-in").await;
    assert!(seen.text.contains("There is no account yet."), "{}", seen.text);
    let old = site.app.first_link().await.unwrap().expect("nobody is admin");
    let link = site.app.first_link().await.unwrap().expect("nobody is admin");
    assert_eq!(site.get_as("", &old.path).await.status, StatusCode::GONE);
    let visit = Visit::at(&site, &link.path).await;
    let form = [("name", "Siobhán"), ("email", ADMIN), ("password", PASSWORD)];
    let wrong = visit.send(&site, &link.path, &[("name", ""), ("email", "x"), ("password", PASSWORD)]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let seen = visit.send(&site, &link.path, &form).await;
    assert_eq!((seen.status, seen.header("location")), (StatusCode::SEE_OTHER, "/begin"));
    let session = seen.cookie("waypost").expect("a session");
    assert_eq!(site.get_as(&session, "/settings/people").await.status, StatusCode::OK);
    assert_eq!(visit.send(&site, &link.path, &form).await.status, StatusCode::GONE);
    assert_eq!(site.app.first_link().await.unwrap(), None);
}

/// The code of the app, so many steps from now.
fn code(site: &Site, secret: &str, steps: i64) -> String {
    let secret = Secret::try_from_base32(secret).expect("a secret");
    let totp = Builder::new().with_secret(secret).build().expect("a second factor");
    let seconds = site.app.clock.now() / 1_000 + 30 * steps;
    totp.generate(seconds as u64).to_string()
}

#[actix_web::test]
async fn a_second_factor_is_asked_for_and_each_code_taken_once() {
    let site = Site::empty().await;
    let other = sign_in(&site, ADMIN, PASSWORD).await.cookie("waypost").expect("a session");
    let page = site.get("/account/second-factor").await;
    assert!(page.text.contains("<svg class=\"qr\""), "{}", page.text);
    let between = |text: &str, from: &str, to: &str| {
        let rest = text.split_once(from).expect("it is there").1.to_owned();
        rest.split_once(to).expect("it ends").0.to_owned()
    };
    let secret = between(&page.text, "Key: <code>", "</code>").replace(' ', "");
    let sealed = between(&page.text, "name=\"sealed\" value=\"", "\"");
    let set = |password: &'static str, code: String| {
        let (site, sealed) = (&site, sealed.clone());
        async move {
            let form = [("sealed", &*sealed), ("password", password), ("code", &*code)];
            site.post("/account/second-factor", &form).await
        }
    };
    let wrong = set("not this one at all", code(&site, &secret, 0)).await;
    assert!(wrong.text.contains("href=\"#password\""), "{}", wrong.text);
    let wrong = set(PASSWORD, "000000".into()).await;
    assert!(wrong.text.contains("href=\"#code\""), "{}", wrong.text);
    let first = code(&site, &secret, 0);
    let seen = set(PASSWORD, first.clone()).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);
    let recovery = between(&seen.text, "<li><code>", "</code>");
    assert!(
        !is_in(&site, &other).await && !is_in(&site, &site.session).await,
        "other sessions end, this is renewed"
    );
    assert!(is_in(&site, &seen.cookie("waypost").expect("a new token")).await);

    // The password alone opens nothing.
    let half = sign_in(&site, ADMIN, PASSWORD).await;
    assert_eq!(half.header("location"), "/sign-in/code");
    let half = half.cookie("waypost").expect("half a session");
    assert!(!is_in(&site, &half).await);
    let visit = Visit::at(&site, "/sign-in").await;
    let cookie = format!("{}; waypost={half}", visit.cookie);
    let give = |code: String| {
        let (site, visit, cookie) = (&site, &visit, cookie.clone());
        async move { site.post_with(&cookie, &visit.token, "/sign-in/code", &[("code", &*code)]).await }
    };
    assert_eq!(give(first).await.status, StatusCode::UNPROCESSABLE_ENTITY, "taken when it was set up");
    let next = code(&site, &secret, 1);
    let seen = give(next.clone()).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.text);
    let whole = seen.cookie("waypost").expect("a session");
    assert_ne!(whole, half);
    assert!(is_in(&site, &whole).await && !is_in(&site, &half).await);

    // The same code again, by somebody who looked over the shoulder and knows the password.
    let half = sign_in(&site, ADMIN, PASSWORD).await.cookie("waypost").expect("half a session");
    let cookie = format!("{}; waypost={half}", visit.cookie);
    for (code, status) in [(&next, 422), (&recovery, 303)] {
        let seen = site.post_with(&cookie, &visit.token, "/sign-in/code", &[("code", code)]).await;
        assert_eq!(seen.status.as_u16(), status, "{}", seen.text);
    }
    let half = sign_in(&site, ADMIN, PASSWORD).await.cookie("waypost").expect("half a session");
    let cookie = format!("{}; waypost={half}", visit.cookie);
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let seen = site.post_with(&cookie, &visit.token, "/sign-in/code", &[("code", &recovery)]).await;
        statuses.push(seen.status.as_u16());
    }
    assert_eq!(statuses, [422, 422, 422, 422, 429, 429], "a recovery code works once, and guessing is slow");
    site.clock.on(10 * 60_000 + 1);
    let late = site.post_with(&cookie, &visit.token, "/sign-in/code", &[("code", "123456")]).await;
    assert_eq!(late.header("location"), "/sign-in", "the time for the code is over");
}

#[actix_web::test]
async fn a_token_opens_the_api_until_it_is_revoked_or_over() {
    let site = Site::empty().await;
    let none = site.post("/settings/tokens", &[("name", "Report"), ("days", "30")]).await;
    assert!(none.text.contains("href=\"#scopes\""), "{}", none.text);
    let form = [("name", "Report"), ("days", "30"), ("read", "yes")];
    let made = site.post("/settings/tokens", &form).await;
    let at = made.text.find("<code>wp_").expect("it is shown") + 6;
    let token = made.text[at..at + 35].to_owned();
    assert!(!site.get("/settings/tokens").await.text.contains(&token), "it is shown once");
    let me = async |header: (&str, &str)| {
        let request = TestRequest::get().uri("/api/v1/me").insert_header(("host", "localhost:8081"));
        site.send(request.insert_header(header)).await
    };
    let bearer = format!("Bearer {token}");
    let seen = me(("authorization", &bearer)).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);
    let told: serde_json::Value = serde_json::from_str(&seen.text).expect("JSON");
    assert_eq!(told["token"]["name"], "Report");
    assert_eq!(told["token"]["scopes"], serde_json::json!(["read"]));
    let cookie = format!("waypost={}", site.session);
    let basic = format!("Basic {token}");
    for header in
        [("x", "y"), ("cookie", &cookie), ("authorization", &basic), ("authorization", "Bearer wp_x")]
    {
        let seen = me(header).await;
        assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{header:?}");
        assert_eq!(seen.header("www-authenticate"), "Bearer");
        let told: serde_json::Value = serde_json::from_str(&seen.text).expect("JSON");
        assert_eq!(told["error"]["code"], "unauthorized", "{header:?}");
        assert!(told["error"]["message"].is_string() && told["error"]["hint"].is_string());
    }
    let unknown = TestRequest::get().uri("/api/v1/nothing").insert_header(("host", "localhost:8081"));
    let seen = site.send(unknown).await;
    assert_eq!((seen.status, seen.header("content-type")), (StatusCode::NOT_FOUND, "application/json"));
    site.clock.on(30 * DAY + 1);
    assert_eq!(me(("authorization", &bearer)).await.status, StatusCode::UNAUTHORIZED, "it is over");

    // Another, revoked; and one whose maker may not sign in any more.
    let (row, text) =
        site.app.make_api_token(&Who::command_line(), "Other", vec![Scope::Read], None).await.unwrap();
    let bearer = format!("Bearer {text}");
    assert_eq!(me(("authorization", &bearer)).await.status, StatusCode::OK);
    let session = sign_in(&site, ADMIN, PASSWORD).await.cookie("waypost").expect("a session");
    let form = site.form_token_of(&session).await;
    let seen = site.post_as(&session, &form, &format!("/settings/tokens/{}/revoke", row.id), &[]).await;
    assert_eq!(seen.header("location"), "/settings/tokens?said=revoked");
    assert_eq!(me(("authorization", &bearer)).await.status, StatusCode::UNAUTHORIZED);
    session_of(&site.app, "second@example.org", Role::Admin).await;
    let maker = site.app.person_by_email("second@example.org").await.unwrap();
    let (_, text) =
        site.app.make_api_token(&Who::person(&maker), "Theirs", vec![Scope::Read], None).await.unwrap();
    let bearer = format!("Bearer {text}");
    assert_eq!(me(("authorization", &bearer)).await.status, StatusCode::OK);
    site.app.set_disabled(&Who::command_line(), &maker.id, true).await.unwrap();
    assert_eq!(me(("authorization", &bearer)).await.status, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn what_people_do_is_in_the_log() {
    let site = Site::filled().await;
    site.post("/runs/run_3a/retry", &[("back", "run")]).await;
    site.post("/connections/sandbox-crm/pause", &[]).await;
    site.post("/connections/sandbox-crm/resume", &[]).await;
    let lines = site.app.store.people().audit(None, 3).await.unwrap();
    let told: Vec<(&str, &str, &str)> =
        lines.iter().map(|line| (&*line.who_name, &*line.act, &*line.object)).collect();
    let expected = [
        ("Ciara Byrne", "connection.resumed", "sandbox-crm"),
        ("Ciara Byrne", "connection.paused", "sandbox-crm"),
        ("Ciara Byrne", "run.retried", "run_3a"),
    ];
    assert_eq!(told, expected);
    for _ in 0..60 {
        site.app.audit(&Who::demo(), "run.retried", "run_1a", "").await;
    }
    let page = site.get("/settings/audit").await;
    assert!(page.text.contains("tried a run again"), "{}", page.text);
    let older = page.text.split_once("href=\"/settings/audit?before=").expect("there are older ones").1;
    let older = format!("/settings/audit?before={}", older.split('"').next().unwrap_or_default());
    assert!(site.get(&older).await.text.contains("paused a connection"));
}

#[actix_web::test]
async fn nothing_that_opens_a_door_is_stored_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = waypost::store::OpenOptions::new(folder.path());
    let store = waypost::store::open(&options).await.expect("a store");
    let site = Site::over(store, Role::Admin).await;
    let person = site.app.person_by_email(ADMIN).await.unwrap();
    let link = site.app.make_link(&Who::command_line(), &person).await.unwrap();
    let (_, token) =
        site.app.make_api_token(&Who::command_line(), "Report", vec![Scope::Read], None).await.unwrap();
    let setup = site.app.begin_second_factor(&person).unwrap();
    let session = site.app.session(&site.session, true).await.unwrap().expect("a session").0;
    let secret = setup.typed.replace(' ', "");
    let (codes, begun) = site
        .app
        .set_second_factor(&session, &person, PASSWORD.into(), &setup.sealed, &code(&site, &secret, 0))
        .await
        .unwrap();
    let half = site.app.sign_in(ADMIN, PASSWORD.into(), &Origin::default()).await.unwrap().expect("half");
    site.app.store.close().await;
    let mut secrets =
        vec![PASSWORD.to_owned(), link.path.replace("/welcome/", ""), token, secret, begun.token, half.token];
    secrets.extend(codes.iter().map(|code| code.replace('-', "")));
    secrets.push(site.session.clone());
    let mut looked = 0;
    for entry in std::fs::read_dir(folder.path()).expect("the folder") {
        let bytes = std::fs::read(entry.expect("an entry").path()).unwrap_or_default();
        looked += bytes.len();
        for secret in &secrets {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} is stored");
        }
        if bytes.len() > 100_000 {
            let hash = b"$argon2id$v=19$m=19456,t=2,p=1$";
            assert!(bytes.windows(hash.len()).any(|part| part == hash), "the hash is");
        }
    }
    assert!(looked > 100_000, "{looked}");
}

#[actix_web::test]
async fn a_page_that_only_asks_by_itself_keeps_no_session_alive() {
    let site = Site::empty().await;
    let left_open = session_of(&site.app, "editor@example.org", Role::Editor).await;
    let used = session_of(&site.app, "viewer@example.org", Role::Viewer).await;
    let by_itself = async |session: &str, address: &str| {
        let request = TestRequest::get()
            .uri(address)
            .insert_header(("host", "127.0.0.1:8081"))
            .insert_header(("cookie", format!("waypost={session}")))
            .insert_header(("x-waypost-live", "1"));
        site.send(request).await.status
    };
    // The stream goes on for minutes: only that it begins is looked at.
    let stream = async |session: &str| {
        let service = waypost::web::pages(site.app.clone(), site.access.clone());
        let service = actix_web::test::init_service(actix_web::App::new().configure(service)).await;
        let request = TestRequest::get()
            .uri("/live")
            .insert_header(("host", "127.0.0.1:8081"))
            .insert_header(("sec-fetch-dest", "empty"))
            .insert_header(("cookie", format!("waypost={session}")));
        actix_web::test::call_service(&service, request.to_request()).await.status()
    };
    for hour in 1..=12 {
        site.clock.on(HOUR - 1_000);
        assert_eq!(by_itself(&left_open, "/?part=live").await, StatusCode::OK, "hour {hour}");
        assert_eq!(stream(&left_open).await, StatusCode::OK, "hour {hour}");
        assert!(is_in(&site, &used).await, "hour {hour}");
    }
    site.clock.on(HOUR);
    assert!(is_in(&site, &used).await, "somebody is there");
    assert_eq!(stream(&left_open).await, StatusCode::UNAUTHORIZED);
    assert!(!is_in(&site, &left_open).await, "nobody was there for more than twelve hours");
}

#[actix_web::test]
async fn refused_sign_ins_are_shown_to_admins_and_tell_a_stranger_nothing() {
    let site = Site::empty().await;
    let mut told = Vec::new();
    for (email, password) in [
        (ADMIN, "wrong whale"),
        (ADMIN, "another whale"),
        ("nobody@example.org", "wrong whale"),
        (PASSWORD, "x"),
    ] {
        let seen = sign_in(&site, email, password).await;
        let page = seen.text.replace(&seen.form_token(), "").replace(email, "").replace("wrong whale", "");
        told.push((seen.status, page));
    }
    assert!(told[1..3].iter().all(|one| one.0 == told[0].0), "{told:?}");
    let page = site.get("/settings/audit").await.text;
    let refused = page.split("id=\"refused\"").nth(1).unwrap_or_else(|| panic!("nothing is shown: {page}"));
    assert!(refused.contains(ADMIN) && refused.contains("2 times"), "{refused}");
    assert!(refused.contains("an account that is not there"), "{refused}");
    assert!(
        !page.contains("nobody@example.org") && !page.contains(PASSWORD),
        "what strangers type is not kept"
    );
    let program = crate::api_program::Program::with(&site.app, Scope::Admin).await;
    let list = program.get("/api/v1/sign-ins/refused").await;
    let times: Vec<(Option<&str>, i64)> = list["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|one| (one["account"].as_str(), one["times"].as_i64().expect("a number")))
        .collect();
    assert_eq!(times, [(None, 2), (Some(ADMIN), 2)]);
    let editor = session_of(&site.app, "editor@example.org", Role::Editor).await;
    assert_eq!(site.get_as(&editor, "/settings/audit").await.status, StatusCode::FORBIDDEN);
    // A right one is none of them.
    assert_eq!(program.get("/api/v1/sign-ins/refused").await["items"].as_array().map(Vec::len), Some(2));
}

#[actix_web::test]
async fn all_that_is_wrong_with_passwords_and_a_first_account_is_told_at_once() {
    let site = Site::empty().await;
    let wrong = site.post("/account/password", &[("present", ""), ("new", "short")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("<a href=\"#present\">Enter your present password.</a>"), "{}", wrong.text);
    assert!(wrong.text.contains("<a href=\"#new\">"), "{}", wrong.text);
    let wrong = site.post("/account/password", &[("present", "not this one"), ("new", "short")]).await;
    assert!(
        wrong.text.contains("<a href=\"#present\">This is not your present password.</a>"),
        "{}",
        wrong.text
    );
    assert!(wrong.text.contains("<a href=\"#new\">"), "{}", wrong.text);

    let site = Site::without_people().await;
    let link = site.app.first_link().await.expect("a store").expect("a link").path;
    let visit = Visit::at(&site, &link).await;
    let wrong = visit.send(&site, &link, &[("name", ""), ("email", "nobody"), ("password", "short")]).await;
    for field in ["name", "email", "password"] {
        assert_eq!(
            wrong.text.matches(&format!("<a href=\"#{field}\">")).count(),
            1,
            "{field}: {}",
            wrong.text
        );
    }
}
