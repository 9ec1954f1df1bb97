//! Looks at a rule before it is published: what it would send for a booking, which bookings it would touch, whether its
//! tests pass. All by the production code, on a thread of its own; nothing is written, nothing is called.

use super::existing::{BookingOutlook, Days, Look};
use super::publish::{Checked, PublishError, apart};
use super::{App, AskError};
use crate::delivery::{Foreseen, StepOutlook};
use crate::document::{Diagnostic, Severity};
use crate::domain::BookingId;
use crate::ports::{PresentBooking, PresentQuery, StoreError};
use crate::rehearsal::{Report, read_cases, rehearse};
use crate::rules::{Rule, Ruleset, compile, with_enabled};
use crate::workspace::{FileName, read_file};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Whoever waits to look ahead does not wait longer.
const ROOM_WAIT_MAX: Duration = Duration::from_secs(2);
/// Looks ahead at the same time: each computes.
pub(super) const LOOKS_AT_ONCE: usize = 4;
/// Bookings that a changed rule touches are told for so many.
const EXAMPLES_MAX: usize = 5;

/// What a rule would do with one booking.
pub type Preview = BookingOutlook;

/// What publishing a rule would change for the newest bookings.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    /// Bookings looked at.
    pub looked: i64,
    /// Something would be sent.
    pub sends: i64,
    /// It would fail.
    pub fails: i64,
    /// Was mapped before, and would not be any more.
    pub left: i64,
    /// Fields that would get another value, with how many bookings, most frequent first.
    pub fields: Vec<(String, i64)>,
    /// Some of those bookings.
    pub examples: Vec<TouchedBooking>,
}

/// A booking that would be touched.
#[derive(Clone, Debug, Default)]
pub struct TouchedBooking {
    /// Its id.
    pub booking: String,
    /// Who and what.
    pub told: String,
    /// Fields with the value before and after; `None`: not sent.
    pub fields: Vec<(String, Option<Value>, Option<Value>)>,
}

/// What came of a rule's tests.
#[derive(Default)]
pub struct RuleTests {
    /// What is wrong with the file of the tests.
    pub diagnostics: Vec<Diagnostic>,
    /// Each test.
    pub reports: Vec<Report>,
}

impl App {
    /// What a rule would do with a booking as it stands, with why each field has its value. `None`: no such booking.
    pub async fn preview(
        self: &Arc<Self>,
        checked: &Checked,
        rule: &str,
        booking: &BookingId,
    ) -> Result<Option<Preview>, AskError> {
        let Some(ruleset) = checked.ruleset.clone() else { return Ok(None) };
        let files = checked.files.clone();
        let (app, rule, booking) = (self.clone(), rule.to_owned(), booking.clone());
        self.think_apart(async move {
            let bookings = app.store.present_bookings(&PresentQuery::One(booking)).await?;
            let ruleset = as_if_on(ruleset, files, &rule);
            let Some(rule) = ruleset.rules.get(&rule).cloned() else { return Ok(None) };
            let mut outlooks = app.look(&ruleset, &rule, bookings, true).await?;
            Ok(outlooks.pop())
        })
        .await
    }

    /// Which of the newest bookings a changed rule would touch: what would be sent, against what the rule at work maps.
    pub async fn touched(
        self: &Arc<Self>,
        changed: &Arc<Ruleset>,
        rule: &str,
        newest: i64,
    ) -> Result<Touched, AskError> {
        let (app, changed, rule) = (self.clone(), changed.clone(), rule.to_owned());
        self.think_apart(async move {
            let bookings = app.store.present_bookings(&PresentQuery::Newest(newest)).await?;
            let mut touched = Touched { looked: bookings.len() as i64, ..Touched::default() };
            let Some(new) = changed.rules.get(&rule).filter(|rule| rule.enabled) else { return Ok(touched) };
            let after = app.look(&changed, new, bookings.clone(), false).await?;
            let active = app.active();
            let old = active.as_ref().and_then(|active| {
                let found = active.rules.get(&rule).or_else(|| active.rules.get(new.was.as_ref()?));
                found.filter(|rule| rule.enabled).map(|rule| (active.clone(), rule.clone()))
            });
            let before = match old {
                Some((active, old)) => app.look(&active, &old, bookings, false).await?,
                None => Vec::new(),
            };
            let mut fields: BTreeMap<String, i64> = BTreeMap::new();
            for (index, after) in after.into_iter().enumerate() {
                touched.compare(before.get(index), &after, &mut fields);
            }
            touched.fields = fields.into_iter().collect();
            touched.fields.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
            Ok(touched)
        })
        .await
    }

    async fn look(
        &self,
        ruleset: &Arc<Ruleset>,
        rule: &Arc<Rule>,
        bookings: Vec<PresentBooking>,
        traced: bool,
    ) -> Result<Vec<BookingOutlook>, StoreError> {
        let days = Days::default();
        self.look_ahead(Look { ruleset, rule, days: &days, traced, open_counts: false }, bookings).await
    }

    /// What applying a rule would come to, over the newest bookings.
    pub async fn apply_ahead_apart(
        self: &Arc<Self>,
        rule: &str,
        days: Days,
        newest: i64,
    ) -> Result<super::Foresight, AskError> {
        let (app, rule) = (self.clone(), rule.to_owned());
        self.think_apart(async move { app.apply_ahead(&rule, &days, Some(newest), |_| {}).await }).await
    }

    /// Runs a rule's tests as they stand in the folder, by the rule at work.
    pub async fn run_tests(self: &Arc<Self>, rule: &str) -> Result<RuleTests, PublishError> {
        let folder = self.rules_folder().await?;
        let file = FileName::parse(&format!("{rule}.test.yaml")).map_err(PublishError::Name)?;
        let (at, name) = (folder.clone(), file.clone());
        let Some(text) = apart(move || read_file(&at, &name)).await?? else {
            return Ok(RuleTests::default());
        };
        let active = self.active();
        let found =
            active.as_ref().and_then(|active| Some((active.clone(), active.rules.get(rule)?.clone())));
        let mut tests = RuleTests::default();
        let cases = read_cases(file.as_str(), &text, &mut tests.diagnostics);
        let broken = tests.diagnostics.iter().any(|told| told.severity == Severity::Error);
        let Some((ruleset, rule)) = found.filter(|_| !broken) else { return Ok(tests) };
        let work = async move { rehearse(&ruleset, &rule, (file.as_str(), &cases), &folder).await };
        tests.reports = self.think_apart(async move { Ok(work.await?) }).await?;
        Ok(tests)
    }

    /// Does what computes for long on a thread where that is nobody's delay.
    pub(super) fn think_apart<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, AskError>> + Send + 'static,
    ) -> impl Future<Output = Result<T, AskError>> + Send {
        let work = Box::pin(work);
        async move {
            // Each takes a core: the others wait a moment, and then are told to come again.
            let room = tokio::time::timeout(ROOM_WAIT_MAX, self.looking_ahead.acquire()).await;
            let Ok(Ok(_room)) = room else { return Err(AskError::Busy) };
            let runtime = tokio::runtime::Handle::current();
            let done = tokio::task::spawn_blocking(move || runtime.block_on(work)).await;
            done.unwrap_or_else(|_| {
                Err(AskError::NotNow("a mistake of Waypost came up while it looked ahead".into()))
            })
        }
    }
}

/// The ruleset with this rule switched on: a preview shows what it would send if it were.
fn as_if_on(ruleset: Arc<Ruleset>, mut files: crate::rules::Files, rule: &str) -> Arc<Ruleset> {
    if ruleset.rules.get(rule).is_none_or(|rule| rule.enabled) {
        return ruleset;
    }
    let Some(text) = files.texts.get_mut(&format!("{rule}.yaml")) else { return ruleset };
    let Ok(on) = with_enabled(text, true) else { return ruleset };
    *text = on;
    compile(&files, None).ruleset.unwrap_or(ruleset)
}

impl Touched {
    fn compare(
        &mut self,
        before: Option<&BookingOutlook>,
        after: &BookingOutlook,
        fields: &mut BTreeMap<String, i64>,
    ) {
        let is_sent =
            |ahead: &Foreseen| ahead.steps.iter().any(|step| matches!(step.outlook, StepOutlook::Send(_)));
        let sends = after.fate == super::Fate::Sends && after.foreseen.iter().any(is_sent);
        self.sends += i64::from(sends);
        self.fails += i64::from(matches!(after.fate, super::Fate::Fails(_)));
        let (old, new) = (before.map(mapped).unwrap_or_default(), mapped(after));
        self.left += i64::from(!old.is_empty() && new.is_empty());
        let mut differs = Vec::new();
        let names: std::collections::BTreeSet<&(String, String, String)> =
            old.keys().chain(new.keys()).collect();
        for name in names {
            let (was, is) = (old.get(name), new.get(name));
            if was != is {
                differs.push((format!("{} › {}", name.1, name.2), was.cloned(), is.cloned()));
            }
        }
        let mut counted: Vec<&String> = differs.iter().map(|(name, ..)| name).collect();
        counted.dedup();
        if before.is_some() {
            for name in counted {
                *fields.entry(name.clone()).or_default() += 1;
            }
        }
        if (sends || !differs.is_empty()) && self.examples.len() < EXAMPLES_MAX {
            self.examples.push(TouchedBooking {
                booking: after.present.booking.id.to_string(),
                told: super::apply::told(&after.present),
                fields: differs,
            });
        }
    }
}

/// What is mapped for a booking: item, step and field to value.
fn mapped(outlook: &BookingOutlook) -> BTreeMap<(String, String, String), Value> {
    let mut found = BTreeMap::new();
    for ahead in &outlook.foreseen {
        for step in &ahead.steps {
            for (name, value) in &step.fields {
                found.insert((ahead.item.clone(), step.id.clone(), name.clone()), value.clone());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::LOOKS_AT_ONCE;
    use crate::app::{App, AskError, Places};
    use crate::clock::{OsEntropy, SystemClock};
    use std::sync::Arc;

    #[tokio::test]
    async fn more_looks_ahead_than_there_is_room_for_are_told_to_come_again() {
        let store = crate::store::open_in_memory().await.expect("a store");
        let home = tempfile::tempdir().expect("a folder");
        let places = Places { data: home.path().to_owned(), database: None, exclusive: false };
        let clock = Arc::new(SystemClock::new());
        let app = App::over(store, places, clock, Arc::new(OsEntropy)).await.expect("an app");
        let others = app.looking_ahead.acquire_many(LOOKS_AT_ONCE as u32).await.expect("there is room");
        let told = app.think_apart(async { Ok(1) }).await;
        assert!(matches!(told, Err(AskError::Busy)), "{told:?}");
        drop(others);
        assert_eq!(app.think_apart(async { Ok(1) }).await.expect("there is room again"), 1);
    }
}
