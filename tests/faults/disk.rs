//! A disk that is full and has space again, and a data folder that can't be written.

use crate::mount::Disk;
use crate::post::{GUESTS, Poster};
use crate::process::{Crm, Home, Process};
use crate::support::Booking;
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Answers of 503 in a row after which the disk is taken for full.
const FULL: u32 = 5;

/// Posts new bookings until it is refused again and again. Each refusal is a 503 that says when to come back.
async fn post_until_refused(home: &Home, poster: &mut Poster, number: &mut u32) {
    let mut in_a_row = 0;
    home.until("webhooks are refused", async || {
        *number += 1;
        let answer = poster.post(&Booking::new(*number).with("/note", "n".repeat(20_000))).await;
        assert!(answer.status == 200 || answer.status == 503, "{answer:?}");
        assert!(answer.status == 200 || answer.retry_after, "a 503 says when to come back");
        in_a_row = if answer.status == 503 { in_a_row + 1 } else { 0 };
        in_a_row >= FULL
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_answered_with_503_and_all_goes_on_when_there_is_space_again() {
    let Some(disk) = Disk::new(12) else { return };
    let crm = Crm::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let home =
        Home::with_data(folder, disk.path().join("data"), crm.address, None, &[("guests.yaml", GUESTS)])
            .await;
    let mut process = home.start_ready().await;
    let mut poster = Poster::new(&home);
    poster.post_all(1..21).await;
    home.quiet().await;
    // Runs are under way when the disk gets full: their answers can't be written down.
    crm.behave(json!({ "delay_ms": 100 })).await;
    poster.post_all(21..41).await;
    disk.fill();
    let mut number = 1_000;
    post_until_refused(&home, &mut poster, &mut number).await;
    crm.behave_well().await;
    post_until_refused(&home, &mut poster, &mut number).await;
    assert_eq!(process.ended(), None, "{}", home.log_end());
    disk.free();
    poster.post_until_acked(&home, &Booking::new(2_001)).await;
    poster.post_all(2_002..2_012).await;
    poster.all_arrived_once(&home, &crm).await;
    assert_eq!(process.ended(), None, "{}", home.log_end());
    // What stands on the disk is whole: the next start finds it all again.
    process.kill();
    let process = home.start_ready().await;
    poster.post_all(3_001..3_003).await;
    poster.all_arrived_once(&home, &crm).await;
    drop(process);
}

/// Starts, waits for the end, and gives what was said.
async fn refused_start(home: &Home) -> String {
    let mut process = Process::start(home.command());
    let status = process.end(|| home.log_end()).await;
    assert_eq!(status.code(), Some(1), "{}", home.log_end());
    home.log()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_data_folder_is_named_with_the_way_out() {
    let Some(disk) = Disk::new(12) else { return };
    let crm = Crm::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let data = disk.path().join("data");
    let home = Home::with_data(folder, data.clone(), crm.address, None, &[("guests.yaml", GUESTS)]).await;
    let process = home.start_ready().await;
    let mut poster = Poster::new(&home);
    poster.post_all(1..4).await;
    poster.all_arrived_once(&home, &crm).await;
    process.kill();
    disk.read_only(true);
    let said = refused_start(&home).await;
    assert!(said.contains(&data.display().to_string()), "{said}");
    assert!(said.contains("can't be written"), "{said}");
    disk.read_only(false);
    let process = home.start_ready().await;
    poster.post_all(4..6).await;
    poster.all_arrived_once(&home, &crm).await;
    drop(process);
}

/// Makes all files of a folder and the folder itself unchangeable, even for who has them open, or changeable again; but
/// not SQLite's index in shared memory, which is no data. False where this machine or its file system can't.
fn unchangeable(folder: &Path, yes: bool) -> bool {
    let mut command = Command::new("chattr");
    command.arg(if yes { "+i" } else { "-i" });
    if !yes {
        command.arg(folder);
    }
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_data = |path: &std::path::PathBuf| path.is_file() && !path.to_string_lossy().ends_with("-shm");
    command.args(files.filter(is_data));
    if yes {
        command.arg(folder);
    }
    command.output().is_ok_and(|out| out.status.success())
}

/// Undoes it whatever happens.
struct Unchangeable<'a>(&'a Path);

impl Drop for Unchangeable<'_> {
    fn drop(&mut self) {
        unchangeable(self.0, false);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_becomes_read_only_under_way_is_answered_with_503_until_it_is_writable_again() {
    let crm = Crm::start().await;
    let home = Home::new(crm.address, None, &[("guests.yaml", GUESTS)]).await;
    let mut process = home.start_ready().await;
    let mut poster = Poster::new(&home);
    poster.post_all(1..11).await;
    if !unchangeable(home.data(), true) {
        unchangeable(home.data(), false);
        assert!(
            std::env::var("WAYPOST_NO_MOUNT").is_ok_and(|value| value == "1"),
            "Files can't be made unchangeable here (chattr +i, as root, on ext4 or xfs), so a folder that becomes read-only \
             can't be tried. Set WAYPOST_NO_MOUNT=1 to do without it."
        );
        println!("NOT RUN: files can't be made unchangeable here, and WAYPOST_NO_MOUNT=1");
        return;
    }
    let guard = Unchangeable(home.data());
    let mut number = 1_000;
    post_until_refused(&home, &mut poster, &mut number).await;
    // Long enough for every part of it to have met the trouble.
    tokio::time::sleep(Duration::from_secs(2)).await;
    post_until_refused(&home, &mut poster, &mut number).await;
    assert_eq!(process.ended(), None, "{}", home.log_end());
    drop(guard);
    poster.post_until_acked(&home, &Booking::new(2_001)).await;
    poster.post_all(2_002..2_006).await;
    poster.all_arrived_once(&home, &crm).await;
    assert_eq!(process.ended(), None, "{}", home.log_end());
}
