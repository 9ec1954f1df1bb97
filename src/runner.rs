//! The only loops, sleeps and spawns. Calls the stages' steps for ever, wakes early on a hint, and stops in order.
//!
//! A hint carries no data: with all hints lost, polling still delivers (see the intervals below).

mod certificate;
mod fetching;
mod subscribing;
mod walks;

use crate::alerts::{Watcher, World};
use crate::app::App;
use crate::bookings::Applier;
use crate::delivery::{Answered, Delivery, ReadyCall, Settled};
use crate::domain::{ChangeKind, Millis};
use crate::fetch::Fetcher;
use crate::ingest::Batches;
use crate::ports::{Clock, Outbound, OutboundFailure, StoreError, Think};
use crate::priority::{Crowd, give_way};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// Without a hint the stages look by themselves after this time.
const POLL: Duration = Duration::from_millis(500);
/// The folder is looked at this often; a change is active within two seconds.
const WATCH: Duration = Duration::from_millis(250);
/// The database is looked after this often: each time it moves what was written meanwhile to its place, and much at once
/// would keep commits waiting for the disk.
const MAINTAIN: Duration = Duration::from_millis(250);
/// Between two batches of a rule that is applied to existing bookings.
const APPLY_REST: Duration = Duration::from_millis(5);
/// Without a hint, rules to apply (by a command beside the server) are looked for this often.
const APPLY_POLL: Duration = Duration::from_secs(2);
/// Connections and secrets are looked after this often.
const REFRESH: Duration = Duration::from_secs(1);
/// What is wrong is looked for this often.
const ALERTS: Duration = Duration::from_secs(30);
/// So long one answer waits for others.
const GATHER: Duration = Duration::from_millis(4);
/// Pages that are looked at hear of news this often.
const NEWS: Duration = Duration::from_secs(1);
/// Between two pieces of what is made for bookings and webhooks that were there before, so that all else goes first.
const FILE: Duration = Duration::from_millis(20);
/// Events of one count.
const COUNT_EVENTS: i64 = 1_000;
/// Older runs that are given their cause at once.
const OLDER_RUNS: i64 = 200;
/// Between two pieces of them.
const NAMING_REST: Duration = Duration::from_millis(20);
/// Groups that closed long ago are forgotten this often.
const FORGET_MS: Millis = 3_600_000;
/// Between two pieces of what retention removes, and between two looks whether there is something: what is removed a little
/// later does no harm, a webhook that waits for it would.
const REMOVE: Duration = Duration::from_millis(50);
const LOOK_FOR_OLD: Duration = Duration::from_secs(20);
/// After a failure of the database.
const REST: Duration = Duration::from_millis(300);
/// Calls in flight get so long at an orderly stop.
const STOP_CALLS_MAX: Duration = Duration::from_secs(10);
/// One event's or run's expressions.
const THINK_MS_MAX: i64 = 1_000;

/// Hints that there is work.
#[derive(Default)]
pub struct Hints {
    /// Events were stored.
    pub apply: Notify,
    /// Runs may be due.
    pub deliver: Notify,
    /// A person asked for something to be done with many runs.
    pub acts: Notify,
    /// A rule is to be applied to existing bookings.
    pub rules: Notify,
    /// Something is to be fetched.
    pub fetch: Notify,
    /// A source is to be walked.
    pub walks: Notify,
}

/// Computes where it is called: the parts that compute have a thread each, which nobody else waits for.
pub struct BlockingThink {
    /// For deadlines.
    pub clock: Arc<dyn Clock>,
}

impl Think for BlockingThink {
    fn run(&self, work: &mut dyn FnMut()) {
        work();
    }

    fn deadline(&self) -> Box<dyn Fn() -> bool> {
        let clock = self.clock.clone();
        let end = clock.monotonic() + THINK_MS_MAX;
        Box::new(move || clock.monotonic() > end)
    }
}

/// A part of what runs: goes on until the stop.
type Part = fn(Arc<Runner>) -> BoxFuture<'static, ()>;

/// Where a part runs.
#[derive(Clone, Copy)]
enum Thread {
    /// On a thread of its own, since it computes.
    Own,
    /// Among the others.
    Shared,
}

/// All that runs.
pub struct Runner {
    /// What is wired.
    pub app: Arc<App>,
    /// Stage 3.
    pub applier: Applier,
    /// Between the journal and stage 3, where bookings are fetched.
    pub fetcher: Arc<Fetcher>,
    /// Stage 4.
    pub delivery: Arc<Delivery>,
    /// Stage 5.
    pub watcher: Watcher,
    /// The way out.
    pub outbound: Arc<dyn Outbound>,
    /// Turns true when Waypost is to stop.
    pub stop: watch::Receiver<bool>,
    /// Whether webhooks come in by the crowd.
    pub crowd: Arc<Crowd>,
}

impl Runner {
    /// Runs until `stop`. Takes back what was in flight when the process last stopped, then goes on where it was.
    pub async fn run(self, mut batches: Batches) {
        let runner = Arc::new(self);
        let mut tasks = JoinSet::new();
        let (app, crowd, told) = (runner.app.clone(), runner.crowd.clone(), runner.clone());
        tasks.spawn(async move {
            // Ends when the last server has let go of its end: every request has its answer then.
            while let Some(committed) = batches.commit_next(&*app.clock).await {
                app.metrics.committed(committed.events, committed.took_us);
                let refused = committed.events - committed.stored;
                told.watcher.storing().committed(committed.stored, refused, app.clock.now());
                crowd.committed(committed.events, app.clock.monotonic_us());
                app.hints.apply.notify_one();
            }
        });
        let parts: [(&str, Thread, Part); 17] = [
            ("deliver", Thread::Own, |runner| Box::pin(runner.recover_and_deliver())),
            ("apply", Thread::Own, |runner| Box::pin(runner.apply())),
            ("fetch", Thread::Own, |runner| Box::pin(runner.fetch())),
            ("apply rules to existing bookings", Thread::Own, |runner| Box::pin(runner.apply_rules())),
            ("walk sources", Thread::Shared, |runner| Box::pin(walks::walk(runner))),
            ("watch the rules", Thread::Shared, |runner| Box::pin(runner.watch_folder())),
            ("do what people asked", Thread::Shared, |runner| Box::pin(runner.carry_out())),
            ("keep up", Thread::Shared, |runner| Box::pin(runner.keep_up())),
            ("look after the database", Thread::Shared, |runner| Box::pin(runner.look_after_the_database())),
            ("tell of outages", Thread::Shared, |runner| Box::pin(runner.tell_of_outages())),
            ("file bookings", Thread::Own, |runner| Box::pin(runner.file_bookings())),
            ("count webhooks", Thread::Shared, |runner| Box::pin(runner.count_webhooks())),
            ("remove what is old", Thread::Shared, |runner| Box::pin(runner.remove_what_is_old())),
            ("keep subscriptions", Thread::Shared, |runner| Box::pin(subscribing::subscribe(runner))),
            ("look at the certificate", Thread::Shared, |runner| Box::pin(certificate::look(runner))),
            ("tell the pages", Thread::Shared, |runner| Box::pin(runner.tell_the_pages())),
            ("keep the pulse", Thread::Shared, |runner| Box::pin(runner.keep_pulse())),
        ];
        for (name, thread, part) in parts {
            tasks.spawn(runner.clone().again_and_again(name, thread, part));
        }
        while let Some(ended) = tasks.join_next().await {
            if ended.is_err() {
                tracing::error!("a part of Waypost ended with a mistake");
            }
        }
    }

    /// A part that ends with a mistake begins anew: what it had in hand is taken up as after a crash.
    async fn again_and_again(self: Arc<Self>, name: &'static str, thread: Thread, part: Part) {
        loop {
            let work = part(self.clone());
            let ended = match thread {
                Thread::Shared => tokio::spawn(work).await,
                Thread::Own => {
                    let handle = tokio::runtime::Handle::current();
                    tokio::task::spawn_blocking(move || {
                        give_way();
                        handle.block_on(work);
                    })
                    .await
                }
            };
            // What it said is not told: it may be about a guest. Where it came up stands in the log already.
            if ended.is_ok() {
                return;
            }
            tracing::error!(part = name, "a part of Waypost ended with a mistake; it begins anew");
            tokio::time::sleep(REST).await;
        }
    }

    fn stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits for a hint, a time, or the stop.
    async fn wait(&self, hint: &Notify, time: Duration) {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = hint.notified() => {}
            () = tokio::time::sleep(time) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    /// Rests after a piece of work that began then, while webhooks come in by the crowd.
    async fn stand_back(&self, began_us: i64) {
        let now_us = self.app.clock.monotonic_us();
        if let Some(rest) = self.crowd.rest(now_us - began_us, now_us) {
            tokio::time::sleep(rest).await;
        }
    }

    async fn apply(self: Arc<Self>) {
        let think = BlockingThink { clock: self.app.clock.clone() };
        while !self.stopping() {
            match self.applier.recover().await {
                Ok(()) => break,
                Err(error) => self.complain("look for events in hand", &error).await,
            }
        }
        while !self.stopping() {
            let Some(ruleset) = self.app.active() else {
                self.wait(&self.app.hints.apply, POLL).await;
                continue;
            };
            let began_us = self.app.clock.monotonic_us();
            match self.applier.step(&ruleset, self.app.clock.now(), &think).await {
                Ok(step) if step.events == 0 => self.wait(&self.app.hints.apply, POLL).await,
                Ok(step) => {
                    self.app.metrics.changed(&step.changes);
                    if step.runs > 0 {
                        self.app.hints.deliver.notify_one();
                    }
                    if step.changes[ChangeKind::Fetching as usize] > 0 {
                        self.app.hints.fetch.notify_one();
                    }
                    self.stand_back(began_us).await;
                }
                Err(error) => self.complain("apply events", &error).await,
            }
        }
    }

    async fn recover_and_deliver(self: Arc<Self>) {
        while !self.stopping() {
            match self.delivery.recover(self.app.clock.now()).await {
                Ok(lost) => {
                    if lost > 0 {
                        tracing::info!(
                            lost,
                            "calls were in flight when Waypost last stopped: they are taken up again"
                        );
                    }
                    break;
                }
                Err(error) => self.complain("take back calls in flight", &error).await,
            }
        }
        self.deliver().await;
    }

    async fn deliver(&self) {
        let think = BlockingThink { clock: self.app.clock.clone() };
        let mut calls: JoinSet<Answered> = JoinSet::new();
        let mut answers: Vec<Answered> = Vec::new();
        let mut wait = Duration::ZERO;
        loop {
            let stopping = self.stopping();
            if stopping && calls.is_empty() && answers.is_empty() {
                return;
            }
            if stopping {
                self.finish(&mut calls, answers).await;
                return;
            }
            let mut stop = self.stop.clone();
            if answers.is_empty() {
                tokio::select! {
                    Some(answer) = calls.join_next(), if !calls.is_empty() => answers.extend(answer.ok()),
                    () = self.app.hints.deliver.notified() => {}
                    () = tokio::time::sleep(wait) => {}
                    _ = stop.wait_for(|stop| *stop) => continue,
                }
            }
            gather(&mut calls, &mut answers).await;
            let Some(active) = self.app.active() else {
                tokio::time::sleep(POLL).await;
                continue;
            };
            let (now, began_us) = (self.app.clock.now(), self.app.clock.monotonic_us());
            // What these answers make due (a next step, a next run of the lane, who waited for the record) is seen by the
            // turn after this one.
            let settles = !answers.is_empty();
            match self.delivery.turn(&active, std::mem::take(&mut answers), now, &think).await {
                Ok(claimed) => {
                    self.count(&claimed.settled);
                    let due_in = claimed.again_at.map(|at| (at - now).max(1) as u64);
                    let due_in = due_in.map_or(POLL, |ms| Duration::from_millis(ms).min(POLL));
                    let at_once = claimed.more || claimed.moved > 0;
                    wait = if settles || (at_once && !claimed.calls.is_empty()) {
                        Duration::ZERO
                    } else if claimed.moved > 0 {
                        Duration::from_millis(1)
                    } else {
                        due_in
                    };
                    for call in claimed.calls {
                        self.call(&mut calls, call).await;
                    }
                    self.stand_back(began_us).await;
                }
                Err((error, back)) => {
                    answers = back;
                    self.complain("write down answers and claim runs", &error).await;
                    wait = Duration::ZERO;
                }
            }
        }
    }

    async fn call(&self, calls: &mut JoinSet<Answered>, call: ReadyCall) {
        let ReadyCall { request, ticket } = call;
        let outbound = self.outbound.clone();
        let clock = self.app.clock.clone();
        self.delivery.sent(&ticket, clock.now()).await;
        calls.spawn(async move {
            let began = clock.monotonic();
            // Whatever comes up in it, the ticket comes back.
            let sent = AssertUnwindSafe(outbound.send(request)).catch_unwind().await;
            let result = sent.unwrap_or_else(|_| {
                tracing::error!("a call ended with a mistake");
                Err(OutboundFailure::Unknown("a mistake of Waypost came up during the call".into()))
            });
            Answered { ticket, result, duration_ms: clock.monotonic() - began }
        });
    }

    /// The stop: calls in flight may end within a limit; what is answered is written down.
    async fn finish(&self, calls: &mut JoinSet<Answered>, mut answers: Vec<Answered>) {
        let deadline = tokio::time::sleep(STOP_CALLS_MAX);
        tokio::pin!(deadline);
        while !calls.is_empty() {
            tokio::select! {
                Some(answer) = calls.join_next() => answers.extend(answer.ok()),
                () = &mut deadline => break,
            }
        }
        let Some(active) = self.app.active() else { return };
        match self.delivery.settle(&active, answers, self.app.clock.now()).await {
            Ok(settled) => self.count(&settled),
            Err((error, _)) => {
                tracing::error!(error = %error, "answers could not be written down at the stop: they count as unknown");
            }
        }
    }

    fn count(&self, settled: &Settled) {
        for answer in &settled.answers {
            self.app.metrics.attempted(&answer.connection, answer.outcome);
            if let Some(after) = answer.delivered_ms {
                self.app.metrics.delivered(after);
            }
        }
    }

    /// Applies rules to existing bookings, a batch at a time: what just came in goes first.
    async fn apply_rules(self: Arc<Self>) {
        while !self.stopping() {
            match self.app.apply_open().await {
                Ok(true) => self.wait(&self.app.hints.rules, APPLY_REST).await,
                Ok(false) => self.wait(&self.app.hints.rules, APPLY_POLL).await,
                Err(error) => self.complain("apply a rule to existing bookings", &error.into()).await,
            }
        }
    }

    async fn watch_folder(self: Arc<Self>) {
        let never = Notify::new();
        while !self.stopping() {
            self.app.look_at_folder().await;
            self.wait(&never, WATCH).await;
        }
    }

    async fn keep_up(self: Arc<Self>) {
        let never = Notify::new();
        while !self.stopping() {
            if let Err(error) = self.app.refresh_secrets().await {
                tracing::warn!(error = %error, "secrets could not be looked at");
            }
            if let Some(active) = self.app.active() {
                match self.delivery.refresh(&active, self.app.clock.now()).await {
                    Ok(true) => self.app.hints.deliver.notify_one(),
                    Ok(false) => {}
                    Err(error) => tracing::warn!(error = %error, "connections could not be looked at"),
                }
            }
            self.wait(&never, REFRESH).await;
        }
    }

    /// What people asked to be done with many runs, piece by piece; and causes of runs from before they were kept.
    async fn carry_out(self: Arc<Self>) {
        let (mut named, mut forgot_at) = (false, None);
        while !self.stopping() {
            let now = self.app.clock.now();
            let worked = async {
                if !named {
                    named = !self.app.store.name_causes(OLDER_RUNS).await?;
                }
                if forgot_at.is_none_or(|at: Millis| (now - at).abs() > FORGET_MS) {
                    self.app.store.forget_causes(now).await?;
                    forgot_at = Some(now);
                }
                self.app.carry_out_a_piece().await
            };
            match worked.await {
                Ok(true) => {}
                Ok(false) if !named => self.wait(&self.app.hints.acts, NAMING_REST).await,
                Ok(false) => self.wait(&self.app.hints.acts, POLL).await,
                Err(error) => self.complain("do what people asked", &error).await,
            }
        }
    }

    async fn tell_of_outages(self: Arc<Self>) {
        let never = Notify::new();
        while !self.stopping() {
            let now = self.app.clock.now();
            let mut stop = self.stop.clone();
            // First: the database may be what is wrong, and asking it takes a while then.
            tokio::select! {
                _ = self.watcher.tell_of_storing(now) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
            if let Err(error) = self.watcher.remember().await {
                tracing::debug!(error = %error, "who is told of outages could not be read");
            }
            let active = self.app.active();
            let certificate = self.app.certificate();
            let world = World {
                ruleset: active.as_deref(),
                disk_free: self.app.disk_free(),
                certificate: Some(&certificate),
            };
            if let Err(error) = self.watcher.look(&world, now).await {
                tracing::warn!(error = %error, cause = error.cause(), "outages could not be looked for");
            }
            if let Err(error) = self.app.fill_gaps().await {
                tracing::warn!(error = %error, cause = error.cause(), "gaps could not be looked after");
            }
            tokio::select! {
                sent = self.watcher.send(now) => if let Err(error) = sent {
                    tracing::warn!(error = %error, cause = error.cause(), "alerts could not be sent");
                },
                // A letter that is on its way is sent again after the next start.
                _ = stop.wait_for(|stop| *stop) => {}
            }
            self.wait(&never, ALERTS).await;
        }
    }

    async fn look_after_the_database(self: Arc<Self>) {
        let never = Notify::new();
        while !self.stopping() {
            match self.app.store.maintain().await {
                Ok(()) => {}
                Err(StoreError::Unfit(why)) => {
                    tracing::error!("{why}");
                    self.app.unfit.notify_one();
                }
                Err(error) => tracing::warn!(error = %error, "the database could not be looked after"),
            }
            self.wait(&never, MAINTAIN).await;
        }
    }

    /// Cards for bookings from before there were cards; ends when all have one.
    async fn file_bookings(self: Arc<Self>) {
        let never = Notify::new();
        while !self.stopping() {
            let Some(ruleset) = self.app.active() else {
                self.wait(&never, REFRESH).await;
                continue;
            };
            match self.applier.file_step(&ruleset).await {
                Ok(true) => self.wait(&never, FILE).await,
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(error = %error, "bookings could not be made findable; trying again");
                    self.wait(&never, REFRESH).await;
                }
            }
        }
    }

    async fn count_webhooks(self: Arc<Self>) {
        let never = Notify::new();
        while !self.stopping() {
            let pause = match self.app.store.count_up_events(COUNT_EVENTS).await {
                Ok(counted) if counted >= COUNT_EVENTS => FILE,
                Ok(_) => REFRESH,
                Err(error) => {
                    tracing::warn!(error = %error, "webhooks could not be counted; trying again");
                    REFRESH
                }
            };
            self.wait(&never, pause).await;
        }
    }

    async fn keep_pulse(self: Arc<Self>) {
        let never = Notify::new();
        loop {
            let stopping = self.stopping();
            if let Err(error) = self.app.keep_pulse(stopping).await {
                tracing::warn!(error = %error, "refused webhooks and the time could not be noted; trying again");
            }
            if stopping {
                return;
            }
            self.wait(&never, REFRESH).await;
        }
    }

    async fn remove_what_is_old(self: Arc<Self>) {
        let never = Notify::new();
        while !self.stopping() {
            let began_us = self.app.clock.monotonic_us();
            let pause = match self.app.retention_step().await {
                Ok(0) => LOOK_FOR_OLD,
                Ok(_) => REMOVE,
                Err(error) => {
                    tracing::warn!(error = %error, cause = error.cause(), "what is old could not be removed; trying again");
                    LOOK_FOR_OLD
                }
            };
            self.stand_back(began_us).await;
            self.wait(&never, pause).await;
        }
    }

    async fn tell_the_pages(self: Arc<Self>) {
        let never = Notify::new();
        while !self.stopping() {
            self.app.look_for_news().await;
            self.wait(&never, NEWS).await;
        }
        self.app.no_more_news();
    }

    async fn complain(&self, doing: &str, error: &StoreError) {
        tracing::error!(doing, error = %error, cause = error.cause(), "the database is in the way; trying again");
        tokio::time::sleep(REST).await;
    }
}

/// Takes the answers that are there, and waits a moment for those that are about to come: one turn writes down many as fast
/// as one, and a connection that answers quickly has them all back by then.
async fn gather(calls: &mut JoinSet<Answered>, answers: &mut Vec<Answered>) {
    while let Some(answer) = calls.try_join_next() {
        answers.extend(answer.ok());
    }
    if answers.is_empty() {
        return;
    }
    let moment = tokio::time::sleep(GATHER);
    tokio::pin!(moment);
    while !calls.is_empty() {
        tokio::select! {
            Some(answer) = calls.join_next() => answers.extend(answer.ok()),
            () = &mut moment => return,
        }
    }
}
