//! What is known of one guest: found by e-mail address, phone or booking number, told, exported, erased. Asked for by a page,
//! and by the command line.
//!
//! Who is asked for is written nowhere: the audit log has ids of bookings.
//!
//! A webhook that tells of an erased booking later comes in as any other does: it is what the booking system holds of the
//! guest then, and nothing of what was erased is needed to tell it from news, since hashes and positions stay. A list of
//! whom to refuse would have to know whom; whoever is to be gone for good is erased in the booking system first.

use super::{App, Who};
use crate::domain::{RunState, fold, search_words};
use crate::ports::{
    BookingQuery, BookingView, Erased, ErasedBooking, Erasure, LinkRow, ListFilter, StoreError,
};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// Bookings of one guest that are told, exported and erased at once.
pub(super) const BOOKINGS_MAX: usize = 100;
/// Pages of bookings that are looked through.
const PAGES_MAX: usize = 30;
/// Changes and runs of one booking that are counted.
pub(super) const ROWS_MAX: i64 = 1_000;
/// Characters of what is asked for.
const ASKED_CHARS_MAX: usize = 200;
/// Fewer digits are no phone number.
const DIGITS_MIN: usize = 7;
/// Characters of ids in the log.
const LOGGED_CHARS_MAX: usize = 400;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing to look for.
    #[error("give the guest's whole e-mail address, phone number, or a booking's number")]
    Nothing,
    /// Nobody.
    #[error("no booking has exactly this e-mail address, phone number or booking number")]
    Nobody,
    /// Other bookings than those that were shown.
    #[error("the guest's bookings have changed since this page was opened")]
    Changed,
    /// Runs are not at their end.
    #[error("{0} of the guest's runs are still on the way, or paused")]
    UnderWay(i64),
    /// What is erased would come back.
    #[error(
        "a booking of the guest is about to be fetched from the booking system, which would bring back what is erased"
    )]
    BeingFetched,
}

/// A guest.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Their bookings, the last changed first.
    pub bookings: Vec<GuestBooking>,
    /// There are more, which are not looked at now.
    pub more: bool,
}

/// A booking of a guest.
#[derive(Clone, Debug)]
pub struct GuestBooking {
    /// As it is now.
    pub view: BookingView,
    /// Its present document.
    pub document: String,
    /// Changes of it, counted up to a thousand.
    pub changes: usize,
    /// Runs, counted up to a thousand.
    pub runs: usize,
    /// Runs that wait, are paused, or in a call.
    pub under_way: i64,
    /// Runs that need a person.
    pub needs_you: i64,
    /// Records of CRMs.
    pub links: Vec<LinkRow>,
    /// Where the guest was erased and nothing came in since.
    pub erased: Option<ErasedBooking>,
}

/// What was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuestErased {
    /// Bookings.
    pub bookings: i64,
    /// Webhooks whose body went.
    pub webhooks: i64,
    /// Runs whose fields, requests and answers went.
    pub runs: i64,
    /// The database's logs were emptied too. `false`: they are overwritten as Waypost goes on.
    pub logs: bool,
}

impl Guest {
    /// Ids of the bookings.
    fn ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.bookings.iter().map(|booking| booking.view.id.as_str()).collect();
        ids.sort_unstable();
        ids
    }

    /// The bookings in one word: whether they are still the same.
    pub fn mark(&self) -> String {
        Sha256::digest(self.ids().join(","))
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    /// Runs that are not at their end.
    pub fn under_way(&self) -> i64 {
        self.bookings.iter().map(|booking| booking.under_way).sum()
    }
}

impl App {
    /// Whom somebody asked for: all their bookings, exactly theirs.
    pub async fn guest(&self, asked: &str) -> Result<Guest, GuestError> {
        let wanted = Wanted::of(asked).ok_or(GuestError::Nothing)?;
        let mut guest = Guest { bookings: Vec::new(), more: false };
        let by_key = ListFilter { booking: Some(wanted.text.clone()), limit: 10, ..ListFilter::default() };
        for view in self.store.list_bookings(&by_key).await? {
            self.add(&mut guest, view, None).await?;
        }
        let mut query = BookingQuery { words: search_words(asked), limit: 50, ..BookingQuery::default() };
        for page in 0..=PAGES_MAX {
            let found = self.store.find_bookings(&query).await?;
            for (view, _) in found.bookings {
                self.add(&mut guest, view, Some(&wanted)).await?;
            }
            query.after = found.next;
            if query.after.is_none() {
                break;
            }
            guest.more |= page == PAGES_MAX;
        }
        if guest.bookings.is_empty() { Err(GuestError::Nobody) } else { Ok(guest) }
    }

    async fn add(
        &self,
        guest: &mut Guest,
        view: BookingView,
        wanted: Option<&Wanted>,
    ) -> Result<(), StoreError> {
        if guest.bookings.iter().any(|known| known.view.id == view.id) {
            return Ok(());
        }
        let Some((view, document)) = self.store.booking(&view.id).await? else { return Ok(()) };
        if wanted.is_some_and(|wanted| !wanted.is(&view, &document)) {
            return Ok(());
        }
        if guest.bookings.len() >= BOOKINGS_MAX {
            guest.more = true;
            return Ok(());
        }
        let filter =
            ListFilter { booking: Some(view.id.to_string()), limit: ROWS_MAX, ..ListFilter::default() };
        let runs = self.store.list_runs(&filter).await?;
        let count = |wanted: fn(RunState) -> bool| runs.iter().filter(|run| wanted(run.state)).count() as i64;
        let erased = self.store.keeping().erased_booking(&view.id).await?;
        guest.bookings.push(GuestBooking {
            document,
            changes: self.store.changes_of_booking(&view.id, ROWS_MAX).await?.len(),
            runs: runs.len(),
            under_way: count(RunState::blocks_lane),
            needs_you: count(|state| matches!(state, RunState::Failed | RunState::Held)),
            links: self.store.links_of_booking(&view.id).await?,
            erased: erased.filter(|erased| erased.position >= view.position),
            view,
        });
        Ok(())
    }

    /// Erases the guest whose bookings have this mark.
    pub async fn erase_guest(
        &self,
        who: &Who,
        asked: &str,
        mark: &str,
    ) -> Result<(Guest, GuestErased), GuestError> {
        let guest = self.guest(asked).await?;
        if guest.mark() != mark {
            return Err(GuestError::Changed);
        }
        if guest.under_way() > 0 {
            return Err(GuestError::UnderWay(guest.under_way()));
        }
        let now = self.clock.now();
        let why = format!("The guest's data were erased on {}, as they had asked.", date(now));
        let mut done = GuestErased::default();
        for booking in &guest.bookings {
            let erasure = Erasure { booking: booking.view.id.clone(), now, why: why.clone() };
            match self.store.keeping().erase_booking(&erasure).await? {
                Erased::Done { webhooks, runs } => {
                    done.bookings += 1;
                    done.webhooks += webhooks;
                    done.runs += runs;
                }
                Erased::Unknown => {}
                // One came in meanwhile. What is erased is erased; asking once more does the rest.
                Erased::UnderWay(runs) => {
                    self.note_erased(who, &guest, done).await;
                    return Err(GuestError::UnderWay(runs));
                }
                Erased::BeingFetched => {
                    self.note_erased(who, &guest, done).await;
                    return Err(GuestError::BeingFetched);
                }
            }
        }
        done.logs = self.store.keeping().forget_logs().await?;
        self.note_erased(who, &guest, done).await;
        Ok((guest, done))
    }

    async fn note_erased(&self, who: &Who, guest: &Guest, done: GuestErased) {
        let details = format!("{} bookings, {} webhooks, {} runs", done.bookings, done.webhooks, done.runs);
        self.audit(who, "guest.erased", &logged(guest), &details).await;
    }
}

/// Ids for the log.
pub(super) fn logged(guest: &Guest) -> String {
    let ids = guest.ids().join(", ");
    match ids.char_indices().nth(LOGGED_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &ids[..end]),
        None => ids,
    }
}

/// `14 March 2027`, in universal time.
fn date(now: crate::domain::Millis) -> String {
    let moment = Timestamp::from_millisecond(now).unwrap_or(Timestamp::UNIX_EPOCH);
    moment.strftime("%-d %B %Y").to_string()
}

/// Whom somebody asks for.
struct Wanted {
    text: String,
    folded: String,
    digits: Option<String>,
}

impl Wanted {
    fn of(asked: &str) -> Option<Self> {
        let text = asked.trim();
        if text.is_empty() || text.chars().count() > ASKED_CHARS_MAX || search_words(text).is_empty() {
            return None;
        }
        let number = text.chars().all(|c| c.is_ascii_digit() || " +-()/.#".contains(c));
        Some(Self {
            folded: fold(text).trim_start_matches('#').to_owned(),
            digits: number.then(|| digits(text)),
            text: text.to_owned(),
        })
    }

    /// Whether a booking is theirs: by the whole address, wherever it stands; by the whole phone number, with or without
    /// the country; by the whole number of the booking.
    fn is(&self, view: &BookingView, document: &str) -> bool {
        let of = |half: &serde_json::Value, name: &str| {
            half.get(name).and_then(serde_json::Value::as_str).map(fold).unwrap_or_default()
        };
        if of(&view.view.trip, "code").trim_start_matches('#') == self.folded || view.key.key == self.text {
            return true;
        }
        if self.text.contains('@') {
            let address = of(&view.view.person, "email");
            let quoted = serde_json::json!(self.text).to_string().to_lowercase();
            return address == self.folded || document.to_lowercase().contains(&quoted);
        }
        let Some(asked) = &self.digits else { return false };
        let bare = asked.trim_start_matches('0');
        let phone = digits(&of(&view.view.person, "phone"));
        bare.len() >= DIGITS_MIN && (phone == *asked || phone.ends_with(bare))
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}
