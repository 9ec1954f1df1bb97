//! The bookings that the editor and the builder of a rule show it with: those of the rule's own sources, found by a name or
//! number where there are more than fit. What another source told can't come to this rule and would show nothing true.

use super::errors::PageError;
use super::rule_edit::in_a_line;
use crate::app::App;
use crate::domain::{BookingId, search_words};
use crate::ports::{BookingQuery, BookingView};
use crate::rules::Ruleset;
use crate::rules::builder::RuleForm;

/// Bookings that one can choose from.
const BOOKINGS_MAX: usize = 25;
/// Sources that are looked through.
const SOURCES_MAX: usize = 20;

/// What there is to choose from.
#[derive(Clone, Debug, Default)]
pub struct ToChoose {
    /// Id, line, whether it is the chosen one.
    pub choices: Vec<(String, String, bool)>,
    /// Which that is: the newest where nobody chose.
    pub chosen: Option<BookingId>,
    /// What is looked for.
    pub find: String,
    /// There are more than these.
    pub more: bool,
}

impl ToChoose {
    /// The newest bookings of a draft's sources that match what is looked for, the wanted one chosen where it is there.
    pub async fn read(app: &App, text: &str, wanted: &str, find: &str) -> Result<Self, PageError> {
        let find: String = find.trim().chars().filter(|c| !c.is_control()).take(120).collect();
        let form = RuleForm::read("", text).unwrap_or_default();
        let active = app.active();
        let (mut bookings, mut more) = (Vec::new(), false);
        for source in doors(active.as_deref(), &form.from) {
            let query = BookingQuery {
                words: search_words(&find),
                source,
                limit: BOOKINGS_MAX as i64,
                ..BookingQuery::default()
            };
            let page = app.store.find_bookings(&query).await?;
            more |= page.next.is_some();
            bookings.extend(page.bookings.into_iter().map(|(booking, _)| booking));
        }
        bookings.retain(|one: &BookingView| one.key.kind == "booking");
        bookings.sort_by_key(|one| std::cmp::Reverse(one.updated_at));
        more |= bookings.len() > BOOKINGS_MAX;
        bookings.truncate(BOOKINGS_MAX);
        let wanted = BookingId::new(wanted);
        // One that a link led here with, or an older one that was chosen before.
        let is_there = bookings.iter().any(|one| one.id == wanted);
        if !wanted.as_str().is_empty()
            && !is_there
            && find.is_empty()
            && let Some((booking, _)) = app.store.booking(&wanted).await?
        {
            bookings.insert(0, booking);
        }
        let chosen = bookings.iter().find(|one| one.id == wanted).or(bookings.first());
        let chosen = chosen.map(|one| one.id.clone());
        let choice =
            |one: &BookingView| (one.id.to_string(), in_a_line(one), Some(&one.id) == chosen.as_ref());
        Ok(Self {
            choices: bookings.iter().map(choice).collect(),
            more: more || !find.is_empty(),
            find,
            chosen,
        })
    }
}

/// The sources whose bookings a rule sees: its own, and other doors of the same account. A draft that names none sees all.
fn doors(ruleset: Option<&Ruleset>, from: &[String]) -> Vec<Option<String>> {
    if from.is_empty() {
        return vec![None];
    }
    let mut doors: Vec<String> = from.to_vec();
    if let Some(ruleset) = ruleset {
        for (name, door) in &ruleset.sources {
            let is_own = from.iter().filter_map(|own| ruleset.sources.get(own)).any(|own| {
                own.connector.name == door.connector.name
                    && own.account.is_some()
                    && own.account == door.account
            });
            if is_own && !doors.contains(name) {
                doors.push(name.clone());
            }
        }
    }
    doors.truncate(SOURCES_MAX);
    doors.into_iter().map(Some).collect()
}
