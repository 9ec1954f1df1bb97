//! What the address of the list of bookings asks for: read, checked, told in words, and written again as an address. What is
//! no sense is told at its field, and then nothing is listed as if it had been understood. Used by the list alone.

use super::page::in_address;
use super::standings;
use super::text_order::shown_in_order;
use super::times::{counted, date_in_form, day_begins, since_words};
use crate::domain::{BookingId, Millis, Standing, search_words};
use crate::ports::{BookingQuery, CardPlace};
use serde::Deserialize;

/// Characters of what is typed; more are left aside.
const TYPED_CHARS_MAX: usize = 120;
/// Characters of another part of the address.
const PART_CHARS_MAX: usize = 100;

/// What the address asks for. Each part is optional; empty is absent.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Query {
    /// What is typed.
    pub q: Option<String>,
    /// How it stands.
    pub state: Option<String>,
    /// Name of a source.
    pub source: Option<String>,
    /// Status at the source.
    pub status: Option<String>,
    /// Day of the tour: the same as both of the next.
    pub tour: Option<String>,
    /// Its tour is on this day or after.
    pub tour_from: Option<String>,
    /// Its tour is on this day or before.
    pub tour_to: Option<String>,
    /// Last changed on this day or after.
    pub from: Option<String>,
    /// Last changed on this day or before.
    pub to: Option<String>,
    /// Last changed at this moment or after, in milliseconds.
    pub since: Option<String>,
    /// The page begins after this one: `changed_at.booking`.
    pub after: Option<String>,
    /// `live`: the block that is refreshed.
    pub part: Option<String>,
}

/// The same, checked.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// What was typed.
    pub typed: String,
    /// How it stands.
    pub state: Option<String>,
    /// Name of a source.
    pub source: Option<String>,
    /// Status at the source.
    pub status: Option<String>,
    /// Its tour is on this day or after.
    pub tour_from: Option<String>,
    /// Its tour is on this day or before.
    pub tour_to: Option<String>,
    /// Last changed on this day or after.
    pub from: Option<String>,
    /// Last changed on this day or before.
    pub to: Option<String>,
    /// Last changed at this moment or after.
    pub since: Option<Millis>,
    /// The page begins after this one.
    pub after: Option<CardPlace>,
    /// What was not understood: the field, and a sentence.
    pub wrong: Vec<(&'static str, String)>,
}

fn given(text: Option<&String>, chars_max: usize) -> Option<String> {
    let text: String = text?.trim().chars().filter(|c| !c.is_control()).take(chars_max).collect();
    (!text.is_empty()).then_some(text)
}

impl Asked {
    /// From the address.
    pub fn of(query: &Query) -> Self {
        let part = |text: Option<&String>| given(text, PART_CHARS_MAX);
        let mut wrong = Vec::new();
        let mut day = |field: &'static str, text: Option<&String>| {
            let day = part(text)?;
            let fine = day.len() == 10 && day_begins(&day, 0).is_some();
            if !fine {
                wrong.push((
                    field,
                    format!("There is no day “{}”. Write it as 2027-03-14.", shown_in_order(&day)),
                ));
            }
            fine.then_some(day)
        };
        let one_day = day("tour_from", query.tour.as_ref());
        let mut tour_from = day("tour_from", query.tour_from.as_ref()).or_else(|| one_day.clone());
        let mut tour_to = day("tour_to", query.tour_to.as_ref()).or(one_day);
        let (from, to) = (day("from", query.from.as_ref()), day("to", query.to.as_ref()));
        let state = part(query.state.as_ref()).and_then(|word| {
            let known = Standing::parse(&word).is_some();
            if !known {
                wrong.push(("state", format!("Bookings can’t stand so: “{}”.", shown_in_order(&word))));
            }
            known.then_some(word)
        });
        let since = part(query.since.as_ref()).and_then(|text| {
            let at = text.parse().ok().filter(|at| *at >= 0);
            if at.is_none() {
                wrong.push(("since", format!("There is no moment “{}”.", shown_in_order(&text))));
            }
            at
        });
        // Whoever gives them the other way round means the days between all the same.
        if tour_from.is_some() && tour_to.is_some() && tour_from > tour_to {
            std::mem::swap(&mut tour_from, &mut tour_to);
        }
        let after = part(query.after.as_ref()).and_then(|text| {
            let (changed_at, booking) = text.split_once('.')?;
            Some(CardPlace { changed_at: changed_at.parse().ok()?, booking: BookingId::new(booking) })
        });
        Self {
            typed: given(query.q.as_ref(), TYPED_CHARS_MAX).unwrap_or_default(),
            state,
            source: part(query.source.as_ref()),
            status: part(query.status.as_ref()),
            tour_from,
            tour_to,
            from,
            to,
            since,
            after,
            wrong,
        }
    }

    /// Something is typed that has no letter or digit.
    pub fn searches_nothing(&self) -> bool {
        !self.typed.is_empty() && search_words(&self.typed).is_empty()
    }

    /// Whether any filter is set beside what is typed.
    pub fn narrows(&self) -> bool {
        self.filters() > 0
    }

    /// What is wrong with a field.
    pub fn wrong_at(&self, field: &str) -> Option<&str> {
        self.wrong.iter().find(|(of, _)| *of == field).map(|(_, sentence)| sentence.as_str())
    }

    /// How many filters are set.
    pub fn filters(&self) -> usize {
        let set = [
            self.state.is_some(),
            self.source.is_some(),
            self.status.is_some(),
            self.tour_from.is_some() || self.tour_to.is_some(),
            self.from.is_some(),
            self.to.is_some(),
            self.since.is_some(),
        ];
        set.into_iter().filter(|set| *set).count()
    }

    /// What the store is asked.
    pub fn query(&self, limit: i64) -> BookingQuery {
        let from = self.from.as_ref().and_then(|day| day_begins(day, 0));
        BookingQuery {
            words: search_words(&self.typed),
            source: self.source.clone(),
            status: self.status.clone(),
            standing: self.state.as_deref().and_then(Standing::parse),
            tour_from: self.tour_from.clone(),
            tour_to: self.tour_to.clone(),
            changed_from: from.max(self.since),
            changed_before: self.to.as_ref().and_then(|day| day_begins(day, 1)),
            after: self.after.clone(),
            limit,
        }
    }

    /// The moment of `since`, in words and for a form.
    pub fn since_words(&self) -> Option<String> {
        // Told by itself: it is a full hour of some day, and the day matters.
        self.since
            .map(|at| format!("{} {}", date_in_form(at), since_words(at, at).trim_end_matches(" today")))
    }

    /// What is looked for, after "matches". Empty: all.
    pub fn in_words(&self) -> String {
        let mut words = Vec::new();
        if !self.typed.is_empty() {
            words.push(format!("“{}”", self.typed));
        }
        if let Some(standing) = self.state.as_deref().and_then(Standing::parse) {
            words.push(format!("“{}”", standings::words(standing)));
        }
        let others = self.filters() - usize::from(self.state.is_some());
        if others > 0 {
            words.push(counted(others as i64, if words.is_empty() { "filter" } else { "further filter" }));
        }
        words.join(" and ")
    }

    /// The address of this list, or of another page of it.
    pub fn address(&self, after: Option<&CardPlace>, part: &str) -> String {
        let since = self.since.map(|at| at.to_string());
        let after = after.map(|place| format!("{}.{}", place.changed_at, place.booking));
        let parts = [
            ("q", Some(&self.typed)),
            ("state", self.state.as_ref()),
            ("source", self.source.as_ref()),
            ("status", self.status.as_ref()),
            ("tour_from", self.tour_from.as_ref()),
            ("tour_to", self.tour_to.as_ref()),
            ("from", self.from.as_ref()),
            ("to", self.to.as_ref()),
            ("since", since.as_ref()),
            ("after", after.as_ref()),
            ("part", Some(&part.to_owned())),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)))
        .map(|(name, value)| format!("{name}={}", in_address(value)))
        .collect::<Vec<_>>();
        if parts.is_empty() { "/bookings".to_owned() } else { format!("/bookings?{}", parts.join("&")) }
    }

    /// The same list with other words.
    pub fn with_words(&self, typed: &str) -> String {
        Self { typed: typed.to_owned(), after: None, ..self.clone() }.address(None, "")
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, Query};

    #[test]
    fn an_address_is_read_and_written_again_and_nonsense_is_told_at_its_field() {
        let some = |text: &str| Some(text.to_owned());
        let asked = Asked::of(&Query {
            q: some(" Öztürk & Söhne "),
            state: some("needs-you"),
            tour: some("2027-02-30"),
            from: some("2027-03-14"),
            since: some("-5"),
            after: some("9000.bkg_1"),
            ..Query::default()
        });
        assert_eq!((&asked.tour_from, &asked.tour_to, asked.since), (&None, &None, None));
        assert_eq!(
            asked.wrong_at("tour_from"),
            Some("There is no day “2027-02-30”. Write it as 2027-03-14.")
        );
        assert_eq!(asked.wrong_at("since"), Some("There is no moment “-5”."));
        assert_eq!((asked.wrong_at("from"), asked.wrong_at("state")), (None, None));
        let address = asked.address(asked.after.as_ref(), "");
        assert_eq!(
            address,
            "/bookings?q=%C3%96zt%C3%BCrk%20%26%20S%C3%B6hne&state=needs-you&from=2027-03-14&after=9000%2Ebkg_1"
        );
        let odd = Asked::of(&Query {
            state: some("x"),
            after: some("x.y"),
            source: some("\u{0}"),
            ..Query::default()
        });
        assert_eq!(odd.address(odd.after.as_ref(), ""), "/bookings");
        assert_eq!(odd.wrong_at("state"), Some("Bookings can’t stand so: “x”."));
        assert!(Asked::of(&Query { q: some("%_'"), ..Query::default() }).searches_nothing());
    }

    #[test]
    fn days_of_tours_stand_in_the_address_and_one_day_is_both_ends() {
        let of = |tour: &str, from: &str, to: &str| {
            let some = |text: &str| Some(text.to_owned());
            Asked::of(&Query {
                tour: some(tour),
                tour_from: some(from),
                tour_to: some(to),
                ..Query::default()
            })
        };
        let address = |asked: Asked| asked.address(None, "");
        assert_eq!(
            address(of("", "2027-03-14", "2027-03-20")),
            "/bookings?tour_from=2027%2D03%2D14&tour_to=2027%2D03%2D20".replace("%2D", "-")
        );
        assert_eq!(address(of("2027-03-14", "", "")), "/bookings?tour_from=2027-03-14&tour_to=2027-03-14");
        assert_eq!(address(of("", "", "2027-03-20")), "/bookings?tour_to=2027-03-20");
        assert_eq!(address(of("", "2027-03-20", "2027-03-14")), address(of("", "2027-03-14", "2027-03-20")));
        assert_eq!(address(of("", "2027-3-1", "soon")), "/bookings");
        let asked = of("", "2027-03-14", "2027-03-20");
        assert_eq!((asked.filters(), asked.in_words().as_str()), (1, "1 filter"));
        let query = asked.query(1);
        assert_eq!(
            (query.tour_from.as_deref(), query.tour_to.as_deref()),
            (Some("2027-03-14"), Some("2027-03-20"))
        );
    }

    #[test]
    fn a_day_is_from_its_beginning_to_its_end() {
        let some = |text: &str| Some(text.to_owned());
        let asked =
            Asked::of(&Query { from: some("2027-03-14"), to: some("2027-03-14"), ..Query::default() });
        let query = asked.query(1);
        assert_eq!(query.changed_before.unwrap() - query.changed_from.unwrap(), 24 * 3_600_000);
    }
}
