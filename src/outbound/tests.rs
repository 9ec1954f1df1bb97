//! The adapter against a small server of its own on loopback that behaves badly in one way per test.

use super::HttpOutbound;
use crate::ports::{Outbound, OutboundFailure, OutboundRequest};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Listens and gives every connection to `serve`.
async fn server<F, Fut>(serve: F) -> String
where
    F: Fn(TcpStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream));
        }
    });
    format!("http://{address}")
}

/// Reads one request: head and body by its length.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).await.ok().filter(|length| *length > 0)?;
        text.extend_from_slice(&chunk[..length]);
        let so_far = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = so_far.split_once("\r\n\r\n") else { continue };
        let wanted = head
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length:").map(|n| n.trim().to_owned()))
            .map_or(0, |n| n.parse::<usize>().unwrap());
        if body.len() >= wanted {
            return Some(so_far);
        }
    }
}

fn request(url: &str) -> OutboundRequest {
    OutboundRequest {
        method: "POST".into(),
        url: url.into(),
        headers: vec![("authorization".into(), "Bearer hush".into())],
        body: Some(Bytes::from_static(b"{}")),
        allow_private: true,
        timeout_ms: 5_000,
        answer_bytes_max: 1_000,
        about: (String::new(), String::new()),
    }
}

async fn not_sent(request: OutboundRequest) -> String {
    match HttpOutbound::new().send(request).await {
        Err(OutboundFailure::NotSent(why)) => why,
        other => panic!("expected NotSent, got {other:?}"),
    }
}

async fn unknown(request: OutboundRequest) -> String {
    match HttpOutbound::new().send(request).await {
        Err(OutboundFailure::Unknown(why)) => why,
        other => panic!("expected Unknown, got {other:?}"),
    }
}

/// The port differs from run to run.
fn without_port(text: &str, url: &str) -> String {
    let port = url.rsplit_once(':').unwrap().1.split(['/', '?']).next().unwrap();
    text.replace(port, "PORT")
}

#[tokio::test]
async fn an_answer_comes_back_with_status_headers_and_body() {
    let url = server(|mut stream| async move {
        let request = read_request(&mut stream).await.unwrap();
        let body = request.to_lowercase();
        let body = format!("{}", body.contains("authorization: bearer hush") && body.ends_with("{}"));
        let head = "HTTP/1.1 201 Created\r\nX-Seen: Yes\r\nContent-Length: 4\r\n\r\n";
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    })
    .await;
    let answer = HttpOutbound::new().send(request(&url)).await.unwrap();
    assert_eq!((answer.status, answer.header("x-seen"), &answer.body[..]), (201, Some("Yes"), &b"true"[..]));
    assert!(!answer.cut);
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let url = server(|mut stream| async move {
        read_request(&mut stream).await;
        let head = "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
    })
    .await;
    let answer = HttpOutbound::new().send(request(&url)).await.unwrap();
    assert_eq!((answer.status, answer.header("location")), (302, Some("http://169.254.169.254/")));
}

#[tokio::test]
async fn a_compressed_answer_is_left_as_it_is() {
    let url = server(|mut stream| async move {
        let request = read_request(&mut stream).await.unwrap();
        assert!(!request.to_lowercase().contains("accept-encoding"));
        let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc";
        stream.write_all(head.as_bytes()).await.unwrap();
    })
    .await;
    assert_eq!(&HttpOutbound::new().send(request(&url)).await.unwrap().body[..], b"abc");
}

#[tokio::test]
async fn of_a_huge_answer_only_the_beginning_is_read() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let url = server(move |mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            read_request(&mut stream).await;
            let chunk = vec![b'x'; 65_536];
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 1_usize << 30);
            stream.write_all(head.as_bytes()).await.unwrap();
            while stream.write_all(&chunk).await.is_ok() {
                counter.fetch_add(65_536, Ordering::Relaxed);
            }
        }
    })
    .await;
    let answer = HttpOutbound::new().send(request(&url)).await.unwrap();
    assert_eq!((answer.body.len(), answer.cut), (1_000, true));
    assert!(sent.load(Ordering::Relaxed) < 1 << 26, "the connection is dropped, not read to its end");
}

#[tokio::test]
async fn an_answer_of_exactly_the_limit_is_whole() {
    let url = server(|mut stream| async move {
        read_request(&mut stream).await;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}", "x".repeat(1_000));
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let answer = HttpOutbound::new().send(request(&url)).await.unwrap();
    assert_eq!((answer.body.len(), answer.cut), (1_000, false));
}

#[tokio::test]
async fn an_answer_that_trickles_ends_at_the_whole_time_as_unknown() {
    let url = server(|mut stream| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let why = unknown(OutboundRequest { timeout_ms: 400, ..request(&url) }).await;
    assert_eq!(
        without_port(&why, &url),
        "127.0.0.1:PORT did not answer in full within 400 ms; it may have been done all the same."
    );
}

#[tokio::test]
async fn a_server_that_never_answers_is_unknown() {
    let url = server(|mut stream| async move {
        read_request(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let why = unknown(OutboundRequest { timeout_ms: 300, ..request(&url) }).await;
    assert!(why.contains("did not answer in full within 300 ms"), "{why}");
}

#[tokio::test]
async fn a_connection_cut_after_the_request_is_unknown() {
    let url = server(|mut stream| async move {
        read_request(&mut stream).await;
    })
    .await;
    let why = unknown(request(&url)).await;
    assert!(why.contains("broke before an answer came"), "{why}");
    let url = server(|mut stream| async move {
        read_request(&mut stream).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    unknown(request(&url)).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_unknown() {
    let url = server(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await.unwrap();
    })
    .await;
    let why = unknown(request(&url)).await;
    assert!(why.contains("broke off"), "{why}");
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_costs_nothing() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let url = server(move |mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            read_request(&mut stream).await;
            counter.fetch_add(1, Ordering::Relaxed);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        }
    })
    .await;
    let outbound = HttpOutbound::new();
    for _ in 0..50 {
        assert_eq!(outbound.send(request(&url)).await.unwrap().status, 200);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(calls.load(Ordering::Relaxed), 50);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let url = server(move |mut stream| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move {
            while read_request(&mut stream).await.is_some() {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            }
        }
    })
    .await;
    let outbound = HttpOutbound::new();
    for _ in 0..5 {
        outbound.send(request(&url)).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_refused_port_was_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(
        without_port(&not_sent(request(&url)).await, &url),
        "127.0.0.1:PORT refused the connection. Nothing listens there, or a firewall refuses."
    );
}

#[tokio::test]
async fn a_name_that_does_not_exist_was_not_sent() {
    let why = not_sent(request("http://crm.invalid/guests")).await;
    assert!(why.starts_with("The name of crm.invalid:80 is not known ("), "{why}");
    assert!(why.ends_with("Look at its spelling in the connection, and at this machine's DNS."), "{why}");
}

#[tokio::test]
async fn a_server_without_tls_was_not_sent_to_by_https() {
    let url = server(|mut stream| async move {
        let mut chunk = [0; 512];
        let _ = stream.read(&mut chunk).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    })
    .await
    .replace("http://", "https://");
    let why = not_sent(request(&url)).await;
    assert!(why.contains("must begin with http://") || why.contains("can't be called by https"), "{why}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_was_not_sent() {
    let url = server(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await
    .replace("http://", "https://");
    let why = not_sent(OutboundRequest { timeout_ms: 800, ..request(&url) }).await;
    assert!(why.contains("did not take the connection in time") || why.contains("by https"), "{why}");
}

#[tokio::test]
async fn private_addresses_are_refused_in_any_spelling() {
    let spellings = [
        "http://127.0.0.1:9900/x",
        "http://127.1:9900/x",
        "http://0x7f.0.0.1:9900/x",
        "http://2130706433:9900/x",
        "http://017700000001:9900/x",
        "http://127.0.0.1.:9900/x",
        "http://１２７.0.0.1:9900/x",
        "http://[::1]:9900/x",
        "http://[::ffff:127.0.0.1]:9900/x",
        "http://0/x",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost:9900/x",
    ];
    for url in spellings {
        let why = not_sent(OutboundRequest { allow_private: false, ..request(url) }).await;
        assert!(why.contains("an address of a private network"), "{url}: {why}");
        assert!(why.ends_with("If that is meant, tick “It is in a private network” in its settings (in a file: allow_private: true)."), "{url}: {why}");
    }
}

#[tokio::test]
async fn a_refused_address_and_a_refused_name_read_well() {
    let refused = |url: &'static str| not_sent(OutboundRequest { allow_private: false, ..request(url) });
    assert_eq!(
        refused("http://10.1.2.3/x").await,
        "10.1.2.3:80 was not called: 10.1.2.3 is an address of a private network. \
         If that is meant, tick “It is in a private network” in its settings (in a file: allow_private: true)."
    );
    let named = refused("https://localhost/x").await;
    assert!(named.starts_with("localhost:443 was not called: its name leads to "), "{named}");
}

#[tokio::test]
async fn a_line_break_in_a_header_was_not_sent() {
    let headers = vec![("x-guest".to_owned(), "Ada\r\nX-Admin: yes".to_owned())];
    assert_eq!(
        not_sent(OutboundRequest { headers, ..request("http://127.0.0.1:9/") }).await,
        "The header \"x-guest\" has a value with a line break or another character that headers can't have."
    );
    for name in ["x guest", "x\r\ny", "", "Content-Length", "Transfer-Encoding", "connection"] {
        let headers = vec![(name.to_owned(), "1".to_owned())];
        not_sent(OutboundRequest { headers, ..request("http://127.0.0.1:9/") }).await;
    }
}

#[tokio::test]
async fn urls_that_are_none_were_not_sent() {
    for url in
        ["", "guests", "file:///etc/passwd", "ftp://example.org/", "http://", "http://u:p@example.org/"]
    {
        not_sent(request(url)).await;
    }
    not_sent(OutboundRequest { method: "CONNECT".into(), ..request("http://example.org/") }).await;
}

#[tokio::test]
async fn failures_do_not_tell_the_query() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let cut = server(|mut stream| async move {
        read_request(&mut stream).await;
    })
    .await;
    let urls = [
        format!("http://{address}/p?key=hush"),
        "http://crm.invalid/p?key=hush".to_owned(),
        "http://user:hush@example.org/".to_owned(),
        format!("{cut}/p?key=hush"),
    ];
    for url in urls {
        let failure = HttpOutbound::new().send(request(&url)).await.unwrap_err();
        assert!(!failure.to_string().contains("hush"), "{failure}");
        assert!(!format!("{failure:?}").contains("hush"), "{failure:?}");
    }
}
