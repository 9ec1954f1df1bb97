//! The wrong key: the secrets can't be read, everything else goes on, and the right key puts it right.

use crate::post::{GUESTS, Poster};
use crate::process::{Crm, Home, Process};
use crate::support::client;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wrong_key_is_told_and_loses_nothing() {
    let crm = Crm::start().await;
    let home = Home::new(crm.address, None, &[("guests.yaml", GUESTS)]).await;
    let mut poster = Poster::new(&home);
    crm.behave(json!({ "fail": { "status": 503 } })).await;
    let mut process = home.start_ready().await;
    poster.post_all(1..6).await;
    process.signal("TERM");
    assert_eq!(process.end(|| home.log_end()).await.code(), Some(0));

    let mut command = home.command();
    let told = home.folder().join("told");
    command.env("WAYPOST_KEY", "ab".repeat(32)).stdout(std::fs::File::create(&told).expect("a file"));
    let mut process = Process::start(command);
    let health = format!("http://{}/healthz", home.address());
    let client = client();
    home.until("it answers", async || client.get(&health).send().await.is_ok()).await;
    crm.behave_well().await;
    // What needs no secret goes on.
    poster.all_arrived_once(&home, &crm).await;
    // The source's token can't be read, but its hash is known from before: webhooks go on being taken.
    poster.post_all(11..14).await;
    let told = std::fs::read_to_string(&told).expect("what it said");
    assert!(told.contains("WAYPOST_KEY"), "{told}");
    assert_eq!(process.ended(), None, "{}", home.log_end());
    process.kill();

    let process = home.start_ready().await;
    poster.post_all(21..24).await;
    poster.all_arrived_once(&home, &crm).await;
    drop(process);
}
