//! Runs the built binary: once to its end, or as one that goes on and is read line by line and ended when dropped.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Nothing that a test waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The example rules of the package.
pub fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")
}

/// What a command answered.
pub struct Answered {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Answered {
    /// Each line of standard output as JSON.
    pub fn json(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The same, of a command that must have ended well.
    #[track_caller]
    pub fn fine(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }
}

fn command(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WAYPOST_") || name == "RUST_LOG") {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(home).env("TZ", "UTC").env("COLUMNS", "100").env("TMPDIR", home);
    command
}

/// Runs a command to its end in this folder.
pub fn run(home: &Path, arguments: &[&str]) -> Answered {
    run_with(home, arguments, "")
}

/// The same, where certificates of this authority alone are trusted, with a secret in the environment.
pub fn run_trusting(home: &Path, arguments: &[&str], authority: &Path, secret: (&str, &str)) -> Answered {
    let mut command = command(home, arguments);
    command.env("SSL_CERT_FILE", authority).env_remove("SSL_CERT_DIR").env(secret.0, secret.1);
    to_its_end(command, "")
}

/// The same with something on standard input.
pub fn run_with(home: &Path, arguments: &[&str], input: &str) -> Answered {
    to_its_end(command(home, arguments), input)
}

/// The same with these variables of the environment.
pub fn run_in(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Answered {
    let mut command = command(home, arguments);
    command.envs(variables.iter().copied());
    to_its_end(command, "")
}

fn to_its_end(mut command: Command, input: &str) -> Answered {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    // One that reads nothing may have ended already.
    let _ = child.stdin.take().expect("its standard input").write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    Answered {
        code: status.code().expect("it ends by itself"),
        out: String::from_utf8(stdout).expect("text"),
        err: String::from_utf8(stderr).expect("text"),
    }
}

/// A command that goes on. Dropping it ends it.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    read: String,
}

impl Running {
    /// Starts it in this folder.
    pub fn start(home: &Path, arguments: &[&str]) -> Self {
        Self::of(command(home, arguments), home)
    }

    /// Starts any command in this folder.
    pub fn of(mut command: Command, home: &Path) -> Self {
        let mut child = command
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the binary can be started");
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().expect("its standard output"));
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines, read: String::new() }
    }

    /// Reads on until a line begins or goes on with this; gives that line.
    #[track_caller]
    pub fn line_with(&mut self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.read.push_str(&line);
                    self.read.push('\n');
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(why) => panic!("no line with {text:?} came ({why}). What came:\n{}", self.read),
            }
        }
    }

    /// All that was read so far.
    pub fn read(&self) -> &str {
        &self.read
    }

    /// Asks it to stop, as Ctrl-C does, and gives its exit code.
    pub fn interrupt(mut self) -> Option<i32> {
        let told = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "it can be told to stop");
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first URL of a text.
pub fn first_url(text: &str) -> Option<&str> {
    let rest = &text[text.find("http://")?..];
    let end = rest.find(|c: char| c.is_whitespace() || c == ')').unwrap_or(rest.len());
    Some(&rest[..end])
}

/// The body of a GET by a bare socket: tests need no client of their own.
pub fn get(url: &str) -> String {
    use std::io::Read;
    let rest = url.strip_prefix("http://").expect("an http URL");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = std::net::TcpStream::connect(host).expect("somebody listens");
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the request goes out");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
