//! `waypost backfill` and `waypost reconcile` as people run them: with nobody serving, killed in the middle and run again, with
//! a server that starts beside, and beside one that was there before.

use crate::process::{Crm, Home, Process, binary};
use crate::support::client;
use crate::vendor::{Size, Vendor};
use crate::year::{RULE, source_file, with_keys};
use serde_json::{Value, json};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;
use waypost::app::App;
use waypost::ports::{WalkFilter, WalkRow, WalkState};

/// Small, and slow enough to be caught in the middle.
const FEW: Size = Size {
    companies: 2,
    items: 3,
    availabilities: 30,
    bookings: 120,
    per_second: 40,
    window: (250, Duration::from_secs(10)),
    last_day_counts: true,
};
const YEAR: [&str; 4] = ["--from", "2027-01-01", "--to", "2027-12-31"];

struct Place {
    vendor: Vendor,
    crm: Crm,
    home: Home,
    app: Arc<App>,
}

impl Place {
    /// A home whose rules a server has read once.
    async fn new() -> Self {
        let vendor = Vendor::start(FEW);
        let crm = Crm::start().await;
        let rule = RULE.replace("status:", "kind: \"{{ change.kind }}\", status:");
        let home = Home::new(crm.address, None, &[("bookings.yaml", &rule)]).await;
        home.write("sources/tours.yaml", &source_file(&vendor));
        with_keys(&home).await;
        home.start_ready().await.kill();
        let app = home.beside().await;
        Self { vendor, crm, home, app }
    }

    fn command(&self, name: &str, more: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.arg(name).arg("tours").args(YEAR).args(more).arg("--data").arg(self.home.data());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    async fn walks(&self) -> Vec<WalkRow> {
        let filter = WalkFilter { source: None, open: false, limit: 10 };
        self.app.store.walks().walks(&filter).await.expect("the walks")
    }

    async fn until_looked(&self, many: i64) {
        let far = async || self.walks().await.first().is_some_and(|row| row.counts.looked >= many);
        self.home.until("the walk is so far", far).await;
    }

    /// Each booking has its record, and none was brought in much more often than once.
    async fn is_whole(&self) {
        self.home.quiet().await;
        let records = self.crm.records("bookings").await;
        assert_eq!(records.len(), FEW.bookings as usize);
        let events = self.app.store.fetches().last_position().await.expect("the journal");
        assert!(events <= i64::from(FEW.bookings) + 64 + 10, "{events} events");
        let (calls, over, ..) = self.vendor.counts();
        assert_eq!(over, 0, "calls beyond the limit, of {calls}");
    }

    fn lines(out: &str) -> Vec<Value> {
        out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}

/// Runs a command to its end: its code, and what it said.
async fn ends(command: Command) -> (i32, String, String) {
    let mut command = tokio::process::Command::from(command);
    let Output { status, stdout, stderr } = command.output().await.expect("it can be started");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code().expect("it ends by itself"), text(stdout), text(stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_goes_the_walk_where_nobody_serves_and_goes_on_after_a_kill() {
    let place = Place::new().await;
    let command = Process::start(place.command("backfill", &[]));
    place.until_looked(20).await;
    command.kill();
    let before = place.walks().await.remove(0);
    assert_eq!(before.state, WalkState::Open, "it was through before it was killed");
    let (code, out, err) = ends(place.command("backfill", &["--json"])).await;
    assert_eq!(code, 0, "{out}{err}");
    let told = Place::lines(&out).remove(0);
    assert_eq!((&told["id"], &told["state"]), (&json!(before.seq), &json!("done")), "{told}");
    assert_eq!(told["records"]["found"], FEW.bookings, "{told}");
    assert!(err.contains("Waypost is not running"), "{err}");
    assert!(place.crm.records("bookings").await.is_empty(), "nobody reads yet");
    let _serving = place.home.start_ready().await;
    place.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_beside_a_command_goes_on_with_its_walk() {
    let place = Place::new().await;
    let command = place.command("backfill", &[]);
    let command = tokio::process::Command::from(command).spawn().expect("it can be started");
    place.until_looked(10).await;
    let _serving = place.home.start_ready().await;
    let Output { status, stderr, .. } = command.wait_with_output().await.expect("it ends");
    let err = String::from_utf8(stderr).expect("text");
    assert!(status.success() && err.contains("Waypost runs now, and goes on with it."), "{err}");
    assert_eq!(place.walks().await.len(), 1);
    place.is_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_commands_for_one_walk_do_it_once() {
    let place = Place::new().await;
    let (one, other) =
        tokio::join!(ends(place.command("backfill", &[])), ends(place.command("backfill", &[])));
    assert_eq!((one.0, other.0), (0, 0), "{}{}", one.2, other.2);
    let walks = place.walks().await;
    // Where one is through before the other begins, that is a walk of its own, which finds all to be here.
    assert!(
        walks.iter().all(|row| row.state == WalkState::Done && row.counts.found == i64::from(FEW.bookings))
    );
    let _serving = place.home.start_ready().await;
    place.home.quiet().await;
    assert_eq!(place.crm.records("bookings").await.len(), FEW.bookings as usize);
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_server_a_command_looks_on_and_says_what_a_repair_would_do() {
    let place = Place::new().await;
    let _serving = place.home.start_ready().await;
    let (code, out, err) = ends(place.command("backfill", &[])).await;
    assert_eq!(code, 0, "{out}{err}");
    assert!(!err.contains("not running"), "{err}");
    place.is_whole().await;
    // One that the booking system does not know.
    let unknown = place.vendor.booking(FEW.bookings + 7);
    let body = unknown.body.to_string();
    let posted = client().post(place.home.hook()).body(body).send().await;
    assert!(posted.is_ok_and(|answer| answer.status().is_success()), "a webhook was not taken");
    place.home.quiet().await;
    let (code, out, err) = ends(place.command("reconcile", &[])).await;
    assert_eq!(code, 1, "{out}{err}");
    for text in [
        "120  as they are here",
        "1  here only",
        "The same with --repair would bring in 0, and would end 1 that the source does not know any more.",
    ] {
        assert!(out.contains(text), "{text} is not in {out}");
    }
    let (code, out, err) = ends(place.command("reconcile", &["--repair"])).await;
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("1  here only, and ended"), "{out}");
    place.home.quiet().await;
    let records = place.crm.records("bookings").await;
    let record = records.iter().find(|record| record["key"] == unknown.uuid()).expect("its record");
    // A rule that does not ask for more sees it as cancelled.
    assert_eq!(record["fields"]["kind"], "cancelled", "{record}");
    let (code, out, err) = ends(place.command("reconcile", &[])).await;
    assert_eq!(code, 0, "{out}{err}");
}
