//! `POST /api/v1/rules/{name}/tests` runs a rule's tests; `POST /api/v1/bookings/{id}/test` makes a booking one.

use super::api_body::{Answer, Body, answered, with};
use super::api_error::ApiError;
use super::api_run_acts::Nothing;
use super::rule_file::RuleFile;
use super::viewer::Viewer;
use crate::app::App;
use crate::document::Severity;
use crate::domain::BookingId;
use crate::told::{Mistake, TestReport};
use actix_web::http::StatusCode;
use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What came of a rule's tests.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TestsTold {
    /// There is a test, and all of them pass.
    passed: bool,
    /// What is wrong with the file of the tests.
    mistakes: Vec<Mistake>,
    /// Each test.
    reports: Vec<TestReport>,
}

/// A booking is to be a test.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTest {
    /// Name of the rule.
    #[schema(example = "guests-to-hubspot")]
    rule: String,
    /// What the test shows, in a line.
    #[schema(min_length = 1, max_length = 120, example = "a booking without a phone is sent all the same")]
    name: String,
}

/// A test was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TestMade {
    /// The test as it stands in the file.
    entry: String,
    /// The files that were written.
    files: Vec<String>,
    /// The commit, where one was made.
    commit: Option<String>,
    /// Why none was made, where none was.
    no_commit: Option<String>,
}

/// Run a rule's tests
///
/// Those of its file, by the rule at work. Nothing is sent.
#[utoipa::path(post, path = "/api/v1/rules/{name}/tests", tag = "rules", params(("name" = String, Path, description = "Its name.")),
    request_body(content = Nothing, description = "May be left out."),
    responses((status = 200, description = "What came of them.", body = TestsTold)))]
pub(super) async fn run_rule_tests(
    app: web::Data<App>,
    name: web::Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    let file = RuleFile::open_known(&app, &name).await?;
    let tests = app.into_inner().run_tests(&file.name).await?;
    let broken = tests.diagnostics.iter().any(|told| told.severity == Severity::Error);
    let reports: Vec<TestReport> = tests.reports.iter().map(TestReport::of).collect();
    answered(&TestsTold {
        passed: !broken && !reports.is_empty() && reports.iter().all(|report| report.passed),
        mistakes: tests.diagnostics.iter().map(Mistake::of).collect(),
        reports,
    })
}

/// Make a booking a test of a rule
///
/// Its last webhook, with the guest's data, becomes a payload of the rules folder; what the rule sends for it becomes what the
/// test expects.
#[utoipa::path(post, path = "/api/v1/bookings/{id}/test", tag = "rules",
    params(("id" = String, Path, description = "The booking's id.")), request_body = NewTest,
    responses((status = 201, description = "The test is there.", body = TestMade)))]
pub(super) async fn make_booking_test(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    Body(asked): Body<NewTest>,
) -> Answer {
    let app = app.into_inner();
    let id = BookingId::new(id.into_inner());
    app.store.booking(&id).await?.ok_or_else(|| ApiError::not_found("booking"))?;
    let test = app.test_of_booking(&asked.rule, &id, &asked.name).await?;
    let files = test.drafts.iter().map(|draft| draft.file.clone()).collect();
    let reason = format!("A test: {}", asked.name.trim());
    let published = app.publish(test.drafts, viewer.actor(), reason).await?;
    app.audit(&viewer.who(), "rule.test-made", &asked.rule, id.as_str()).await;
    let told =
        TestMade { entry: test.entry, files, commit: published.commit, no_commit: published.no_commit };
    with(StatusCode::CREATED, &told)
}
