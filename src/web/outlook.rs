//! The first sentence: is all well, and if not, what waits, why, and what happens next. Pure, from the [`Scene`].

use super::page::in_address;
use super::scene::Scene;
use super::standings::Standings;
use super::times::{clock_time, counted};
use super::words::Tone;
use crate::domain::Standing;
use std::borrow::Cow;

/// What is wrong besides connections and runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No ruleset was ever active.
    NoRules,
    /// The folder has mistakes.
    BrokenRules {
        /// How many.
        mistakes: i64,
        /// Whether a former version is at work.
        goes_on: bool,
    },
    /// The vault can't be read.
    NoVault(String),
}

/// One sentence with its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Colour and shape.
    pub tone: Tone,
    /// The sentence.
    pub text: String,
    /// Where to go for it: address and words.
    pub way: Option<(Cow<'static, str>, &'static str)>,
}

/// The first sentences of a page, the worst first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// At least one.
    pub sentences: Vec<Sentence>,
    /// How the runs add up; empty where there are none.
    pub sum: String,
}

/// What came in of late.
#[derive(Clone, Debug, Default)]
pub struct Lately {
    /// Since when, in words.
    pub since: String,
    /// How the bookings stand.
    pub standings: Standings,
}

impl Lately {
    /// What came in, and where it is. Only told where nothing needs anybody.
    fn in_words(&self, scene: &Scene) -> String {
        let total = self.standings.total();
        if total == 0 {
            return format!("All is well. No booking came in or changed since {}.", self.since);
        }
        let names = scene.connection_names();
        let place = match names.as_slice() {
            [only] => format!("in {}", scene.connection(only)),
            _ => String::from("where the rules send them"),
        };
        let (sent, nothing) = (self.standings.count(Standing::Sent), self.standings.count(Standing::Nothing));
        let verb = if sent == 1 { "is" } else { "are" };
        let rest =
            if nothing > 0 { format!("; for {nothing} there was nothing to send") } else { String::new() };
        let came = counted(total, "booking");
        format!(
            "All is well: {came} came in or changed since {}, and {sent} {verb} {place}{rest}.",
            self.since
        )
    }
}

impl Outlook {
    /// What the scene comes to, with what came in of late.
    pub fn of(scene: &Scene, day: Option<&Lately>) -> Self {
        let mut sentences: Vec<Sentence> = scene.troubles.iter().map(trouble).collect();
        sentences.extend(scene.connection_names().iter().filter_map(|name| connection(scene, name)));
        let needs_you = scene.needs_you();
        if needs_you > 0 {
            let verb = if needs_you == 1 { "needs" } else { "need" };
            sentences.push(Sentence {
                tone: Tone::Bad,
                text: format!(
                    "{} {verb} you: not sent, and not tried again by itself.",
                    counted(needs_you, "run")
                ),
                way: Some(("/needs-you".into(), "See what needs you")),
            });
        }
        let stopped: i64 = scene
            .connection_names()
            .iter()
            .filter(|name| connection(scene, name).is_some())
            .map(|name| scene.under_way(Some(name)))
            .sum();
        let moving = scene.under_way(None) - stopped;
        if moving > 0 {
            let verb = if moving == 1 { "is" } else { "are" };
            sentences.push(Sentence {
                tone: Tone::Waiting,
                text: format!("{} {verb} on the way.", counted(moving, "run")),
                way: Some(("/bookings?state=waiting".into(), "See what is on the way")),
            });
        }
        if sentences.iter().all(|sentence| sentence.tone == Tone::Waiting) {
            let text = match (scene.counts.has_bookings, day) {
                (false, _) => String::from("All is well. No booking has come in yet."),
                (true, None) => String::from("All is well: nothing needs you."),
                (true, Some(day)) => day.in_words(scene),
            };
            sentences.insert(0, Sentence { tone: Tone::Good, text, way: None });
        }
        Self { sentences, sum: sum(scene) }
    }
}

fn trouble(trouble: &Trouble) -> Sentence {
    let (tone, text) = match trouble {
        Trouble::NoRules => (
            Tone::Bad,
            String::from(
                "No rules are at work yet. Webhooks are stored; nothing is sent until the rules folder holds rules that \
                 \"waypost check\" passes.",
            ),
        ),
        Trouble::BrokenRules { mistakes, goes_on } => {
            let verb = if *mistakes == 1 { "has a mistake" } else { "has mistakes" };
            let meanwhile = if *goes_on {
                "the last good version is still at work"
            } else {
                "nothing is sent until it is mended; webhooks are stored"
            };
            (
                Tone::Bad,
                format!(
                    "The rules folder {verb}; {meanwhile}. \"waypost check\" shows the place and the way out."
                ),
            )
        }
        Trouble::NoVault(why) => {
            (Tone::Bad, format!("The stored secrets can't be read: {why}. Webhooks are stored all the same."))
        }
    };
    Sentence { tone, text, way: None }
}

/// `None`: nothing to say about it.
pub(super) fn connection(scene: &Scene, name: &str) -> Option<Sentence> {
    let state = scene.connections.get(name)?;
    let title = scene.connection(name);
    let wait = match scene.under_way(Some(name)) {
        0 => String::from("Nothing waits for it."),
        1 => String::from("1 run waits; nothing is lost."),
        many => format!("{many} runs wait; nothing is lost."),
    };
    let way = if scene.connection_titles.contains_key(name) {
        Some((format!("/connections/{}", in_address(name)).into(), "See the connection"))
    } else {
        Some(("/connections".into(), "Open connections"))
    };
    let (tone, text) = if let Some(why) = &state.needs_auth {
        (
            Tone::Bad,
            format!(
                "{title} does not accept its credential any more ({}). {wait} They go out when a new one is set.",
                why.trim_end_matches('.')
            ),
        )
    } else if state.paused {
        (Tone::Bad, format!("{title} is paused. {wait} They go out when it is resumed."))
    } else if let Some(since) = state.tripped_since {
        (
            Tone::Bad,
            format!(
                "{title} has not answered since {}. {wait} They go out by themselves when it answers.",
                clock_time(since)
            ),
        )
    } else if let Some(until) = state.rests_until.filter(|until| *until > scene.now) {
        (
            Tone::Waiting,
            format!(
                "{title} asked for a rest until {}. {wait} They go out by themselves then.",
                clock_time(until)
            ),
        )
    } else {
        return None;
    };
    let text = match scene.under_way(Some(name)) {
        0 => text.split_once(" They go out").map_or(text.clone(), |(head, _)| head.to_owned()),
        1 => text
            .replace(" They go out when", " It goes out when")
            .replace(" They go out by themselves", " It goes out by itself"),
        _ => text,
    };
    Some(Sentence { tone, text, way })
}

/// Counts that add up.
fn sum(scene: &Scene) -> String {
    let total: i64 = scene.counts.runs.iter().map(|(_, _, count)| count).sum();
    if total == 0 {
        return String::new();
    }
    let parts = [
        (scene.runs(&["done"], None), "sent"),
        (scene.runs(&["skipped"], None), "with nothing to send"),
        (scene.runs(&["superseded"], None), "overtaken by a newer change"),
        (scene.runs(&["cancelled"], None), "cancelled"),
        (scene.under_way(None), "on the way"),
        (scene.needs_you(), "for you"),
    ];
    let told: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let unread = match scene.counts.unapplied {
        0 => String::new(),
        one => format!(" {} still to be read.", counted(one, "webhook")),
    };
    format!("{} so far = {}.{unread}", counted(total, "run"), told.join(" + "))
}

#[cfg(test)]
mod tests {
    use super::{Lately, Outlook, Trouble};
    use crate::domain::Standing;
    use crate::ports::{ConnectionState, HourCount};
    use crate::web::scene::Scene;
    use crate::web::standings::Standings;

    fn told(scene: &Scene) -> String {
        let outlook = Outlook::of(scene, None);
        let lines: Vec<String> =
            outlook.sentences.iter().map(|told| format!("{:?}: {}", told.tone, told.text)).collect();
        format!("{}\n{}", lines.join("\n"), outlook.sum)
    }

    fn runs(scene: &mut Scene, state: &str, connection: &str, count: i64) {
        scene.counts.runs.push((state.to_owned(), connection.to_owned(), count));
    }

    #[test]
    fn the_first_sentence_says_what_waits_and_why() {
        let mut scene = Scene { now: 1_805_000_000_000, ..Scene::default() };
        let mut all = vec![told(&scene)];
        scene.counts.has_bookings = true;
        runs(&mut scene, "done", "crm", 120);
        runs(&mut scene, "skipped", "crm", 23);
        all.push(told(&scene));
        runs(&mut scene, "waiting", "crm", 31);
        all.push(told(&scene));
        let state = |name: &str| ConnectionState { name: name.into(), ..ConnectionState::default() };
        scene.connection_titles.insert("crm".into(), "HubSpot".into());
        scene.connections.insert(
            "crm".into(),
            ConnectionState { tripped_since: Some(1_805_000_000_000 - 600_000), ..state("crm") },
        );
        all.push(told(&scene));
        runs(&mut scene, "held", "mail", 1);
        runs(&mut scene, "paused", "mail", 1);
        scene.connections.insert("mail".into(), ConnectionState { paused: true, ..state("mail") });
        scene.connections.insert(
            "other".into(),
            ConnectionState { needs_auth: Some("401: no such token.".into()), ..state("other") },
        );
        scene.troubles = vec![Trouble::BrokenRules { mistakes: 2, goes_on: true }, Trouble::NoRules];
        all.push(told(&scene));
        let of = |standing, bookings| HourCount { hour: 1, standing, bookings };
        let mut quiet = Scene { now: 1_805_000_000_000, ..Scene::default() };
        quiet.counts.has_bookings = true;
        quiet.connection_titles.insert("crm".into(), "HubSpot".into());
        let mut lately = Lately { since: "09:00 yesterday".into(), ..Lately::default() };
        all.push(Outlook::of(&quiet, Some(&lately)).sentences.remove(0).text);
        lately.standings = Standings::of(&[of(Standing::Sent, 120), of(Standing::Nothing, 23)]);
        all.push(Outlook::of(&quiet, Some(&lately)).sentences.remove(0).text);
        insta::assert_snapshot!(all.join("\n\n"));
    }
}
