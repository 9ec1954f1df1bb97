//! A program that calls the API with a token.

use crate::filled::Seen;
use actix_web::body::to_bytes;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service};
use serde_json::Value;
use std::sync::Arc;
use waypost::app::{App, Who};
use waypost::domain::Scope;
use waypost::web::{Access, pages};

/// The program.
pub struct Program {
    pub app: Arc<App>,
    pub token: String,
}

impl Program {
    /// With a token of this scope.
    pub async fn with(app: &Arc<App>, scope: Scope) -> Self {
        let made = app.make_api_token(&Who::command_line(), "Accounts", vec![scope], None).await;
        Self { app: app.clone(), token: made.expect("a token").1 }
    }

    /// Any request, with the token.
    pub async fn send(&self, request: TestRequest) -> Seen {
        let token = format!("Bearer {}", self.token);
        let request =
            request.insert_header(("host", "127.0.0.1:8081")).insert_header(("authorization", token));
        let api = actix_web::App::new().configure(pages(self.app.clone(), Arc::new(Access::default())));
        let answer = call_service(&init_service(api).await, request.to_request()).await;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = to_bytes(answer.into_body()).await.unwrap_or_default();
        Seen { status, headers, text: String::from_utf8_lossy(&body).into_owned(), bytes: body.len() }
    }

    pub async fn ask(&self, address: &str) -> Seen {
        self.send(TestRequest::get().uri(address)).await
    }

    pub async fn tell(&self, address: &str, body: &Value) -> Seen {
        self.send(TestRequest::default().method(Method::POST).uri(address).set_json(body)).await
    }

    /// What is at an address.
    pub async fn get(&self, address: &str) -> Value {
        let seen = self.ask(address).await;
        assert_eq!(seen.status, StatusCode::OK, "{address}: {}", seen.text);
        json_of(&seen)
    }

    /// What comes of a body, with its status.
    pub async fn post(&self, address: &str, body: &Value) -> (u16, Value) {
        let seen = self.tell(address, body).await;
        (seen.status.as_u16(), json_of(&seen))
    }

    /// All items of a list, page by page of so many, and how many pages there were.
    pub async fn walk(&self, address: &str, limit: usize) -> (Vec<Value>, usize) {
        let (mut items, mut pages, mut after) = (Vec::new(), 0, String::new());
        loop {
            let sign = if address.contains('?') { '&' } else { '?' };
            let mut page = self.get(&format!("{address}{sign}limit={limit}{after}")).await;
            let found = page["items"].as_array_mut().expect("items");
            assert!(found.len() <= limit, "{address}: {} items", found.len());
            items.append(found);
            pages += 1;
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return (items, pages),
            }
        }
    }
}

/// The JSON that was answered.
pub fn json_of(seen: &Seen) -> Value {
    assert_eq!(seen.header("content-type"), "application/json", "{}", seen.text);
    serde_json::from_str(&seen.text).unwrap_or_else(|error| panic!("{error}: {}", seen.text))
}

/// The code of an error, whose form is checked.
pub fn code_of(told: &Value) -> &str {
    let error = told["error"].as_object().unwrap_or_else(|| panic!("no error: {told}"));
    for word in ["message", "hint"] {
        let text = error[word].as_str().expect("a sentence");
        assert!(text.ends_with(['.', '…']) && text.len() > 10, "{word}: {text}");
    }
    error["code"].as_str().expect("a code")
}

/// Texts of an answer, with what differs from run to run taken out.
pub fn steady(told: &Value) -> String {
    let text = serde_json::to_string_pretty(told).expect("JSON");
    let mut steady = String::with_capacity(text.len());
    for line in text.lines() {
        let (head, value) = line.split_once(": \"").unwrap_or((line, ""));
        let is_time = value.len() > 24 && value.as_bytes()[10] == b'T' && value[..24].ends_with('Z');
        let is_id =
            ["tok_", "blk_", "per_", "wp_", "/welcome/"].iter().find(|start| value.starts_with(**start));
        let end = if line.ends_with(',') { "," } else { "" };
        match (is_time, is_id) {
            (true, _) => steady.push_str(&format!("{head}: \"(time)\"{end}")),
            (_, Some(start)) => steady.push_str(&format!("{head}: \"{start}…\"{end}")),
            _ => steady.push_str(line),
        }
        steady.push('\n');
    }
    steady
}
