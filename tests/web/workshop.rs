//! A site with a rules folder: a source, a connection, a rule, and bookings that came in; a git repository where asked for.

use crate::filled::Seen;
use crate::signed_in::session_of;
use crate::support::Booking;
use actix_web::body::to_bytes;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service};
use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use waypost::app::{Actor, App, Draft, Places, PublishError, Published};
use waypost::bookings::Applier;
use waypost::clock::{OsEntropy, SystemClock};
use waypost::domain::{EventId, Millis, ORIGIN_WEBHOOK, Role};
use waypost::ingest::{HookLimits, Hooks, hooks, intake};
use waypost::ports::{Clock, NewEvent};
use waypost::runner::BlockingThink;
use waypost::web::Access;

/// The rule.
pub const GUESTS: &str = "# Who booked becomes a contact.\ntitle: Guests\nfrom: tours\non: [created, updated]\nsteps:\n  - id: contact\n    use: crm.upsert_contact\n    with:\n      id: \"{{ person.email }}\"\n      phone: \"{{ person.phone }}\"\n";

/// The machine's clock, which a test can put forward.
pub struct Shifted {
    real: SystemClock,
    by: AtomicI64,
}

impl Shifted {
    /// So much time goes by.
    pub fn on(&self, ms: Millis) {
        self.by.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for Shifted {
    fn now(&self) -> Millis {
        self.real.now() + self.by.load(Ordering::Relaxed)
    }

    fn monotonic(&self) -> Millis {
        self.real.monotonic() + self.by.load(Ordering::Relaxed)
    }
}

/// The site.
pub struct Workshop {
    pub app: Arc<App>,
    pub rules: PathBuf,
    pub clock: Arc<Shifted>,
    access: Arc<Access>,
    session: String,
    form_token: String,
    _home: tempfile::TempDir,
}

impl Workshop {
    /// With the rule, and so many bookings.
    pub async fn open(bookings: u32) -> Self {
        Self::with(&[("guests.yaml", GUESTS)], bookings).await
    }

    /// With no file at all, as after the first start.
    pub async fn empty() -> Self {
        Self::over(&[], 0).await
    }

    /// With these rules.
    pub async fn with(files: &[(&str, &str)], bookings: u32) -> Self {
        let source = ("sources/tours.yaml", "connector: fareharbor\ntitle: Reef Tours\n");
        let connection = (
            "connections/crm.yaml",
            "connector: sandbox\ntitle: Our CRM\nbase_url: http://127.0.0.1:9\nallow_private: true\n",
        );
        Self::over(&[&[source, connection], files].concat(), bookings).await
    }

    async fn over(files: &[(&str, &str)], bookings: u32) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let rules = home.path().join("rules");
        let write = |path: &str, text: &str| {
            let path = rules.join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        };
        std::fs::create_dir_all(&rules).expect("a folder");
        for (path, text) in files {
            write(path, text);
        }
        let store = waypost::store::open_in_memory().await.expect("a store");
        let places = Places { data: home.path().join("data"), database: None, exclusive: true };
        std::fs::create_dir_all(&places.data).expect("a folder");
        let clock = Arc::new(Shifted { real: SystemClock::new(), by: AtomicI64::new(0) });
        let app = App::over(store, places, clock.clone(), Arc::new(OsEntropy)).await.expect("an app");
        app.watch(&rules).await;
        let session = session_of(&app, "siobhan@example.org", Role::Editor).await;
        let access = Arc::new(Access::default());
        let mut workshop =
            Self { app, rules, clock, access, session, form_token: String::new(), _home: home };
        workshop.form_token = workshop.get("/account").await.form_token();
        for number in 1..=bookings {
            workshop.book(&Booking::new(number)).await;
        }
        workshop
    }

    /// A webhook comes in and is applied.
    pub async fn book(&self, booking: &Booking) {
        self.book_from("tours", booking).await;
    }

    /// The same from another source.
    pub async fn book_from(&self, source: &str, booking: &Booking) {
        let now = self.app.clock.now();
        let event = NewEvent {
            id: self.app.entropy.event_id(now),
            source: source.into(),
            received_at: now,
            origin: ORIGIN_WEBHOOK,
            headers: "{}".into(),
            body: Bytes::from(booking.body.to_string()),
        };
        let _: &EventId = &event.id;
        self.app.store.append_events(&[event]).await.expect("it is stored");
        let applier = Applier::new(self.app.store.clone(), self.app.entropy.clone());
        let think = BlockingThink { clock: self.app.clock.clone() };
        let active = self.app.active().expect("rules");
        while applier.step(&active, now, &think).await.expect("it is applied").events > 0 {}
    }

    /// The folder becomes a git repository with one commit.
    pub fn with_git(self) -> Self {
        self.git(&["init", "--quiet", "--initial-branch=main"]);
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "--message=As it was"]);
        self
    }

    /// The same of a folder without any file.
    pub fn with_git_empty(self) -> Self {
        self.git(&["init", "--quiet", "--initial-branch=main"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message=Nothing yet"]);
        self
    }

    /// Runs git as somebody else on this machine would.
    pub fn git(&self, arguments: &[&str]) -> String {
        let answer = Command::new("git")
            .current_dir(&self.rules)
            .args([
                "-c",
                "user.name=Ben",
                "-c",
                "user.email=ben@example.org",
                "-c",
                "core.hooksPath=/dev/null",
            ])
            .args(arguments)
            .output()
            .expect("there is git");
        assert!(answer.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&answer.stderr));
        String::from_utf8_lossy(&answer.stdout).into_owned()
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.rules.join(path)).unwrap_or_default()
    }

    pub fn write(&self, path: impl AsRef<Path>, text: &str) {
        std::fs::write(self.rules.join(path), text).expect("a file");
    }

    /// The hash of a file as it stands.
    pub async fn opened(&self, file: &str) -> Option<String> {
        self.app.open_file(file).await.expect("it can be read").map(|(_, hash)| hash)
    }

    /// Publishes one file as it is opened now.
    pub async fn publish(&self, file: &str, text: &str) -> Result<Published, PublishError> {
        let draft = Draft { file: file.into(), text: text.into(), opened: self.opened(file).await };
        self.app.publish(vec![draft], ada(), "Because".into()).await
    }

    /// The rule at work, by its first field's text.
    pub fn at_work(&self, rule: &str, field: &str) -> Option<String> {
        let active = self.app.active()?;
        let rule = active.rules.get(rule)?;
        let found = rule.steps.iter().flat_map(|step| &step.with).find(|one| one.name == field)?;
        Some(found.text.clone())
    }

    /// Opens an address as the browser of an editor does who is signed in.
    pub async fn get(&self, address: &str) -> Seen {
        self.send(TestRequest::get().uri(address)).await
    }

    /// The same as somebody of this role.
    pub async fn get_as(&self, role: Role, address: &str) -> Seen {
        let name = self.app.entropy.event_id(self.clock.now());
        let session = session_of(&self.app, &format!("{name}@example.org"), role).await;
        self.send_in(&session, TestRequest::get().uri(address)).await
    }

    /// A webhook comes by HTTP, as the booking system posts it.
    pub async fn hook(&self, path: &str) -> StatusCode {
        let (intake, mut batches) = intake(self.app.store.clone());
        let clock = self.clock.clone();
        let commits = tokio::spawn(async move { while batches.commit_next(&*clock).await.is_some() {} });
        let hooking = Hooks {
            doors: self.app.doors.clone(),
            intake,
            clock: self.clock.clone(),
            entropy: self.app.entropy.clone(),
            limits: HookLimits::default(),
            refusals: std::sync::Arc::default(),
            metrics: self.app.metrics.clone(),
            reached: Arc::default(),
        };
        let service = init_service(actix_web::App::new().configure(hooks(hooking))).await;
        let request = TestRequest::default().method(Method::POST).uri(path).set_payload("{}");
        let status = call_service(&service, request.to_request()).await.status();
        commits.abort();
        status
    }

    /// Presses a button of one of our pages.
    pub async fn post(&self, address: &str, form: &[(&str, &str)]) -> Seen {
        let mut form = form.to_vec();
        form.push(("form_token", &self.form_token));
        self.post_as_is(address, &form).await
    }

    /// The same with whatever token is in the form.
    pub async fn post_as_is(&self, address: &str, form: &[(&str, &str)]) -> Seen {
        let request = TestRequest::default()
            .method(Method::POST)
            .uri(address)
            .insert_header(("origin", "http://127.0.0.1:8081"))
            .insert_header(("sec-fetch-site", "same-origin"))
            .set_form(form);
        self.send(request).await
    }

    async fn send(&self, request: TestRequest) -> Seen {
        self.send_in(&self.session, request).await
    }

    async fn send_in(&self, session: &str, request: TestRequest) -> Seen {
        let pages =
            actix_web::App::new().configure(waypost::web::pages(self.app.clone(), self.access.clone()));
        let service = init_service(pages).await;
        let request = request
            .insert_header(("host", "127.0.0.1:8081"))
            .insert_header(("cookie", format!("waypost={session}")));
        let answer = call_service(&service, request.to_request()).await;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = to_bytes(answer.into_body()).await.unwrap_or_default();
        Seen { status, headers, text: String::from_utf8_lossy(&body).into_owned(), bytes: body.len() }
    }
}

/// Who publishes in tests.
pub fn ada() -> Actor {
    Actor { name: "Ada".into(), email: "ada@example.org".into() }
}
