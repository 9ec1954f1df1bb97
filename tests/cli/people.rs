//! Accounts from the command line, alone and beside a running instance; and what `serve` says and refuses about the pages.

use crate::program::{Running, first_url, get, run, run_with};
use std::process::{Command, Stdio};

const PASSWORD: &str = "whale and harbour\n";

#[test]
fn accounts_are_made_listed_and_given_other_passwords() {
    let home = tempfile::tempdir().expect("a folder");
    let add = ["user", "add", "Siobhan@example.org", "--name", "Siobhán", "--role", "admin"];
    let told = run_with(home.path(), &add, PASSWORD).fine().out;
    assert_eq!(told, "siobhan@example.org has an account now, as admin.\n");
    let again = run_with(home.path(), &add, PASSWORD);
    assert_eq!(again.code, 1, "{}", again.err);
    assert!(again.err.contains("already"), "{}", again.err);
    for (arguments, password) in [
        (["user", "add", "no-address"], PASSWORD),
        (["user", "add", "b@example.org"], "short\n"),
        (["user", "add", "b@example.org"], ""),
        (["user", "add", "b@example.org"], "b@example.org\n"),
        (["user", "passwd", "siobhan@example.org"], "short\n"),
    ] {
        let wrong = run_with(home.path(), &arguments, password);
        assert_eq!(wrong.code, 2, "{arguments:?} {password:?}: {}{}", wrong.out, wrong.err);
    }
    assert_eq!(run_with(home.path(), &["user", "passwd", "nobody@example.org"], PASSWORD).code, 1);
    let told =
        run_with(home.path(), &["user", "passwd", "siobhan@example.org"], "another whale\n").fine().out;
    assert_eq!(told, "siobhan@example.org has another password now, and is signed out everywhere.\n");
    let linked = run(home.path(), &["user", "add", "olafur@example.org", "--link"]).fine();
    assert!(linked.out.contains("  http://127.0.0.1:8081/welcome/"), "{}", linked.out);
    assert!(linked.err.contains("Waypost has not served from these data yet."), "{}", linked.err);
    let list = run(home.path(), &["user", "list", "--json"]).fine().json();
    let told: Vec<(&str, &str, bool)> = list
        .iter()
        .map(|person| {
            let text = |name: &str| person[name].as_str().expect("a text");
            (text("email"), text("role"), person["has_password"].as_bool().expect("a truth"))
        })
        .collect();
    assert_eq!(told, [("siobhan@example.org", "admin", true), ("olafur@example.org", "viewer", false)]);
    assert!(list.iter().all(|person| person.get("password").is_none()));
    let told = run(home.path(), &["user", "list"]).fine().out;
    assert!(told.contains("olafur@example.org   viewer  olafur  (has no password yet)"), "{told}");
}

#[test]
fn a_link_made_beside_a_running_instance_opens_its_door() {
    let home = tempfile::tempdir().expect("a folder");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--ui-listen", "127.0.0.1:0", "--log", "warn"];
    let mut serving = Running::start(home.path(), &serve);
    let line = serving.line_with("pages ");
    let pages = first_url(&line).expect("a URL").trim_end_matches('/').to_owned();
    let door = get(&format!("{pages}/"));
    assert!(door.starts_with("HTTP/1.1 303") && door.contains("location: /sign-in"), "{door}");
    let add = ["user", "add", "siobhan@example.org", "--role", "admin", "--link", "--ui-url", &pages];
    let told = run(home.path(), &add).fine().out;
    let link = first_url(&told).expect("a link").to_owned();
    assert!(link.starts_with(&format!("{pages}/welcome/")), "{link}");
    let page = get(&link);
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("siobhan@example.org"), "{page}");
    // Where nobody says where the pages are, what the router wrote down counts.
    let another = run(home.path(), &["user", "passwd", "siobhan@example.org", "--link"]).fine();
    let link = first_url(&another.out).expect("a link").to_owned();
    assert!(link.starts_with(&format!("{pages}/welcome/")), "{link}");
    assert_eq!(another.err, "");
    assert_eq!(serving.interrupt(), Some(0));
}

#[test]
fn the_link_for_the_first_account_is_for_a_terminal_only() {
    let home = tempfile::tempdir().expect("a folder");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--ui-listen", "127.0.0.1:0"];
    let log = std::fs::File::create(home.path().join("log")).expect("a log");
    let mut child = Command::new(env!("CARGO_BIN_EXE_waypost"))
        .args(serve)
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("the log"))
        .stderr(log)
        .spawn()
        .expect("it starts");
    let read = || std::fs::read_to_string(home.path().join("log")).unwrap_or_default();
    let told = (0..600).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        read().contains("nobody can sign in")
    });
    let _ = child.kill();
    let _ = child.wait();
    assert!(told, "{}", read());
    assert!(!read().contains("/welcome/"), "{}", read());

    if Command::new("script").arg("--version").output().is_err() {
        println!("There is no `script` on this machine, so nothing was tried on a terminal.");
        return;
    }
    // Twice: the link of the first start is void by the second.
    let links: Vec<String> = (0..2)
        .map(|_| {
            let mut command = Command::new("script");
            let serve = format!("{} {}", env!("CARGO_BIN_EXE_waypost"), serve.join(" "));
            command.args(["--quiet", "--flush", "--return", "--command", &serve, "/dev/null"]);
            let mut terminal = Running::of(command, home.path());
            let line = terminal.line_with("/welcome/");
            let link = first_url(line.trim()).expect("a link").to_owned();
            let page = get(&link);
            assert!(page.contains("Make the first account"), "{page}");
            link
        })
        .collect();
    assert_ne!(links[0].rsplit('/').next(), links[1].rsplit('/').next());
}

#[test]
fn pages_for_others_are_served_behind_tls_only() {
    let home = tempfile::tempdir().expect("a folder");
    let open = ["serve", "--listen", "127.0.0.1:0", "--ui-listen", "0.0.0.0:0"];
    let refused = run(home.path(), &open);
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.err.contains("--ui-url https://"), "{}", refused.err);
    for url in ["http://tours.example.org", "https://tours.example.org/waypost", "https://localhost"] {
        let arguments = [&open[..], &["--ui-url", url]].concat();
        assert_eq!(run(home.path(), &arguments).code, 2, "{url}");
    }
    let behind = [&open[..], &["--ui-url", "https://tours.example.org"]].concat();
    let mut serving = Running::start(home.path(), &behind);
    let line = serving.line_with("pages ");
    assert!(line.contains("https://tours.example.org/"), "{line}");
    assert_eq!(serving.interrupt(), Some(0));
}
