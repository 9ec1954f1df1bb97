//! What becomes of the webhooks between the booking system and us: copies, delays, losses. By chance from a seed.

use super::apaleo;
use super::fareharbor::{self, Shape};
use super::truth::{Booking, History, Vendor};
use crate::machine::Chance;

/// The mail's weather. Times in milliseconds, the rest in a thousand.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Webhooks that are under way longer, so that others overtake them.
    pub delayed: u32,
    /// By at most so much.
    pub delay_ms: i64,
    /// Webhooks that never arrive.
    pub lost: u32,
    /// Webhooks that are sent several times at once, the same or nearly.
    pub copied: u32,
    /// Copies that come when nobody expects them any more.
    pub late: u32,
    /// Schemas that were chosen for the webhooks: each of them gets all that happens.
    pub shapes: Vec<Shape>,
}

impl Mail {
    /// As a seed has it: each kind of trouble is left out by half of the seeds.
    pub fn of(chance: &mut Chance) -> Self {
        let mut maybe = |rate: u32| if chance.per_mille(500) { rate } else { 0 };
        let (delayed, lost, copied, late) = (maybe(300), maybe(120), maybe(300), maybe(120));
        let delay_ms = [2_000, 60_000, 3_600_000][chance.below(3)];
        let mut shapes = Shape::ALL.to_vec();
        if chance.per_mille(500) {
            chance.shuffle(&mut shapes);
        }
        shapes.truncate(if chance.per_mille(700) { 1 } else { 2 });
        Self { delayed, delay_ms, lost, copied, late, shapes }
    }
}

/// A webhook that comes in.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When, in milliseconds since the beginning.
    pub at: i64,
    /// When it was sent.
    pub sent: i64,
    /// The booking that it tells of, as it was when it was sent.
    pub booking: Booking,
    /// Its schema, where it is FareHarbor's.
    pub shape: Shape,
    /// What happened, in apaleo's words.
    pub word: &'static str,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// What arrives, in order, and what was lost, in words.
pub fn deliver(
    history: &History,
    (vendor, mail): (Vendor, &Mail),
    chance: &mut Chance,
) -> (Vec<Arrival>, Vec<String>) {
    let (mut arrivals, mut lost, mut noise) = (Vec::new(), Vec::new(), 0);
    let whole = history.moments.last().map_or(0, |moment| moment.at);
    let shapes = if vendor == Vendor::FareHarbor { &mail.shapes[..] } else { &mail.shapes[..1] };
    for moment in &history.moments {
        let mut told = moment.after.clone();
        chance.shuffle(&mut told);
        for (nth, booking) in told.into_iter().enumerate() {
            for shape in shapes {
                let sent = moment.at + nth as i64;
                noise += 1;
                // A copy of an event is that event once more.
                let hint = apaleo::webhook(&booking, (noise as usize, moment.word, sent), chance);
                let mut arrives = |at: i64, noise: u32| {
                    let body = match vendor {
                        Vendor::FareHarbor => fareharbor::webhook(&booking, *shape, noise),
                        Vendor::Apaleo => hint.clone(),
                    };
                    let (booking, shape, word) = (booking.clone(), *shape, moment.word);
                    arrivals.push(Arrival { at, sent, booking, shape, word, body });
                };
                let delay = |chance: &mut Chance| {
                    if chance.per_mille(mail.delayed) { chance.between(1, mail.delay_ms) } else { 0 }
                };
                if chance.per_mille(mail.lost) {
                    lost.push(format!("{sent:>9} {booking}"));
                } else {
                    arrives(sent + delay(chance), noise);
                }
                while chance.per_mille(mail.copied) {
                    // "Identical or nearly identical".
                    noise += u32::from(chance.per_mille(500));
                    arrives(sent + delay(chance), noise);
                }
                if chance.per_mille(mail.late) {
                    arrives(sent + chance.between(1, whole.max(1)), noise);
                }
            }
        }
    }
    arrivals.sort_by_key(|arrival| arrival.at);
    (arrivals, lost)
}
