//! `POST /api/v1/rules/{name}/model` and `/edit`: a rule's text as the builder sees it, and changes of it that leave all else
//! as it stands. Nothing is written: the text that comes back is published by `/publish`.

use super::api_body::{Answer, Body, answered};
use super::api_error::ApiError;
use super::api_rule_drafts::draft;
use super::rule_file::RuleFile;
use crate::app::App;
use crate::rules::builder::{ConditionForm, Edit, Filled, NewValue, RuleForm, edited};
use actix_web::web;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Changes of one request.
const EDITS_MAX: usize = 200;

/// A text to be looked at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelText {
    /// The rule's text. Left out: as it stands.
    text: Option<String>,
}

/// Changes to be made in a text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EditText {
    /// The rule's text. Left out: as it stands.
    text: Option<String>,
    /// What is to change, one after the other. All, or none.
    #[schema(max_items = 200)]
    edits: Vec<RuleEdit>,
}

/// One change of a rule's text. Steps are named by their place, from 0.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RuleEdit {
    /// The title; empty takes it out.
    Title {
        /// The text.
        text: String,
    },
    /// On or off.
    Enabled {
        /// Whether it is on.
        enabled: bool,
    },
    /// The sources.
    From {
        /// Their names.
        names: Vec<String>,
    },
    /// The kinds of change.
    On {
        /// Their names.
        names: Vec<String>,
    },
    /// The condition; empty takes it out.
    When {
        /// The expression.
        text: String,
    },
    /// A step's id; empty takes it out.
    StepId {
        /// The step.
        step: usize,
        /// The id.
        text: String,
    },
    /// What a step uses.
    StepUse {
        /// The step.
        step: usize,
        /// `connection.action`.
        text: String,
    },
    /// A step's condition; empty takes it out.
    StepIf {
        /// The step.
        step: usize,
        /// The expression.
        text: String,
    },
    /// A field of a step.
    Field {
        /// The step.
        step: usize,
        /// Its name.
        name: String,
        /// A text (with `{{ }}` or without), a number, true or false; null takes it out.
        value: Option<Value>,
    },
    /// A new step.
    AddStep {
        /// Before the one of this place; as many as there are: at the end.
        at: usize,
        /// `connection.action`.
        text: String,
    },
    /// A step goes.
    RemoveStep {
        /// The step.
        step: usize,
    },
    /// A step changes places with the one behind it.
    SwapSteps {
        /// The step.
        step: usize,
    },
}

/// A rule as the builder sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RuleModel)]
pub(super) struct ModelTold {
    /// For people.
    title: String,
    /// Whether it is on.
    enabled: bool,
    /// Sources.
    from: Vec<String>,
    /// Kinds of change.
    on: Vec<String>,
    /// The condition.
    when: Option<ConditionTold>,
    /// `each:`, as written.
    each: Option<String>,
    /// Steps in order.
    steps: Vec<StepTold>,
    /// Keys that it has beside these; they stay as they are.
    others: Vec<String>,
    /// The text that this was read from.
    text: String,
}

/// A condition.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConditionTold {
    /// The expression.
    text: String,
    /// Its rows, where it has that simple form.
    rows: Option<Vec<RowTold>>,
}

/// A row of a condition.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RowTold {
    /// Path of the field.
    field: String,
    /// `present`, `absent`, `is`, `is-not`, `more`, `less`, `contains`, `begins`, `more-plain`, `less-plain`.
    operator: &'static str,
    /// With what; empty where nothing belongs to it.
    value: String,
}

/// A step.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StepModel)]
pub(super) struct StepTold {
    /// Its id.
    id: String,
    /// `connection.action`.
    #[serde(rename = "use")]
    uses: String,
    /// Its condition.
    #[serde(rename = "if")]
    condition: Option<ConditionTold>,
    /// Its fields.
    fields: Vec<FieldTold>,
    /// Keys that it has beside these.
    others: Vec<String>,
}

/// A field.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FieldModel)]
pub(super) struct FieldTold {
    /// Its name.
    name: String,
    /// `text`, `literal` (a number, true, false or null), `nested` (a list or map, as JSON).
    kind: &'static str,
    /// What fills it.
    value: String,
}

/// Read a rule's text as the builder sees it
///
/// What stands where, whether it is right or not: `/check` tells that. Changes nothing.
#[utoipa::path(post, path = "/api/v1/rules/{name}/model", tag = "rules", params(("name" = String, Path, description = "Its name.")),
    request_body(content = ModelText, description = "May be left out: the file as it stands."), responses((status = 200, description = "Its parts.", body = ModelTold)))]
pub(super) async fn model_rule(
    app: web::Data<App>,
    name: web::Path<String>,
    Body(asked): Body<ModelText>,
) -> Answer {
    let file = RuleFile::open(&app, &name).await?;
    told(&file.file, draft(&file, asked.text)?.text)
}

/// Change a rule's text
///
/// Each change touches the lines that it is about; comments, order and everything else stay. Nothing is written: publish the
/// text that comes back.
#[utoipa::path(post, path = "/api/v1/rules/{name}/edit", tag = "rules", params(("name" = String, Path, description = "Its name.")),
    request_body = EditText, responses((status = 200, description = "The text, changed, and its parts.", body = ModelTold)))]
pub(super) async fn edit_rule(
    app: web::Data<App>,
    name: web::Path<String>,
    Body(asked): Body<EditText>,
) -> Answer {
    let file = RuleFile::open(&app, &name).await?;
    if asked.edits.len() > EDITS_MAX {
        return Err(ApiError::wrong_value("so many changes can't be made at once"));
    }
    let mut text = draft(&file, asked.text)?.text;
    for edit in asked.edits {
        text = edited(&text, &edit.into()).map_err(|why| ApiError::wrong_value(&why))?;
    }
    told(&file.file, text)
}

fn told(file: &str, text: String) -> Answer {
    let form = RuleForm::read(file, &text).map_err(|told| ApiError::wrong_value(&told.message))?;
    let steps = form.steps.into_iter().map(|step| StepTold {
        condition: ConditionTold::of(&step.condition),
        fields: step.fields.iter().map(|field| FieldTold::of(&field.name, &field.filled)).collect(),
        id: step.id,
        uses: step.uses,
        others: step.others,
    });
    answered(&ModelTold {
        title: form.title,
        enabled: form.enabled,
        from: form.from,
        on: form.on,
        when: ConditionTold::of(&form.when),
        each: Some(form.each).filter(|each| !each.is_empty()),
        steps: steps.collect(),
        others: form.others,
        text,
    })
}

impl ConditionTold {
    fn of(condition: &ConditionForm) -> Option<Self> {
        let rows = condition.rows.as_ref().map(|rows| {
            let row = rows.iter().map(|row| RowTold {
                field: row.field.clone(),
                operator: row.operator.as_str(),
                value: row.value.clone(),
            });
            row.collect()
        });
        (!condition.text.is_empty()).then(|| Self { text: condition.text.clone(), rows })
    }
}

impl FieldTold {
    fn of(name: &str, filled: &Filled) -> Self {
        let kind = match filled {
            Filled::Text(_) => "text",
            Filled::Literal(_) => "literal",
            Filled::Nested(_) => "nested",
        };
        Self { name: name.to_owned(), kind, value: filled.shown().to_owned() }
    }
}

impl From<RuleEdit> for Edit {
    fn from(edit: RuleEdit) -> Self {
        match edit {
            RuleEdit::Title { text } => Self::Title(text),
            RuleEdit::Enabled { enabled } => Self::Enabled(enabled),
            RuleEdit::From { names } => Self::From(names),
            RuleEdit::On { names } => Self::On(names),
            RuleEdit::When { text } => Self::When(text),
            RuleEdit::StepId { step, text } => Self::StepId(step, text),
            RuleEdit::StepUse { step, text } => Self::StepUse(step, text),
            RuleEdit::StepIf { step, text } => Self::StepIf(step, text),
            RuleEdit::Field { step, name, value } => {
                let value = match value {
                    None | Some(Value::Null) => None,
                    Some(Value::String(text)) => Some(NewValue::Text(text)),
                    Some(other) => Some(NewValue::Literal(other)),
                };
                Self::Field(step, name, value)
            }
            RuleEdit::AddStep { at, text } => Self::AddStep(at, text, Vec::new()),
            RuleEdit::RemoveStep { step } => Self::RemoveStep(step),
            RuleEdit::SwapSteps { step } => Self::SwapSteps(step),
        }
    }
}
