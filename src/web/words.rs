//! Changes, runs and attempts in the words of a front desk. Pure.

use super::diff::is_key_name;
use super::scene::Scene;
use super::times::{Moment, counted};
use crate::domain::{ChangeKind, Millis, RunState, StepState, VerdictCode};
use crate::ports::{ChangeView, ConnectionState, RunRow};

/// How a state looks; never the only sign of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tone {
    /// Needs a person.
    Bad,
    /// On its way.
    Waiting,
    /// Where it should be.
    Good,
    /// Nothing to do.
    Quiet,
}

impl Tone {
    /// Name of the style class, which draws the shape.
    pub fn class(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Waiting => "waiting",
            Self::Good => "good",
            Self::Quiet => "quiet",
        }
    }
}

/// A state: shape, words, colour.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Colour and shape.
    pub tone: Tone,
    /// A few words.
    pub words: String,
}

impl Mark {
    /// A mark.
    pub fn new(tone: Tone, words: impl Into<String>) -> Self {
        Self { tone, words: words.into() }
    }
}

/// What a change was, in one line.
pub fn change_headline(change: &ChangeView, is_booking: bool) -> String {
    let text = match change.kind {
        ChangeKind::Created if is_booking => "Booked",
        ChangeKind::Created => "New",
        ChangeKind::Updated => return updated(&change.paths),
        ChangeKind::Cancelled => "Cancelled",
        ChangeKind::Rebooked => "Rebooked: another booking took its place",
        ChangeKind::Deleted => "Deleted at the source",
        ChangeKind::Unchanged => "Told again, nothing new",
        ChangeKind::Stale => "An older copy, left aside",
        ChangeKind::Coalesced => "Something changed, and the booking system was asked what",
        ChangeKind::Refused => "Refused",
        ChangeKind::Ignored => "Not about a booking",
        ChangeKind::Unreadable => "Can't be read",
        ChangeKind::Fetching => "Waiting for fetch",
    };
    text.to_owned()
}

/// Names in a headline; the rest is counted.
const NAMES_MAX: usize = 3;

fn updated(paths: &[String]) -> String {
    let mut names: Vec<String> = Vec::new();
    let keys = paths.iter().all(|path| is_key_name(path));
    for name in paths.iter().filter(|path| keys || !is_key_name(path)).map(|path| path_words(path)) {
        let short = name.rsplit(" › ").next().unwrap_or(&name).to_owned();
        if !names.contains(&short) {
            names.push(short);
        }
    }
    match names.len() {
        0 => String::from("Changed"),
        1..=NAMES_MAX => format!("Changed: {}", names.join(", ")),
        many => format!("Changed: {} and {} more", names[..NAMES_MAX - 1].join(", "), many + 1 - NAMES_MAX),
    }
}

/// A path in plain words: `customers[9000001].checkin_status` is `customers 9000001 › checkin status`.
pub fn path_words(path: &str) -> String {
    let words = path.replace(['_', '['], " ").replace(']', "");
    words.split('.').map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" › ")
}

/// How a connection is, in few words.
pub fn connection_mark(state: Option<&ConnectionState>, now: Millis) -> Mark {
    let Some(state) = state else { return Mark::new(Tone::Good, "takes calls") };
    if state.needs_auth.is_some() {
        Mark::new(Tone::Bad, "needs a new credential")
    } else if state.paused {
        Mark::new(Tone::Waiting, "paused")
    } else if state.tripped_since.is_some() {
        Mark::new(Tone::Bad, "does not answer")
    } else if state.rests_until.is_some_and(|until| until > now) {
        Mark::new(Tone::Waiting, "rests")
    } else if state.failures > 0 {
        Mark::new(Tone::Waiting, "the last call failed")
    } else {
        Mark::new(Tone::Good, "takes calls")
    }
}

/// How far a run is.
pub fn run_mark(run: &RunRow, scene: &Scene) -> Mark {
    let crm = scene.connection(&run.connection);
    let crm = if crm.is_empty() { "its connection".to_owned() } else { crm };
    match run.state {
        RunState::Waiting => Mark::new(Tone::Waiting, waiting(run, &crm, scene)),
        RunState::Working => Mark::new(Tone::Waiting, format!("being sent to {crm}")),
        RunState::Paused => Mark::new(Tone::Waiting, format!("waits: {}", stopped(run, &crm, scene))),
        RunState::Held | RunState::Failed => Mark::new(Tone::Bad, format!("needs you: not in {crm}")),
        RunState::Done => Mark::new(Tone::Good, format!("in {crm}")),
        RunState::Skipped => match run.verdict.as_ref().map(|verdict| verdict.code) {
            Some(VerdictCode::Unchanged) => Mark::new(Tone::Good, format!("in {crm}, up to date")),
            _ => Mark::new(Tone::Quiet, "nothing to send"),
        },
        RunState::Cancelled => Mark::new(Tone::Quiet, format!("cancelled, not sent to {crm}")),
        RunState::Superseded => Mark::new(Tone::Quiet, "a newer change took over"),
    }
}

fn stopped(run: &RunRow, crm: &str, scene: &Scene) -> String {
    let needs_auth = scene.connections.get(&run.connection).is_some_and(|state| state.needs_auth.is_some());
    if needs_auth { format!("{crm} needs a new credential") } else { format!("{crm} is paused") }
}

fn waiting(run: &RunRow, crm: &str, scene: &Scene) -> String {
    let state = scene.connections.get(&run.connection);
    if state.is_some_and(|state| state.paused || state.needs_auth.is_some()) {
        return format!("waits: {}", stopped(run, crm, scene));
    }
    if state.is_some_and(|state| state.tripped_since.is_some()) {
        return format!("waits: {crm} does not answer");
    }
    match run.next_at {
        None => String::from("waits for an earlier change of this booking"),
        Some(at) if at <= scene.now => format!("on the way to {crm}"),
        Some(at) if run.failures > 0 => format!(
            "tried again {} ({} failed)",
            Moment::of(at, scene.now).ago,
            counted(run.failures, "try").replace("trys", "tries")
        ),
        Some(at) => format!("goes to {crm} {}", Moment::of(at, scene.now).ago),
    }
}

/// What a verdict means for the reader, where its own sentence does not say what to do.
pub fn way_out(run: &RunRow, crm: &str) -> Option<String> {
    let code = run.verdict.as_ref()?.code;
    matches!(run.state, RunState::Failed | RunState::Held).then(|| way_out_of(code, crm)).flatten()
}

/// The way out of a class of failure.
pub fn way_out_of(code: VerdictCode, crm: &str) -> Option<String> {
    let text = match code {
        VerdictCode::OutcomeUnknown => {
            format!("It may be in {crm} already. Look there first; if it is not, try again.")
        }
        VerdictCode::Gone => format!("The record was deleted in {crm}. Trying again makes it anew."),
        VerdictCode::ConnectionGone => String::from("Bring the connection's file back, then try again."),
        VerdictCode::Mapping | VerdictCode::OutputMissing => String::from(
            "Mend the rule at the line named below, then try again: it takes the rules as they are then.",
        ),
        VerdictCode::Refused => format!("Mend what {crm} names, there or in the rule, then try again."),
        VerdictCode::GaveUp => format!("When {crm} answers again, try again."),
        VerdictCode::ByHand => String::from("Let it go on when it may be sent."),
        _ => return None,
    };
    Some(text)
}

/// How far a step is.
pub fn step_words(state: StepState) -> Mark {
    match state {
        StepState::Waiting => Mark::new(Tone::Waiting, "not done yet"),
        StepState::Done => Mark::new(Tone::Good, "done"),
        StepState::Skipped => Mark::new(Tone::Quiet, "left out"),
        StepState::Failed => Mark::new(Tone::Bad, "not taken"),
    }
}

/// How a call ended.
pub fn outcome_words(outcome: &str) -> Mark {
    match outcome {
        "sending" => Mark::new(Tone::Waiting, "being sent"),
        "done" => Mark::new(Tone::Good, "taken"),
        "conflict" => Mark::new(Tone::Bad, "exists already"),
        "retry" => Mark::new(Tone::Waiting, "not now; tried again"),
        "throttled" => Mark::new(Tone::Waiting, "too many calls; rests"),
        "maybe_done" => Mark::new(Tone::Waiting, "no answer: it may have been done"),
        "refused" => Mark::new(Tone::Bad, "refused"),
        "gone" => Mark::new(Tone::Bad, "the record is gone"),
        "needs_auth" => Mark::new(Tone::Bad, "the credential was not accepted"),
        "not_found" => Mark::new(Tone::Quiet, "not there"),
        other => Mark::new(Tone::Quiet, other),
    }
}

/// What a call was for.
pub fn call_words(kind: &str) -> &str {
    match kind {
        "call" => "sent",
        "update" => "updated by its id",
        "find" => "looked up",
        "after" => "further call",
        other => other,
    }
}

/// The same without the event that it names: people know the booking, and its page has the event.
pub fn without_event(text: &str) -> String {
    let mut parts = text.split(" in event evt_").flat_map(|part| part.split(" in evt_"));
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        told.push_str(part.trim_start_matches(|c: char| c.is_ascii_alphanumeric()));
    }
    told
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_event_is_not_named_where_its_booking_is_told() {
        let told = super::without_event(
            "guests.yaml:12: `phone` is missing in evt_01m827nrzq3v6k1d2h8x7w5t9c. Fill it",
        );
        assert_eq!(told, "guests.yaml:12: `phone` is missing. Fill it");
        assert_eq!(super::without_event("`phone` is missing in event evt_01m8"), "`phone` is missing");
        assert_eq!(super::without_event("nothing is missing"), "nothing is missing");
    }

    use super::{path_words, updated};

    #[test]
    fn changed_paths_are_told_in_words() {
        let paths = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let cases: [(&[&str], &str); 5] = [
            (&[], "Changed"),
            (&["contact.phone"], "Changed: phone"),
            (&["contact.phone", "contact.normalized_phone", "phone"], "Changed: phone, normalized phone"),
            (&["a", "b", "c", "d"], "Changed: a, b and 2 more"),
            (&["pk", "a"], "Changed: a"),
        ];
        for (names, expected) in cases {
            assert_eq!(updated(&paths(names)), expected);
        }
        assert_eq!(path_words("customers[9000001].checkin_status"), "customers 9000001 › checkin status");
    }
}
