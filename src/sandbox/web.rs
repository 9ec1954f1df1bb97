//! The sandbox's HTTP side: requests in, answers out, and connections closed where an answer is to be lost. All that is
//! decided lies in `state`; this file only carries.

use super::behaviour::Behaviour;
use super::overview::Overview;
use super::state::{Outcome, Received, SandboxState};
use actix_web::dev::{Extensions, Server};
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, RETRY_AFTER};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use askama::Template;
use serde_json::{Map, Value, json};
use std::any::Any;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

/// A call's body: records are small, but tests of limits write large ones.
const BODY_BYTES_MAX: usize = 4 << 20;

/// Takes the port and gives a server to run.
pub(super) fn listen(
    listen: SocketAddr,
    state: SandboxState,
    workers: usize,
) -> io::Result<(SocketAddr, Server)> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(state.clone()))
            .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
            .route("/", web::get().to(overview))
            .route("/_about", web::get().to(about))
            .route("/_stats", web::get().to(stats))
            .route("/_records", web::get().to(records))
            .route("/_calls", web::get().to(calls))
            .route("/_behave", web::get().to(behaviours))
            .route("/_behave", web::post().to(behave))
            .route("/_reset", web::post().to(reset))
            .route("/{object}", web::to(object))
            .route("/{object}/{key}", web::to(object))
            .default_service(web::to(nothing))
    })
    .workers(workers)
    .shutdown_timeout(1)
    .disable_signals()
    .on_connect(keep_socket)
    .bind(listen)?;
    let Some(address) = server.addrs().first().copied() else {
        return Err(io::Error::other("the sandbox got no address to listen on"));
    };
    Ok((address, server.run()))
}

/// A second handle of the connection's socket, to close it without an answer.
struct Socket(TcpStream);

fn keep_socket(connection: &dyn Any, data: &mut Extensions) {
    if let Some(stream) = connection.downcast_ref::<actix_web::rt::net::TcpStream>()
        && let Ok(descriptor) = stream.as_fd().try_clone_to_owned()
    {
        data.insert(Socket(TcpStream::from(descriptor)));
    }
}

async fn overview(state: web::Data<SandboxState>) -> HttpResponse {
    match Overview::of(&state).render() {
        Ok(page) => HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page),
        Err(error) => HttpResponse::InternalServerError().json(json!({ "error": error.to_string() })),
    }
}

async fn about() -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "name": "the sandbox CRM of Waypost",
        "records": "PUT, POST, GET, PATCH and DELETE /{object} and /{object}/{key}",
        "looks": ["GET /_records", "GET /_calls", "GET /_stats", "GET /_behave"],
        "begin_anew": "POST /_reset",
        "misbehave": {
            "call": "POST /_behave with one of these, or a list of them; {} ends it. Each may have a match",
            "fail": { "fail": { "status": 503, "times": 3, "message": "down", "retry_after": 5 } },
            "fail_after_writing": { "fail": { "status": 500 }, "after_write": true },
            "throttle": { "throttle": { "times": 2, "retry_after": 1 } },
            "slow": { "delay_ms": 500 },
            "lose_answers": { "lose_answers": 1 },
            "never_answer": { "timeout_ms": 30_000 },
            "refuse_fields": { "refuse_fields": { "shoe_size": "no such field" } },
            "match": { "match": { "object": "contacts", "key": "1", "method": "PUT" }, "delay_ms": 500 },
        },
    }))
}

async fn stats(state: web::Data<SandboxState>) -> HttpResponse {
    HttpResponse::Ok().json(state.stats())
}

async fn records(state: web::Data<SandboxState>) -> HttpResponse {
    HttpResponse::Ok().json(state.records())
}

async fn calls(state: web::Data<SandboxState>) -> HttpResponse {
    HttpResponse::Ok().json(state.calls())
}

async fn behaviours(state: web::Data<SandboxState>) -> HttpResponse {
    HttpResponse::Ok().json(state.behaviours())
}

async fn behave(state: web::Data<SandboxState>, body: web::Bytes) -> HttpResponse {
    let told = match serde_json::from_slice(&body) {
        Ok(list @ Value::Array(_)) => serde_json::from_value::<Vec<Behaviour>>(list),
        Ok(Value::Object(fields)) if fields.is_empty() => Ok(Vec::new()),
        Ok(one) => serde_json::from_value(one).map(|one| vec![one]),
        Err(error) => Err(error),
    };
    match told {
        Ok(behaviours) => {
            state.behave(behaviours);
            HttpResponse::Ok().json(state.behaviours())
        }
        Err(error) => HttpResponse::BadRequest().json(json!({ "error": error.to_string() })),
    }
}

async fn reset(state: web::Data<SandboxState>) -> HttpResponse {
    state.reset();
    HttpResponse::Ok().json(json!({}))
}

async fn nothing() -> HttpResponse {
    let why =
        "there is /{object} and /{object}/{key}, with / in a key written as %2F; GET /_about tells more";
    HttpResponse::NotFound().json(json!({ "error": why }))
}

/// Any call for an object.
async fn object(request: HttpRequest, state: web::Data<SandboxState>, body: web::Bytes) -> HttpResponse {
    let part = |name: &str| request.match_info().query(name);
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let call = Received {
        method: request.method().as_str().to_owned(),
        object: decode(part("object")),
        key: request.match_info().get("key").map(decode),
        query: web::Query::<Vec<(String, String)>>::from_query(request.query_string())
            .map(web::Query::into_inner)
            .unwrap_or_default(),
        authorization: request
            .headers()
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
        fields: fields(&body),
    };
    let decision = state.arrived(&call);
    sleep(decision.delay_ms).await;
    match state.perform(call, decision) {
        Outcome::Answered { status, retry_after, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut answer = HttpResponse::build(status);
            if let Some(retry_after) = retry_after {
                answer.insert_header((RETRY_AFTER, retry_after));
            }
            answer.json(body)
        }
        Outcome::Lost { hold_ms } => {
            sleep(hold_ms).await;
            if let Some(Socket(socket)) = request.conn_data::<Socket>() {
                // It may be closed already by the other side; then there is nothing to lose.
                let _ = socket.shutdown(Shutdown::Both);
            }
            HttpResponse::InternalServerError().force_close().finish()
        }
    }
}

fn fields(body: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("the body must be a JSON object".to_owned()),
        Err(error) => Err(format!("the body must be a JSON object: {error}")),
    }
}

async fn sleep(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}
