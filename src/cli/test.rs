//! `waypost test`: runs the rules' tests on the production stages, with a readable difference for each that fails.
//! Exit code 1 where one fails or the folder has mistakes, 2 where there is no folder.

use super::Ended;
use super::options::{FormOptions, RulesOptions};
use super::output::{say, say_json};
use crate::document::render;
use crate::rehearsal::{FolderReport, RehearseError, rehearse_folder};
use crate::told::TestReport;

/// Run the rules' tests
///
/// Each NAME.test.yaml beside a rule NAME.yaml: its payloads go through the rule as they would in earnest, into a store in
/// memory, and nothing is called.
#[derive(clap::Args)]
#[command(after_help = "Example:
  waypost test --rules rules")]
pub(super) struct Args {
    #[command(flatten)]
    rules: RulesOptions,
    #[command(flatten)]
    form: FormOptions,
}

/// The command.
pub(super) async fn run(args: Args) -> anyhow::Result<Ended> {
    let report = match rehearse_folder(&args.rules.rules).await {
        Ok(report) => report,
        Err(RehearseError::Folder(error)) => {
            super::output::note(error.to_string());
            return Ok(Ended::WrongUse);
        }
        Err(error) => return Err(error.into()),
    };
    if args.form.json {
        report.reports.iter().for_each(|one| say_json(&TestReport::of(one)));
    } else {
        tell(&report);
    }
    Ok(if report.passed() { Ended::Fine } else { Ended::NotFine })
}

fn tell(report: &FolderReport) {
    for diagnostic in &report.diagnostics {
        say(render(diagnostic, report.texts.get(&diagnostic.file).map(String::as_str)));
    }
    let mut failed = 0;
    for one in &report.reports {
        if one.differences.is_empty() {
            say(format!("ok    {}: {}", one.file, one.name));
            continue;
        }
        failed += 1;
        say(format!("FAIL  {}:{}: {}", one.file, one.line, one.name));
        for difference in &one.differences {
            say(format!("        {}", difference.replace('\n', "\n        ")));
        }
    }
    let passed = report.reports.len() - failed;
    say(match (report.reports.len(), report.passed()) {
        (0, true) => {
            "There are no tests here. A rule NAME.yaml is tested by NAME.test.yaml beside it.".to_owned()
        }
        (0, false) => "No test was run: put the mistakes right first.".to_owned(),
        _ => format!("{passed} passed, {failed} failed"),
    });
}
