//! Who is let in where: asked for each route before its handler, by what the table of `routes` says that it needs. Finds out
//! who asks (the session's cookie, the API's token), whether they may, and whether a form is one that was shown to them.
//! Handlers find the answer in `Viewer`.
//!
//! Invariants: a route without an entry is answered to nobody; the API looks at no cookie and the pages at no token; a form
//! without its token changes nothing. Kept by `tests/web/roles.rs` and `tests/web/doors.rs`.

use super::access::{Access, Doors, Reached};
use super::api_error::ApiError;
use super::cookies::Cookie;
use super::errors::PageError;
use super::kept_form::{KEPT_BYTES_MAX, KeptForm};
use super::routes::Needs;
use super::security::{is_forwarded, refused};
use super::sign_in::{Way, signed_out};
use super::viewer::{Present, Viewer, form_token};
use crate::app::{App, Origin, masked};
use crate::domain::Right;
use actix_web::body::{self, BodySize, BoxBody, MessageBody as _};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Query};
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse, ResponseError as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use std::rc::Rc;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// A visit lasts so long: time enough to find the password.
const VISIT_SECONDS: i64 = 12 * 3_600;
/// Where scripts put the token of a form.
const FORM_HEADER: &str = "x-waypost-form";
/// Where open pages hear of what is new, and what their script says when it asks for a block again.
const LIVE: &str = "/live";
const LIVE_HEADER: &str = "x-waypost-live";

/// What is asked for at one address.
pub(super) struct Rules {
    /// Whether it belongs to the API: by its line in the table, however a request spells it.
    pub api: bool,
    /// What its routes need, by their methods.
    pub needs: Vec<(Method, Needs)>,
    /// How the pages are reached.
    pub access: Arc<Access>,
    /// The app.
    pub app: Arc<App>,
}

/// How somebody asks.
struct Asked {
    viewer: Option<Viewer>,
    form_token: String,
    /// To be set by the answer.
    cookie: Option<HeaderValue>,
}

/// The middleware of each address.
pub(super) async fn admit(
    rules: Rc<Rules>,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Rules { api, needs, .. } = &*rules;
    let is_head = request.method() == Method::HEAD;
    let asked_for = if is_head { &Method::GET } else { request.method() };
    let needs = needs.iter().find(|(method, _)| method == asked_for).map(|(_, needs)| *needs);
    let Some(needs) = needs else {
        let answer = if *api {
            let methods: Vec<&str> = rules.needs.iter().map(|(method, _)| method.as_str()).collect();
            ApiError::wrong_method(methods.join(", ")).error_response()
        } else {
            refused(&request, &PageError::unknown("page"))
        };
        return Ok(request.into_response(answer));
    };
    let asked = match asked(&rules, needs, request.request()).await {
        Ok(asked) => asked,
        Err(error) => {
            let answer = refused(&request, &error);
            return Ok(request.into_response(answer));
        }
    };
    let needs_you = if asked.viewer.is_some() { rules.app.needed_somebody() } else { 0 };
    let present = Present { viewer: asked.viewer.clone(), form_token: asked.form_token.clone(), needs_you };
    let refusal = match turned_away(&rules, needs, asked.viewer.as_ref(), request.request()) {
        Some(Away::SignInAgain) => Some(sign_in_again(&rules, &mut request).await),
        Some(away) => Some(present.clone().during_this(|| away.answer())),
        None if *api || matches!(*request.method(), Method::GET | Method::HEAD) => None,
        None if is_ours(&mut request, &asked.form_token).await => None,
        None => Some(present.clone().during_this(|| PageError::strange_form().error_response())),
    };
    if let Some(answer) = refusal {
        return Ok(request.into_response(answer));
    }
    // Whoever may only look, a person or a program.
    let masks = asked.viewer.as_ref().is_some_and(|viewer| rules.app.masks() && !viewer.may(Right::Operate));
    if let Some(viewer) = asked.viewer {
        request.extensions_mut().insert(viewer);
    }
    let answering = present.during(next.call(request));
    let mut answer = if masks { masked(answering).await? } else { answering.await? };
    if let Some(cookie) = asked.cookie {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    // Nobody waits for the end of a stream of which only the head is asked for.
    if is_head && answer.response().body().size() == BodySize::Stream {
        answer = answer.map_body(|_, _| BoxBody::new(body::None::new()));
    }
    Ok(answer)
}

/// Finds out who asks. The API looks at no cookie, and the pages at no token.
async fn asked(rules: &Rules, needs: Needs, request: &HttpRequest) -> Result<Asked, PageError> {
    let Rules { api, access, app, .. } = rules;
    let nobody = Asked { viewer: None, form_token: String::new(), cookie: None };
    let by_token = *api || needs == Needs::Monitoring;
    if by_token && let Some(token) = bearer(request) {
        let viewer = app.api_token(token).await?.map(Viewer::program);
        return Ok(Asked { viewer, ..nobody });
    }
    if by_token || needs == Needs::Nothing {
        return Ok(nobody);
    }
    if let Doors::Open { key } = &access.doors {
        return Ok(Asked { viewer: Some(Viewer::demo()), form_token: form_token(key), cookie: None });
    }
    let reached = access.reached_by(request);
    if let Some(token) = Cookie::Session.of(request, reached)
        && let Some((session, person)) = app.session(&token, !asks_by_itself(request)).await?
    {
        let viewer = Some(Viewer::person(session, person));
        return Ok(Asked { viewer, form_token: form_token(&token), cookie: None });
    }
    if needs != Needs::Door {
        return Ok(nobody);
    }
    Ok(visiting(rules, request))
}

/// Somebody at the door: a form of it belongs to their visit, which begins here where there is none.
fn visiting(rules: &Rules, request: &HttpRequest) -> Asked {
    let reached = rules.access.reached_by(request);
    let (visit, cookie) = match Cookie::Visit.of(request, reached) {
        Some(visit) => (visit, None),
        None => {
            let visit = rules.app.fresh_token();
            let cookie = Cookie::Visit.set(reached, &visit, VISIT_SECONDS);
            (visit, Some(cookie))
        }
    };
    Asked { viewer: None, form_token: form_token(&visit), cookie }
}

/// The answer to a form that was sent after the session had ended: signing in, with what was written in hidden fields.
async fn sign_in_again(rules: &Rules, request: &mut ServiceRequest) -> HttpResponse {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let to = request.path().to_owned();
    let is_form = request.content_type().eq_ignore_ascii_case("application/x-www-form-urlencoded");
    let mut kept = None;
    if is_form && KeptForm::is_kept(&to) && length.is_some_and(|length| length <= KEPT_BYTES_MAX) {
        let body = request.extract::<Bytes>().await.ok();
        kept = body.and_then(|body| KeptForm::read(&to, std::str::from_utf8(&body).ok()?));
    }
    let way = Way { next: local_path(came_from(request.request())), kept };
    let asked = visiting(rules, request.request());
    let present = Present { form_token: asked.form_token, ..Present::default() };
    let mut answer = present.during_this(|| signed_out(way).unwrap_or_else(|error| error.error_response()));
    if let Some(cookie) = asked.cookie {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}

/// The page of ours that a form was sent from.
fn came_from(request: &HttpRequest) -> Option<&str> {
    let text = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let (_, rest) = text(header::REFERER)?.split_once("://")?;
    rest.strip_prefix(text(header::HOST)?).filter(|path| path.starts_with('/'))
}

/// Whether a page asks that is only open: for what is new, or for its block again. Nobody need be there.
fn asks_by_itself(request: &HttpRequest) -> bool {
    let looks = matches!(*request.method(), Method::GET | Method::HEAD);
    looks && (request.path() == LIVE || request.headers().contains_key(LIVE_HEADER))
}

/// The token of `Authorization: Bearer …`, where there is one such header.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let mut all = request.headers().get_all(header::AUTHORIZATION);
    let (scheme, token) = all.next()?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && all.next().is_none()).then(|| token.trim())
}

/// How somebody is turned away.
enum Away {
    /// To the page where they sign in, and back.
    SignIn(String),
    /// To sign in, with the form that they sent.
    SignInAgain,
    Page(PageError),
    Api(ApiError),
}

impl Away {
    fn answer(self) -> HttpResponse {
        match self {
            Self::SignIn(next) => {
                let next = utf8_percent_encode(&next, NON_ALPHANUMERIC);
                let address = if next.to_string() == "%2F" {
                    "/sign-in".into()
                } else {
                    format!("/sign-in?next={next}")
                };
                HttpResponse::SeeOther().insert_header((header::LOCATION, address)).finish()
            }
            Self::SignInAgain => PageError::signed_out().error_response(),
            Self::Page(error) => error.error_response(),
            Self::Api(error) => error.error_response(),
        }
    }
}

/// `None`: they are let in.
fn turned_away(rules: &Rules, needs: Needs, viewer: Option<&Viewer>, request: &HttpRequest) -> Option<Away> {
    let right = match needs {
        Needs::Nothing | Needs::Door => return None,
        Needs::Monitoring if bearer(request).is_none() && is_local(&rules.access, request) => return None,
        Needs::AnyToken => return viewer.is_none().then(|| Away::Api(ApiError::unauthorized())),
        Needs::Monitoring => Right::Metrics,
        Needs::May(right) => right,
    };
    let api = rules.api;
    match viewer {
        Some(viewer) if viewer.may(right) => None,
        Some(_) if api => Some(Away::Api(ApiError::forbidden())),
        None if api => Some(Away::Api(ApiError::unauthorized())),
        Some(_) => Some(Away::Page(PageError::not_allowed())),
        None if needs == Needs::Monitoring => Some(Away::Page(PageError::needs_token())),
        // What a script fetches can't be led to a page to sign in.
        None if matches!(*request.method(), Method::GET | Method::HEAD) && is_navigation(request) => {
            Some(Away::SignIn(request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned()))
        }
        None if request.method() == Method::POST => Some(Away::SignInAgain),
        None => Some(Away::Page(PageError::signed_out())),
    }
}

fn is_navigation(request: &HttpRequest) -> bool {
    request.headers().get("sec-fetch-dest").is_none_or(|dest| dest == "document")
}

/// Whether it comes from this machine, and not through a proxy on it.
fn is_local(access: &Access, request: &HttpRequest) -> bool {
    access.reached_by(request) == Reached::Here
        && !is_forwarded(request.headers())
        && request.peer_addr().is_none_or(|peer| peer.ip().is_loopback())
}

/// Where somebody comes from: behind the proxy, what it says of the browser (the last entry is its own).
pub(super) fn origin_of(access: &Access, request: &HttpRequest) -> Origin {
    let reached = access.reached_by(request);
    let header = |name: &str| request.headers().get_all(name).last().and_then(|value| value.to_str().ok());
    let forwarded = header("x-forwarded-for")
        .filter(|_| reached == Reached::ByUrl)
        .and_then(|list| list.rsplit(',').next()?.trim().parse::<std::net::IpAddr>().ok());
    let peer = || request.peer_addr().map(|peer| peer.ip());
    Origin {
        address: forwarded.or_else(peer).map_or_else(|| "unknown".to_owned(), |address| address.to_string()),
        agent: header("user-agent").unwrap_or_default().to_owned(),
        before: Cookie::Session.of(request, reached),
    }
}

#[derive(Deserialize)]
struct FormToken {
    form_token: String,
}

/// Whether a form carries the token that was shown to whoever sends it. Its body can be read again afterwards.
async fn is_ours(request: &mut ServiceRequest, token: &str) -> bool {
    let same = |sent: &str| !token.is_empty() && bool::from(sent.as_bytes().ct_eq(token.as_bytes()));
    if let Some(sent) = request.headers().get(FORM_HEADER) {
        return sent.to_str().is_ok_and(same);
    }
    if !request.content_type().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return false;
    }
    let Ok(body) = request.extract::<Bytes>().await else { return false };
    request.set_payload(Payload::from(body.clone()));
    std::str::from_utf8(&body)
        .ok()
        .and_then(|text| Query::<FormToken>::from_query(text).ok())
        .is_some_and(|sent| same(&sent.form_token))
}

/// Where to go on after signing in: only a path of ours. Whatever else an address brings leads to the first page.
pub(super) fn local_path(next: Option<&str>) -> String {
    const PATH_BYTES_MAX: usize = 1_000;
    let fine = |path: &&str| {
        let mut bytes = path.bytes();
        bytes.next() == Some(b'/')
            && !matches!(bytes.next(), Some(b'/' | b'\\'))
            && path.len() <= PATH_BYTES_MAX
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
            && !path.starts_with("/sign-")
    };
    next.filter(fine).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[test]
    fn only_paths_of_ours_are_gone_on_to() {
        for path in ["/", "/bookings/bkg_1?said=tried#run_1", "/events?kind=ignored&before=7"] {
            assert_eq!(local_path(Some(path)), path);
        }
        let foreign = [
            "",
            "bookings",
            "//example.org",
            "/\\example.org",
            "/a\\b",
            "https://example.org",
            "javascript:alert(1)",
            "/\t/example.org",
            "/a\r\nset-cookie: a=b",
            " /bookings",
            "/ü",
            "/sign-out",
        ];
        for path in foreign {
            assert_eq!(local_path(Some(path)), "/", "{path:?}");
        }
        assert_eq!(local_path(Some(&format!("/{}", "a".repeat(1_000)))), "/");
        assert_eq!(local_path(None), "/");
    }
}
