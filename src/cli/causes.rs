//! `waypost causes`: why runs need a person, one group per reason, with no guest's data.

use super::Ended;
use super::options::{FormOptions, StoreOptions};
use super::output::{ago, counted, line_of, say};
use crate::ports::CauseGroup;
use serde_json::json;

/// Groups of one look at the database.
const PAGE: i64 = 200;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 300;

/// Why runs need you: those that failed or are held, by their reason, the newest first
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost causes
  waypost retry --all --cause 1f3a86c0d2e94b5577aa --dry-run")]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    form: FormOptions,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let app = args.store.open_existing().await?;
    let now = app.clock.now();
    let mut groups: Vec<CauseGroup> = Vec::new();
    loop {
        let before = groups.last().map(|last| (last.last_at, last.key.clone()));
        let page = app.store.open_causes(before.as_ref().map(|(at, key)| (*at, key.as_str())), PAGE).await?;
        let full = page.len() as i64 >= PAGE;
        groups.extend(page);
        if !full {
            break;
        }
    }
    app.store.close().await;
    for group in &groups {
        let cause = &group.cause;
        if args.form.json {
            let told = json!({
                "key": group.key, "connection": cause.connection, "rule": cause.rule, "step": cause.step,
                "code": cause.code.as_str(), "reason": cause.pattern, "needs_you": group.needs,
                "under_way": group.under_way, "since": group.first_at, "last": group.last_at,
            });
            say(told.to_string());
            continue;
        }
        let under_way = match group.under_way {
            0 => String::new(),
            many => format!(", {many} being tried again"),
        };
        let needs = if group.needs == 1 { "needs" } else { "need" };
        say(format!("{}  {} {needs} you{under_way}", group.key, counted(group.needs, "run")));
        say(format!(
            "    rule {}, connection {}, last {}",
            cause.rule,
            cause.connection,
            ago(group.last_at, now)
        ));
        if !cause.pattern.is_empty() {
            say(format!("    {}", line_of(&cause.pattern, REASON_CHARS_MAX)));
        }
    }
    if groups.is_empty() && !args.form.json {
        say("Nothing needs you.");
    }
    Ok(Ended::Fine)
}
