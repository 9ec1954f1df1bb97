//! A CRM that answers 200 bytes a minute, or 1 GiB and more, or nests its answer: the other connections go on meanwhile,
//! the router's memory stays where it was, and once the CRM is well all arrives.

use crate::crm::{BadCrm, Manner};
use crate::post::{GUESTS, Poster};
use crate::process::{Crm, Home, crm_file};
use waypost::ports::{ListFilter, RunRow};

const BAD: &str = "title: Bad\nfrom: tours\nsteps:\n  - id: contact\n    use: bad.upsert_contact\n    \
                   with: { id: \"{{ booking.contact.email }}\" }\n";
/// Of one endless answer so much may be taken: what is read of an answer, and what lies in the sockets' buffers.
const TAKEN_BYTES_MAX: u64 = 32 << 20;
/// The router may grow so much over it.
const GROWN_KIB_MAX: u64 = 64 << 10;

/// Resident memory of a process, in KiB.
pub fn rss_kib(process: u32) -> u64 {
    status_kib(process, "VmRSS:")
}

/// The most that it ever had, in KiB.
pub fn rss_most_kib(process: u32) -> u64 {
    status_kib(process, "VmHWM:")
}

fn status_kib(process: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it is alive");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field");
    line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
}

async fn runs_of(home: &Home, rule: &str) -> Vec<RunRow> {
    let app = home.beside().await;
    let filter = ListFilter { rule: Some(rule.to_owned()), limit: 500, ..ListFilter::default() };
    let runs = app.store.list_runs(&filter).await.expect("the runs");
    app.store.close().await;
    runs
}

/// While the bad CRM is so, everything of the other connection arrives; then it gets well, and its own does.
async fn others_go_on(manner: Manner) {
    let (crm, bad) = (Crm::start().await, BadCrm::start(manner).await);
    let home = Home::new(crm.address, None, &[("guests.yaml", GUESTS), ("bad.yaml", BAD)]).await;
    home.write("connections/bad.yaml", &crm_file(bad.address, "timeout: 2s\n"));
    let mut process = home.start_ready().await;
    let idle_kib = rss_kib(process.id());
    let mut poster = Poster::new(&home);
    poster.post_all(1..31).await;
    home.until("the others are there", async || crm.records("notes").await.len() == 30).await;
    home.until("the bad one was called more than once", async || bad.calls() >= 3).await;
    assert_eq!(crm.records("contacts").await.len(), 30);
    let taken = bad.bytes() / bad.calls().max(1);
    assert!(taken < TAKEN_BYTES_MAX, "{taken} bytes of each answer were taken");
    let grown_kib = rss_most_kib(process.id()).saturating_sub(idle_kib);
    assert!(grown_kib < GROWN_KIB_MAX, "{manner:?}: it grew by {grown_kib} KiB over {idle_kib} KiB");
    println!("{manner:?}: {} calls, {taken} bytes of each taken, grown by {grown_kib} KiB", bad.calls());

    bad.set(Manner::Well);
    poster.post_all(31..34).await;
    poster.all_arrived_once(&home, &crm).await;
    let runs = runs_of(&home, "bad").await;
    assert_eq!(runs.len(), 33);
    let odd: Vec<_> = runs.iter().filter(|run| run.state.as_str() != "done").collect();
    assert!(odd.is_empty(), "{odd:?}");
    assert_eq!(process.ended(), None, "{}", home.log_end());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crm_that_answers_200_bytes_a_minute_delays_nobody_else() {
    others_go_on(Manner::Drip).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crm_whose_very_head_comes_at_200_bytes_a_minute_delays_nobody_else() {
    others_go_on(Manner::DripHead).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crm_that_answers_without_an_end_takes_no_memory() {
    others_go_on(Manner::Endless).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crm_whose_answer_nests_ten_thousand_deep_harms_nothing() {
    others_go_on(Manner::Deep).await;
}
