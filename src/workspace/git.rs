//! The rules folder's git repository, where it has one: commits exactly the files that were published, and tells the
//! history of a file. The `git` program is called with fixed arguments, paths behind `--` and taken literally, a cleaned
//! environment, a time limit, and without hooks, signatures, pagers, helpers or the network.
//!
//! Invariant: nothing is ever pushed, and what somebody else staged or changed stays as it is. Kept by
//! `tests/web/publishing.rs`.

use super::publish::FileName;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

/// One call of git.
const CALL_MAX: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 2 << 20;
/// Commits of one look.
const COMMITS_MAX: usize = 100;

/// Before every command: whatever the configuration says, git runs nothing but itself.
const SETTINGS: [&str; 12] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "core.sshCommand=false",
    "core.quotePath=false",
    "commit.gpgSign=false",
    "log.showSignature=false",
    "credential.helper=",
    "protocol.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "i18n.logOutputEncoding=UTF-8",
];
/// What git may know of the environment: where programs are, and its owner's settings (`safe.directory`).
const KEPT: [&str; 3] = ["PATH", "HOME", "XDG_CONFIG_HOME"];

/// Whether a folder has a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GitState {
    /// It has.
    Repository(Repository),
    /// It has none, or it can't be used, for this reason.
    None(String),
}

/// The repository that a rules folder is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    folder: PathBuf,
    /// The folder's path within the repository, with `/` at its end; empty where it is its top.
    prefix: String,
}

/// Who did something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// Name.
    pub name: String,
    /// E-mail address.
    pub email: String,
}

/// A commit that changed a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its hash.
    pub id: String,
    /// Who.
    pub author: Author,
    /// When, in seconds since 1970.
    pub at_seconds: i64,
    /// The first line of its message.
    pub subject: String,
}

struct Answer {
    good: bool,
    out: Vec<u8>,
    err: String,
}

/// Looks for the repository of a folder.
pub async fn find_repository(folder: &Path) -> GitState {
    match call(folder, &["rev-parse", "--is-inside-work-tree", "--show-prefix"], None, &[]).await {
        Err(why) => GitState::None(why),
        Ok(answer) if answer.good => {
            let text = String::from_utf8_lossy(&answer.out).into_owned();
            let mut lines = text.lines();
            if lines.next() != Some("true") {
                return GitState::None("The rules folder is in no git work tree.".into());
            }
            let prefix = lines.next().unwrap_or_default().to_owned();
            GitState::Repository(Repository { folder: folder.to_owned(), prefix })
        }
        Ok(answer) if answer.err.contains("not a git repository") => {
            GitState::None("The rules folder is in no git repository.".into())
        }
        Ok(answer) => GitState::None(format!("Git can't use the rules folder: {}", first_line(&answer.err))),
    }
}

impl Repository {
    /// Commits these files as they stand, and nothing else. `None`: the last commit has them so already.
    pub async fn commit(
        &self,
        files: &[FileName],
        author: &Author,
        reason: &str,
    ) -> Result<Option<String>, String> {
        let mut paths: Vec<&str> = Vec::new();
        for path in files.iter().map(FileName::as_str) {
            let added = self.call(&["add", "--", path], None, &[]).await?;
            // A file that git never knew has gone: there is nothing to tell it.
            if !added.good && added.err.contains("did not match any files") {
                continue;
            }
            if !added.good {
                return Err(told(&added));
            }
            paths.push(path);
        }
        if paths.is_empty() {
            return Ok(None);
        }
        let with = |first: &[&'static str]| -> Vec<&str> {
            first.iter().copied().chain(std::iter::once("--")).chain(paths.iter().copied()).collect()
        };
        let same =
            self.call(&with(&["diff", "--cached", "--quiet", "--no-ext-diff", "HEAD"]), None, &[]).await?;
        if same.good {
            return Ok(None);
        }
        let (name, email) = (one_line(&author.name, "Waypost"), one_line(&author.email, "waypost@localhost"));
        let who = [
            ("GIT_AUTHOR_NAME", name.as_str()),
            ("GIT_AUTHOR_EMAIL", email.as_str()),
            ("GIT_COMMITTER_NAME", name.as_str()),
            ("GIT_COMMITTER_EMAIL", email.as_str()),
        ];
        let arguments = with(&[
            "commit",
            "--quiet",
            "--only",
            "--no-verify",
            "--no-gpg-sign",
            "--cleanup=whitespace",
            "--file=-",
        ]);
        let committed = self.call(&arguments, Some(reason), &who).await?;
        if !committed.good {
            return Err(told(&committed));
        }
        let head = self.call(&["rev-parse", "--verify", "HEAD"], None, &[]).await?;
        let id = String::from_utf8_lossy(&head.out).trim().to_owned();
        Ok(is_commit(&id).then_some(id))
    }

    /// Commits that changed a file, newest first.
    pub async fn history(&self, file: &FileName, limit: usize) -> Result<Vec<Commit>, String> {
        let count = format!("--max-count={}", limit.clamp(1, COMMITS_MAX));
        let format = "--format=%H%x1f%an%x1f%ae%x1f%at%x1f%s%x1e";
        let arguments = ["log", &count, "--no-color", "--no-ext-diff", format, "--", file.as_str()];
        let answer = self.call(&arguments, None, &[]).await?;
        if !answer.good {
            // A repository without a commit yet.
            return if answer.err.contains("does not have any commits") {
                Ok(Vec::new())
            } else {
                Err(told(&answer))
            };
        }
        let text = String::from_utf8_lossy(&answer.out).into_owned();
        Ok(text.split('\u{1e}').filter_map(|entry| read_commit(entry.trim_start_matches('\n'))).collect())
    }

    /// A file as a commit had it; `None` where it had none, or there is no such commit.
    pub async fn show(&self, commit: &str, file: &FileName) -> Result<Option<String>, String> {
        if !is_commit(commit) {
            return Ok(None);
        }
        let object = format!("{commit}:{}{}", self.prefix, file.as_str());
        let answer = self.call(&["cat-file", "blob", &object], None, &[]).await?;
        Ok(answer.good.then(|| String::from_utf8(answer.out).ok()).flatten())
    }

    async fn call(
        &self,
        arguments: &[&str],
        input: Option<&str>,
        environment: &[(&str, &str)],
    ) -> Result<Answer, String> {
        call(&self.folder, arguments, input, environment).await
    }
}

/// Whether something is a commit's full name.
pub fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

fn read_commit(entry: &str) -> Option<Commit> {
    let mut parts = entry.split('\u{1f}');
    let id = parts.next().filter(|id| is_commit(id))?.to_owned();
    let author = Author { name: parts.next()?.to_owned(), email: parts.next()?.to_owned() };
    let at_seconds = parts.next()?.parse().ok()?;
    Some(Commit { id, author, at_seconds, subject: parts.next()?.to_owned() })
}

async fn call(
    folder: &Path,
    arguments: &[&str],
    input: Option<&str>,
    environment: &[(&str, &str)],
) -> Result<Answer, String> {
    call_program("git", folder, arguments, input, environment).await
}

async fn call_program(
    program: &str,
    folder: &Path,
    arguments: &[&str],
    input: Option<&str>,
    environment: &[(&str, &str)],
) -> Result<Answer, String> {
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear();
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.envs([
        ("LC_ALL", "C"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_EDITOR", "false"),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
    ]);
    command.envs(environment.iter().copied());
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command.args(["--literal-pathspecs", "--no-pager"]).args(arguments);
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "There is no git program here.".to_owned(),
        _ => format!("Git could not be started: {error}."),
    })?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let talk = async {
        let write = async {
            if let (Some(mut stdin), Some(input)) = (stdin, input) {
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let read_out = async {
            if let Some(stdout) = stdout {
                let _ = stdout.take(ANSWER_BYTES_MAX).read_to_end(&mut out).await;
            }
        };
        let read_err = async {
            if let Some(stderr) = stderr {
                let _ = stderr.take(64 << 10).read_to_end(&mut err).await;
            }
        };
        tokio::join!(write, read_out, read_err);
        let status = child.wait().await;
        (status, out, err)
    };
    match tokio::time::timeout(CALL_MAX, talk).await {
        Ok((Ok(status), out, err)) => {
            Ok(Answer { good: status.success(), out, err: String::from_utf8_lossy(&err).into_owned() })
        }
        Ok((Err(error), ..)) => Err(format!("Git did not end well: {error}.")),
        Err(_) => Err("Git took longer than 10 seconds, and was stopped.".into()),
    }
}

/// What git said, in one line.
fn told(answer: &Answer) -> String {
    let out = String::from_utf8_lossy(&answer.out);
    let said = if answer.err.trim().is_empty() { out.as_ref() } else { &answer.err };
    format!("Git says: {}", first_line(said))
}

fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("nothing");
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

/// A name as git takes one: one line, without what frames an address.
fn one_line(text: &str, otherwise: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() || matches!(c, '<' | '>') { ' ' } else { c })
        .take(200)
        .collect();
    let line = line.trim();
    if line.is_empty() { otherwise.to_owned() } else { line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{call_program, is_commit, one_line, read_commit};

    #[tokio::test]
    async fn a_program_that_is_not_there_is_told_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let told = call_program("no-such-git-here", folder.path(), &["status"], None, &[]).await;
        assert_eq!(told.err().as_deref(), Some("There is no git program here."));
    }

    #[test]
    fn names_are_one_line_and_frame_nothing() {
        assert_eq!(one_line("Ada <root@example.org>\nx", "-"), "Ada  root@example.org  x");
        assert_eq!(one_line(" <>\n ", "Waypost"), "Waypost");
    }

    #[test]
    fn only_full_names_are_commits() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        assert!(is_commit(id));
        for other in ["HEAD", "--all", "", &id[1..], &id.to_uppercase(), &format!("{id}~1")] {
            assert!(!is_commit(other), "{other}");
        }
        let entry = format!("{id}\u{1f}Ada\u{1f}ada@example.org\u{1f}1800000000\u{1f}Why | so");
        assert_eq!(read_commit(&entry).map(|commit| commit.subject).as_deref(), Some("Why | so"));
        assert!(read_commit("x").is_none());
    }
}
