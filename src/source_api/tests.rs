//! The client with a world of its own: limits and tokens are shared, and troubles are told without secrets.

use super::{ApiCall, ApiClient, ApiTrouble};
use crate::connectors::{Catalogue, Source, read_source};
use crate::document::parse;
use crate::expr::{Engine, Limits, Scripts};
use crate::ports::{Answer, Clock, Outbound, OutboundFailure, OutboundRequest, Secrets, Store};
use crate::store::{OpenOptions, open, open_in_memory};
use async_trait::async_trait;
use bytes::Bytes;
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The time that goes by, and how far somebody set the wall's clock.
struct Hands(AtomicI64, AtomicI64);

impl Clock for Hands {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst) + self.1.load(Ordering::SeqCst)
    }
    fn monotonic(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

struct Known;

impl Secrets for Known {
    fn vault(&self, name: &str) -> Option<SecretString> {
        (name != "none").then(|| format!("the-value-of-{name}").into())
    }
    fn environment(&self, _: &str) -> Option<SecretString> {
        None
    }
}

/// Answers by path; notes what was asked.
#[derive(Default)]
struct Vendor {
    asked: Mutex<Vec<(String, String)>>,
    tokens: AtomicUsize,
    refuse: Mutex<Option<(u16, &'static str)>>,
}

#[async_trait]
impl Outbound for Vendor {
    async fn send(&self, request: OutboundRequest) -> Result<Answer, OutboundFailure> {
        let header = |name: &str| {
            let found = request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let path = request
            .url
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('/'))
            .map_or("", |(_, path)| path);
        self.asked.lock().unwrap().push((format!("{} /{path}", request.method), header("authorization")));
        tokio::task::yield_now().await;
        let answer = |status, body: Value| Answer {
            status,
            headers: Vec::new(),
            body: Bytes::from(body.to_string()),
            cut: false,
        };
        if path == "token" {
            let number = self.tokens.fetch_add(1, Ordering::SeqCst) + 1;
            return Ok(answer(200, json!({ "access_token": format!("token-{number}"), "expires_in": 3600 })));
        }
        if let Some((status, body)) = *self.refuse.lock().unwrap() {
            return Ok(answer(status, json!({ "error": body, "code": body })));
        }
        Ok(answer(200, json!({ "path": path })))
    }
}

struct World {
    client: Arc<ApiClient>,
    vendor: Arc<Vendor>,
    clock: Arc<Hands>,
    engine: Engine,
    source: Source,
    _folder: tempfile::TempDir,
}

async fn world(connector: &str, api: &str) -> World {
    let (engine, _) = Engine::build(&Scripts::default(), Limits::default());
    let mut told = Vec::new();
    let mut catalogue = Catalogue::builtin(&engine, &mut told);
    let text = "title: Inn\nsource:\n  api:\n    base_url: https://inn.example.com/api\n    secrets: { id: {}, key: {} }\n    \
                auth: { oauth2: { token_url: https://inn.example.com/token, client_id: id, client_secret: key } }\n  \
                records:\n    - { kind: booking, key: id, fetch: { method: GET, path: \"/stays/{{ key }}\" } }\n";
    let node = parse("inn.yaml", text).unwrap();
    let inn = crate::connectors::read_connector("inn.yaml", "inn", &node, &engine, &mut told).unwrap();
    catalogue.connectors.insert("inn".to_owned(), Arc::new(inn));
    let node = parse("sources/s.yaml", &format!("connector: {connector}\napi: {api}\n")).unwrap();
    let source = read_source("sources/s.yaml", "s", &node, (&catalogue, &engine), &mut told).unwrap();
    assert_eq!(told, Vec::new());
    let folder = tempfile::tempdir().unwrap();
    let options = OpenOptions {
        data_dir: folder.path().to_owned(),
        database_url: None,
        exclusive: true,
        backup_dir: None,
    };
    let (vendor, clock) =
        (Arc::new(Vendor::default()), Arc::new(Hands(AtomicI64::new(1_000_000), AtomicI64::new(0))));
    let store = open(&options).await.unwrap();
    let client = Arc::new(ApiClient::new(vendor.clone(), Arc::new(Known), clock.clone(), store));
    World { client, vendor, clock, engine, source, _folder: folder }
}

impl World {
    async fn ask(&self, key: &str) -> Result<Value, ApiTrouble> {
        self.ask_by(&self.client, key).await
    }

    /// Another process beside it, or after it.
    fn beside(&self, store: &Arc<dyn Store>) -> ApiClient {
        ApiClient::new(self.vendor.clone(), Arc::new(Known), self.clock.clone(), store.clone())
    }

    async fn ask_by(&self, client: &ApiClient, key: &str) -> Result<Value, ApiTrouble> {
        let inputs: Map<String, Value> = [("key", key), ("account", "corribsails")]
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .into_iter()
            .collect();
        let record = &self.source.connector.source.as_ref().unwrap().records[0];
        let call = ApiCall {
            api: self.source.reach.as_ref().unwrap(),
            call: &record.fetch.as_ref().unwrap().call,
            inputs: &inputs,
            patient: false,
        };
        client.call(&self.engine, call).await.map(|answer| answer.body)
    }

    fn asked(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.vendor.asked.lock().unwrap())
    }
}

const INN: &str = "{ id: { secret: a }, key: { secret: b } }";
const HARBOUR: &str = "{ app: { secret: a }, user: { secret: b } }";

#[tokio::test]
async fn who_asks_at_once_shares_one_token_and_it_is_renewed_before_it_ends() {
    let world = world("inn", INN).await;
    let (one, two, three) = tokio::join!(world.ask("1"), world.ask("2"), world.ask("a/b"));
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(three, Ok(json!({ "path": "api/stays/a%2Fb" })));
    let asked = world.asked();
    assert_eq!(asked.iter().filter(|(what, _)| what == "POST /token").count(), 1, "{asked:?}");
    assert!(asked.iter().filter(|(what, _)| what != "POST /token").all(|(_, sent)| sent == "Bearer token-1"));
    world.clock.0.fetch_add(3_545_000, Ordering::SeqCst);
    assert!(world.ask("4").await.is_ok());
    assert_eq!(
        world.asked(),
        [
            ("POST /token".to_owned(), "Basic dGhlLXZhbHVlLW9mLWE6dGhlLXZhbHVlLW9mLWI=".to_owned()),
            ("GET /api/stays/4".to_owned(), "Bearer token-2".to_owned()),
        ]
    );
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_asked_for_once_more_and_then_it_needs_a_person() {
    let world = world("inn", INN).await;
    assert!(world.ask("1").await.is_ok());
    *world.vendor.refuse.lock().unwrap() = Some((401, "expired"));
    assert_eq!(world.ask("2").await, Err(ApiTrouble::NeedsAuth("HTTP 401: expired".to_owned())));
    assert_eq!(world.vendor.tokens.load(Ordering::SeqCst), 2);
    world.asked();
    // It is not hammered meanwhile, and tried again later.
    assert_eq!(world.ask("3").await, Err(ApiTrouble::NeedsAuth("HTTP 401: expired".to_owned())));
    assert!(world.asked().iter().all(|(what, _)| what == "POST /token"));
    *world.vendor.refuse.lock().unwrap() = None;
    world.clock.0.fetch_add(60_000, Ordering::SeqCst);
    assert!(world.ask("3").await.is_ok());
}

#[tokio::test]
async fn a_403_is_a_limit_unless_it_names_a_key() {
    let world = world("fareharbor", HARBOUR).await;
    *world.vendor.refuse.lock().unwrap() = Some((403, "user-key-invalid"));
    assert_eq!(world.ask("1").await, Err(ApiTrouble::NeedsAuth("user-key-invalid".to_owned())));
    world.clock.0.fetch_add(60_000, Ordering::SeqCst);
    *world.vendor.refuse.lock().unwrap() = Some((403, "too many"));
    assert_eq!(
        world.ask("1").await,
        Err(ApiTrouble::Rests { until: 1_065_000, said: true, why: "HTTP 403: too many".to_owned() })
    );
    world.clock.0.fetch_add(5_000, Ordering::SeqCst);
    // A 429 is never about what was asked for.
    *world.vendor.refuse.lock().unwrap() = Some((429, "too many"));
    assert_eq!(
        world.ask("1").await,
        Err(ApiTrouble::Rests { until: 1_075_000, said: false, why: "HTTP 429: too many".to_owned() })
    );
    world.clock.0.fetch_add(10_000, Ordering::SeqCst);
    *world.vendor.refuse.lock().unwrap() = None;
    assert_eq!(
        world.ask("x-1").await,
        Ok(json!({ "path": "api/external/v1/companies/corribsails/bookings/x-1/" }))
    );
}

#[tokio::test]
async fn a_trouble_never_tells_a_secret() {
    for (connector, api) in
        [("inn", INN), ("fareharbor", HARBOUR), ("inn", "{ id: { secret: none }, key: { secret: b } }")]
    {
        let world = world(connector, api).await;
        for refuse in [
            Some((401, "no")),
            Some((403, "no")),
            Some((404, "no")),
            Some((429, "no")),
            Some((500, "no")),
            Some((422, "no")),
        ] {
            *world.vendor.refuse.lock().unwrap() = refuse;
            let trouble = world.ask("1").await.unwrap_err();
            let told = format!("{trouble} {trouble:?}");
            assert!(!told.contains("the-value-of") && !told.contains("token-"), "{told}");
            world.clock.0.fetch_add(120_000, Ordering::SeqCst);
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_set_neither_closes_for_long_nor_makes_room() {
    const DAY_MS: i64 = 86_400_000;
    let world = world("fareharbor", HARBOUR).await;
    *world.vendor.refuse.lock().unwrap() = Some((429, "too many"));
    assert!(matches!(world.ask("1").await, Err(ApiTrouble::Rests { until: 1_005_000, .. })));
    *world.vendor.refuse.lock().unwrap() = None;
    world.clock.1.store(-DAY_MS, Ordering::SeqCst);
    let why = || "HTTP 429: too many".to_owned();
    let until = 1_005_000 - DAY_MS;
    assert_eq!(world.ask("1").await, Err(ApiTrouble::Rests { until, said: false, why: why() }));
    world.clock.0.fetch_add(5_000, Ordering::SeqCst);
    assert!(world.ask("1").await.is_ok());
    // The limit of five minutes is used up; that a day goes by on the wall makes no room.
    for _ in 0..100 {
        world.clock.0.fetch_add(1_200, Ordering::SeqCst);
        for _ in 0..30 {
            let _ = world.ask("1").await;
        }
    }
    world.clock.0.fetch_add(1_200, Ordering::SeqCst);
    assert!(matches!(world.ask("1").await, Err(ApiTrouble::Rests { .. })));
    world.clock.1.store(DAY_MS, Ordering::SeqCst);
    let full = world.ask("1").await;
    let now = world.clock.now();
    assert!(
        matches!(full, Err(ApiTrouble::Rests { until, .. }) if (now..now + 300_000).contains(&until)),
        "{full:?}"
    );
}

#[tokio::test]
async fn processes_beside_each_other_share_limits_and_waits() {
    let world = world("fareharbor", HARBOUR).await;
    let store = open_in_memory().await.unwrap();
    let (one, two) = (world.beside(&store), world.beside(&store));
    // Together they make no more than 3,000 calls in five minutes, however many commands come and go beside them.
    let mut made = 0;
    for turn in 0..240 {
        world.clock.0.fetch_add(1_200, Ordering::SeqCst);
        let command = world.beside(&store);
        for _ in 0..2 {
            made += usize::from(world.ask_by(&command, "c").await.is_ok());
        }
        for _ in 0..6 {
            made += usize::from(world.ask_by(&one, "a").await.is_ok());
            made += usize::from(turn % 9 > 0 && world.ask_by(&two, "b").await.is_ok());
        }
    }
    assert!((2_900..=3_000).contains(&made), "{made} calls");
    assert_eq!(world.asked().len(), made);
    world.clock.0.fetch_add(400_000, Ordering::SeqCst);
    assert!(world.ask_by(&one, "a").await.is_ok() && world.ask_by(&two, "b").await.is_ok());
    // What one is asked to wait for holds for the other, and for one that begins meanwhile.
    *world.vendor.refuse.lock().unwrap() = Some((429, "too many"));
    let until = world.clock.now() + 5_000;
    let said = ApiTrouble::Rests { until, said: false, why: "HTTP 429: too many".to_owned() };
    assert_eq!(world.ask_by(&one, "a").await, Err(said));
    *world.vendor.refuse.lock().unwrap() = None;
    world.asked();
    world.clock.0.fetch_add(1_100, Ordering::SeqCst);
    let why = "it asked another command of ours to wait".to_owned();
    let told = Err(ApiTrouble::Rests { until, said: false, why });
    assert_eq!(world.ask_by(&two, "b").await, told);
    assert_eq!(world.ask_by(&world.beside(&store), "c").await, told);
    assert_eq!(world.asked(), []);
    world.clock.0.fetch_add(4_000, Ordering::SeqCst);
    assert!(world.ask_by(&two, "b").await.is_ok());
}
