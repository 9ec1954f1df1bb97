//! Walks the whole table of routes as everybody: who is let in, who is turned away, and how. And looks that there is no
//! other table.

use crate::filled::{Seen, Site};
use crate::signed_in::session_of;
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use std::path::Path;
use waypost::app::Who;
use waypost::domain::{Right, Role, Scope};
use waypost::web::{Needs, routes};

/// Somebody who tries all of it.
enum Somebody {
    Nobody,
    Person(Role, String, String),
    Program(Scope, String),
}

impl Somebody {
    async fn all(site: &Site) -> Vec<Self> {
        let mut all = vec![Self::Nobody];
        for role in Role::ALL {
            let session = session_of(&site.app, &format!("{}@example.org", role.as_str()), role).await;
            let token = site.form_token_of(&session).await;
            assert_eq!(token.len(), 64, "{role:?}");
            all.push(Self::Person(role, session, token));
        }
        for scope in Scope::ALL {
            let made = site.app.make_api_token(&Who::command_line(), scope.as_str(), vec![scope], None).await;
            all.push(Self::Program(scope, made.expect("a token").1));
        }
        all
    }

    fn told(&self) -> String {
        match self {
            Self::Nobody => "nobody".into(),
            Self::Person(role, ..) => role.as_str().into(),
            Self::Program(scope, _) => format!("a token for {}", scope.as_str()),
        }
    }

    async fn send(&self, site: &Site, method: &Method, address: &str) -> Seen {
        let mut request = TestRequest::default()
            .method(method.clone())
            .uri(address)
            .insert_header(("host", "127.0.0.1:8081"))
            .insert_header(("origin", "http://127.0.0.1:8081"));
        let mut token = "";
        match self {
            Self::Nobody => {}
            Self::Person(_, session, form) => {
                request = request.insert_header(("cookie", format!("waypost={session}")));
                token = form;
            }
            Self::Program(_, token) => {
                request = request.insert_header(("authorization", format!("Bearer {token}")));
            }
        }
        if *method == Method::POST {
            request = request.set_form([("form_token", token)]);
        }
        site.send(request).await
    }

    /// What is to come of it: `None` for whatever the handler says.
    fn is_turned_away(&self, method: &Method, address: &str, needs: Needs) -> Option<StatusCode> {
        let api = address.starts_with("/api/");
        let right = match needs {
            // Its form carries no token that was shown to them.
            Needs::Door if *method == Method::POST && !matches!(self, Self::Person(..)) => {
                return Some(StatusCode::FORBIDDEN);
            }
            Needs::Nothing | Needs::Door => return None,
            Needs::AnyToken => {
                return (!matches!(self, Self::Program(..))).then_some(StatusCode::UNAUTHORIZED);
            }
            Needs::Monitoring => match self {
                Self::Program(scope, _) if !scope.allows(Right::Metrics) => {
                    return Some(StatusCode::FORBIDDEN);
                }
                _ => return None,
            },
            Needs::May(right) => right,
        };
        match self {
            Self::Person(role, ..) if !api && role.allows(right) => None,
            Self::Program(scope, _) if api && scope.allows(right) => None,
            Self::Person(..) if !api => Some(StatusCode::FORBIDDEN),
            Self::Program(..) if api => Some(StatusCode::FORBIDDEN),
            _ if !api && *method == Method::GET => Some(StatusCode::SEE_OTHER),
            _ => Some(StatusCode::UNAUTHORIZED),
        }
    }
}

/// An address of a route, with names that nothing has.
fn address_of(path: &str) -> String {
    path.split('/')
        .map(|part| if part.starts_with('{') { "none" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

#[actix_web::test]
async fn every_route_lets_in_whom_the_table_says_and_nobody_else() {
    let site = Site::filled().await;
    let all = Somebody::all(&site).await;
    let mut table = routes();
    // Whoever signs out is out.
    table.sort_by_key(|(_, path, _)| *path == "/sign-out");
    assert!(table.len() > 30);
    let mut wrong = Vec::new();
    for (method, path, needs) in &table {
        let address = address_of(path);
        for somebody in &all {
            let seen = somebody.send(&site, method, &address).await;
            let to_the_door = seen.status == StatusCode::SEE_OTHER
                && seen.header("location").starts_with("/sign-in")
                && *needs != Needs::Door;
            let away = match seen.status {
                StatusCode::SEE_OTHER if to_the_door => Some(StatusCode::SEE_OTHER),
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some(seen.status),
                _ => None,
            };
            let wanted = somebody.is_turned_away(method, &address, *needs);
            if away != wanted {
                wrong.push(format!("{method} {path} as {}: {} {wanted:?}", somebody.told(), seen.status));
            }
            if address.starts_with("/api/") {
                assert_eq!(seen.header("content-type"), "application/json", "{method} {path}");
            }
            assert!(!seen.status.is_server_error(), "{method} {path}: {}", seen.text);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[actix_web::test]
async fn what_is_not_in_the_table_is_answered_to_nobody() {
    let site = Site::filled().await;
    let all = Somebody::all(&site).await;
    for somebody in &all {
        for (method, path, _) in routes() {
            let address = address_of(path);
            let known: Vec<Method> = routes()
                .into_iter()
                .filter(|(_, other, _)| *other == path)
                .map(|(known, ..)| known)
                .collect();
            for other in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD]
            {
                // The head of a page is asked for as the page is.
                let known = known.contains(&other) || (other == Method::HEAD && known.contains(&Method::GET));
                if !known {
                    let seen = somebody.send(&site, &other, &address).await;
                    let api = address.starts_with("/api/");
                    let wanted = if api { StatusCode::METHOD_NOT_ALLOWED } else { StatusCode::NOT_FOUND };
                    assert_eq!(seen.status, wanted, "{other} {address} as {}", somebody.told());
                }
            }
            let below = format!("{}/more/and/more", address.trim_end_matches('/'));
            let seen = somebody.send(&site, &method, &below).await;
            assert_eq!(seen.status, StatusCode::NOT_FOUND, "{method} {below}");
        }
    }
}

#[actix_web::test]
async fn the_head_of_a_page_is_answered_to_whom_the_page_is() {
    let site = Site::filled().await;
    for somebody in &Somebody::all(&site).await[..3] {
        for (method, path, _) in routes().into_iter().filter(|(method, ..)| *method == Method::GET) {
            let address = address_of(path);
            let page = somebody.send(&site, &method, &address).await;
            let head = somebody.send(&site, &Method::HEAD, &address).await;
            let wanted = (page.status, page.header("location"), page.header("content-type"));
            let seen = (head.status, head.header("location"), head.header("content-type"));
            assert_eq!(seen, wanted, "{address} as {}", somebody.told());
        }
    }
}

/// The service is made of the table. Somebody could still add a route beside it.
#[test]
fn routes_are_written_in_the_table_and_nowhere_else() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
    let mut elsewhere = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // `health` has its own two, which are open; `mod` makes the service of the table.
        if path.extension().is_none_or(|kind| kind != "rs")
            || ["routes.rs", "health.rs"].contains(&name.as_str())
        {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source");
        for mark in
            [".route(\"", "web::get()", "web::post()", "web::put()", "web::delete()", "#[get(", "#[post("]
        {
            if text.contains(mark) {
                elsewhere.push(format!("{name}: {mark}"));
            }
        }
    }
    assert!(elsewhere.is_empty(), "write these routes into src/web/routes.rs: {elsewhere:?}");
}

#[actix_web::test]
async fn a_viewer_sees_no_button_that_would_be_refused() {
    let site = Site::filled().await;
    let viewer = session_of(&site.app, "viewer@example.org", Role::Viewer).await;
    for address in ["/connections", "/runs/run_3a", "/bookings/bkg_3"] {
        assert!(
            site.get(address).await.text.contains("<form method=\"post\" action=\"/runs/")
                || site.get(address).await.text.contains("<form method=\"post\" action=\"/connections/"),
            "{address}"
        );
        let seen = site.get_as(&viewer, address).await;
        assert_eq!(seen.status, StatusCode::OK, "{address}");
        assert_eq!(seen.text.matches("<form method=\"post\"").count(), 1, "only to sign out: {address}");
        assert!(!seen.text.contains("/settings/people"), "{address}");
    }
}
