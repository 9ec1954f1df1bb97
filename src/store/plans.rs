//! How the database goes about the queries of the hot path: for `tests/contract`, which keeps them on their indexes, and
//! for a look when a database is slow.

use super::open::connect;
use super::session::{Value, values};
use super::{
    Database, OpenOptions, SqlStore, alerts, applies, apply, bulks, cards, causes, chains, delivery, events,
    finding, hours, lanes, lately, links, lists, people, people_doors, people_log, pulse, ruleset_history,
    runs, sql, walk_places, walks,
};
use super::{doubts, ended, erase, fetches, heard, retention, seen, sooner};
use crate::ports::{StoreError, TroubleFilter, TroublePage};

/// The plan of one query.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the query is for.
    pub name: &'static str,
    /// The plan in the database's own words, a line per step.
    pub steps: String,
}

/// Asks the database for the plans of all hot queries. Changes nothing.
pub async fn plans(options: &OpenOptions) -> Result<Vec<Plan>, StoreError> {
    let store = connect(options).await?;
    let touched = |columns| format!("WITH touched (lane{columns}) AS (VALUES {})", row_of(columns));
    let lane_and_time = values!["lane", 1_i64];
    let record = values!["crm", "account", "guest", "key"];
    let group = TroubleFilter { cause: Some("0f".repeat(10)), ..TroubleFilter::default() };
    let (of_group, of_group_bound) = causes::runs_sql(&group, TroublePage::Before(9), 100);
    let (counted, counted_bound) = causes::count_sql(&group);
    let mut newest_bound = values![29_i64];
    newest_bound.extend((0..32).map(|_| Value::from("booking")));
    let mut hot: Vec<(&'static str, String, Vec<Value>)> = vec![
        ("steps of chains", chains::steps_sql(1), record.clone()),
        ("bookings of chains", chains::members_sql(1), record.clone()),
        ("a version of a booking", chains::VERSION_AT.to_owned(), values!["booking", 1_i64]),
        (
            "taking a booking's runs over",
            chains::TAKE_OVER.to_owned(),
            values!["booking", "rule", "why", 1_i64],
        ),
        ("unapplied events", events::UNAPPLIED.to_owned(), values![i64::MAX, 100_i64]),
        ("sizes of unapplied events", events::UNAPPLIED_SIZES.to_owned(), values![100_i64]),
        ("bookings by key", apply::bookings_sql(1), record.clone()),
        ("known hashes", apply::hashes_sql(1), values!["booking", "hash"]),
        ("confirming bookings", super::fetches::confirm_sql(1), values!["booking", 1_i64]),
        ("seen events", seen::seen_sql(1), values!["connector", "account", "id"]),
        ("blocked lanes", apply::blocked_sql(1), values!["lane"]),
        ("superseding", apply::supersede_sql(1), lane_and_time.clone()),
        ("taking over", lanes::take_over_sql(1), lane_and_time.clone()),
        ("hurrying uncertain runs", apply::hurry_uncertain_sql(64), vec![lane_and_time.clone(); 64].concat()),
        ("superseding of many lanes", apply::supersede_sql(64), vec![lane_and_time.clone(); 64].concat()),
        ("due runs", delivery::due_sql(true), values!["crm", 100_i64, 100_i64, i64::MAX]),
        ("the next run", delivery::due_sql(false), values!["crm", 1_i64, 100_i64]),
        ("due connections", delivery::DUE_CONNECTIONS.to_owned(), Vec::new()),
        ("newest of a lane", delivery::newest_sql(), values!["lane", 1_i64]),
        ("taking a time away", format!("{}{}", touched(""), lanes::UNTIME), values!["lane"]),
        ("giving a time", format!("{}{}", touched(", at"), lanes::RELEASE), lane_and_time),
        ("mending lanes", lanes::MEND.to_owned(), values![1_i64]),
        ("attempts in flight", delivery::lost_sql("a.node = $1"), values!["node"]),
        ("links of a record", links::links_sql(1), record),
        ("links of a booking", links::links_of_bookings_sql(1), values!["booking", "", "crm"]),
        ("hurrying", runs::HURRY.to_owned(), values!["crm", 1_i64, 100_i64]),
        ("pausing", runs::pause_sql(true), values!["crm", 1_i64, 100_i64]),
        ("a session", people_doors::session_sql(), values!["hash"]),
        ("an API token", people_doors::token_sql(), values!["hash"]),
        ("a person by e-mail", people::PERSON_BY_EMAIL.to_owned(), values!["a@example.org"]),
        ("a page of the audit log", people_log::AUDIT.to_owned(), values![i64::MAX, 50_i64]),
        ("bookings to apply a rule to", applies::present_after_sql(), values!["", 100_i64]),
        ("newest bookings", applies::present_newest_sql(), values![200_i64]),
        (
            "runs on their way",
            applies::open_alike_sql(1),
            values!["lane", "rule", "booking", "item", 1_i64, "hash"],
        ),
        ("history of the rules", ruleset_history::HISTORY.to_owned(), values![i64::MAX, 50_i64]),
        ("open outages", alerts::open_sql(), Vec::new()),
        ("outages that were told", alerts::told_sql(), values![20_i64]),
        ("letters that are due", alerts::DUE.to_owned(), values![1_i64, 20_i64]),
        ("letters of an outage", alerts::OVERTAKE.to_owned(), values!["out_1"]),
        ("who was told", alerts::TOLD_CHANNELS.to_owned(), values!["out_1"]),
        ("outages to forget", alerts::FORGET.to_owned(), values![1_i64, 20_i64]),
        ("resuming", runs::pause_sql(false), values!["crm", 1_i64, 100_i64]),
        ("newest runs of bookings", lately::runs_sql(32), newest_bound),
        ("calls that were answered", lately::ANSWERED.to_owned(), values!["", 500_i64]),
        ("cards of bookings", cards::known_sql(1), values!["booking"]),
        ("forgetting terms", cards::forget_sql(2), values!["a", "booking", "b", "booking"]),
        ("runs of cards", cards::count_runs_sql(1), values!["booking"]),
        ("bookings without a card", cards::UNFILED.to_owned(), values![i64::MAX, 0_i64, 100_i64]),
        ("who has a word", finding::HAVE_WORD.to_owned(), values!["le", "lf", 100_i64]),
        ("who has a day", finding::HAVE_DAY.to_owned(), values!["2027-03-14", "2027-03-20", 100_i64]),
        ("terms that begin so", finding::TERMS_LIKE.to_owned(), values!["le", "lf", 100_i64]),
        ("links that point to a booking", finding::LINKS_THAT_POINT.to_owned(), values!["booking", 10_i64]),
        ("webhooks to count", hours::TO_COUNT.to_owned(), values![1_i64, "webhook", 100_i64]),
        ("the last webhook", hours::LAST_WEBHOOK.to_owned(), values!["source", 1_i64, "webhook"]),
        ("refused webhooks", pulse::REFUSED.to_owned(), values![1_i64, 100_i64]),
        ("what could not be read", pulse::UNREAD.to_owned(), values!["unreadable", 1_i64, "webhook"]),
        ("when it was running", pulse::UPTIMES.to_owned(), values![1_i64, 100_i64]),
        ("when it was running before", pulse::UPTIME_BEFORE.to_owned(), values![1_i64]),
        ("old webhooks", retention::NEXT_BODIES.to_owned(), values![1_i64, 32_i64]),
        ("webhooks kept longer", retention::KEPT.to_owned(), values!["event", 1_i64, 32_i64]),
        ("bodies of webhooks", retention::bodies_sql(2), values![1_i64, 2_i64]),
        ("bodies to remove", retention::TO_DO.to_owned(), values![32_i64]),
        ("what webhooks told of", retention::told_sql(2), values![1_i64, 2_i64]),
        ("forgetting versions", retention::forget_versions_sql(2), values![1_i64, 0_i64, 2_i64, 0_i64]),
        ("old attempts", retention::NEXT_EXCHANGES.to_owned(), values!["att_", 32_i64]),
        ("attempts kept longer", retention::exchanges_sql(2), values!["a", "b"]),
        ("versions of a booking", erase::VERSIONS.to_owned(), values!["booking", 10_i64]),
        ("runs of a booking", erase::RUNS.to_owned(), values!["booking"]),
        ("links to erase", erase::LINKS.to_owned(), values!["booking"]),
        ("what is fetched of a booking to erase", erase::FETCHED.to_owned(), values!["fetch"]),
        ("what is a copy of a webhook", erase::copies_sql(2), values!["again", 1_i64, 2_i64]),
        ("what walks told of a booking to erase", erase::FINDINGS.to_owned(), values!["account", "key"]),
        ("past bookings", erase::PAST.to_owned(), values!["2027-03-14", 0_i64, 10_i64]),
        ("what is not read", hours::UNREAD.to_owned(), values![100_i64, 100_i64]),
        ("open groups", causes::open_sql(), values![9_i64, 9_i64, "0f", 30_i64]),
        ("closed groups", causes::closed_sql(), values![9_i64, 30_i64]),
        ("runs of a group", of_group, of_group_bound),
        ("counting a group", counted, counted_bound),
        ("overtaking", causes::overtake_sql(1), values!["run", 1_i64]),
        ("due fetches", fetches::due_sql(1), values![1_i64, "source", 8_i64]),
        ("taking fetches", fetches::claim_sql(2), values![1_i64, 1_i64, "a", "b"]),
        ("records that ended before they were known", ended::ended_sql(2), values!["id", "id"]),
        ("the fetch of a change", fetches::OF_CHANGE.to_owned(), values![1_i64, 0_i64]),
        ("hints at a key", lists::HINTS_OF_KEY.to_owned(), values!["key"]),
        ("fetches of a source", fetches::of_source_sql(), values!["source", 50_i64]),
        ("what a source heard last", heard::LAST.to_owned(), values!["source"]),
        ("the last check of an address", heard::CHECKS.to_owned(), values!["source"]),
        ("fetches to go by their webhook", fetches::to_go_by_sql(), values![1_i64, 8_i64]),
        (
            "hints that are done with",
            fetches::done_sql("coalesced"),
            values!["note", "booking", "fch_1", 1_i64],
        ),
        ("fetches that found an API down", sooner::HURRY_DOWN.to_owned(), values![1_i64, "tours", 1_i64]),
        ("some fetches that go sooner", sooner::hurry_sql(2), values![1_i64, "a", "b"]),
        ("what hinted at a fetch", doubts::HINTS_OF.to_owned(), values!["fch_1", 1_i64, 8_i64, 1_i64]),
        ("by whose word a booking is known", doubts::TOLD_BY.to_owned(), values!["b", 0_i64, 0_i64, 8_i64]),
        ("webhooks that are refused after all", doubts::DISOWN.to_owned(), values!["note", "booking"]),
        (
            "a webhook that is refused after all",
            doubts::REFUSE_GONE_BY.to_owned(),
            values!["note", 1_i64, "fch_1", 1_i64, "fareharbor", "acme", "booking", "key"],
        ),
        ("the next bulk", bulks::NEXT.to_owned(), Vec::new()),
        ("the walk of a source", walks::open_sql(), values!["tours"]),
        ("walks of a source", walks::of_source_sql(), values!["tours", 10_i64]),
        ("places that are due", walk_places::due_sql(), values![1_i64, 1_i64, 32_i64]),
        ("places that are done", walks::done_sql(2), values![1_i64, 1_i64, 2_i64]),
        ("what a walk knows", walk_places::findings_of_sql(1), values![1_i64, "account", "key"]),
        ("what a walk found", walk_places::findings_sql(1), values![1_i64, "a", "k", 50_i64, "new"]),
        ("bookings to compare", walk_places::here_by_key_sql(1), values!["crm", "account", "guest", "key"]),
        ("bookings that are here", walk_places::here_after_sql(), values!["", 200_i64]),
    ];
    hot.extend(finding::samples());
    let mut plans = Vec::with_capacity(hot.len());
    for (name, text, bound) in hot {
        plans.push(Plan { name, steps: explain(&store, &text, bound).await? });
    }
    Ok(plans)
}

fn row_of(columns: &str) -> String {
    sql::rows(1, if columns.is_empty() { 1 } else { 2 }, 1)
}

async fn explain(store: &SqlStore, text: &str, bound: Vec<Value>) -> Result<String, StoreError> {
    let (how, column) = match store.database {
        Database::Sqlite(_) => ("EXPLAIN QUERY PLAN", "detail"),
        Database::Postgres(_) => ("EXPLAIN (COSTS OFF)", "QUERY PLAN"),
    };
    let mut session = store.read("explain a query").await?;
    let rows = session.rows(format!("{how} {text}"), bound).await?;
    let lines = rows.iter().map(|row| row.text(column)).collect::<Result<Vec<_>, _>>()?;
    Ok(lines.join("\n"))
}
