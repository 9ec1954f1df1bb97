//! The queries of the hot path stay on their indexes, with many rows that are not due.

use crate::place::on_both;
use crate::samples::{cause_of, created, event, put, run, write};
use std::sync::Arc;
use waypost::domain::{RunState, Verdict, VerdictCode};
use waypost::ports::{NewRun, Store};
use waypost::store::Plan;

/// Some thousand bookings, runs in all states, links.
async fn fill(store: &Arc<dyn Store>) {
    for batch in 0..8 {
        let names: Vec<String> = (0..250).map(|n| format!("{batch}-{n}")).collect();
        let events: Vec<_> = names.iter().map(|name| event(name, b"{}")).collect();
        let positions = store.append_events(&events).await.unwrap();
        let applied: Vec<_> = names
            .iter()
            .zip(&positions)
            .map(|(name, position)| {
                let first = NewRun { connection: format!("crm-{batch}"), ..run(name, name, *position) };
                let second = NewRun { at: 90_000, ..run(&format!("{name}-next"), name, *position) };
                created(name, *position, vec![first, second])
            })
            .collect();
        store.apply_events(&applied[..240]).await.unwrap();
        let due = store.due_runs(&crate::place::due(&format!("crm-{batch}"))).await.unwrap();
        let writes: Vec<_> = due
            .iter()
            .enumerate()
            .map(|(n, due)| {
                let state = match n % 6 {
                    0 | 3 => RunState::Done,
                    1 => RunState::Failed,
                    _ => RunState::Waiting,
                };
                let mut done = write(&due.run, state, 5_000 + n as i64);
                if state == RunState::Failed {
                    // Every other one for a reason of its own.
                    let of_its_own = char::from(b'a' + (n % 24) as u8).to_string().repeat(1 + n / 24);
                    let text =
                        if n % 12 == 1 { "refused".to_owned() } else { format!("{batch}{of_its_own}") };
                    let verdict =
                        Some(Verdict::new(VerdictCode::Refused, text.replace(char::is_numeric, "x")));
                    done.run.verdict.clone_from(&verdict);
                    done.run.cause = Some(cause_of(&waypost::ports::RunRow { verdict, ..due.run.clone() }));
                }
                done.links = vec![put(due.run.id.as_str(), &format!("{batch}-{n}"), Some("h"))];
                done
            })
            .collect();
        store.write_delivery(&writes).await.unwrap();
    }
}

/// Two thousand people, each with a session, a token and a line in the log.
const PEOPLE: [&str; 4] = [
    "INSERT INTO people (id, email, name, role, created_at)
     WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 2000)
     SELECT 'per_' || CAST(x AS TEXT), CAST(x AS TEXT) || '@example.org', 'A', 'viewer', x FROM n",
    "INSERT INTO sessions (hash, id, person, stage, created_at, seen_at, expires_at, agent, address)
     SELECT 'hash ' || id, 'ses_' || id, id, 'full', 1, 1, 9, 'Firefox', '203.0.113.7' FROM people",
    "INSERT INTO api_tokens (hash, id, name, scopes, made_by, made_by_name, created_at)
     SELECT 'hash ' || id, 'tok_' || id, 'A', 'read', id, 'A', 1 FROM people",
    "INSERT INTO audit_log (at, who, who_name, act, object, details)
     SELECT 1, id, 'A', 'signed-in', 'A', '' FROM people",
];

/// Two thousand outages that are over, one that is not, and letters of each.
const ALERTS: [&str; 4] = [
    "INSERT INTO outages (id, kind, object, opened_at, told_at, closed_at, headline)
     SELECT 'out_' || id, 'connection', id, created_at, 1, created_at + 1, 'A' FROM people",
    "INSERT INTO alert_letters (id, outage, channel, kind, state, next_at, created_at, letter)
     SELECT 'alert-' || id, id, 'chn_1', 'alert', 'sent', 1, 1, '{}' FROM outages",
    "INSERT INTO alert_letters (id, outage, channel, kind, state, next_at, created_at, letter)
     SELECT 'all-clear-' || id, id, 'chn_1', 'all-clear', 'sent', 1, 1, '{}' FROM outages",
    "INSERT INTO outages (id, kind, object, opened_at, headline) VALUES ('out_1', 'disk', '', 1, 'A')",
];

/// Two thousand things to fetch, each with a hint.
const FETCHES: [&str; 2] = [
    "INSERT INTO fetches (id, connector, account, kind, key, way, source, policy, state, first_at, hinted, due_at)
     SELECT 'fch_' || id, 'c', 'a', 'booking', 'key ' || id, 0, 's', 'hint', 'due', 1, 1, 1 FROM people",
    "INSERT INTO fetch_hints (\"fetch\", position, ordinal)
     WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 2000)
     SELECT 'fch_per_' || CAST(x AS TEXT), x, 0 FROM n",
];

on_both! {
    async fn no_hot_query_walks_through_a_table(place: &Place) {
        let store = place.open().await;
        fill(&store).await;
        for rows in PEOPLE.iter().chain(&ALERTS).chain(&FETCHES) {
            place.execute(rows).await;
        }
        let mut walks: Vec<String> = Vec::new();
        // SQLite knows nothing of its tables until somebody says ANALYZE, which nobody needs to.
        let mut asked = vec![("after ANALYZE", true)];
        if place.options().database_url.is_none() {
            asked.insert(0, ("before ANALYZE", false));
        }
        let mut plans = Vec::new();
        for (when, analyze) in asked {
            if analyze {
                place.execute("ANALYZE").await;
            }
            plans = waypost::store::plans(&place.options()).await.unwrap();
            assert_eq!(plans.len(), 110);
            for plan in &plans {
                println!("--- {}, {when}\n{}\n", plan.name, plan.steps);
                walks.extend(walks_of(plan).map(|line| format!("{}, {when}: {line}", plan.name)));
            }
        }
        assert!(walks.is_empty(), "{walks:#?}");
        let due = &plans.iter().find(|plan| plan.name == "due runs").unwrap().steps;
        assert!(due.contains("runs_due"), "{due}");
        let connections = &plans.iter().find(|plan| plan.name == "due connections").unwrap().steps;
        assert!(connections.contains("runs_due"), "{connections}");
    }
}

/// Lines of a plan that walk through a table, or through all that belongs to one connection.
fn walks_of(plan: &Plan) -> impl Iterator<Item = &str> {
    plan.steps.lines().map(str::trim).filter(|line| {
        // SQLite: to scan an index, or the rows that a bounded part of the query gave, is fine.
        let bounded = |name: &str| plan.steps.contains(&format!("CO-ROUTINE {name}\n"));
        let walked = line.contains("Seq Scan on")
            || tables().any(|table| *line == format!("SCAN {table}") && !bounded(table));
        let of_links = line.contains("link") && line.ends_with("(connection=?)");
        // All that wait; at a start that is fine.
        let of_a_state = line.contains("runs_by_state (state=?)") && plan.name != "mending lanes";
        let of_groups = *line == "SCAN t" && plan.steps.contains("run_causes");
        of_groups || (walked && !line.contains("run_counts")) || of_links || of_a_state
    })
}

/// Big tables, under their names and the names that queries give them.
fn tables() -> impl Iterator<Item = &'static str> {
    [
        "events",
        "bookings",
        "changes",
        "runs",
        "attempts",
        "links",
        "link_bookings",
        "causes",
        "run_causes",
        "sessions",
        "people",
        "api_tokens",
        "audit_log",
        "booking_cards",
        "booking_terms",
        "outages",
        "alert_letters",
        "fetches",
        "fetch_hints",
    ]
    .into_iter()
    .chain(["a", "b", "c", "e", "f", "h", "k", "l", "n", "p", "q", "r", "s", "api", "v", "m", "o", "d"])
}
