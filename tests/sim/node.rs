//! One process of Waypost without its loops: the production stages, wired like `app::serve` and called like `runner` does.
//! What the simulation asks of it is written here and nowhere else, so that a change of the stages has one place to follow.

use crate::api_calls::{ApiOut, Known, WalkCalls};
use crate::machine::HereAndNow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use waypost::app::{App, Places};
use waypost::bookings::Applier;
use waypost::delivery::{Answered, Delivery, ReadyCall};
use waypost::domain::{EventId, ORIGIN_WEBHOOK, Position, RunId};
use waypost::fetch::{FetchClaim, FetchWork, Fetched, Fetcher};
use waypost::ingest::{Batches, Delivered, Intake, NotStored, intake};
use waypost::ports::{Clock, Entropy, NewWalk, Secrets, Store, StoreError, WalkFilter, WalkState};
use waypost::source_api::{ApiCall, ApiClient, ApiTrouble};
use waypost::walk::{Walked, Walker};

use crate::rules::Folder;

/// What an actor's step gave.
pub enum Did {
    /// It failed, and is tried again.
    Failed(Who, String),
    /// The stage took up what a former process left.
    Recovered(Who),
    /// Events applied.
    Applied(usize),
    /// A turn of delivery.
    Delivered(Box<Turned>),
    /// Connections were looked after.
    Kept,
    /// A batch of webhooks was committed.
    Committed(Box<Batches>),
    /// A webhook was answered.
    Answered(usize, Result<Position, NotStored>),
    /// A person got what they asked for.
    Asked(String),
    /// The rules folder was taken up.
    Activated,
    /// A turn of the fetch stage: what it claimed, and what went wrong.
    Claimed(Option<FetchClaim>, Option<String>),
    /// A step of a walk over a booking system's API.
    Walked(Walked),
    /// A call to a booking system's API ended.
    Fetched(usize, Box<Fetched>),
}

/// A turn of delivery.
pub struct Turned {
    /// Calls to make.
    pub calls: Vec<ReadyCall>,
    /// Answers that the store did not take.
    pub back: Vec<Answered>,
    /// Answers settled.
    pub settled: usize,
    /// Runs that went on without a call.
    pub moved: usize,
    /// When to come again.
    pub again_at: Option<i64>,
    /// What went wrong.
    pub failed: Option<String>,
}

/// Who acts. But for `Post` and `Person` there is one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Stage 3.
    Apply,
    /// Stage 4.
    Deliver,
    /// Who looks after connections.
    Keep,
    /// The fetch stage.
    Fetch,
    /// A call to a booking system's API, by number.
    Fetching(usize),
    /// Who walks over a booking system's API.
    Walk,
    /// Who commits webhooks.
    Commit,
    /// Who looks at the rules folder.
    Watch,
    /// A webhook, by number.
    Post(usize),
    /// Somebody at a page or a command line.
    Person,
}

/// A step under way.
pub type Step = Pin<Box<dyn Future<Output = Did>>>;

/// A person's wish.
#[derive(Clone, Debug)]
pub enum Wish {
    /// Pause or resume a connection.
    Pause(&'static str, bool),
    /// Try runs again.
    Retry(Vec<RunId>),
    /// Replay an event.
    Replay(EventId),
    /// Walk over a booking system's API.
    Walk(NewWalk),
    /// Bring in what a walk reported.
    Repair(i64),
}

/// A process.
pub struct Node {
    /// What is wired.
    pub app: Arc<App>,
    applier: Arc<Applier>,
    delivery: Arc<Delivery>,
    fetcher: Arc<Fetcher>,
    api: Arc<ApiClient>,
    entropy: Arc<dyn Entropy>,
    intake: Intake,
    /// `None` while a batch is being committed.
    pub batches: Option<Box<Batches>>,
    /// The stage has taken up what a former process left.
    pub apply_ready: bool,
    /// The same.
    pub deliver_ready: bool,
    /// The same.
    pub fetch_ready: bool,
}

impl Node {
    /// Starts over a store, like `serve`.
    pub async fn start(
        store: Arc<dyn Store>,
        places: Places,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        out: ApiOut,
    ) -> Result<Self, StoreError> {
        let app = App::over(store, places, clock.clone(), entropy.clone()).await?;
        let secrets: Arc<dyn Secrets> = Arc::new(Known);
        let api = ApiClient::new(Arc::new(out), secrets.clone(), clock, app.store.clone());
        let fetcher = Fetcher::new(app.store.clone(), entropy.clone(), secrets);
        let own_entropy = entropy.clone();
        let (intake, batches) = intake(app.store.clone());
        let delivery = Delivery::new(
            app.store.clone(),
            entropy.clone(),
            app.secrets.clone(),
            app.rulesets.clone(),
            app.node.clone(),
        );
        Ok(Self {
            applier: Arc::new(Applier::new(app.store.clone(), entropy)),
            delivery: Arc::new(delivery),
            fetcher: Arc::new(fetcher),
            api: Arc::new(api),
            entropy: own_entropy,
            intake,
            batches: Some(Box::new(batches)),
            apply_ready: false,
            deliver_ready: false,
            fetch_ready: false,
            app,
        })
    }

    /// A step of the applier.
    pub fn apply(&self) -> Step {
        let (app, applier, ready) = (self.app.clone(), self.applier.clone(), self.apply_ready);
        Box::pin(async move {
            if !ready {
                return match applier.recover().await {
                    Ok(()) => Did::Recovered(Who::Apply),
                    Err(error) => Did::Failed(Who::Apply, error.to_string()),
                };
            }
            let Some(active) = app.active() else { return Did::Applied(0) };
            match applier.step(&active, app.clock.now(), &HereAndNow).await {
                Ok(step) => Did::Applied(step.events),
                Err(error) => Did::Failed(Who::Apply, error.to_string()),
            }
        })
    }

    /// A turn of delivery: settles what came back, claims, and gives the calls to make.
    pub fn deliver(&self, answers: Vec<Answered>) -> Step {
        let (app, delivery, ready) = (self.app.clone(), self.delivery.clone(), self.deliver_ready);
        Box::pin(async move {
            if !ready {
                return match delivery.recover(app.clock.now()).await {
                    Ok(_) => Did::Recovered(Who::Deliver),
                    Err(error) => Did::Failed(Who::Deliver, error.to_string()),
                };
            }
            let mut turned = Turned {
                calls: Vec::new(),
                back: Vec::new(),
                settled: 0,
                moved: 0,
                again_at: None,
                failed: None,
            };
            let Some(active) = app.active() else {
                turned.back = answers;
                return Did::Delivered(Box::new(turned));
            };
            let count = answers.len();
            match delivery.turn(&active, answers, app.clock.now(), &HereAndNow).await {
                Ok(claimed) => {
                    turned.settled = count;
                    turned.moved = claimed.moved;
                    turned.again_at = claimed.again_at;
                    for call in claimed.calls {
                        delivery.sent(&call.ticket, app.clock.now()).await;
                        turned.calls.push(call);
                    }
                }
                Err((error, back)) => {
                    turned.settled = count - back.len();
                    turned.back = back;
                    turned.failed = Some(error.to_string());
                }
            }
            Did::Delivered(Box::new(turned))
        })
    }

    /// A turn of the fetch stage, as `runner` takes it: writes down what came, and takes what is due.
    pub fn fetch(&self, came: Vec<Fetched>, room: usize) -> Step {
        let (app, fetcher, ready) = (self.app.clone(), self.fetcher.clone(), self.fetch_ready);
        Box::pin(async move {
            if !ready {
                return match fetcher.recover(app.clock.now()).await {
                    Ok(_) => Did::Recovered(Who::Fetch),
                    Err(error) => Did::Failed(Who::Fetch, error.to_string()),
                };
            }
            let Some(active) = app.active() else { return Did::Claimed(None, None) };
            let mut failed = None;
            for one in came {
                let id = one.row.id.clone();
                if let Err(error) = fetcher.settle(&active, one, app.clock.now()).await {
                    failed = Some(error.to_string());
                    let _ = app.store.fetches().give_back(&id, app.clock.now()).await;
                }
            }
            match fetcher.claim(&active, room, app.clock.now()).await {
                Ok(claim) => Did::Claimed(Some(claim), failed),
                Err(error) => Did::Claimed(None, Some(error.to_string())),
            }
        })
    }

    /// Makes a call that was claimed.
    pub fn call(&self, number: usize, work: FetchWork) -> Step {
        let (app, client) = (self.app.clone(), self.api.clone());
        Box::pin(async move {
            let FetchWork { row, api, call, inputs, .. } = work;
            let result = match app.active() {
                Some(active) => {
                    let call = ApiCall { api: &api, call: &call, inputs: &inputs, patient: false };
                    client.call(&active.engine, call).await
                }
                None => Err(ApiTrouble::Refused("there are no rules".to_owned())),
            };
            Did::Fetched(number, Box::new(Fetched { row, result, also: Vec::new() }))
        })
    }

    /// A step of the walk that is open, as `runner` goes it.
    pub fn walk(&self) -> Step {
        let app = self.app.clone();
        let calls = Arc::new(WalkCalls(self.api.clone()));
        let walker = Walker::new(app.store.clone(), self.entropy.clone(), app.clock.clone(), calls);
        Box::pin(async move {
            let filter = WalkFilter { source: None, open: true, limit: 100 };
            let walked = match app.store.walks().walks(&filter).await {
                Ok(rows) => match rows.iter().rev().find(|row| row.state == WalkState::Open) {
                    Some(row) => app.walk_further(&walker, row.seq, false).await,
                    None => Ok(Walked::Over),
                },
                Err(error) => Err(error),
            };
            match walked {
                Ok(walked) => Did::Walked(walked),
                Err(error) => Did::Failed(Who::Walk, error.to_string()),
            }
        })
    }

    /// Looks after connections and the database.
    pub fn keep(&self) -> Step {
        let (app, delivery) = (self.app.clone(), self.delivery.clone());
        Box::pin(async move {
            if let Some(active) = app.active()
                && let Err(error) = delivery.refresh(&active, app.clock.now()).await
            {
                return Did::Failed(Who::Keep, error.to_string());
            }
            match app.store.maintain().await {
                Ok(()) => Did::Kept,
                Err(error) => Did::Failed(Who::Keep, error.to_string()),
            }
        })
    }

    /// Commits the next batch of webhooks, once there is one.
    pub fn commit(&mut self) -> Option<Step> {
        let mut batches = self.batches.take()?;
        let clock = self.app.clock.clone();
        Some(Box::pin(async move {
            batches.commit_next(&*clock).await;
            Did::Committed(batches)
        }))
    }

    /// A webhook comes in through a source.
    pub fn post(&self, number: usize, id: EventId, (source, body): (&str, Vec<u8>)) -> Step {
        let (app, intake, source) = (self.app.clone(), self.intake.clone(), source.to_owned());
        Box::pin(async move {
            let delivered = Delivered {
                id,
                source,
                received_at: app.clock.now(),
                origin: ORIGIN_WEBHOOK,
                headers: "{}".to_owned(),
                body: body.into(),
            };
            Did::Answered(number, intake.store(delivered).await)
        })
    }

    /// The rules folder is like this.
    pub fn watch(&self, folder: &Folder) -> Option<Step> {
        let ruleset = folder.ruleset.clone();
        if self.app.active().is_some_and(|active| active.hash == ruleset.hash) {
            return None;
        }
        let (app, files) = (self.app.clone(), folder.files.clone());
        Some(Box::pin(async move {
            match app.activate(ruleset, &files).await {
                Ok(()) => Did::Activated,
                Err(error) => Did::Failed(Who::Watch, error.to_string()),
            }
        }))
    }

    /// A person asks for something.
    pub fn ask(&self, wish: Wish) -> Step {
        let app = self.app.clone();
        Box::pin(async move {
            let told = format!("{wish:?}");
            let result = match wish {
                Wish::Pause(connection, pause) => app.pause(connection, pause).await.map(|()| String::new()),
                Wish::Retry(runs) => {
                    app.retry(&runs, false).await.map(|taken| format!(": {} taken", taken.len()))
                }
                Wish::Replay(event) => {
                    app.replay(&event).await.map(|replayed| format!(": {} planned", replayed.runs.len()))
                }
                Wish::Walk(new) => app.begin_walk(&new).await.map(|(row, _)| format!(": {}", row.seq)),
                Wish::Repair(report) => {
                    app.repair_walk(report, false, "somebody").await.map(|(row, _)| format!(": {}", row.seq))
                }
            };
            match result {
                Ok(more) => Did::Asked(format!("{told}{more}")),
                Err(error) => Did::Failed(Who::Person, format!("{told}: {error}")),
            }
        })
    }
}
