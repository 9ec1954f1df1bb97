//! Finding bookings by words and filters. A page is found in bounded time, however many bookings there are: either by the
//! rarest word, where few have it, or by looking through a bounded stretch of the last changed; then it says so.

use super::SqlStore;
use super::cards::BOOKING;
use super::rows;
use super::session::{Session, Value, values};
use super::sql;
use crate::domain::{BookingId, Standing};
use crate::ports::{BookingPage, BookingQuery, BookingView, CardPlace, LinkRow, StoreError};
use std::collections::HashMap;

/// A word that more bookings have is not looked up, but looked for.
const RARE_MAX: i64 = 2_000;
/// Bookings looked through for one page.
const LOOK_MAX: i64 = 4_000;
/// Rows of a page at most.
const PAGE_MAX: i64 = 200;

/// Behind whatever begins with a text.
fn end_of(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

pub(super) const HAVE_WORD: &str = "
SELECT COUNT(*) AS bookings
FROM   (SELECT 1 AS one FROM booking_terms WHERE term >= $1 AND term < $2 LIMIT CAST($3 AS BIGINT)) AS h";

pub(super) const HAVE_DAY: &str = "
SELECT COUNT(*) AS bookings
FROM   (SELECT 1 AS one FROM booking_cards
        WHERE  tour_day >= $1 AND tour_day <= $2 AND tour_day <> ''
        LIMIT  CAST($3 AS BIGINT)) AS h";

/// The next different term, and the next: no term is read more than once, however many bookings have it.
pub(super) const TERMS_LIKE: &str = "
WITH RECURSIVE found (term) AS (
    SELECT MIN(term) FROM booking_terms WHERE term >= $1 AND term < $2
    UNION ALL
    SELECT (SELECT MIN(s.term) FROM booking_terms AS s WHERE s.term > found.term AND s.term < $2)
    FROM   found
    WHERE  found.term IS NOT NULL
)
SELECT term FROM found WHERE term IS NOT NULL LIMIT CAST($3 AS BIGINT)";

pub(super) const LINKS_THAT_POINT: &str = "
SELECT DISTINCT l.connection, l.account, l.object, l.key, l.rule, l.step, l.remote_id, l.position, l.hash, l.outputs
FROM   link_bookings AS p
JOIN   links AS l ON l.connection = p.connection AND l.account = p.account AND l.object = p.object
                 AND l.key = p.key AND l.rule = p.rule AND l.step = p.step
WHERE  p.booking = $1
ORDER BY l.connection, l.object, l.key, l.rule, l.step
LIMIT  CAST($2 AS BIGINT)";

/// A statement that is put together; `?` becomes the next `$n`.
#[derive(Default)]
struct Text {
    sql: String,
    bound: Vec<Value>,
}

impl Text {
    fn add(&mut self, piece: &str, bound: Vec<Value>) {
        let mut bound = bound.into_iter();
        for (index, part) in piece.split('?').enumerate() {
            if index > 0 {
                self.bound.extend(bound.next());
                self.sql.push_str(&format!("${}", self.bound.len()));
            }
            self.sql.push_str(part);
        }
    }
}

/// How the bookings of a page are come by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The few that have this word.
    Word(usize),
    /// Those that are not sent, or whose tour is that day: an index has them in order.
    Narrow,
    /// The few whose tour is on one of these days.
    Days,
    /// All, in order.
    All,
}

impl SqlStore {
    pub(super) async fn page_of_bookings(&self, query: &BookingQuery) -> Result<BookingPage, StoreError> {
        let mut session = self.read("find bookings").await?;
        let limit = query.limit.clamp(1, PAGE_MAX);
        let Some(way) = way(&mut session, query).await? else { return Ok(BookingPage::default()) };
        let page = ids_sql(query, way, limit + 1);
        let found = session.rows(page.sql, page.bound).await?;
        let mut places: Vec<(CardPlace, Standing)> = Vec::with_capacity(found.len());
        for row in &found {
            let standing = Standing::of_number(row.int("standing")?).unwrap_or(Standing::Nothing);
            let booking = BookingId::new(row.text("booking")?);
            places.push((CardPlace { changed_at: row.int("changed_at")?, booking }, standing));
        }
        let mut answer = BookingPage::default();
        if places.len() as i64 > limit {
            places.truncate(limit as usize);
            answer.next = places.last().map(|(place, _)| place.clone());
        } else if let (Way::Narrow | Way::All, true) = (way, narrows(query, way)) {
            let end = end_sql(query, way);
            if let Some(row) = session.row(end.sql, end.bound).await? {
                let booking = BookingId::new(row.text("booking")?);
                answer.next = Some(CardPlace { changed_at: row.int("changed_at")?, booking });
                answer.looked_through = LOOK_MAX;
            }
        }
        let ids: Vec<&str> = places.iter().map(|(place, _)| place.booking.as_str()).collect();
        let mut views = views(&mut session, &ids).await?;
        answer.bookings = places
            .iter()
            .filter_map(|(place, standing)| Some((views.remove(place.booking.as_str())?, *standing)))
            // Older versions made cards of other kinds of record too.
            .filter(|(view, _)| view.key.kind == BOOKING)
            .collect();
        Ok(answer)
    }

    pub(super) async fn standings_of(
        &self,
        bookings: &[BookingId],
    ) -> Result<Vec<Option<Standing>>, StoreError> {
        let mut session = self.read("tell how bookings stand").await?;
        let mut known: HashMap<String, Standing> = HashMap::new();
        for piece in sql::padded(bookings) {
            let text = format!(
                "SELECT booking, standing FROM booking_cards WHERE booking IN (VALUES {})",
                sql::rows(piece.len(), 1, 1)
            );
            let bound = piece.iter().map(|id| Value::from(id.as_str())).collect();
            for row in session.rows(text, bound).await? {
                known.extend(
                    Standing::of_number(row.int("standing")?)
                        .map(|standing| (row.text("booking").unwrap_or_default(), standing)),
                );
            }
        }
        Ok(bookings.iter().map(|id| known.get(id.as_str()).copied()).collect())
    }

    pub(super) async fn terms_from(&self, prefix: &str, limit: i64) -> Result<Vec<String>, StoreError> {
        let mut session = self.read("give the terms").await?;
        let rows = session.rows(TERMS_LIKE, values![prefix, end_of(prefix), limit]).await?;
        rows.iter().map(|row| row.text("term")).collect()
    }

    pub(super) async fn count_term(&self, term: &str, limit: i64) -> Result<i64, StoreError> {
        let mut session = self.read("count a term").await?;
        // Nothing comes between a term and itself with the least of all characters behind it.
        let row = session.row(HAVE_WORD, values![term, format!("{term}\u{1}"), limit]).await?;
        row.map_or(Ok(0), |row| row.int("bookings"))
    }

    pub(super) async fn links_that_point(&self, booking: &BookingId) -> Result<Vec<LinkRow>, StoreError> {
        let mut session = self.read("give the links of the booking").await?;
        let rows = session.rows(LINKS_THAT_POINT, values![booking.as_str(), PAGE_MAX]).await?;
        rows.iter().map(rows::link).collect()
    }
}

/// By which way the bookings are found; `None`: some word is nobody's.
async fn way(session: &mut Session, query: &BookingQuery) -> Result<Option<Way>, StoreError> {
    let mut rarest: Option<(i64, usize)> = None;
    for (index, spellings) in query.words.iter().enumerate() {
        let mut bookings = 0;
        for spelling in spellings {
            let row = session.row(HAVE_WORD, values![spelling, end_of(spelling), RARE_MAX + 1]).await?;
            bookings += row.map_or(Ok(0), |row| row.int("bookings"))?;
        }
        if bookings == 0 {
            return Ok(None);
        }
        if rarest.is_none_or(|(fewest, _)| bookings < fewest) {
            rarest = Some((bookings, index));
        }
    }
    Ok(Some(match rarest {
        Some((bookings, index)) if bookings <= RARE_MAX => Way::Word(index),
        _ if is_unsent(query.standing) || one_day(query).is_some() => Way::Narrow,
        _ if has_days(query) && are_few(session, query).await? => Way::Days,
        _ => Way::All,
    }))
}

/// The day, where the tour is to be on one day.
fn one_day(query: &BookingQuery) -> Option<&str> {
    query.tour_from.as_deref().filter(|from| query.tour_to.as_deref() == Some(*from))
}

fn has_days(query: &BookingQuery) -> bool {
    query.tour_from.is_some() || query.tour_to.is_some()
}

/// The first and the last day that are looked for. No day is before the first or behind the last of all.
fn days(query: &BookingQuery) -> (&str, &str) {
    (query.tour_from.as_deref().unwrap_or("0"), query.tour_to.as_deref().unwrap_or("9999-99-99"))
}

/// Whether few bookings have their tour on these days.
async fn are_few(session: &mut Session, query: &BookingQuery) -> Result<bool, StoreError> {
    let (from, to) = days(query);
    let row = session.row(HAVE_DAY, values![from, to, RARE_MAX + 1]).await?;
    Ok(row.map_or(Ok(0), |row| row.int("bookings"))? <= RARE_MAX)
}

fn is_unsent(standing: Option<Standing>) -> bool {
    matches!(standing, Some(Standing::NeedsYou | Standing::Waiting))
}

/// Whether there is more to hold than what the way itself holds.
fn narrows(query: &BookingQuery, way: Way) -> bool {
    let by_index = usize::from(way == Way::Narrow);
    let others = [query.source.is_some(), query.status.is_some(), query.standing.is_some(), has_days(query)];
    !query.words.is_empty() || others.into_iter().filter(|set| *set).count() > by_index
}

/// What the index is asked for: the part of the query that it has in order, and from where on.
fn stretch(text: &mut Text, query: &BookingQuery, way: Way) {
    text.add(
        "SELECT k.booking, k.changed_at, k.standing, k.source, k.status, k.tour_day, k.terms",
        Vec::new(),
    );
    text.add("\nFROM   booking_cards AS k\nWHERE  ", Vec::new());
    match (way, query.standing, one_day(query)) {
        (Way::Narrow, Some(standing), _) if is_unsent(Some(standing)) => {
            text.add("k.standing = ? AND k.standing < 2", values![standing.number()]);
        }
        (Way::Narrow, _, Some(day)) => text.add("k.tour_day = ? AND k.tour_day <> ''", values![day]),
        _ => text.add("1 = 1", Vec::new()),
    }
    when(text, query);
}

fn when(text: &mut Text, query: &BookingQuery) {
    if let Some(from) = query.changed_from {
        text.add("\nAND    k.changed_at >= ?", values![from]);
    }
    if let Some(before) = query.changed_before {
        text.add("\nAND    k.changed_at < ?", values![before]);
    }
    if let Some(place) = &query.after {
        let bound = values![place.changed_at, place.booking.as_str()];
        text.add("\nAND    (k.changed_at, k.booking) < (?, ?)", bound);
    }
}

const NEWEST_FIRST: &str = "\nORDER BY k.changed_at DESC, k.booking DESC";

/// The page's bookings.
fn ids_sql(query: &BookingQuery, way: Way, limit: i64) -> Text {
    let mut text = Text::default();
    text.add("SELECT k.booking, k.changed_at, k.standing\nFROM   ", Vec::new());
    if let Way::Word(index) = way {
        text.add("(SELECT DISTINCT s.booking FROM booking_terms AS s WHERE ", Vec::new());
        for (at, spelling) in query.words[index].iter().enumerate() {
            text.add(if at == 0 { "" } else { " OR " }, Vec::new());
            text.add("(s.term >= ? AND s.term < ?)", values![spelling, end_of(spelling)]);
        }
        // `CROSS JOIN` has SQLite begin with the few.
        text.add(") AS h\nCROSS JOIN booking_cards AS k\nWHERE  k.booking = h.booking", Vec::new());
        when(&mut text, query);
    } else if way == Way::Days {
        let (from, to) = days(query);
        let few = "(SELECT s.booking FROM booking_cards AS s
               WHERE  s.tour_day >= ? AND s.tour_day <= ? AND s.tour_day <> '') AS h";
        text.add(few, values![from, to]);
        text.add("\nCROSS JOIN booking_cards AS k\nWHERE  k.booking = h.booking", Vec::new());
        when(&mut text, query);
    } else {
        text.add("(", Vec::new());
        stretch(&mut text, query, way);
        text.add(NEWEST_FIRST, Vec::new());
        text.add("\nLIMIT CAST(? AS BIGINT)) AS k\nWHERE  1 = 1", values![LOOK_MAX]);
    }
    for (column, value) in [("source", &query.source), ("status", &query.status)] {
        if let Some(value) = value {
            text.add(&format!("\nAND    k.{column} = ?"), values![value]);
        }
    }
    if has_days(query) && way != Way::Days {
        let (from, to) = days(query);
        text.add("\nAND    k.tour_day >= ? AND k.tour_day <= ?", values![from, to]);
    }
    if let Some(standing) = query.standing {
        text.add("\nAND    k.standing = ?", values![standing.number()]);
    }
    for (index, spellings) in query.words.iter().enumerate() {
        if way == Way::Word(index) {
            continue;
        }
        text.add("\nAND    (", Vec::new());
        for (at, spelling) in spellings.iter().enumerate() {
            text.add(if at == 0 { "" } else { " OR " }, Vec::new());
            text.add("k.terms LIKE ? ESCAPE '!'", values![like(spelling)]);
        }
        text.add(")", Vec::new());
    }
    text.add(NEWEST_FIRST, Vec::new());
    text.add("\nLIMIT CAST(? AS BIGINT)", values![limit]);
    text
}

/// The last booking of the stretch that was looked through, where it was a full one.
fn end_sql(query: &BookingQuery, way: Way) -> Text {
    let mut text = Text::default();
    stretch(&mut text, query, way);
    text.add(NEWEST_FIRST, Vec::new());
    text.add("\nLIMIT 1 OFFSET CAST(? AS BIGINT)", values![LOOK_MAX - 1]);
    text
}

/// A term of the column that begins so. `_` of e-mail addresses is no wildcard.
fn like(spelling: &str) -> String {
    let mut text = String::from("% ");
    for c in spelling.chars() {
        if matches!(c, '%' | '_' | '!') {
            text.push('!');
        }
        text.push(c);
    }
    text + "%"
}

async fn views(session: &mut Session, ids: &[&str]) -> Result<HashMap<String, BookingView>, StoreError> {
    let mut views = HashMap::new();
    for piece in sql::padded(ids) {
        let text = format!(
            "SELECT b.id, b.connector, b.account, b.kind, b.key, b.source, b.status, b.position, b.person, b.trip,
                    b.created_at, b.updated_at
             FROM   bookings AS b
             WHERE  b.id IN (VALUES {})",
            sql::rows(piece.len(), 1, 1)
        );
        for row in session.rows(text, piece.iter().map(|id| Value::from(**id)).collect()).await? {
            let view = rows::booking_view(&row)?;
            views.insert(view.id.to_string(), view);
        }
    }
    Ok(views)
}

/// Statements as they are asked, for their plans.
pub(super) fn samples() -> Vec<(&'static str, String, Vec<Value>)> {
    let place = CardPlace { changed_at: 9_000, booking: BookingId::new("bkg_x") };
    let plain = BookingQuery { after: Some(place), limit: 30, ..BookingQuery::default() };
    let words = BookingQuery { words: vec![vec!["lee".to_owned()], vec!["m".to_owned()]], ..plain.clone() };
    let unsent = BookingQuery { standing: Some(Standing::NeedsYou), ..plain.clone() };
    let day = |day: &str| Some(day.to_owned());
    let tour = BookingQuery { tour_from: day("2027-03-14"), tour_to: day("2027-03-14"), ..plain.clone() };
    let tours = BookingQuery { tour_to: day("2027-03-20"), ..tour.clone() };
    let since = BookingQuery { changed_from: Some(1), changed_before: Some(5_000), ..words.clone() };
    let asked = [
        ("bookings by a rare word", &words, Way::Word(0)),
        ("bookings by common words", &since, Way::All),
        ("bookings that are not sent", &unsent, Way::Narrow),
        ("bookings by their tour", &tour, Way::Narrow),
        ("bookings by some days of tours", &tours, Way::Days),
        ("the latest bookings", &plain, Way::All),
    ];
    asked
        .into_iter()
        .map(|(name, query, way)| {
            let text = ids_sql(query, way, 31);
            (name, text.sql, text.bound)
        })
        .collect()
}
