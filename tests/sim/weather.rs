//! What a seed decides about a simulation as a whole: how much happens, and which kinds of trouble there are. Each kind is
//! left out by half of the seeds, so that no kind hides another.

use crate::faults::Rates;
use crate::machine::Chance;
use crate::rules::{self, Variant};

/// How a call may go, each with a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is done, and the answer arrives.
    Done,
    /// The request never arrives: no answer in time.
    RequestLost,
    /// It is done, and the answer never arrives.
    AnswerLost,
    /// Certainly not sent.
    NotSent,
    /// 429, maybe with `Retry-After`.
    Throttled,
    /// 500, and nothing was done.
    Broken,
    /// 500, though it was done.
    BrokenAfter,
    /// 503 with `Retry-After`.
    Away,
    /// 401.
    NeedsAuth,
    /// 422.
    Refused,
}

/// All fates but the first, which is always there.
pub const TROUBLES: [(Fate, u32); 9] = [
    (Fate::RequestLost, 25),
    (Fate::AnswerLost, 25),
    (Fate::NotSent, 15),
    (Fate::Throttled, 10),
    (Fate::Broken, 10),
    (Fate::BrokenAfter, 10),
    (Fate::Away, 10),
    (Fate::NeedsAuth, 3),
    (Fate::Refused, 6),
];

/// A simulation's weather.
#[derive(Clone, Debug)]
pub struct Weather {
    /// Webhooks at most.
    pub webhooks: usize,
    /// Turns until all is well.
    pub turns: usize,
    /// Bookings at most.
    pub bookings: usize,
    /// Addresses of guests.
    pub emails: usize,
    /// The rules at the start.
    pub variant: Variant,
    /// What the store does.
    pub rates: Rates,
    /// In a thousand turns: the process is killed.
    pub kill: u32,
    /// Weights of what happens to calls.
    pub fates: Vec<(Fate, u32)>,
    /// In a thousand turns: a CRM goes down for a while.
    pub outage: u32,
    /// In a thousand turns: the clock is set.
    pub jump: u32,
    /// In a thousand turns: somebody pauses, resumes, tries again, replays.
    pub person: u32,
    /// In a thousand turns: the rules folder changes.
    pub folder: u32,
    /// In a thousand turns: somebody deletes a contact in the CRM.
    pub deletes: u32,
    /// In a thousand changes of bookings: it is rebooked.
    pub rebook: u32,
    /// Actors take turns within their steps; else each step goes through at once.
    pub interleaved: bool,
}

impl Weather {
    /// Fair: a few webhooks, all rules, and nothing goes wrong.
    pub fn fair() -> Self {
        Self {
            webhooks: 4,
            turns: 400,
            bookings: 2,
            emails: 1,
            variant: Variant { rules: rules::names(), enabled: true, prefix: 0 },
            rates: Rates::default(),
            kill: 0,
            fates: vec![(Fate::Done, 100)],
            outage: 0,
            jump: 0,
            person: 0,
            folder: 0,
            deletes: 0,
            rebook: 0,
            interleaved: false,
        }
    }

    /// As a seed has it.
    pub fn of(seed: u64) -> Self {
        let mut chance = Chance::new(seed ^ 0x3EA7);
        let mut variant = Variant { rules: rules::names(), enabled: true, prefix: 0 };
        let kept = 1 + chance.below(4);
        while variant.rules.len() > kept {
            let out = chance.below(variant.rules.len());
            variant.rules.remove(out);
        }
        let mut fates = vec![(Fate::Done, 100)];
        for (fate, weight) in TROUBLES {
            if chance.per_mille(500) {
                fates.push((fate, weight));
            }
        }
        let mut maybe = |rate: u32| if chance.per_mille(500) { rate } else { 0 };
        let (crash, error, kill) = (maybe(15), maybe(15), maybe(4));
        let (outage, jump, person) = (maybe(4), maybe(10), maybe(25));
        let (folder, deletes) = (maybe(6), maybe(3));
        // Every fourth seed has rebookings, and rules for them.
        let rebook = if seed % 4 == 3 { 300 } else { 0 };
        if rebook > 0 {
            variant.rules.retain(|rule| rules::OF_CHAINS.contains(rule));
            variant.rules.push("kept");
        }
        Self {
            webhooks: 2 + chance.below(13),
            turns: 200 + chance.below(1_500),
            bookings: 1 + chance.below(4),
            emails: 1 + chance.below(3),
            variant,
            rates: Rates { crash, error },
            kill,
            fates,
            outage,
            jump,
            person,
            folder,
            deletes,
            rebook,
            interleaved: chance.per_mille(700),
        }
    }
}
