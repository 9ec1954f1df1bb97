//! The load generator: sends webhooks, measures the acks, then waits until the mock CRM has all that was acked.
//!
//! Closed loop: so many connections, each sends when it got its answer. Open loop (`--rate`): on a fixed schedule, and
//! latencies count from when an event was due, so that a stall can't hide behind requests that were not made.
//! A process of its own, started by the orchestration, which reads the one line of JSON that it prints.

use crate::client::Connection;
use crate::latency::{self, Latency};
use crate::mock_crm::Stats;
use crate::now_ns;
use crate::payload::Payloads;
use crate::trace::Token;
use anyhow::{Context, Result};
use bytes::Bytes;
use hdrhistogram::Histogram;
use hyper::{Method, Uri};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// From the start of the program to the first event, for all to be ready.
const HEAD_START_NS: u64 = 20_000_000;
/// Between two looks at the mock CRM.
const LOOK: Duration = Duration::from_millis(50);

/// What to send, and where.
#[derive(clap::Args)]
pub struct Args {
    /// Where the webhooks go
    #[arg(long)]
    url: Uri,
    /// How many, at most
    #[arg(long)]
    events: u32,
    /// Connections; in an open loop an upper bound of them
    #[arg(long)]
    connections: usize,
    /// Open loop: events per second
    #[arg(long)]
    rate: Option<f64>,
    /// Stop sending after so many seconds
    #[arg(long)]
    seconds_max: Option<f64>,
    /// Give up on a request after so many
    #[arg(long, default_value_t = 30)]
    timeout_s: u64,
    /// The mock CRM; without it only acks are measured
    #[arg(long)]
    crm: Option<Uri>,
    /// Stop waiting for the CRM when nothing new has arrived for so many seconds
    #[arg(long, default_value_t = 30.0)]
    settle_s: f64,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sent {
    /// Webhooks answered with 200.
    pub acked: u64,
    /// All answers by their status, and `no answer`.
    pub answers: BTreeMap<String, u64>,
    /// From the first send to the last ack.
    pub acks_per_s: f64,
    pub ack: Latency,
    /// Where a CRM was given.
    pub arrived: Option<Arrived>,
}

/// What came of it at the CRM.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Arrived {
    /// From the first send to the last arrival.
    pub per_s: f64,
    pub stats: Stats,
}

struct Shared {
    payloads: Payloads,
    run: u32,
    ack: Histogram<u64>,
    answers: BTreeMap<String, u64>,
    acked: u64,
    last_ack_ns: u64,
}

struct Ticket {
    seq: u32,
    /// In an open loop: when it is due.
    due_ns: Option<u64>,
}

/// Hands out tickets from a thread, because tokio's timers have a resolution of 1 ms only.
fn pace(args: &Args, start_ns: u64, tickets: async_channel::Sender<Ticket>) {
    let (events, rate) = (args.events, args.rate);
    let end_ns = args.seconds_max.map(|seconds| start_ns + (seconds * 1e9) as u64);
    std::thread::spawn(move || {
        for seq in 0..events {
            let due_ns = rate.map(|rate| start_ns + (f64::from(seq) * 1e9 / rate) as u64);
            let until_ns = due_ns.unwrap_or(start_ns);
            std::thread::sleep(Duration::from_nanos(until_ns.saturating_sub(now_ns())));
            let over = end_ns.is_some_and(|end| now_ns() > end);
            if over || tickets.send_blocking(Ticket { seq, due_ns }).is_err() {
                return;
            }
        }
    });
}

async fn work(args: Rc<Args>, shared: Rc<RefCell<Shared>>, tickets: async_channel::Receiver<Ticket>) {
    let path = args.url.path().to_owned();
    let mut connection = Connection::new(&args.url);
    while let Ok(ticket) = tickets.recv().await {
        let from_ns = ticket.due_ns.unwrap_or_else(now_ns);
        let body = {
            let shared = shared.borrow();
            let token = Token { run: shared.run, seq: ticket.seq, sent_ns: from_ns };
            Bytes::from(shared.payloads.render(token))
        };
        let request = connection.request(Method::POST, &path, body);
        let outcome = tokio::time::timeout(Duration::from_secs(args.timeout_s), request).await;
        let at_ns = now_ns();
        let mut shared = shared.borrow_mut();
        let told = match outcome {
            Ok(Ok((200, _))) => {
                shared.acked += 1;
                shared.last_ack_ns = at_ns;
                latency::record(&mut shared.ack, at_ns - from_ns);
                "200".to_owned()
            }
            Ok(Ok((status, _))) => status.to_string(),
            Ok(Err(_)) => "no answer".to_owned(),
            Err(_) => {
                connection = Connection::new(&args.url);
                "no answer".to_owned()
            }
        };
        *shared.answers.entry(told).or_default() += 1;
    }
}

async fn stats(crm: &mut Connection) -> Result<Stats> {
    let answer = crm.request(Method::GET, "/stats", Bytes::new()).await;
    let (_, body) = answer.map_err(anyhow::Error::from_boxed).context("the mock CRM does not answer")?;
    serde_json::from_slice(&body).context("the mock CRM answers something else")
}

/// Waits until the CRM has `expected` events, or nothing new has arrived for `settle_s`.
async fn arrivals(crm: &Uri, expected: u64, settle_s: f64) -> Result<Stats> {
    let mut connection = Connection::new(crm);
    let (mut most, mut since_ns) = (0, now_ns());
    loop {
        let stats = stats(&mut connection).await?;
        if stats.unique > most {
            (most, since_ns) = (stats.unique, now_ns());
        }
        if stats.unique >= expected || seconds(since_ns, now_ns()) > settle_s {
            return Ok(stats);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn seconds(from_ns: u64, to_ns: u64) -> f64 {
    to_ns.saturating_sub(from_ns) as f64 / 1e9
}

fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

async fn send(args: Args) -> Result<Sent> {
    let args = Rc::new(args);
    let shared = Rc::new(RefCell::new(Shared {
        payloads: Payloads::new(),
        // Never that of the probes.
        run: (now_ns() / 1_000) as u32 | 1,
        ack: latency::histogram(),
        answers: BTreeMap::new(),
        acked: 0,
        last_ack_ns: 0,
    }));
    let (sender, tickets) = match args.rate {
        Some(_) => async_channel::unbounded(),
        None => async_channel::bounded(args.connections),
    };
    let start_ns = now_ns() + HEAD_START_NS;
    pace(&args, start_ns, sender);
    let local = tokio::task::LocalSet::new();
    for _ in 0..args.connections {
        local.spawn_local(work(args.clone(), shared.clone(), tickets.clone()));
    }
    drop(tickets);
    local.await;

    let shared = Rc::into_inner(shared).context("a worker is still at work")?.into_inner();
    let arrived = match &args.crm {
        None => None,
        Some(crm) => {
            let stats = arrivals(crm, shared.acked, args.settle_s).await?;
            Some(Arrived { per_s: per_second(stats.unique, seconds(start_ns, stats.last_ns)), stats })
        }
    };
    Ok(Sent {
        acked: shared.acked,
        answers: shared.answers,
        acks_per_s: per_second(shared.acked, seconds(start_ns, shared.last_ack_ns)),
        ack: Latency::of(&shared.ack),
        arrived,
    })
}

/// Sends, and prints what came of it.
pub async fn run(args: Args) -> Result<()> {
    println!("{}", serde_json::to_string(&send(args).await?)?);
    Ok(())
}
