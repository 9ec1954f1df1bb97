//! What a run needs to know of its booking's chain of rebookings: who is older and newer, the neighbours' JSON where its rule
//! reads it, and, where the rule moves records, the links of those whose place it took.
//!
//! Links stay where they are until the new booking's own call or verdict is written: that one transaction makes its pointer
//! and takes theirs. So it does not matter which webhook came first, what was in flight, or when the process died.

use super::work::{Work, rule_of};
use crate::domain::{BY_REBOOKING, BookingId, BookingKey, Position};
use crate::ports::{DueRun, LinkRow, LinksOf, RunChain, Store, StoreError, chains_of};
use crate::rules::Ruleset;
use std::sync::Arc;

/// Looks up the chains of runs that have one.
pub(super) async fn fill(
    store: &dyn Store,
    mut runs: Vec<(&mut DueRun, &Arc<Ruleset>)>,
) -> Result<(), StoreError> {
    runs.retain(|(due, _)| due.chained);
    let keys: Vec<BookingKey> = runs.iter().map(|(due, _)| due.key.clone()).collect();
    let chains = chains_of(store, &keys).await?;
    for (due, ruleset) in runs {
        let Some(chain) = chains.get(&due.key) else { continue };
        let (before, after) = (chain.older.first(), chain.newer.first());
        due.chain = RunChain {
            older: chain.older_ids(),
            newer: chain.newer_ids(),
            before_key: before.map(|member| member.key.key.clone()),
            after_key: after.map(|member| member.key.key.clone()),
            before: None,
            after: None,
        };
        if rule_of(ruleset, &due.run.rule).is_some_and(|rule| rule.reads_neighbours()) {
            let at = due.run.position;
            due.chain.before = version(store, before.and_then(|member| member.id.as_ref()), at).await?;
            due.chain.after = version(store, after.and_then(|member| member.id.as_ref()), at).await?;
        }
    }
    Ok(())
}

async fn version(
    store: &dyn Store,
    booking: Option<&BookingId>,
    at: Position,
) -> Result<Option<String>, StoreError> {
    match booking {
        Some(booking) => store.chains().version_at(booking, at).await,
        None => Ok(None),
    }
}

/// Reads the links that these runs' bookings take over; for one that may have to end its own record, those of the newer ones.
pub(super) async fn inherit(store: &dyn Store, works: Vec<&mut Work>) -> Result<(), StoreError> {
    let works: Vec<&mut Work> =
        works.into_iter().filter(|work| work.takes_over() || work.ends_apart()).collect();
    let mut wanted = Vec::new();
    let counts: Vec<usize> = works
        .iter()
        .map(|work| {
            let links = work.links_to_inherit(&work.due.run.connection);
            let count = links.len();
            wanted.extend(links);
            count
        })
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut found = store.links_of_bookings(&wanted).await?.into_iter();
    for (work, count) in works.into_iter().zip(counts) {
        work.inherited = found.by_ref().take(count).flatten().collect();
    }
    Ok(())
}

impl Work {
    /// Whether its booking took the place of others whose records the rule moves.
    pub(super) fn takes_over(&self) -> bool {
        self.rule.moves && self.rule.each.is_none() && !self.due.chain.older.is_empty()
    }

    /// Whether it only looks if its booking's own record is to be ended, since a newer booking of the chain made one too
    /// before it was known as one.
    pub(super) fn ends_apart(&self) -> bool {
        self.due.run.trigger == BY_REBOOKING && !self.due.run.as_it_was
    }

    /// Its booking's links in a connection, and those of the bookings that it takes over.
    pub(super) fn links_of_chain(&self, connection: &str) -> Vec<LinksOf> {
        let older = self.due.chain.older.iter().filter(|_| self.takes_over());
        self.links_of(std::iter::once(&self.due.run.booking).chain(older), connection)
    }

    /// The same, and those of the newer bookings where it looks whether they have a record of their own. These stay theirs.
    fn links_to_inherit(&self, connection: &str) -> Vec<LinksOf> {
        let mut links = self.links_of_chain(connection);
        links.extend(self.links_of(self.due.chain.newer.iter().filter(|_| self.ends_apart()), connection));
        links
    }

    fn links_of<'b>(&self, bookings: impl Iterator<Item = &'b BookingId>, connection: &str) -> Vec<LinksOf> {
        let item = &self.due.run.item;
        let of = |booking: &BookingId| LinksOf {
            booking: booking.clone(),
            item: item.clone(),
            connection: connection.to_owned(),
        };
        bookings.map(of).collect()
    }

    /// How near a booking is whose link this one may take up: its own first, then the one before it, and so on.
    pub(super) fn distance(&self, booking: &BookingId) -> usize {
        let older = self.due.chain.older.iter().position(|older| older == booking);
        older.map_or(0, |place| place + 1)
    }

    /// Whether a booking is its own, or one that it takes over.
    pub(super) fn stands_for(&self, booking: &BookingId) -> bool {
        *booking == self.due.run.booking || (self.takes_over() && self.due.chain.older.contains(booking))
    }

    /// What names a record where the action has no key: under the booking that made it, where that was one whose place this
    /// one took.
    pub(super) fn own_key(&self, step: usize) -> String {
        let run = &self.due.run;
        let of = |booking: &BookingId| format!("{}/{}/{booking}/{}", run.rule, self.steps[step].id, run.item);
        let known = |key: &String| {
            self.inherited.iter().map(|link| &link.key).any(|link| {
                link.record.key == *key && link.rule == run.rule && link.step == self.steps[step].id
            })
        };
        let own = of(&run.booking);
        if self.inherited.is_empty() || known(&own) {
            return own;
        }
        self.due.chain.older.iter().map(of).find(known).unwrap_or(own)
    }

    /// Its position as a link sees it. The old booking of a chain is always older, whenever its webhooks came: what the
    /// new one sends is newer than all that an old one sent there.
    pub(super) fn position_on(&self, link: Option<&LinkRow>) -> Position {
        let older = &self.due.chain.older;
        let pointers = link.into_iter().flat_map(|link| &link.bookings);
        let theirs =
            pointers.filter(|pointer| older.contains(&pointer.booking)).map(|pointer| pointer.position);
        theirs.fold(self.due.run.position, Position::max)
    }

    /// Whether a booking that took its place points to a link.
    pub(super) fn newer_points_to(&self, link: &LinkRow) -> bool {
        link.bookings.iter().any(|pointer| self.due.chain.newer.contains(&pointer.booking))
    }
}
