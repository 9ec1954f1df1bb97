//! Power loss, as far as a program can prepare for it: before each 200 goes to its socket, the file that the event's bytes
//! were written to is synced, after the write has ended. Read from the system calls of the real program (`strace`), by
//! their order and never by a clock.

use crate::process::{Crm, Home, PATIENCE, Process, binary};
use crate::support::Booking;
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

/// Webhooks that come one after the other, and ones that come at once and share commits.
const ALONE: u32 = 12;
const AT_ONCE: u32 = 24;
const GUESTS: &str = "title: Guests\nfrom: tours\nsteps:\n  - id: contact\n    use: crm.upsert_contact\n    \
                      with: { id: \"{{ booking.contact.email }}\" }\n";

/// One system call: where in the trace it began and ended.
#[derive(Debug)]
struct Call {
    name: String,
    /// What its first argument is: a path, or `TCP:[from->to]`.
    on: String,
    /// The rest of the arguments.
    text: String,
    began: usize,
    ended: usize,
}

/// Reads a trace. A call that another thread's line cuts in two is put together again.
fn read_trace(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished: HashMap<(&str, &str), usize> = HashMap::new();
    for (at, line) in trace.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix("<... ") {
            let name = rest.split(' ').next().unwrap_or_default();
            if let Some(begun) = unfinished.remove(&(thread, name)) {
                calls[begun].ended = at;
            }
            continue;
        }
        let Some((name, arguments)) = rest.split_once('(') else { continue };
        let Some((on, text)) = arguments.split_once('<').and_then(|(_, rest)| {
            // A socket's name has a `>` of its own, in `->`.
            let end = if rest.starts_with("TCP:[") { rest.find("]>")? + 1 } else { rest.find('>')? };
            Some((&rest[..end], &rest[end..]))
        }) else {
            continue;
        };
        let open = line.ends_with("<unfinished ...>");
        if open {
            unfinished.insert((thread, name), calls.len());
        }
        let ended = if open { usize::MAX } else { at };
        calls.push(Call { name: name.into(), on: on.into(), text: text.into(), began: at, ended });
    }
    calls
}

/// Why an answer was no proof of durability; `None` where it was.
fn flaw(calls: &[Call], data: &Path, mark: &str, port: u16) -> Option<String> {
    let socket = format!("->127.0.0.1:{port}]");
    let answer = calls.iter().find(|call| call.on.ends_with(&socket) && call.text.contains("HTTP/1.1 200"));
    let Some(answer) = answer else { return Some(format!("{mark}: no 200 on port {port} in the trace")) };
    let data = data.to_str().expect("a path");
    let written = calls
        .iter()
        .find(|call| call.name.contains("write") && call.on.starts_with(data) && call.text.contains(mark));
    let Some(written) = written else { return Some(format!("{mark}: was never written below {data}")) };
    let synced = calls.iter().any(|call| {
        matches!(call.name.as_str(), "fsync" | "fdatasync")
            && call.on == written.on
            && call.began > written.ended
            && call.ended < answer.began
    });
    (!synced).then(|| {
        format!(
            "{mark}: {} was written in line {} and the 200 sent in line {} without a sync between",
            written.on, written.ended, answer.began
        )
    })
}

/// Posts on a connection of its own; gives the port that it came from.
fn post(address: SocketAddr, body: &str) -> u16 {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let port = stream.local_addr().expect("an address").port();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: tours\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        Home::hook_path(),
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    port
}

fn marked(number: u32) -> (String, String) {
    let mark = format!("mark-{number:04}-of-this-one");
    let body = Booking::new(number).with("/note", mark.clone()).body.to_string();
    (mark, body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_200_goes_out_after_the_sync_of_the_file_that_holds_its_event() {
    if std::env::var("WAYPOST_NO_STRACE").is_ok_and(|value| value == "1") {
        println!("NOT RUN: the sync before each 200 was not looked at, since WAYPOST_NO_STRACE=1");
        return;
    }
    let crm = Crm::start().await;
    let home = Home::new(crm.address, None, &[("guests.yaml", GUESTS)]).await;
    let trace = home.folder().join("trace");
    let calls = "trace=fsync,fdatasync,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg";
    let trace_file = trace.to_str().expect("a path");
    // `-D`: the program is our child, and strace follows it from beside.
    let strace = ["strace", "-D", "-f", "--seccomp-bpf", "-yy", "-s", "70000", "-e", calls, "-o", trace_file];
    let looked = std::process::Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    assert!(
        looked.is_ok_and(|out| out.status.success()),
        "strace can't be used here, so the sync before each 200 can't be looked at. Install Debian's package strace and \
         allow ptrace, or set WAYPOST_NO_STRACE=1 to do without this test ({})",
        binary().display()
    );
    let mut process = Process::start(home.command_under(&strace));
    home.ready(&mut process).await;

    let address = home.address();
    let mut posted = Vec::new();
    for number in 1..=ALONE {
        let (mark, body) = marked(number);
        let port = tokio::task::spawn_blocking(move || post(address, &body)).await.expect("it is posted");
        posted.push((mark, port));
    }
    let mut at_once = tokio::task::JoinSet::new();
    for number in ALONE + 1..=ALONE + AT_ONCE {
        at_once.spawn_blocking(move || {
            let (mark, body) = marked(number);
            (mark, post(address, &body))
        });
    }
    posted.extend(at_once.join_all().await);
    process.signal("TERM");
    let status = process.end(|| home.log_end()).await;
    assert_eq!(status.code(), Some(0), "{}", home.log_end());
    let id = process.id();
    let read = || String::from_utf8_lossy(&std::fs::read(&trace).unwrap_or_default()).into_owned();
    home.until("strace has written all", async || {
        let mut lines = read().lines().rev().take(5).map(str::to_owned).collect::<Vec<_>>().into_iter();
        lines.any(|line| line.starts_with(&id.to_string()) && line.contains("+++ exited"))
    })
    .await;

    let calls = read_trace(&read());
    let flaws: Vec<String> =
        posted.iter().filter_map(|(mark, port)| flaw(&calls, home.data(), mark, *port)).collect();
    assert!(flaws.is_empty(), "{flaws:#?}");
    println!("{} answers with 200, each after the sync of its event", posted.len());
}

#[test]
fn a_trace_without_the_sync_in_its_place_is_found_out() {
    let good = r#"7 pwrite64(9</d/waypost.db-wal>, "{\"note\":\"mark-1\"}", 4096, 0 <unfinished ...>
8 write(4</d/other>, "x", 1) = 1
7 <... pwrite64 resumed>) = 4096
7 fdatasync(9</d/waypost.db-wal> <unfinished ...>
8 sendto(11<TCP:[127.0.0.1:80->127.0.0.1:999]>, "HTTP/1.1 503 ", 13, 0) = 13
7 <... fdatasync resumed>) = 0
8 sendto(12<TCP:[127.0.0.1:80->127.0.0.1:777]>, "HTTP/1.1 200 OK", 15, 0) = 15
"#;
    let found = |trace: &str| flaw(&read_trace(trace), Path::new("/d"), "mark-1", 777);
    assert_eq!(found(good), None);
    let lines: Vec<&str> = good.lines().collect();
    let without = |order: &[usize]| order.iter().map(|at| lines[*at]).collect::<Vec<_>>().join("\n");
    let late = "was written in line";
    // The answer before the sync has ended, the sync before the write has ended, another file's sync, no sync at all.
    for order in [&[0, 1, 2, 3, 6, 5][..], &[0, 3, 5, 2, 6], &[0, 2, 6]] {
        assert!(found(&without(order)).is_some_and(|flaw| flaw.contains(late)), "{order:?}");
    }
    assert!(found(&good.replace("fdatasync(9</d/waypost.db-wal>", "fdatasync(9</d/other>")).is_some());
    assert!(found(&without(&[3, 5, 6])).is_some_and(|flaw| flaw.contains("never written")));
}
