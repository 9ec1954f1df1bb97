//! The yardsticks: the simplest programs that do what Waypost does, which show what the machine gives.
//!
//! * `group` commits the bodies of all requests that wait at that moment to SQLite (WAL, `synchronous=FULL`) in one
//!   transaction, then answers them.
//! * `forward` does the same, then maps the booking, posts it to the CRM and marks it as done in the same transactions;
//!   what was not done is sent again after a restart. The smallest router that delivers at least once: it tries again
//!   after a fixed second, and has nothing else of a product.
//!
//! A process of its own, started by the orchestration. Its figures are compared over time: keep it as it is.

use crate::client::Connection as CrmConnection;
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context;
use bytes::Bytes;
use hyper::{Method, Uri};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Most that one commit takes.
const BATCH_MAX: usize = 1_000;
/// Connections of `forward` to the CRM.
pub const CRM_CONNECTIONS: usize = 16;
/// Before a call that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    Group,
    Forward,
}

/// Which of the two, and where.
#[derive(clap::Args)]
pub struct Args {
    mode: Mode,
    #[arg(long)]
    port: u16,
    /// The database's file
    #[arg(long)]
    db: PathBuf,
    /// Where `forward` posts to
    #[arg(long)]
    crm: Uri,
}

enum Job {
    Insert(Bytes, oneshot::Sender<bool>),
    Done(i64),
}

type Queue = async_channel::Sender<(i64, Bytes)>;

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let database = Connection::open(path)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS events(id INTEGER PRIMARY KEY, body BLOB NOT NULL, done INTEGER NOT NULL DEFAULT 0);
         CREATE INDEX IF NOT EXISTS open_events ON events(id) WHERE done = 0;",
    )?;
    Ok(database)
}

/// Commits what is queued as one transaction, then answers all of its requests.
fn write_groups(mut database: Connection, jobs: mpsc::Receiver<Job>, deliver: Option<Queue>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        while group.len() < BATCH_MAX {
            match jobs.try_recv() {
                Ok(job) => group.push(job),
                Err(_) => break,
            }
        }
        let committed = commit(&mut database, &group);
        if let Err(error) = &committed {
            eprintln!("a commit failed: {error}");
        }
        let mut ids = committed.as_deref().unwrap_or_default().iter();
        for job in group {
            if let Job::Insert(body, answer) = job {
                let id = ids.next();
                let _ = answer.send(committed.is_ok());
                if let (Some(queue), Some(id)) = (&deliver, id) {
                    let _ = queue.send_blocking((*id, body));
                }
            }
        }
    }
}

/// Ids of the inserted events, in their order.
fn commit(database: &mut Connection, group: &[Job]) -> rusqlite::Result<Vec<i64>> {
    let mut ids = Vec::with_capacity(group.len());
    let transaction = database.transaction()?;
    {
        let mut insert = transaction.prepare_cached("INSERT INTO events(body) VALUES (?1)")?;
        let mut done = transaction.prepare_cached("UPDATE events SET done = 1 WHERE id = ?1")?;
        for job in group {
            match job {
                Job::Insert(body, _) => ids.push(insert.insert(params![&body[..]])?),
                Job::Done(id) => {
                    done.execute([id])?;
                }
            }
        }
    }
    transaction.commit()?;
    Ok(ids)
}

/// The same mapping that Waypost's rule has in the bench.
fn map(body: &[u8]) -> Option<Vec<u8>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let booking = value.get("booking")?;
    let contact = &booking["contact"];
    let name = contact["name"].as_str().unwrap_or("");
    let (first, last) = name.split_once(' ').unwrap_or((name, ""));
    serde_json::to_vec(&json!({
        "external_id": booking["external_id"], "booking_uuid": booking["uuid"], "display_id": booking["display_id"],
        "status": booking["status"], "email": contact["email"], "first_name": first, "last_name": last,
        "phone": contact["normalized_phone"], "language": contact["language"],
        "item": booking["availability"]["item"]["name"], "start_at": booking["availability"]["start_at"],
        "company": booking["company"]["shortname"], "guests": booking["customers"].as_array().map_or(0, Vec::len),
        "total": booking["receipt_total"].as_i64().unwrap_or(0) as f64 / 100.0, "note": booking["note"],
    }))
    .ok()
}

fn start_delivery(crm: Uri, queue: async_channel::Receiver<(i64, Bytes)>, done: mpsc::Sender<Job>) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let tasks: Vec<_> = (0..CRM_CONNECTIONS)
                .map(|_| tokio::spawn(deliver(crm.clone(), queue.clone(), done.clone())))
                .collect();
            for task in tasks {
                let _ = task.await;
            }
        });
    });
}

async fn deliver(crm: Uri, queue: async_channel::Receiver<(i64, Bytes)>, done: mpsc::Sender<Job>) {
    let mut connection = CrmConnection::new(&crm);
    while let Ok((id, body)) = queue.recv().await {
        let mapped = Bytes::from(map(&body).unwrap_or_else(|| body.to_vec()));
        loop {
            match connection.request(Method::POST, crm.path(), mapped.clone()).await {
                Ok((status, _)) if (200..300).contains(&status) => break,
                _ => tokio::time::sleep(RETRY).await,
            }
        }
        let _ = done.send(Job::Done(id));
    }
}

async fn hook(jobs: web::Data<mpsc::Sender<Job>>, body: Bytes) -> HttpResponse {
    let (sender, stored) = oneshot::channel();
    if jobs.send(Job::Insert(body, sender)).is_ok() && stored.await.unwrap_or(false) {
        HttpResponse::Ok().content_type("application/json").body("{\"ok\":true}")
    } else {
        HttpResponse::InternalServerError().finish()
    }
}

/// Serves until SIGTERM or SIGINT.
pub fn serve(args: Args) -> anyhow::Result<()> {
    let (jobs, queued) = mpsc::channel();
    let database = open(&args.db).with_context(|| format!("{} can't be opened", args.db.display()))?;
    let mut deliver = None;
    if args.mode == Mode::Forward {
        let (sender, receiver) = async_channel::unbounded();
        let mut open_events = database.prepare("SELECT id, body FROM events WHERE done = 0 ORDER BY id")?;
        let rows = open_events.query_map([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)))?;
        for row in rows {
            let (id, body) = row?;
            sender.send_blocking((id, Bytes::from(body)))?;
        }
        start_delivery(args.crm, receiver, jobs.clone());
        deliver = Some(sender);
    }
    std::thread::spawn(move || write_groups(database, queued, deliver));
    let jobs = web::Data::new(jobs);
    let app = move || {
        App::new()
            .app_data(jobs.clone())
            .app_data(web::PayloadConfig::new(1 << 20))
            .default_service(web::to(hook))
    };
    let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", args.port))?;
    actix_web::rt::System::new().block_on(server.run())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Job, commit, map, open, write_groups};
    use crate::payload::Payloads;
    use crate::trace::Token;
    use bytes::Bytes;
    use serde_json::Value;
    use std::path::Path;
    use std::sync::mpsc;
    use tokio::sync::oneshot;

    #[test]
    fn the_mapping_hands_the_token_on() {
        let token = Token { run: 7, seq: 3, sent_ns: 5 };
        let mapped = map(&Payloads::new().render(token)).unwrap();
        assert_eq!(Token::find(&mapped), Some(token));
        let value: Value = serde_json::from_slice(&mapped).unwrap();
        assert_eq!((&value["first_name"], &value["guests"]), (&"Dmitri".into(), &2.into()));
    }

    #[test]
    fn what_is_answered_is_stored_and_what_is_done_is_marked() {
        let mut database = open(Path::new(":memory:")).unwrap();
        let (answer, _) = oneshot::channel();
        let ids = commit(&mut database, &[Job::Insert(Bytes::from_static(b"one"), answer)]).unwrap();
        commit(&mut database, &[Job::Done(ids[0])]).unwrap();
        let all: (i64, i64) = database
            .query_row("SELECT count(*), sum(done) FROM events", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(all, (1, 1));
    }

    #[test]
    fn a_commit_that_fails_is_answered_with_no() {
        let database = open(Path::new(":memory:")).unwrap();
        database.execute_batch("DROP TABLE events").unwrap();
        let (jobs, queued) = mpsc::channel();
        let (answer, stored) = oneshot::channel();
        jobs.send(Job::Insert(Bytes::from_static(b"one"), answer)).unwrap();
        drop(jobs);
        write_groups(database, queued, None);
        assert_eq!(stored.blocking_recv(), Ok(false));
    }
}
