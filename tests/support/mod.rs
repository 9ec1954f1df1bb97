//! A router on ports of its own with a throw-away home, a sandbox CRM, and payloads of our own writing. Used by the
//! integration binaries.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use waypost::app::{Places, ServeOptions, Served, serve};
use waypost::clock::SystemClock;
use waypost::domain::RunState;
use waypost::ingest::HookLimits;
use waypost::ports::{ListFilter, RunRow};
use waypost::sandbox::{self, Sandbox, SandboxState};

/// Nothing that a test waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Token of the source.
pub const TOKEN: &str = "0123456789abcdefghijklmnopqrstuv";

/// A booking of our own writing, in FareHarbor's full shape.
pub struct Booking {
    /// The body.
    pub body: Value,
}

impl Booking {
    /// A booking by number; each number has its own uuid, guest and customer pks.
    pub fn new(number: u32) -> Self {
        let uuid = format!("00000000-0000-4000-8000-{number:012}");
        Self {
            body: json!({ "booking": {
                "pk": 70_000_000 + number, "uuid": uuid, "display_id": format!("#{}", 70_000_000 + number),
                "external_id": "", "voucher_number": "", "status": "booked",
                "rebooked_from": null, "rebooked_to": null, "order": null,
                "company": { "shortname": "reeftours", "name": "Reef Tours", "currency": "eur" },
                "affiliate_company": null,
                "contact": {
                    "name": "Siobhán Ní Bhriain", "phone": "0123 456789", "phone_country": "DE",
                    "normalized_phone": "+49123456789", "language": "en-ie",
                    "email": format!("guest{number}@example.org"), "is_subscribed_for_email_updates": false
                },
                "customer_count": 2,
                "customers": [customer(number, 1), customer(number, 2)],
                "availability": {
                    "pk": 501, "start_at": "2027-03-14T09:30:00-1000", "end_at": "2027-03-14T12:30:00-1000",
                    "capacity": 20, "minimum_party_size": 1, "maximum_party_size": null, "headline": "",
                    "item": { "pk": 1867, "name": "Whale watch" },
                    "customer_type_rates": [], "custom_field_instances": []
                },
                "invoice_price": 9900, "invoice_price_display": "99,00",
                "receipt_subtotal": 9000, "receipt_subtotal_display": "90,00",
                "receipt_taxes": 900, "receipt_taxes_display": "9,00",
                "receipt_total": 9900, "receipt_total_display": "99,00",
                "amount_paid": 9900, "amount_paid_display": "99,00",
                "custom_field_values": [], "note": "", "note_safe_html": "", "pickup": null, "arrival": null,
                "effective_cancellation_policy": { "type": "never", "cutoff": null },
                "is_eligible_for_cancellation": true, "agent": null, "desk": null,
                "confirmation_url": "https://fareharbor.example/confirm/", "is_subscribed_for_sms_updates": false,
                "dashboard_url": "https://fareharbor.example/dashboard/"
            } }),
        }
    }

    /// The same with a value at a JSON pointer below `/booking`.
    #[must_use]
    pub fn with(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        let target = self.body.pointer_mut(&format!("/booking{pointer}")).expect("the field is there");
        *target = value.into();
        self
    }

    /// The uuid.
    pub fn uuid(&self) -> &str {
        self.body["booking"]["uuid"].as_str().expect("a uuid")
    }
}

fn customer(number: u32, place: u32) -> Value {
    json!({
        "pk": number * 100 + place, "checkin_url": format!("https://fhchk.example/{number}-{place}"),
        "checkin_status": null, "custom_field_values": [], "invoice_cost": null, "total_cost": null,
        "customer_type_rate": {
            "pk": 9, "customer_type": { "pk": 1, "singular": "Adult", "plural": "Adults", "note": "" },
            "customer_prototype": { "pk": 2, "display_name": "Adult", "note": "" }
        }
    })
}

/// A router at work.
pub struct Router {
    /// What serves; `None` while it is stopped.
    pub served: Option<Served>,
    /// The CRM; `None` while it is down.
    pub crm: Option<Sandbox>,
    crm_state: SandboxState,
    crm_address: SocketAddr,
    home: tempfile::TempDir,
    database: Option<String>,
    client: reqwest::Client,
    /// Where webhooks come in from outside, as it is told at the next start.
    pub hooks_url: Option<waypost::web::HooksUrl>,
}

impl Router {
    /// A router with these rule files beside its one source (`tours`) and one connection (`crm`).
    pub async fn start(files: &[(&str, &str)]) -> Self {
        Self::start_with(files, "", None).await
    }

    /// The same with more lines in the connection's file, and maybe on Postgres.
    pub async fn start_with(files: &[(&str, &str)], connection: &str, database: Option<String>) -> Self {
        let clock = Arc::new(SystemClock::new());
        let crm =
            sandbox::start("127.0.0.1:0".parse().expect("an address"), None, clock).await.expect("a CRM");
        let home = tempfile::tempdir().expect("a temporary folder");
        let address = crm.address;
        let router = Self {
            served: None,
            crm_state: crm.state().clone(),
            crm: Some(crm),
            crm_address: address,
            home,
            database,
            client: client(),
            hooks_url: None,
        };
        let retry = if connection.contains("retry:") {
            String::new()
        } else {
            "retry: { schedule: [200ms, 500ms], give_up_after: 72h }\n".to_owned()
        };
        let file = format!(
            "connector: sandbox\ntitle: Our CRM\nbase_url: http://{address}\nallow_private: true\n{retry}{connection}"
        );
        std::fs::create_dir_all(router.data()).expect("a data folder");
        router.write("connections/crm.yaml", &file);
        router.write(
            "sources/tours.yaml",
            "connector: fareharbor\ntitle: Reef Tours\ntoken: { secret: tours-token }\n",
        );
        for (path, text) in files {
            router.write(path, text);
        }
        router.set_token().await;
        let mut router = router;
        router.restart().await;
        router
    }

    async fn set_token(&self) {
        let app = self.beside().await;
        app.set_secret("tours-token", TOKEN).await.expect("a secret is kept");
        app.store.close().await;
    }

    fn places(&self, exclusive: bool) -> Places {
        Places { data: self.data(), database: self.database.clone(), exclusive }
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// The rules folder.
    pub fn rules(&self) -> PathBuf {
        self.home.path().join("rules")
    }

    /// Writes a file of the rules folder.
    pub fn write(&self, path: &str, text: &str) {
        let file = self.rules().join(path);
        std::fs::create_dir_all(file.parent().unwrap_or(Path::new("."))).expect("a folder");
        std::fs::write(file, text).expect("a file");
    }

    /// Stops in order, if it runs, and starts again on the same home.
    pub async fn restart(&mut self) {
        self.stop().await;
        let served = serve(ServeOptions {
            places: self.places(true),
            rules: self.rules(),
            listen: "127.0.0.1:0".parse().expect("an address"),
            ui_listen: "127.0.0.1:0".parse().expect("an address"),
            limits: HookLimits { body_bytes_max: 1 << 20, body_ms_max: 2_000 },
            reached: waypost::ingest::Reached::default(),
            access: waypost::web::Access { hooks_url: self.hooks_url.clone(), ..Default::default() },
        })
        .await
        .expect("the router starts");
        self.served = Some(served);
    }

    /// Stops in order, and looks whether everything was left as it should be.
    pub async fn stop(&mut self) {
        if let Some(served) = self.served.take() {
            served.stop().await;
            self.settled_well().await;
        }
    }

    /// No call is left open, no run in a call, and no lane stands still.
    async fn settled_well(&self) {
        let store = waypost::store::open(&waypost::store::OpenOptions {
            data_dir: self.data(),
            database_url: self.database.clone(),
            exclusive: false,
            backup_dir: None,
        })
        .await
        .expect("the store opens");
        let sending = store.lost_attempts(None, i64::MAX).await.expect("the attempts");
        assert!(sending.is_empty(), "calls without an end: {sending:?}");
        let filter = ListFilter { limit: 5_000, ..ListFilter::default() };
        let mut lanes: BTreeMap<String, RunRow> = BTreeMap::new();
        for run in store.list_runs(&filter).await.expect("the runs") {
            assert_ne!(run.state, RunState::Working, "{run:?}");
            if run.state.blocks_lane() {
                let first = lanes.entry(run.lane.clone()).or_insert_with(|| run.clone());
                if run.seq < first.seq {
                    *first = run;
                }
            }
        }
        for first in lanes.values().filter(|run| run.state == RunState::Waiting) {
            assert!(first.next_at.is_some(), "the first of a lane has no time: {first:?}");
        }
        store.close().await;
    }

    /// Another Waypost beside the one that serves, as a command line makes it. Close its store after use.
    pub async fn beside(&self) -> Arc<waypost::app::App> {
        let clock = Arc::new(SystemClock::new());
        waypost::app::App::open(self.places(false), clock, Arc::new(waypost::clock::OsEntropy))
            .await
            .expect("the store opens")
    }

    /// Waits until the rules folder as it stands is the active ruleset.
    pub async fn taken_up(&self) {
        let text = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        let mut wanted = BTreeMap::new();
        for folder in ["", "sources", "connections"] {
            let Ok(entries) = std::fs::read_dir(self.rules().join(folder)) else { continue };
            for path in entries.flatten().map(|entry| entry.path()) {
                if path.extension().is_some_and(|ending| ending == "yaml") {
                    let name = path.strip_prefix(self.rules()).expect("below it").display().to_string();
                    wanted.insert(name, text(&path));
                }
            }
        }
        self.until("the folder is active", async |router| {
            let kept = router.served().app.store.active_ruleset().await.expect("the ruleset");
            let Some(kept) = kept else { return false };
            let active = router.served().app.active().map(|ruleset| ruleset.hash.clone());
            let files: BTreeMap<String, String> = serde_json::from_str(&kept.files).expect("files");
            active == Some(kept.hash) && files == wanted
        })
        .await;
    }

    /// What serves.
    pub fn served(&self) -> &Served {
        self.served.as_ref().expect("the router runs")
    }

    /// The CRM goes down: its port is closed.
    pub async fn crm_down(&mut self) {
        if let Some(crm) = self.crm.take() {
            crm.stop().await;
        }
    }

    /// The CRM is there again, with what it had.
    pub async fn crm_up(&mut self) {
        if self.crm.is_none() {
            let crm = sandbox::start_with(self.crm_address, self.crm_state.clone()).await;
            self.crm = Some(crm.expect("the CRM starts again"));
        }
    }

    /// Tells the CRM how to behave.
    pub fn behave(&self, behaviour: Value) {
        let list = if behaviour.is_array() { behaviour } else { json!([behaviour]) };
        self.crm_state.behave(serde_json::from_value(list).expect("a behaviour"));
    }

    /// Posts a body to the source's door; gives the status.
    pub async fn post(&self, booking: &Booking) -> u16 {
        self.post_bytes(booking.body.to_string().into_bytes()).await
    }

    /// Posts bytes.
    pub async fn post_bytes(&self, body: Vec<u8>) -> u16 {
        let url = format!("http://{}/hooks/tours/{TOKEN}", self.served().listen);
        let answer = self.client.post(url).body(body).send().await.expect("an answer");
        answer.status().as_u16()
    }

    /// Any request.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", self.served().listen);
        self.client.request(method.parse().expect("a method"), url)
    }

    /// Runs of all bookings, oldest first.
    pub async fn runs(&self) -> Vec<RunRow> {
        let filter = ListFilter { limit: 5_000, ..ListFilter::default() };
        let mut runs = self.served().app.store.list_runs(&filter).await.expect("the runs");
        runs.reverse();
        runs
    }

    /// Waits until all events are applied and no run waits or works.
    pub async fn quiet(&self) -> Vec<RunRow> {
        let began = tokio::time::Instant::now();
        loop {
            let counts = self.served().app.store.counts().await.expect("the counts");
            let open = counts.runs.iter().any(|(state, _, count)| {
                *count > 0 && RunState::parse(state).is_some_and(RunState::blocks_lane)
            });
            if counts.unapplied == 0 && !open {
                return self.runs().await;
            }
            assert!(began.elapsed() < PATIENCE, "it is not quiet after {PATIENCE:?}: {counts:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until something holds.
    pub async fn until(&self, what: &str, mut holds: impl AsyncFnMut(&Self) -> bool) {
        let began = tokio::time::Instant::now();
        while !holds(self).await {
            assert!(began.elapsed() < PATIENCE, "not after {PATIENCE:?}: {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What the CRM holds of an object: key to fields.
    pub fn records(&self, object: &str) -> Value {
        let all = self.crm_state.records();
        let list = all[object].as_array().cloned().unwrap_or_default();
        let map = list.into_iter().map(|record| {
            let key = record["key"].as_str().map_or_else(|| record["key"].to_string(), str::to_owned);
            (key, record["fields"].clone())
        });
        Value::Object(map.collect())
    }

    /// Calls and effects counted by the CRM.
    pub fn stats(&self) -> Value {
        self.crm_state.stats()
    }

    /// Calls of an object.
    pub fn calls(&self, object: &str) -> i64 {
        self.stats()["objects"][object]["calls"].as_i64().unwrap_or(0)
    }
}

/// A client that talks to loopback.
#[expect(clippy::disallowed_methods, reason = "tests call the router as a booking system would")]
pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}
