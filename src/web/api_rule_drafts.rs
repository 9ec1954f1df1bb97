//! `POST /api/v1/rules/{name}/check`, `/preview`, `/publish`, `/switch`, `/revert`: a rule's text is looked at, and published.
//! Nothing is changed but by the last three, which go the way of the pages: the whole folder is checked with it, it is
//! written, at work at once, and committed with the token's name where the folder is a git repository.

use super::api_body::{Answer, Body, answered};
use super::api_error::ApiError;
use super::line_diff::unified;
use super::rule_file::{RuleFile, check};
use super::rule_words::fate_words;
use super::viewer::Viewer;
use crate::app::{
    App, AskError, BookingOutlook, Checked, Draft, Fate, PublishError, Published, StepOutlook, Touched,
};
use crate::domain::BookingId;
use crate::rules::with_enabled;
use crate::told::{Field, Mistake, Why};
use actix_web::http::StatusCode;
use actix_web::web;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use utoipa::ToSchema;

/// Bookings that are looked at for what a rule would touch.
const BOOKINGS_MAX: i64 = 200;

/// A text to be checked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckText {
    /// The rule's text as it would be. Left out: as it stands.
    text: Option<String>,
    /// Look too at which of the newest 200 bookings it would touch.
    #[serde(default)]
    touched: bool,
}

/// A text to be looked ahead with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PreviewText {
    /// Id of the booking.
    booking: String,
    /// The rule's text as it would be. Left out: as it stands.
    text: Option<String>,
}

/// A text to be published.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PublishText {
    /// The rule's text as it is to be.
    text: String,
    /// The `text_hash` of the text that this one was made from; null or left out: the file is not there yet.
    text_hash: Option<String>,
    /// Why, in a few words.
    #[schema(min_length = 1, max_length = 2000, example = "Phones go to the mobile field")]
    reason: String,
}

/// On or off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    /// Whether it is to be on.
    enabled: bool,
    /// Why; left out: "Switched on" or "Switched off".
    #[schema(min_length = 1, max_length = 2000)]
    reason: Option<String>,
}

/// A version to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Revert {
    /// Its id, as the history tells it.
    version: String,
    /// Why, in a few words.
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
}

/// What came of checking a text together with the rest of the folder.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Check)]
pub(super) struct CheckTold {
    /// There is no error: it can be published.
    publishable: bool,
    /// All that is wrong, in all files.
    mistakes: Vec<Mistake>,
    /// A unified diff from the file as it stands.
    diff: String,
    /// What tells the file as it stands from a later one; null: it is not there.
    text_hash: Option<String>,
    /// Which bookings it would touch, where that was asked for and there is no error.
    touched: Option<TouchedTold>,
}

/// Which of the newest bookings a text would touch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Touched)]
pub(super) struct TouchedTold {
    /// Bookings looked at.
    looked: i64,
    /// Something would be sent for.
    sends: i64,
    /// It would fail for.
    fails: i64,
    /// The rule at work sends for these, and would not any more.
    left: i64,
    /// Fields that would get another value, the most frequent first.
    fields: Vec<FieldTouched>,
    /// Some of those bookings.
    examples: Vec<BookingTouched>,
}

/// A field that would get another value.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FieldTouched {
    /// Step and field.
    #[schema(example = "contact › phone")]
    field: String,
    /// For how many bookings.
    bookings: i64,
}

/// A booking that would be touched.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BookingTouched {
    /// Its id.
    booking: String,
    /// Who and what, in a line.
    told: String,
    /// Its fields that would get another value.
    fields: Vec<ValueTouched>,
}

/// A value, before and after.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ValueTouched {
    /// Step and field.
    field: String,
    /// Before; null where nothing was sent.
    before: Option<Value>,
    /// After; null where nothing would be sent.
    after: Option<Value>,
}

/// What a rule would do with a booking.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Preview)]
pub(super) struct PreviewTold {
    /// `sends`, `fails`, `unchanged`, `excluded`, `made_before`, `on_its_way`.
    #[schema(example = "sends")]
    fate: &'static str,
    /// The same in words.
    sentence: String,
    /// Its steps, as far as it gets.
    steps: Vec<PreviewStep>,
}

/// What a step would do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PreviewStep {
    /// Its id.
    id: String,
    /// Key of the item, where the rule has `each:`.
    item: Option<String>,
    /// `connection.action`.
    #[serde(rename = "use")]
    uses: String,
    /// `send`, `nothing`, `made_before`.
    outlook: &'static str,
    /// The CRM's id of the record, where it is known.
    remote_id: Option<String>,
    /// Why nothing would be sent.
    verdict: Option<Why>,
    /// What would be sent.
    #[schema(value_type = Object)]
    values: Map<String, Value>,
    /// Why each field has its value.
    fields: Vec<Field>,
}

/// It is published.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Published)]
pub(super) struct PublishedTold {
    /// The hash of the ruleset at work now.
    ruleset: String,
    /// The commit, where one was made.
    commit: Option<String>,
    /// Why none was made, where none was.
    no_commit: Option<String>,
    /// Nothing differed from what stood there.
    nothing_new: bool,
    /// What tells the file as it stands now from a later one.
    text_hash: Option<String>,
}

impl PublishedTold {
    /// What came of publishing, with the hash of the file as it stands then.
    pub(super) fn of(published: Published, text_hash: Option<String>) -> Self {
        Self {
            ruleset: published.ruleset,
            commit: published.commit,
            no_commit: published.no_commit,
            nothing_new: published.nothing_new,
            text_hash,
        }
    }
}

/// Check a rule's text
///
/// Together with the rest of the folder, as `waypost check` does. Changes nothing.
#[utoipa::path(post, path = "/api/v1/rules/{name}/check", tag = "rules", params(("name" = String, Path, description = "Its name.")),
    request_body(content = CheckText, description = "May be left out: the file as it stands."), responses((status = 200, description = "What is wrong with it.", body = CheckTold)))]
pub(super) async fn check_rule(
    app: web::Data<App>,
    name: web::Path<String>,
    Body(asked): Body<CheckText>,
) -> Answer {
    let app = app.into_inner();
    let file = RuleFile::open(&app, &name).await?;
    let draft = draft(&file, asked.text)?;
    let checked = check(&app, &draft).await?;
    let touched = match checked.ruleset.as_ref().filter(|_| asked.touched) {
        Some(ruleset) => Some(TouchedTold::of(app.touched(ruleset, &file.name, BOOKINGS_MAX).await?)),
        None => None,
    };
    answered(&CheckTold {
        publishable: !checked.is_broken(),
        mistakes: mistakes(&checked),
        diff: unified(&file.text, &draft.text, &file.file),
        text_hash: file.opened,
        touched,
    })
}

/// Look what a rule would send for a booking
///
/// For the booking as it is now, by the code that sends in earnest; a rule that is off is looked at as if it were on. Nothing
/// is sent or changed.
#[utoipa::path(post, path = "/api/v1/rules/{name}/preview", tag = "rules",
    params(("name" = String, Path, description = "Its name.")), request_body = PreviewText,
    responses((status = 200, description = "What would be sent, and why each field has its value.", body = PreviewTold)))]
pub(super) async fn preview_rule(
    app: web::Data<App>,
    name: web::Path<String>,
    Body(asked): Body<PreviewText>,
) -> Answer {
    let app = app.into_inner();
    let file = RuleFile::open(&app, &name).await?;
    let checked = check(&app, &draft(&file, asked.text)?).await?;
    if checked.is_broken() {
        return Err(PublishError::Broken(Box::new(checked)).into());
    }
    let outlook = app.preview(&checked, &file.name, &BookingId::new(asked.booking)).await?;
    answered(&PreviewTold::of(&outlook.ok_or_else(|| ApiError::not_found("booking"))?))
}

/// Publish a rule
///
/// It is written, at work at once, and committed where the folder is a git repository. Refused with the mistakes where it has
/// some (`rules_have_mistakes`), and with the difference where the file is not as `text_hash` says (`file_changed`).
#[utoipa::path(post, path = "/api/v1/rules/{name}/publish", tag = "rules", params(("name" = String, Path, description = "Its name.")),
    request_body = PublishText, responses((status = 200, description = "It is at work.", body = PublishedTold)))]
pub(super) async fn publish_rule(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(asked): Body<PublishText>,
) -> Answer {
    let file = RuleFile::open(&app, &name).await?;
    let draft = Draft { file: file.file.clone(), text: asked.text, opened: asked.text_hash };
    publish(app.into_inner(), &viewer, &file.name, draft, asked.reason).await
}

/// Switch a rule on or off
#[utoipa::path(post, path = "/api/v1/rules/{name}/switch", tag = "rules", params(("name" = String, Path, description = "Its name.")),
    request_body = Switch, responses((status = 200, description = "It is at work, or not.", body = PublishedTold)))]
pub(super) async fn switch_rule(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(asked): Body<Switch>,
) -> Answer {
    let file = RuleFile::open_known(&app, &name).await?;
    let text = with_enabled(&file.text, asked.enabled).map_err(|why| ApiError::not_now(&why))?;
    let usual = if asked.enabled { "Switched on" } else { "Switched off" };
    let draft = Draft { file: file.file.clone(), text, opened: file.opened.clone() };
    publish(app.into_inner(), &viewer, &file.name, draft, asked.reason.unwrap_or_else(|| usual.into())).await
}

/// Bring a former version of a rule back
///
/// Its text is published as it was; the history goes on.
#[utoipa::path(post, path = "/api/v1/rules/{name}/revert", tag = "rules", params(("name" = String, Path, description = "Its name.")),
    request_body = Revert, responses((status = 200, description = "It is at work again.", body = PublishedTold)))]
pub(super) async fn revert_rule(
    app: web::Data<App>,
    viewer: Viewer,
    name: web::Path<String>,
    Body(asked): Body<Revert>,
) -> Answer {
    let file = RuleFile::open(&app, &name).await?;
    let text = app.file_version(&file.file, &asked.version).await?;
    let text = text.ok_or_else(|| ApiError::not_found("version"))?;
    let draft = Draft { file: file.file.clone(), text, opened: file.opened.clone() };
    publish(app.into_inner(), &viewer, &file.name, draft, asked.reason).await
}

/// A draft of a file with this text, else with its own.
pub(super) fn draft(file: &RuleFile, text: Option<String>) -> Result<Draft, ApiError> {
    if let Some(why) = &file.trouble {
        return Err(PublishError::NoFolder(why.clone()).into());
    }
    if text.is_none() && file.opened.is_none() {
        return Err(ApiError::not_found("rule"));
    }
    let text = text.unwrap_or_else(|| file.text.clone());
    Ok(Draft { file: file.file.clone(), text, opened: file.opened.clone() })
}

async fn publish(app: Arc<App>, viewer: &Viewer, rule: &str, draft: Draft, reason: String) -> Answer {
    // The pages have a page of that name.
    if rule == "new" {
        return Err(ApiError::wrong_value("a rule can't be called \"new\""));
    }
    let file = draft.file.clone();
    let published = app.publish(vec![draft], viewer.actor(), reason.clone()).await?;
    app.audit(&viewer.who(), "rule.published", rule, &reason).await;
    let text_hash = app.open_file(&file).await?.map(|(_, hash)| hash);
    answered(&PublishedTold::of(published, text_hash))
}

fn mistakes(checked: &Checked) -> Vec<Mistake> {
    checked.diagnostics.iter().map(Mistake::of).collect()
}

impl From<PublishError> for ApiError {
    fn from(error: PublishError) -> Self {
        let why = error.to_string();
        match error {
            PublishError::Name(_) => Self::not_found("rule"),
            PublishError::Store(error) => error.into(),
            PublishError::Wrong(why) => Self::wrong_value(why),
            PublishError::NoFolder(why) => {
                Self::not_now(&why).called("no_folder").hinted("Start it with --rules.")
            }
            PublishError::File(_) => Self::not_now(&why).called("file_refused"),
            PublishError::Broken(checked) => {
                let told = Self::wrong_value(&why).called("rules_have_mistakes").hinted(
                    "Nothing was changed. The details have each mistake with its line and a way out.",
                );
                told.details(json!({ "mistakes": mistakes(&checked) }))
            }
            PublishError::Changed(changed) => {
                let theirs = changed.theirs.unwrap_or_default();
                let diff = unified(&theirs, &changed.yours, &changed.file);
                let told = Self::not_now(&why).called("file_changed").hinted(
                    "Nothing was changed. Get the rule again, bring your change into its text, and publish that with its \
                     text_hash.",
                );
                told.details(json!({ "file": changed.file, "theirs": theirs, "diff": diff }))
            }
            PublishError::Busy => AskError::Busy.into(),
            PublishError::Mistake => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "not_working",
                "A mistake of Waypost came up.",
                "Nothing was changed. The log of the program tells more.",
            ),
        }
    }
}

impl TouchedTold {
    fn of(touched: Touched) -> Self {
        let field = |(field, bookings)| FieldTouched { field, bookings };
        let value = |(field, before, after)| ValueTouched { field, before, after };
        Self {
            looked: touched.looked,
            sends: touched.sends,
            fails: touched.fails,
            left: touched.left,
            fields: touched.fields.into_iter().map(field).collect(),
            examples: touched
                .examples
                .into_iter()
                .map(|one| BookingTouched {
                    booking: one.booking,
                    told: one.told,
                    fields: one.fields.into_iter().map(value).collect(),
                })
                .collect(),
        }
    }
}

impl PreviewTold {
    fn of(outlook: &BookingOutlook) -> Self {
        let fate = match outlook.fate {
            Fate::Sends => "sends",
            Fate::Fails(_) => "fails",
            Fate::Unchanged => "unchanged",
            Fate::Excluded(_) => "excluded",
            Fate::Made(_) => "made_before",
            Fate::Open => "on_its_way",
        };
        let mut steps = Vec::new();
        for ahead in &outlook.foreseen {
            for step in &ahead.steps {
                let (word, remote_id, verdict) = match &step.outlook {
                    StepOutlook::Send(id) => ("send", id.clone(), None),
                    StepOutlook::Nothing(verdict) => ("nothing", None, Some(Why::of(verdict))),
                    StepOutlook::MadeBefore => ("made_before", None, None),
                };
                steps.push(PreviewStep {
                    id: step.id.clone(),
                    item: Some(ahead.item.clone()).filter(|item| !item.is_empty()),
                    uses: step.uses.clone(),
                    outlook: word,
                    remote_id,
                    verdict,
                    values: step.fields.clone(),
                    fields: step.traces.iter().map(|trace| Field::of(&step.id, trace)).collect(),
                });
            }
        }
        Self { fate, sentence: fate_words(&outlook.fate), steps }
    }
}
