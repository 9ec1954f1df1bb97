//! A Postgres server of the test's own, which can be stopped and started in the middle. (The other binaries share one.)

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The server; stopped and removed when dropped.
pub struct Cluster {
    home: tempfile::TempDir,
    bin: PathBuf,
}

impl Cluster {
    /// Makes and starts one. `None` (and said so) where the tests use a server elsewhere, which is not ours to stop.
    pub fn start(options: &str) -> Option<Self> {
        if std::env::var_os("WAYPOST_TEST_POSTGRES").is_some() {
            println!("NOT RUN: WAYPOST_TEST_POSTGRES names a server that is not the test's to stop");
            return None;
        }
        let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().join("bin"))
            .filter(|bin| bin.join("initdb").exists())
            .collect();
        versions.sort();
        let bin = std::env::var_os("WAYPOST_TEST_POSTGRES_BIN").map(PathBuf::from).or_else(|| versions.pop());
        let bin = bin.expect("Postgres is not installed here: install Debian's package postgresql");
        let cluster = Self { home: tempfile::tempdir().expect("a folder"), bin };
        if is_root() {
            let path = cluster.path().to_owned();
            assert!(
                Command::new("chown").arg("postgres").arg(&path).status().is_ok_and(|done| done.success())
            );
            assert!(Command::new("chmod").arg("755").arg(&path).status().is_ok_and(|done| done.success()));
        }
        let data = cluster.data();
        cluster.run(
            "initdb",
            &[
                "--pgdata",
                &data,
                "--username=waypost",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-instructions",
            ],
        );
        let settings = format!(
            "listen_addresses = ''\nunix_socket_directories = '{}'\nmax_connections = 50\n{options}\n",
            cluster.path().display()
        );
        let file = cluster.path().join("data/postgresql.conf");
        let before = std::fs::read_to_string(&file).expect("its settings");
        std::fs::write(&file, format!("{before}\n{settings}")).expect("its settings");
        cluster.up();
        Some(cluster)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("postgres://waypost@localhost/postgres?host={}", self.path().display())
    }

    /// Starts it.
    pub fn up(&self) {
        let log = self.path().join("data/server.log");
        let log = log.to_str().expect("a path");
        self.run("pg_ctl", &["--pgdata", &self.data(), "--log", log, "--wait", "--timeout=100", "start"]);
    }

    /// Stops it: `fast` ends all connections and writes down, `immediate` is like a crash.
    pub fn down(&self, mode: &str) {
        self.run("pg_ctl", &["--pgdata", &self.data(), "--mode", mode, "--wait", "--timeout=100", "stop"]);
    }

    fn path(&self) -> &Path {
        self.home.path()
    }

    fn data(&self) -> String {
        self.path().join("data").to_str().expect("a path").to_owned()
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let program = self.bin.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let out = self.path().join("out.log");
        let out = || File::options().create(true).append(true).open(&out).expect("a file");
        command.args(arguments).current_dir("/").stdout(out()).stderr(out());
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let done = self.command(program, arguments).status();
        let said = std::fs::read_to_string(self.path().join("out.log")).unwrap_or_default();
        assert!(done.is_ok_and(|status| status.success()), "{program} failed:\n{said}");
    }
}

/// Postgres does not run as root.
fn is_root() -> bool {
    let out = Command::new("id").arg("-u").output();
    out.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).trim() == "0")
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.data();
        let _ = self.command("pg_ctl", &["--pgdata", &data, "--mode=immediate", "stop"]).status();
    }
}
