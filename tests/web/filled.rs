//! A store with bookings in every state, filled as the stages would fill it; and a browser, more or less.

use crate::signed_in::session_of;
use actix_web::body::to_bytes;
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use waypost::app::{App, Places};
use waypost::clock::{OsEntropy, SystemClock};
use waypost::domain::*;
use waypost::ports::*;
use waypost::web::Access;

/// A value that becomes markup where it is not escaped.
pub const HOSTILE: &str = r#"<img src=x onerror=alert(1)>"'&"#;
/// The address of the admin that every site has.
pub const ADMIN: &str = "siobhan@example.org";
const MINUTE: Millis = 60_000;

/// A clock that stands still until a test moves it on.
pub struct Moved {
    began: Millis,
    by: AtomicI64,
}

impl Moved {
    /// So much time goes by.
    pub fn on(&self, ms: Millis) {
        self.by.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for Moved {
    fn now(&self) -> Millis {
        self.began + self.by.load(Ordering::Relaxed)
    }

    fn monotonic(&self) -> Millis {
        self.by.load(Ordering::Relaxed)
    }
}

/// The app, and the folder that it lives in.
pub struct Site {
    pub app: Arc<App>,
    pub now: Millis,
    pub clock: Arc<Moved>,
    pub access: Arc<Access>,
    /// The token of an admin's session, and of its forms.
    pub session: String,
    pub form_token: String,
    _home: tempfile::TempDir,
}

/// What a browser saw.
pub struct Seen {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    /// Of what was sent.
    pub bytes: usize,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The token of the first form that is shown.
    pub fn form_token(&self) -> String {
        let value = self.text.split_once("name=\"form_token\" value=\"").map(|(_, rest)| rest);
        value.and_then(|rest| rest.split_once('"')).map(|(token, _)| token.to_owned()).unwrap_or_default()
    }

    /// The value of a cookie that is set.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.headers.get_all("set-cookie").find_map(|cookie| {
            let (found, rest) = cookie.to_str().ok()?.split_once('=')?;
            (found == name).then(|| rest.split(';').next().unwrap_or_default().to_owned())
        })
    }
}

impl Site {
    /// Nothing has come in.
    pub async fn empty() -> Self {
        Self::over(waypost::store::open_in_memory().await.expect("a store"), Role::Admin).await
    }

    /// Over this store, with somebody of this role who is signed in.
    pub async fn over(store: Arc<dyn Store>, role: Role) -> Self {
        let mut site = Self::over_nobodys(store).await;
        site.session = session_of(&site.app, ADMIN, role).await;
        site.form_token = site.form_token_of(&site.session).await;
        site
    }

    /// Nobody has an account.
    pub async fn without_people() -> Self {
        Self::over_nobodys(waypost::store::open_in_memory().await.expect("a store")).await
    }

    async fn over_nobodys(store: Arc<dyn Store>) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let places = Places { data: home.path().to_owned(), database: None, exclusive: false };
        let clock = Arc::new(Moved { began: SystemClock::new().now(), by: AtomicI64::new(0) });
        let now = clock.now();
        let app = App::over(store, places, clock.clone(), Arc::new(OsEntropy)).await.expect("an app");
        let access = Arc::new(Access::default());
        let (session, form_token) = (String::new(), String::new());
        Self { app, now, clock, access, session, form_token, _home: home }
    }

    /// The token of the forms that are shown in a session.
    pub async fn form_token_of(&self, session: &str) -> String {
        let request = TestRequest::get().uri("/account").insert_header(("host", "127.0.0.1:8081"));
        self.send(request.insert_header(("cookie", format!("waypost={session}")))).await.form_token()
    }

    /// Bookings in every state.
    pub async fn filled() -> Self {
        let site = Self::empty().await;
        site.fill().await.expect("the store takes it");
        site
    }

    /// Opens an address as a browser on this machine does.
    pub async fn get(&self, address: &str) -> Seen {
        self.get_as(&self.session, address).await
    }

    /// The same in another session.
    pub async fn get_as(&self, session: &str, address: &str) -> Seen {
        let request = TestRequest::get().uri(address).insert_header(("host", "127.0.0.1:8081"));
        self.send(request.insert_header(("cookie", format!("waypost={session}")))).await
    }

    /// Presses a button of one of our pages.
    pub async fn post(&self, address: &str, form: &[(&str, &str)]) -> Seen {
        self.post_as(&self.session, &self.form_token, address, form).await
    }

    /// The same in another session, with this token in the form.
    pub async fn post_as(&self, session: &str, token: &str, address: &str, form: &[(&str, &str)]) -> Seen {
        self.post_with(&format!("waypost={session}"), token, address, form).await
    }

    /// The same with any cookies.
    pub async fn post_with(&self, cookie: &str, token: &str, address: &str, form: &[(&str, &str)]) -> Seen {
        let mut form: Vec<(&str, &str)> = form.to_vec();
        form.push(("form_token", token));
        let request = TestRequest::default()
            .method(Method::POST)
            .uri(address)
            .insert_header(("host", "127.0.0.1:8081"))
            .insert_header(("origin", "http://127.0.0.1:8081"))
            .insert_header(("sec-fetch-site", "same-origin"))
            .insert_header(("cookie", cookie))
            .set_form(form);
        self.send(request).await
    }

    /// Opens an address as a browser does whose viewer is in this zone.
    pub async fn get_in(&self, address: &str, zone: &str) -> Seen {
        let cookie = ("cookie", format!("other=1; zone={zone}; waypost={}", self.session));
        let request = TestRequest::get().uri(address).insert_header(("host", "127.0.0.1:8081"));
        self.send(request.insert_header(cookie)).await
    }

    /// Sends any request.
    pub async fn send(&self, request: TestRequest) -> Seen {
        let pages =
            actix_web::App::new().configure(waypost::web::pages(self.app.clone(), self.access.clone()));
        let service = init_service(pages).await;
        let answer = call_service(&service, request.to_request()).await;
        let (status, headers) = (answer.status(), answer.headers().clone());
        // A stream of events ends in minutes; what it says is tried elsewhere.
        let is_stream =
            headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let body =
            if is_stream { Bytes::new() } else { to_bytes(answer.into_body()).await.unwrap_or_default() };
        Seen { status, headers, text: String::from_utf8_lossy(&body).into_owned(), bytes: body.len() }
    }

    /// Many bookings with long texts, one of them with many changes and failed runs.
    pub async fn crowd(&self) {
        let long =
            "Whale watch with breakfast, snorkelling and a very long name that nobody reads to its end "
                .repeat(8);
        for number in 0..60_i64 {
            let body = json!({ "note": long, "version": 0 });
            let position = self.event(&format!("crowd_{number}"), &body, 3).await.expect("a store");
            let mut one = Self::applied(
                1,
                position,
                ("Crowd Of-Guests", "crowd@example.org", &long),
                (&body, None),
                self.now,
            );
            let id = BookingId::new(format!("bkg_crowd_{number}"));
            one.changes[0].booking = Some(id.clone());
            one.bookings[0].id = id.clone();
            one.bookings[0].key.key = format!("crowd-{number}");
            let planned = one.runs.remove(0);
            for run in 0..12 {
                let id = RunId::new(format!("run_crowd_{number}_{run}"));
                let lane = format!("crowd/{number}/{run}");
                one.runs.push(NewRun { id, lane, booking: one.bookings[0].id.clone(), ..planned.clone() });
            }
            self.app.store.apply_events(&[one]).await.expect("a store");
        }
        let verdict = Verdict::new(VerdictCode::Refused, long.repeat(4));
        for run in 0..12 {
            let run = RunId::new(format!("run_crowd_0_{run}"));
            self.call(&run, RunState::Failed, Some(verdict.clone()), 400, self.now).await.expect("a store");
        }
        for version in 1..40_i64 {
            let body = json!({ "note": format!("{version} {long}"), "version": version });
            let position = self.event(&format!("crowd_0_{version}"), &body, 2).await.expect("a store");
            let previous = Some(ChangeRef { position: position - 1, ordinal: 0 });
            let mut one = Self::applied(
                1,
                position,
                ("Crowd Of-Guests", "crowd@example.org", &long),
                (&body, previous),
                self.now,
            );
            let id = BookingId::new("bkg_crowd_0");
            one.changes[0].booking = Some(id.clone());
            one.changes[0].paths = vec!["note".into(), "version".into()];
            one.bookings[0].id = id;
            one.bookings[0].key.key = "crowd-0".into();
            one.runs.clear();
            self.app.store.apply_events(&[one]).await.expect("a store");
        }
    }

    /// One more booking, with a run.
    pub async fn one_more(&self, name: &str) {
        let body = json!({ "uuid": name, "status": "booked", "contact": { "phone": null } });
        let position = self.event(name, &body, 0).await.expect("a store");
        let guest = ("Late Comer", "late@example.org", "Sunset kayak");
        let mut one = Self::applied(1, position, guest, (&body, None), self.now);
        let id = BookingId::new(format!("bkg_{name}"));
        one.changes[0].booking = Some(id.clone());
        one.bookings[0].id = id.clone();
        name.clone_into(&mut one.bookings[0].key.key);
        one.runs[0].id = RunId::new(format!("run_{name}"));
        name.clone_into(&mut one.runs[0].lane);
        one.runs[0].booking = id;
        self.app.store.apply_events(&[one]).await.expect("a store");
    }

    async fn event(&self, name: &str, body: &Value, minutes_ago: i64) -> Result<Position, StoreError> {
        let event = NewEvent {
            id: EventId::new(format!("evt_{name}")),
            source: "harbour-tours".into(),
            received_at: self.now - minutes_ago * MINUTE,
            origin: ORIGIN_WEBHOOK,
            headers: r#"{"content-type":"application/json"}"#.into(),
            body: Bytes::from(body.to_string()),
        };
        Ok(self.app.store.append_events(&[event]).await?[0])
    }

    /// Puts them in.
    pub async fn fill(&self) -> Result<(), StoreError> {
        let guests = [
            ("Siobhán Ní Bhriain", "guest1@example.org", "Whale watch — half day"),
            ("Ólafur Ævar Þórsson", "guest2@example.org", "Sunset kayak"),
            (HOSTILE, "guest3@example.org", "Reef snorkel, small group"),
            ("山田 太郎", "guest4@example.org", "Harbour cruise with dinner, drinks and live music"),
            ("Mary Ann Smith-Okonkwo", "guest5@example.org", "Whale watch — half day"),
        ];
        for (index, guest) in guests.iter().enumerate() {
            self.booking(index as i64 + 1, *guest).await?;
        }
        let unreadable = self.event("unreadable", &json!("not a booking"), 12).await?;
        let change = NewChange {
            ordinal: 0,
            booking: None,
            kind: ChangeKind::Unreadable,
            paths: Vec::new(),
            note: Some(format!("the body has no booking in it {HOSTILE}")),
            previous: None,
            body: None,
            hash: None,
            at: self.now - 12 * MINUTE,
            happened_at: None,
            seen: None,
        };
        let applied = AppliedEvent {
            position: unreadable,
            changes: vec![change],
            bookings: Vec::new(),
            runs: Vec::new(),
            ..AppliedEvent::default()
        };
        self.app.store.apply_events(&[applied]).await
    }

    /// Booking 1 was changed after it was sent; 2 is done; 3 failed; 4 waits; 5 is held.
    async fn booking(&self, number: i64, guest: (&str, &str, &str)) -> Result<(), StoreError> {
        let body = |phone: Value| {
            json!({
                "uuid": format!("uuid-{number}"), "status": "booked", "customers": [{ "pk": 1 }, { "pk": 2 }],
                "contact": { "name": guest.0, "email": guest.1, "phone": phone },
            })
        };
        let at = self.now - (60 - number * 10) * MINUTE;
        let first = self.event(&format!("{number}a"), &body(Value::Null), 60 - number * 10).await?;
        let state = if number == 4 { "waiting" } else { "first" };
        let applied = Self::applied(number, first, guest, (&body(Value::Null), None), at);
        self.app.store.apply_events(&[applied]).await?;
        let run = RunId::new(format!("run_{number}a"));
        match number {
            1 | 2 => self.call(&run, RunState::Done, None, 200, at).await?,
            3 => {
                let text = format!("Sandbox CRM refused it: property \"shoe_size\" does not exist {HOSTILE}");
                self.call(&run, RunState::Failed, Some(Verdict::new(VerdictCode::Refused, text)), 400, at)
                    .await?;
            }
            5 => {
                let text = "the answer of a call that creates was lost, and it can't be looked up";
                let verdict = Verdict::new(VerdictCode::OutcomeUnknown, text);
                self.call(&run, RunState::Held, Some(verdict), 0, at).await?;
            }
            _ => assert_eq!(state, "waiting"),
        }
        if number == 1 {
            let before = ChangeRef { position: first, ordinal: 0 };
            let phone = body(json!("+49 123 456 789"));
            let second = self.event("1b", &phone, 4).await?;
            let at = self.now - 4 * MINUTE;
            let applied = Self::applied(number, second, guest, (&phone, Some(before)), at);
            self.app.store.apply_events(&[applied]).await?;
        }
        Ok(())
    }

    fn applied(
        number: i64,
        position: Position,
        guest: (&str, &str, &str),
        (body, previous): (&Value, Option<ChangeRef>),
        at: Millis,
    ) -> AppliedEvent {
        let id = BookingId::new(format!("bkg_{number}"));
        let change = ChangeRef { position, ordinal: 0 };
        let updated = previous.is_some();
        let kind = if updated { ChangeKind::Updated } else { ChangeKind::Created };
        let hash = format!("hash-{position}");
        let trip = json!({
            "code": format!("#7000000{number}"), "title": guest.2, "starts_at": format!("2027-03-1{number}T09:30:00-1000"),
            "party_size": number, "total": 9900 * number, "paid": 9900, "currency": "usd", "status": "booked",
            "link": format!("https://fareharbor.com/harbour/dashboard/bookings/7000000{number}/"),
        });
        let view = View {
            person: json!({ "name": guest.0, "email": guest.1, "phone": body["contact"]["phone"], "language": "en" }),
            trip,
        };
        AppliedEvent {
            position,
            changes: vec![NewChange {
                ordinal: 0,
                booking: Some(id.clone()),
                kind,
                paths: if updated { vec!["contact.phone".into()] } else { Vec::new() },
                note: None,
                previous,
                body: Some(body.to_string()),
                hash: Some(hash.clone()),
                at,
                happened_at: None,
                seen: None,
            }],
            bookings: vec![BookingWrite {
                as_of: position,
                id: id.clone(),
                key: BookingKey {
                    connector: "fareharbor".into(),
                    account: "harbour".into(),
                    kind: "booking".into(),
                    key: format!("uuid-{number}"),
                },
                source: "harbour-tours".into(),
                change,
                status: "booked".into(),
                terms: search_terms(&view, &[]),
                view,
                hash,
                at,
            }],
            runs: vec![NewRun {
                id: RunId::new(format!("run_{number}{}", if updated { "b" } else { "a" })),
                rule: "guests-to-crm".into(),
                booking: id,
                item: String::new(),
                lane: format!("guests-to-crm/{number}"),
                change,
                position,
                asked: kind.to_string(),
                trigger: "change".into(),
                state: RunState::Waiting,
                verdict: None,
                connection: "sandbox-crm".into(),
                supersedes: true,
                at,
            }],
            ..AppliedEvent::default()
        }
    }

    /// The record that a run's booking has in the CRM.
    fn link(due: &DueRun) -> LinkWrite {
        let record = RecordKey {
            connection: due.run.connection.clone(),
            account: "http://127.0.0.1:9900".into(),
            object: "contact".into(),
            key: json!([due.run.booking.as_str()]).to_string(),
        };
        let hash = Some("hash".to_owned());
        LinkWrite::Put {
            key: LinkKey { record, rule: due.run.rule.clone(), step: "contact".into() },
            remote_id: Some("1551".into()),
            position: due.run.position,
            hash: hash.clone(),
            outputs: None,
            booking: Some(LinkBooking {
                booking: due.run.booking.clone(),
                item: String::new(),
                hash,
                position: due.run.position,
            }),
            at: due.run.created_at,
        }
    }

    /// One call of a run, and how the run ended by it.
    async fn call(
        &self,
        run: &RunId,
        state: RunState,
        verdict: Option<Verdict>,
        status: i64,
        at: Millis,
    ) -> Result<(), StoreError> {
        let due = self.app.store.run_with_context(run).await?.expect("the run is there");
        let attempt = AttemptId::new(format!("att_{run}"));
        let cause = matches!(state, RunState::Failed | RunState::Held).then(|| {
            let place = CausePlace { connection: &due.run.connection, rule: &due.run.rule, steps: &[] };
            Cause::of(place, verdict.as_ref(), &[])
        });
        let row = |state, revision, steps: Vec<StepProgress>, verdict, cause| RunWrite {
            id: run.clone(),
            revision,
            lane: due.run.lane.clone(),
            state,
            verdict,
            next_at: None,
            connection: due.run.connection.clone(),
            ruleset: None,
            steps,
            failures: 0,
            failing_since: None,
            failing_stopped_ms: 0,
            uncertain: false,
            cause,
            at,
        };
        let begin = DeliveryWrite {
            run: row(RunState::Working, due.run.revision, Vec::new(), None, None),
            begin: Some(AttemptBegin {
                id: attempt.clone(),
                run: run.clone(),
                step: "contact".into(),
                kind: "call".into(),
                number: 1,
                connection: due.run.connection.clone(),
                node: "node".into(),
                request: json!({
                    "method": "PUT", "url": "http://127.0.0.1:9900/contacts/guest1%40example.org",
                    "headers": [["content-type", "application/json"]],
                    "body": json!({ "email": "guest1@example.org", "firstname": HOSTILE }).to_string(),
                })
                .to_string(),
                at,
            }),
            end: None,
            links: Vec::new(),
        };
        self.app.store.write_delivery(&[begin]).await?;
        let answered = status > 0;
        let step = StepProgress {
            id: "contact".into(),
            uses: "sandbox-crm.upsert_contact".into(),
            state: if state == RunState::Done { StepState::Done } else { StepState::Waiting },
            attempts: 1,
            calls_done: 1,
            outputs: [("id".to_owned(), json!("1551"))].into(),
            verdict: None,
            known_id: None,
            started_over: false,
        };
        let end = DeliveryWrite {
            run: row(state, due.run.revision + 1, vec![step], verdict.clone(), cause),
            begin: None,
            end: Some(AttemptEnd {
                id: attempt,
                outcome: match status {
                    200 => "done",
                    0 => "maybe_done",
                    _ => "refused",
                }
                .into(),
                status: answered.then_some(status),
                answer: answered
                    .then(|| json!({ "headers": [], "body": "{\"id\":\"1551\"}", "cut": false }).to_string()),
                message: verdict.map(|verdict| verdict.text),
                duration_ms: 180,
                at,
            }),
            links: if state == RunState::Done { vec![Self::link(&due)] } else { Vec::new() },
        };
        self.app.store.write_delivery(&[end]).await?;
        Ok(())
    }
}
