//! What a seed decides about a history: how Waypost comes to know of bookings, how much happens, and the weather.

use super::known::Knowledge;
use super::live::Life;
use super::mail::Mail;
use super::truth::{History, Past, Plot, Vendor};
use super::wanted::{self, Wanted};
use super::{apaleo, fareharbor, inn};
use crate::api_calls::{API_TROUBLES, ApiFate};
use crate::machine::Chance;
use crate::sim::Sim;
use crate::weather::Weather;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use waypost::ports::Clock;

/// How we come to know of bookings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// FareHarbor's webhooks are believed, and there is no access to its API.
    Told,
    /// FareHarbor's webhooks are believed; its API is there for walks.
    Trusted,
    /// FareHarbor's API is asked about each; while it is away, nothing is believed.
    Asked,
    /// The same, but then webhooks are believed.
    AskedOrTold,
    /// apaleo's webhooks only hint.
    Hinted,
}

/// A history with its weather.
pub struct Tale {
    /// How we come to know of it.
    pub way: Way,
    /// How much happens.
    pub plot: Plot,
    /// What becomes of webhooks.
    pub mail: Mail,
    /// What else goes wrong.
    pub weather: Weather,
    /// How calls to the booking system's API go.
    api_fates: Vec<(ApiFate, u32)>,
    /// At most so many turns between two webhooks.
    turns: usize,
    /// After so many of a thousand webhooks somebody begins a walk.
    walks: u32,
    /// At the end somebody compares while all this still goes wrong.
    pub storm: bool,
    /// The process is killed in so many of a thousand rounds of that.
    pub kills_walks: u32,
}

impl Tale {
    /// By its seed.
    pub fn of(seed: u64) -> (Self, Chance) {
        let mut chance = Chance::new(seed ^ 0x415);
        let ways = [Way::Told, Way::Trusted, Way::Asked, Way::AskedOrTold, Way::Hinted];
        let way = ways[chance.weighted(&[36, 18, 16, 8, 22])];
        let bookings = 1 + chance.below(3);
        let plot = Plot {
            vendor: if way == Way::Hinted { Vendor::Apaleo } else { Vendor::FareHarbor },
            moments: 2 + chance.below(9),
            bookings,
            guests: if chance.per_mille(700) { bookings } else { 1 },
            moves: chance.per_mille(700),
            deletes: way == Way::Hinted && chance.per_mille(500),
        };
        let mail = Mail::of(&mut chance);
        let seeded = Weather::of(seed ^ 0x7A1E);
        // Nobody pauses, replays, deletes or changes rules here.
        let weather = Weather { webhooks: 0, person: 0, folder: 0, deletes: 0, ..seeded };
        let turns = [0, 15, 50, 120][chance.below(4)];
        let mut api_fates = vec![(ApiFate::Done, 150)];
        api_fates.extend(API_TROUBLES.into_iter().filter(|_| chance.per_mille(400)));
        let walks = if way != Way::Told && chance.per_mille(600) { 200 } else { 0 };
        let storm = way != Way::Told && chance.per_mille(400);
        let kills_walks = if chance.per_mille(600) { 20 } else { 0 };
        (Self { way, plot, mail, weather, api_fates, turns, walks, storm, kills_walks }, chance)
    }

    /// Rules and API are there.
    pub fn set_up(&self, sim: &mut Sim, history: &History, seen: &Arc<AtomicI64>) {
        let past = Past::of(history, sim.clock.now(), seen.clone());
        sim.api_fates.clone_from(&self.api_fates);
        sim.folder = Some(match self.way {
            Way::Told => wanted::folder(),
            Way::Trusted => wanted::trusting_folder(),
            Way::Asked => wanted::asking_folder("hold"),
            Way::AskedOrTold => wanted::asking_folder("payload"),
            Way::Hinted => inn::folder(),
        });
        sim.vendor = match self.way {
            Way::Told => None,
            Way::Hinted => Some(Box::new(apaleo::Api::new(past)) as _),
            _ => Some(Box::new(fareharbor::Api(past)) as _),
        };
    }

    /// From now on everything goes wrong again.
    pub fn breaks(&self, sim: &mut Sim) {
        sim.faults.set(self.weather.rates);
        sim.weather.fates.clone_from(&self.weather.fates);
        sim.weather.interleaved = self.weather.interleaved;
        sim.api_fates.clone_from(&self.api_fates);
    }

    /// Where its webhooks come in.
    pub fn source(&self) -> &'static str {
        if self.way == Way::Hinted { "inn" } else { "harbour-tours" }
    }

    /// How it is lived through.
    pub fn life<'l>(&self, seen: &'l AtomicI64) -> Life<'l> {
        let (vendor, source) = (self.plot.vendor, self.source());
        Life { vendor, source, turns: self.turns, walks: self.walks, seen }
    }

    /// What the CRM should hold.
    pub fn wanted(&self, knowledge: &Knowledge) -> Wanted {
        if self.way == Way::Hinted { inn::wanted(knowledge) } else { Wanted::of(knowledge) }
    }
}
