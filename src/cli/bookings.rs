//! `waypost bookings`: the present truth about each booking, with the names of guests (that is what it is for).

use super::Ended;
use super::filters::{Page, since, tell_pages};
use super::options::{FormOptions, StoreOptions};
use super::output::{ago, exact, line_of, say, say_json};
use crate::app::NeighbourKeys;
use crate::domain::{Millis, parse_datetime};
use crate::ports::{BookingView, ListFilter};
use crate::told;
use serde_json::Value;

/// Characters of a name or title.
const TEXT_CHARS_MAX: usize = 80;

/// The bookings as they are now, last changed first
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost bookings --since 1d
  waypost bookings --booking 5b1f6a52-2f0e-4a3c-9a57-0d4f6f1c8e21 --json")]
pub(super) struct Args {
    /// Last told by this source
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// With this status, in the booking system's word
    #[arg(long, value_name = "STATUS")]
    state: Option<String>,
    /// This one: its key at the source, or its id
    #[arg(long, value_name = "BOOKING")]
    booking: Option<String>,
    /// That this event told of
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
    /// Changed in this span (30s, 15m, 2h, 3d, 1w), or since this date
    #[arg(long, value_name = "SPAN")]
    since: Option<String>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..))]
    limit: i64,
    /// Before this position, to go on where a list ended
    #[arg(long, value_name = "POSITION")]
    before: Option<i64>,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let app = args.store.open_existing().await?;
    let now = app.clock.now();
    let mut filter = ListFilter {
        source: args.source,
        state: args.state,
        booking: args.booking,
        event: args.event,
        since: args.since.map(|text| since(&text, now)).transpose()?,
        ..ListFilter::default()
    };
    let json = args.form.json;
    tell_pages("bookings", (args.limit, json), args.before, async |limit, before| {
        (filter.limit, filter.before) = (limit, before);
        let found = app.store.list_bookings(&filter).await?;
        let neighbours = app.neighbour_keys(&found).await?;
        for booking in &found {
            let neighbours = neighbours.get(&booking.key);
            if json {
                say_json(&told::Booking::of(booking, neighbours));
            } else {
                tell(booking, neighbours, now);
            }
        }
        Ok(Page { rows: found.len(), told: found.len(), last: found.last().map(|booking| booking.position) })
    })
    .await?;
    app.store.close().await;
    Ok(Ended::Fine)
}

fn tell(booking: &BookingView, neighbours: Option<&NeighbourKeys>, now: Millis) {
    let mut parts = Vec::new();
    parts.extend(text(&booking.view.person, "name"));
    parts.extend(trip_in_words(&booking.view.trip));
    if parts.is_empty() {
        parts.push(format!("{} of {}", booking.key.kind, booking.source));
    }
    let status = if booking.status.is_empty() { "" } else { &format!("  [{}]", booking.status) };
    say(format!("{}{status}", parts.join(" · ")));
    say(format!(
        "    {} {}  {}",
        booking.key.connector,
        line_of(&booking.key.key, TEXT_CHARS_MAX),
        booking.id
    ));
    if let Some(keys) = neighbours {
        for (what, key) in [("rebooked from", &keys.before), ("rebooked to", &keys.after)] {
            if let Some(key) = key {
                say(format!("    {what} {}", line_of(key, TEXT_CHARS_MAX)));
            }
        }
    }
    say(format!("    changed {}  ({})", ago(booking.updated_at, now), exact(booking.updated_at)));
}

/// `Sunset sail · Sat 14 March 2027, 17:30 (-10:00) · 2 people`, as far as it is known.
fn trip_in_words(trip: &Value) -> Option<String> {
    let mut parts = Vec::new();
    parts.extend(text(trip, "title"));
    if let Some(starts) = text(trip, "starts_at") {
        parts.push(match parse_datetime(&starts) {
            Some(time) => time.strftime("%a %-d %B %Y, %H:%M (%:z)").to_string(),
            None => starts,
        });
    }
    match trip.get("party_size").and_then(Value::as_i64) {
        Some(1) => parts.push("1 person".into()),
        Some(many) => parts.push(format!("{many} people")),
        None => {}
    }
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn text(view: &Value, name: &str) -> Option<String> {
    let text = view.get(name)?.as_str()?.trim();
    (!text.is_empty()).then(|| line_of(text, TEXT_CHARS_MAX))
}
