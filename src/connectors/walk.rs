//! How all records of a source within a range of days are found: a tree of calls, each level's answer leading to the places
//! of the next. Says what to ask for at a place and what an answer leads to; asks for nothing itself. Called by `walk`.
//!
//! Promises: an answer that lacks its list is a mistake and never "nothing there"; what a place leads to depends on the
//! place and its answer only, so that a place may be asked for again at any time.

use super::action::Call;
use super::envelope::Facts;
use super::pattern::{Dotted, key_text};
use super::{RecordSpec, SourceSpec, Told, Verified};
use crate::domain::parse_datetime;
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Items that one answer may lead to; more is a mistake that says so.
const ITEMS_MAX: usize = 20_000;
/// Pieces that a range may be cut into at one place.
const PIECES_MAX: usize = 2_000;

/// How all records of one kind are found.
pub struct WalkSpec {
    /// Kind of record.
    pub kind: String,
    /// What the range of days is about, in words: `tour date`.
    pub by: String,
    /// How sure we are of it.
    pub verified: Verified,
    /// Where that day stands in a record.
    pub(super) at: Dotted,
    /// From the root.
    pub(super) levels: Vec<WalkLevel>,
}

impl std::fmt::Debug for WalkSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WalkSpec").field("kind", &self.kind).field("by", &self.by).finish_non_exhaustive()
    }
}

/// One level of the tree.
pub struct WalkLevel {
    /// What one item of it is called.
    pub name: String,
    /// How sure we are of it.
    pub verified: Verified,
    pub(super) call: Call,
    /// JSON pointer to the list in the answer.
    pub(super) each: String,
    /// What is taken along of each item, by its name.
    pub(super) take: Vec<(String, Dotted)>,
    /// Which of them is the account: where the source names one, that is the only item.
    pub(super) account: Option<String>,
    /// The range is cut into pieces of so many days, the last of which `overlap_days` are asked for twice.
    pub(super) span: Option<Span>,
    pub(super) pages: Option<Pages>,
    pub(super) gives: Gives,
}

/// How a range is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub days: i64,
    pub overlap_days: i64,
}

/// How a long list is given.
pub(super) struct Pages {
    /// Items of one page.
    pub size: i64,
    /// The list is sorted by this: the next page begins at the last item's, so that nothing is missed where the list
    /// changes meanwhile. Absent: pages are numbered.
    pub after: Option<Dotted>,
    /// JSON pointer to how many there are.
    pub count: Option<String>,
}

/// What an item of a level is.
pub(super) enum Gives {
    /// A place of the next level.
    Places,
    /// The key of a record, which is then fetched.
    Keys(Dotted),
    /// The record itself.
    Documents,
}

/// A place of the tree, or a record at its end. Stored as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WalkPlace {
    /// A call to be made.
    Call(WalkCall),
    /// A record to be fetched.
    Record(WalkRecord),
}

/// A call to be made at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkCall {
    /// Which level.
    pub level: usize,
    /// What was taken along, by the names of the levels above.
    pub taken: Map<String, Value>,
    /// The first day.
    pub from: String,
    /// The last day, which is part of it.
    pub to: String,
    /// Which page, from 1.
    pub page: i64,
    /// Where the page begins, in a list that goes on behind a value.
    pub since: Option<String>,
}

/// A record to be fetched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WalkRecord {
    /// Its account, where one is known.
    pub account: Option<String>,
    /// Its key.
    pub key: String,
}

/// What an answer leads to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WalkFound {
    /// Places of the next level.
    pub places: Vec<WalkPlace>,
    /// Records to be fetched.
    pub records: Vec<WalkRecord>,
    /// Records themselves.
    pub documents: Vec<Value>,
    /// Accounts that were come upon.
    pub accounts: Vec<String>,
    /// The next page.
    pub next: Option<WalkCall>,
    /// How much of this place's part is still behind the next page, from 0 to 1.
    pub behind: f64,
    /// How many records there are, where a first page says so.
    pub told: Option<i64>,
}

/// An answer that can't be understood: a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WalkUnreadable(pub String);

impl WalkSpec {
    /// How sure we are of the part that we are least sure of.
    pub fn least_verified(&self) -> Verified {
        let rank = |verified: &Verified| match verified {
            Verified::Unverified => 0,
            Verified::Documentation => 1,
            Verified::Specification => 2,
        };
        let all = self.levels.iter().map(|level| level.verified).chain([self.verified]);
        all.min_by_key(rank).unwrap_or(self.verified)
    }

    /// The places that a walk over these days begins with.
    pub fn begin(&self, account: Option<&str>, days: (Date, Date)) -> Vec<WalkPlace> {
        self.enter(0, &Map::new(), days, account)
    }

    /// How deep a place is: the deepest are asked for first, so that few wait.
    pub fn depth(&self, place: &WalkPlace) -> i64 {
        match place {
            WalkPlace::Call(call) => call.level as i64,
            WalkPlace::Record(_) => self.depth_of_records(),
        }
    }

    /// Records are deeper than all levels.
    pub fn depth_of_records(&self) -> i64 {
        self.levels.len() as i64
    }

    /// The call of a place, and what its templates see.
    pub fn call(&self, at: &WalkCall, account: Option<&str>) -> Option<(&Call, Map<String, Value>)> {
        let level = self.levels.get(at.level)?;
        let mut inputs = at.taken.clone();
        let (from_time, to_time) = (moment(&at.from, 0), moment(&at.to, 1));
        let page = json!({
            "number": at.page,
            "size": level.pages.as_ref().map(|pages| pages.size),
            "since": at.since.clone().unwrap_or_else(|| from_time.clone()),
        });
        let range = json!({ "from": at.from, "to": at.to, "from_time": from_time, "to_time": to_time });
        inputs.insert("range".to_owned(), range);
        inputs.insert("page".to_owned(), page);
        inputs.insert("account".to_owned(), account.map_or(Value::Null, Value::from));
        Some((&level.call, inputs))
    }

    /// What an answer with a good status leads to. Null (204 has no body) is an empty list.
    pub fn read(
        &self,
        at: &WalkCall,
        mut answer: Value,
        account: Option<&str>,
    ) -> Result<WalkFound, WalkUnreadable> {
        let wrong = |what: String| WalkUnreadable(what);
        let Some(level) = self.levels.get(at.level) else {
            return Err(wrong("The connector has changed since the walk began; begin it anew.".into()));
        };
        if answer.is_null() {
            return Ok(WalkFound::default());
        }
        let told = level.pages.as_ref().and_then(|pages| pages.count.as_ref());
        let told = told.and_then(|pointer| answer.pointer(pointer)).and_then(Value::as_i64);
        let shown = if level.each.is_empty() { "its top" } else { level.each.as_str() };
        let Some(Value::Array(items)) = answer.pointer_mut(&level.each).map(Value::take) else {
            return Err(wrong(format!("The answer has no list at {shown}.")));
        };
        if items.len() > ITEMS_MAX {
            let many = items.len();
            return Err(wrong(format!("The answer has {many} items at {shown}, more than {ITEMS_MAX}.")));
        }
        let mut found = WalkFound::default();
        Self::page_on(level, at, (&items, told), &mut found)?;
        let days = (day(&at.from)?, day(&at.to)?);
        for item in items {
            let mut taken = Map::new();
            for (name, path) in &level.take {
                let value = path.get(&item).filter(|value| key_text(value).is_some()).ok_or_else(|| {
                    wrong(format!("A {} in the answer has no usable `{path}`.", level.name))
                })?;
                taken.insert(name.clone(), value.clone());
            }
            let own = level.account.as_ref().and_then(|name| taken.get(name)).and_then(key_text);
            found.accounts.extend(own);
            let mut all = at.taken.clone();
            all.insert(level.name.clone(), Value::Object(taken));
            match &level.gives {
                Gives::Documents => found.documents.push(item),
                Gives::Keys(path) => {
                    let key = path.get(&item).and_then(key_text).ok_or_else(|| {
                        wrong(format!("A {} in the answer has no usable `{path}`.", level.name))
                    })?;
                    let account = self.account_of(&all).or_else(|| account.map(str::to_owned));
                    found.records.push(WalkRecord { account, key });
                }
                Gives::Places => found.places.extend(self.enter(at.level + 1, &all, days, account)),
            }
        }
        Ok(found)
    }

    /// Whether the day of a record is within these, as far as it says one.
    pub fn within(&self, told: &Value, from: &str, to: &str) -> bool {
        let text = self.at.get(told).and_then(Value::as_str);
        text.and_then(|text| text.get(..10)).is_some_and(|day| day >= from && day <= to)
    }

    /// The places of a level: one, or one per piece of the range; where the source names the account, those behind it.
    fn enter(
        &self,
        level: usize,
        taken: &Map<String, Value>,
        (from, to): (Date, Date),
        account: Option<&str>,
    ) -> Vec<WalkPlace> {
        let Some(spec) = self.levels.get(level) else { return Vec::new() };
        if let (Some(name), Some(account), Gives::Places) = (&spec.account, account, &spec.gives) {
            let mut all = taken.clone();
            all.insert(spec.name.clone(), json!({ name.as_str(): account }));
            return self.enter(level + 1, &all, (from, to), Some(account));
        }
        let place = |(from, to): (Date, Date)| {
            let (from, to) = (from.to_string(), to.to_string());
            WalkPlace::Call(WalkCall { level, taken: taken.clone(), from, to, page: 1, since: None })
        };
        match spec.span {
            None => vec![place((from, to))],
            Some(span) => pieces((from, to), span).into_iter().map(place).collect(),
        }
    }

    /// The account that a place is of, as far as the way to it says so.
    pub fn account_at(&self, place: &WalkPlace) -> Option<String> {
        match place {
            WalkPlace::Call(call) => self.account_of(&call.taken),
            WalkPlace::Record(record) => record.account.clone(),
        }
    }

    /// A place for people: `list of each booking (company reef, item 7, availability 12)`.
    pub fn in_words(&self, place: &WalkPlace) -> String {
        let call = match place {
            WalkPlace::Record(WalkRecord { account, key }) => {
                let account = account.as_ref().map(|account| format!(" of {account}")).unwrap_or_default();
                return format!("{} {key}{account}", self.kind);
            }
            WalkPlace::Call(call) => call,
        };
        let level = self.levels.get(call.level);
        let mut of: Vec<String> = Vec::new();
        for level in self.levels.iter().take(call.level) {
            let taken = call.taken.get(&level.name).and_then(Value::as_object);
            let values: Vec<String> =
                taken.into_iter().flatten().filter_map(|(_, value)| key_text(value)).collect();
            if !values.is_empty() {
                of.push(format!("{} {}", level.name, values.join(" ")));
            }
        }
        if level.is_some_and(|level| level.span.is_some() || level.pages.is_some()) {
            of.push(format!("{} to {}", call.since.as_ref().unwrap_or(&call.from), call.to));
        }
        if call.page > 1 {
            of.push(format!("page {}", call.page));
        }
        let what = format!("list of each {}", level.map_or(self.kind.as_str(), |level| &level.name));
        if of.is_empty() { what } else { format!("{what} ({})", of.join(", ")) }
    }

    /// The account that was taken along.
    fn account_of(&self, taken: &Map<String, Value>) -> Option<String> {
        let of_level = |level: &WalkLevel| {
            let name = level.account.as_ref()?;
            taken.get(&level.name)?.get(name).and_then(key_text)
        };
        self.levels.iter().rev().find_map(of_level)
    }

    fn page_on(
        level: &WalkLevel,
        at: &WalkCall,
        (items, told): (&[Value], Option<i64>),
        found: &mut WalkFound,
    ) -> Result<(), WalkUnreadable> {
        let Some(pages) = &level.pages else { return Ok(()) };
        if at.page == 1 && at.since.is_none() {
            found.told = told;
        }
        let came = items.len() as i64;
        if came < pages.size {
            return Ok(());
        }
        let mut next = WalkCall { page: at.page + 1, ..at.clone() };
        if let Some(path) = &pages.after {
            let last = items.last().and_then(|item| path.get(item)).and_then(Value::as_str);
            let last = last.ok_or_else(|| {
                WalkUnreadable(format!("The last {} of a page has no usable `{path}`.", level.name))
            })?;
            // A whole page with one and the same value goes on by number within it.
            let since = at.since.clone().unwrap_or_else(|| moment(&at.from, 0));
            if is_behind(last, &since) {
                next.page = 1;
                next.since = Some(last.to_owned());
            }
        }
        let left = told.map(|told| (told - (at.page - 1) * pages.size).max(came));
        found.behind = match left {
            Some(left) if left > 0 => (left - came) as f64 / left as f64,
            _ => 0.5,
        };
        found.next = Some(next);
        Ok(())
    }
}

/// Cuts a range of days.
fn pieces((from, to): (Date, Date), span: Span) -> Vec<(Date, Date)> {
    let mut pieces = Vec::new();
    let mut at = from;
    while at <= to && pieces.len() < PIECES_MAX {
        let last = at.saturating_add((span.days - 1).days()).min(to);
        pieces.push((at, last.saturating_add(span.overlap_days.days())));
        at = last.saturating_add(1.day());
    }
    pieces
}

/// The first moment of the day that is so many days later, in UTC.
fn moment(day: &str, later: i64) -> String {
    let day = day.parse::<Date>().map(|day| day.saturating_add(later.days())).unwrap_or_default();
    format!("{day}T00:00:00Z")
}

fn day(text: &str) -> Result<Date, WalkUnreadable> {
    text.parse().map_err(|_| WalkUnreadable(format!("\"{text}\" is no day; begin the walk anew.")))
}

/// Whether a value is later in a sorted list.
fn is_behind(value: &str, since: &str) -> bool {
    match (parse_datetime(value), parse_datetime(since)) {
        (Some(value), Some(since)) => value.timestamp() > since.timestamp(),
        _ => value > since,
    }
}

impl SourceSpec {
    /// Whether records of this kind tell no account while webhooks do: then a walk must know it from elsewhere, or what it
    /// finds would not be the booking that webhooks told of.
    pub fn tells_account_by_webhook_only(&self, record: &RecordSpec) -> bool {
        record.account.is_none()
            && (self.envelope.account.is_some() || record.hints.iter().any(|hint| hint.account.is_some()))
    }
}

/// Records that were asked for, as the API answers them.
impl RecordSpec {
    /// The record in the answer of its `fetch:`. `Err` is a sentence.
    pub fn read_fetched(&self, mut answer: Value) -> Result<Told, String> {
        let at = self.fetch.as_ref().and_then(|fetch| fetch.at.as_deref()).unwrap_or(&self.at);
        match answer.pointer_mut(at).map(Value::take) {
            Some(found) => self.read_one(found, &Facts::default()),
            None => Err(format!("The answer has no {} at {at}.", self.kind)),
        }
    }

    /// The record that an item of a list is. `Err` is a sentence.
    pub fn read_listed(&self, document: Value) -> Result<Told, String> {
        self.read_one(document, &Facts::default())
    }
}
