//! `/rules/{name}/build`: a rule as sentences with blanks and fields to fill, beside a real booking whose values one picks
//! from; below, what exactly would be sent for it. The draft is the file's own text and travels in the form: each press
//! changes its lines and shows it anew. Nothing is kept before `rule_review` and `rule_publish`.

use super::booking_tree::{BookingTree, TreeLine};
use super::bookings_choose::ToChoose;
use super::errors::PageError;
use super::page::{Frame, Place, answer, in_address};
use super::rule_build_acts::{Act, Kept, act, mend};
use super::rule_build_parts::{
    Choice, ConditionPart, Making, StepPart, Wrong, Wrongs, control_of, html_id, kinds, mend_of, wrong_of,
};
use super::rule_build_sent::{Merged, Sent};
use super::rule_edit::{Form, Query, RuleEdit, in_a_line, text_to_begin_with};
use super::rule_file::{Findings, RuleFile, check, findings_of};
use super::rule_review::review;
use super::rule_words::PreviewTold;
use super::scene::Scene;
use crate::app::{App, Checked};
use crate::document::{Severity, render};
use crate::domain::BookingId;
use crate::ports::{PresentBooking, PresentQuery};
use crate::rules::Ruleset;
use crate::rules::builder::{FUNCTION_FORMS, FunctionForm, RuleForm};
use actix_web::{HttpResponse, web};
use askama::Template;
use serde_json::{Value, json};
use std::sync::Arc;

/// The page.
#[derive(Template)]
#[template(path = "rule_build.html")]
pub struct RuleBuild {
    frame: Frame,
    address: String,
    name: String,
    title: String,
    is_new: bool,
    text: String,
    opened: String,
    trouble: Option<String>,
    /// The draft can't be shown as a form, for this reason.
    unreadable: Option<String>,
    said: Option<String>,
    broken: bool,
    verdict: &'static str,
    rule_title: String,
    wrongs: Wrongs,
    sources: Vec<Choice>,
    kinds: Vec<Choice>,
    each: String,
    others: String,
    when: ConditionPart,
    steps: Vec<StepPart>,
    new_steps: Vec<(String, Vec<Choice>)>,
    as_text: Vec<String>,
    findings: Findings,
    /// It was to be published, and can't be like this: what is wrong, with the control that it stands at.
    refused: Vec<(String, String)>,
    bookings: ToChoose,
    tree: BookingTree,
    into: Vec<Choice>,
    functions: Vec<FunctionPart>,
    function_value: String,
    preview: Option<PreviewTold>,
}

/// The form of a function.
#[derive(Clone, Debug, Default)]
struct FunctionPart {
    name: &'static str,
    title: &'static str,
    /// Somebody is filling it.
    unfolded: bool,
    /// Key, label, example, value.
    inputs: Vec<(&'static str, &'static str, &'static str, String)>,
}

/// `GET /rules/{name}/build`.
pub async fn rule_build(
    app: web::Data<App>,
    name: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, PageError> {
    let app = app.into_inner();
    let file = RuleFile::open(&app, &name).await?;
    let form = Form {
        text: text_to_begin_with(&app, &file, query.recipe.as_deref())?,
        opened: file.opened.clone().unwrap_or_default(),
        booking: query.booking.clone().unwrap_or_default(),
        ..Form::default()
    };
    let mut merged = Merged { text: form.text.clone(), wrong: Vec::new() };
    merged.tell_conditions(&[]);
    answer(&RuleBuild::read(&app, &file, &form, merged, Kept::default()).await?)
}

/// `POST /rules/{name}/build`: one press; nothing is kept.
pub async fn rule_build_press(
    app: web::Data<App>,
    name: web::Path<String>,
    form: web::Form<Vec<(String, String)>>,
) -> Result<HttpResponse, PageError> {
    let app = app.into_inner();
    let file = RuleFile::open(&app, &name).await?;
    let sent = Sent::new(form.into_inner());
    let mut form = Form {
        text: file.draft(sent.text("text"), "").text,
        opened: sent.text("opened").to_owned(),
        booking: sent.text("booking").to_owned(),
        find: sent.text("find").to_owned(),
        reason: sent.text("reason").to_owned(),
        ..Form::default()
    };
    let active = app.active();
    let wrongs = Wrongs::new();
    let making = Making { ruleset: active.as_deref(), wrongs: &wrongs, as_text: &[], preview: None };
    let kind = |uses: &str, field: &str| making.kind(uses, field);
    let mut merged = sent.merged(&form.text, &kind);
    let mut kept = Kept::of(&sent);
    let pressed = Act::parse(sent.text("act"));
    act(&pressed, &sent, &mut merged, &mut kept, &kind);
    merged.tell_conditions(&kept.as_text);
    form.text.clone_from(&merged.text);
    match pressed {
        Act::File => return answer(&RuleEdit::read(&app, &file, &form).await?),
        // A draft with a mistake stays here, where the mistake stands at its field.
        Act::Review => {
            let checked = check(&app, &file.draft(&form.text, &form.opened)).await?;
            if merged.wrong.is_empty() && !checked.is_broken() {
                return review(&app, &file, &form, None).await;
            }
            let page = RuleBuild::read(&app, &file, &form, merged, kept).await?;
            return answer(&page.refused());
        }
        Act::Mend(control) => {
            form.text = mended(&app, &file, &form, &control).await?;
            merged.text.clone_from(&form.text);
        }
        _ => {}
    }
    answer(&RuleBuild::read(&app, &file, &form, merged, kept).await?)
}

/// The draft with what was meant at a control.
async fn mended(app: &Arc<App>, file: &RuleFile, form: &Form, control: &str) -> Result<String, PageError> {
    let checked = check(app, &file.draft(&form.text, &form.opened)).await?;
    let Ok(shown) = RuleForm::read(&file.file, &form.text) else { return Ok(form.text.clone()) };
    let own = checked.diagnostics.iter().filter(|told| told.file == file.file);
    let found = own
        .filter(|told| control_of(&shown, told).as_deref() == Some(control))
        .find_map(|told| mend(&form.text, told.place?, &mend_of(told)?));
    Ok(found.unwrap_or_else(|| form.text.clone()))
}

impl RuleBuild {
    /// The page for a draft.
    async fn read(
        app: &Arc<App>,
        file: &RuleFile,
        form: &Form,
        merged: Merged,
        kept: Kept,
    ) -> Result<Self, PageError> {
        let scene = Scene::read(app).await?;
        let mut page = Self::of(&scene, file, form);
        page.said.clone_from(&kept.said);
        if file.trouble.is_some() {
            return Ok(page);
        }
        page.bookings = ToChoose::read(app, &form.text, &form.booking, &form.find).await?;
        let checked = check(app, &file.draft(&form.text, &form.opened)).await?;
        let mut present = None;
        if let Some(booking) = page.bookings.chosen.clone() {
            present = app.store.present_bookings(&PresentQuery::One(booking.clone())).await?.pop();
            page.look(app, &checked, file, &booking).await?;
        }
        let active = app.active();
        let ruleset = checked.ruleset.as_deref().or(active.as_deref());
        page.fill(ruleset, &checked, file, merged, kept);
        page.plant(ruleset, present.as_ref());
        Ok(page)
    }

    fn of(scene: &Scene, file: &RuleFile, form: &Form) -> Self {
        Self {
            frame: Frame::new(Place::Rules, scene, None),
            address: in_address(&file.name),
            name: file.name.clone(),
            title: if file.opened.is_some() { scene.rule(&file.name) } else { file.name.clone() },
            is_new: file.opened.is_none(),
            text: form.text.replace("\r\n", "\n"),
            opened: form.opened.clone(),
            trouble: file.trouble.clone(),
            unreadable: None,
            said: None,
            broken: false,
            verdict: "",
            rule_title: String::new(),
            wrongs: Wrongs::new(),
            sources: Vec::new(),
            kinds: Vec::new(),
            each: String::new(),
            others: String::new(),
            when: ConditionPart::default(),
            steps: Vec::new(),
            new_steps: Vec::new(),
            as_text: Vec::new(),
            findings: Findings::default(),
            refused: Vec::new(),
            bookings: ToChoose::default(),
            tree: BookingTree::default(),
            into: Vec::new(),
            functions: Vec::new(),
            function_value: String::new(),
            preview: None,
        }
    }

    async fn look(
        &mut self,
        app: &Arc<App>,
        checked: &Checked,
        file: &RuleFile,
        booking: &BookingId,
    ) -> Result<(), PageError> {
        if let Some(outlook) = app.preview(checked, &file.name, booking).await? {
            let told = in_a_line(&outlook.present.booking);
            self.preview = Some(PreviewTold::of(&outlook, told));
        }
        Ok(())
    }

    /// The controls, with what is wrong at each.
    fn fill(
        &mut self,
        ruleset: Option<&Ruleset>,
        checked: &Checked,
        file: &RuleFile,
        merged: Merged,
        kept: Kept,
    ) {
        self.broken = checked.is_broken();
        let form = match RuleForm::read(&file.file, &merged.text) {
            Ok(form) => form,
            Err(told) => {
                self.unreadable = Some(render(&told, Some(&merged.text)));
                return;
            }
        };
        let mut beside = Vec::new();
        for told in &checked.diagnostics {
            // The page asks for the first step itself.
            if form.steps.is_empty() && told.file == file.file && told.message.contains("has no steps") {
                continue;
            }
            let control =
                Some(told).filter(|told| told.file == file.file).and_then(|told| control_of(&form, told));
            match control {
                Some(control) => self.wrongs.entry(control).or_default().push(wrong_of(told)),
                None => beside.push(told),
            }
        }
        for (control, sentence) in merged.wrong {
            let wrong = Wrong { is_error: true, sentence, ..Wrong::default() };
            self.wrongs.entry(control).or_default().insert(0, wrong);
        }
        self.findings = findings_of(checked, &file.file, &beside);
        let own = self.wrongs.values().flatten().any(|wrong| wrong.is_error);
        let beside = beside.iter().any(|told| told.severity == Severity::Error);
        self.verdict = match (
            own || self.broken,
            beside && !own,
            self.wrongs.is_empty() && self.findings.told.is_empty(),
        ) {
            (true, true, _) => "There is a mistake elsewhere in the rules; it is told below.",
            (true, false, _) => "Something is missing still, or wrong: it is told at its field.",
            (false, _, true) => "There is no mistake in it.",
            (false, _, false) => "It can be published; look at what is told at the fields first.",
        };
        if form.steps.is_empty() && !own {
            self.verdict = "It does nothing yet: choose its first step above.";
        }
        let making =
            Making { ruleset, wrongs: &self.wrongs, as_text: &kept.as_text, preview: self.preview.as_ref() };
        let count = form.steps.len();
        self.rule_title.clone_from(&form.title);
        self.sources = making.sources(&form);
        self.kinds = kinds(&form);
        self.when = making.condition("when", &form.when);
        self.steps =
            form.steps.iter().enumerate().map(|(at, step)| making.step(at, step, at + 1 == count)).collect();
        self.new_steps = making.actions("");
        self.each.clone_from(&form.each);
        self.others = form.others.join(", ");
        self.choose(&kept);
        self.as_text = kept.as_text;
    }

    /// Where a value can go, and the forms of functions.
    fn choose(&mut self, kept: &Kept) {
        let mut into: Vec<(String, String)> = Vec::new();
        for step in &self.steps {
            let fields = step
                .fields
                .iter()
                .chain(&step.further)
                .filter(|field| !field.is_nested && field.choices.is_empty());
            into.extend(
                fields.map(|field| (field.control.clone(), format!("{} › {}", step.id, field.label))),
            );
        }
        for condition in [&self.when].into_iter().chain(self.steps.iter().map(|step| &step.condition)) {
            let of =
                condition.control.strip_suffix(".if").map_or_else(String::new, |_| " of a step".to_owned());
            for row in condition.rows.iter().filter(|_| !condition.as_text) {
                into.push((row.control.clone(), format!("The condition{of}, row {}", row.number)));
            }
        }
        into.push(("fn.value".to_owned(), "The value to work on, below".to_owned()));
        // The first field that waits for something, where nobody chose.
        let chosen = Some(kept.into.clone()).filter(|kept| into.iter().any(|(control, _)| control == kept));
        let empty = self.steps.iter().flat_map(|step| &step.fields).find(|field| field.value.is_empty());
        let chosen = chosen.or_else(|| empty.map(|field| field.control.clone())).unwrap_or_default();
        self.into =
            into.into_iter().map(|(control, told)| (control.clone(), told, control == chosen)).collect();
        let of = |key: &str| kept.function.get(key).cloned().unwrap_or_default();
        let part = |form: &FunctionForm| FunctionPart {
            name: form.name,
            title: form.title,
            unfolded: form
                .inputs
                .iter()
                .any(|(key, ..)| !of(key).is_empty() || self.is_wrong(&format!("fn.{key}"))),
            inputs: form
                .inputs
                .iter()
                .map(|(key, label, example, _)| (*key, *label, *example, of(key)))
                .collect(),
        };
        let functions: Vec<FunctionPart> = FUNCTION_FORMS.iter().map(part).collect();
        self.functions = functions;
        self.function_value = of("value");
    }

    /// The tree of what a rule can read of the booking.
    fn plant(&mut self, ruleset: Option<&Ruleset>, present: Option<&PresentBooking>) {
        let Some(present) = present else { return };
        let body: Value = serde_json::from_str(&present.body).unwrap_or_default();
        let view = &present.booking.view;
        let mut answers = serde_json::Map::new();
        for step in &self.steps {
            let uses = step.actions.iter().flat_map(|(_, actions)| actions).find(|(.., chosen)| *chosen);
            let action = uses
                .and_then(|(uses, ..)| uses.rsplit_once('.'))
                .and_then(|(connection, action)| ruleset?.connections.get(connection)?.actions.get(action));
            let outputs = action.iter().flat_map(|action| action.outputs.keys());
            let told: serde_json::Map<String, Value> =
                outputs.map(|output| (output.clone(), json!("known once it is sent"))).collect();
            if !told.is_empty() && !step.is_last {
                answers.insert(step.id.clone(), Value::Object(told));
            }
        }
        let answers = Value::Object(answers);
        let item = self
            .each
            .strip_prefix("booking.")
            .and_then(|list| body.get(list)?.get(0))
            .cloned()
            .unwrap_or_default();
        self.tree = BookingTree::of(&[
            ("person", "The guest", &view.person),
            ("trip", "The trip", &view.trip),
            ("customer", "Each customer, here the first", &item),
            ("steps", "What earlier steps answered", &answers),
            ("booking", "All that the booking system told", &body),
        ]);
    }

    /// The same for a draft that was to be published: what is wrong stands at the top, too.
    fn refused(mut self) -> Self {
        for (control, wrongs) in &self.wrongs {
            // Fields have ids that any name can be written as.
            let id = if control.contains(".with.") { html_id(control) } else { control.clone() };
            let mistakes = wrongs.iter().filter(|wrong| wrong.is_error);
            self.refused.extend(mistakes.map(|wrong| (format!("t.{id}"), wrong.sentence.clone())));
        }
        let elsewhere = self.findings.told.iter().filter(|finding| finding.is_error);
        self.refused.extend(elsewhere.map(|finding| ("outlook".to_owned(), finding.sentence.clone())));
        self
    }

    fn is_wrong(&self, control: &str) -> bool {
        self.wrongs.contains_key(control)
    }

    /// What is wrong at a control, for the template.
    fn wrong(&self, control: &str) -> &[Wrong] {
        self.wrongs.get(control).map(Vec::as_slice).unwrap_or_default()
    }
}

#[cfg(test)]
impl RuleBuild {
    pub(super) fn samples() -> Vec<Self> {
        use super::rule_build_parts::FieldPart;
        use super::samples::{HOSTILE, scene};
        let file = RuleFile { name: HOSTILE.into(), opened: Some("c0ffee".into()), ..RuleFile::default() };
        let quoted = json!(HOSTILE);
        let text = format!(
            "title: {quoted}\nfrom: {quoted}\non: [created, {quoted}]\neach: booking.customers\nwhen: a.b == {quoted}\nlane: {quoted}\nsteps:\n  - id: {quoted}\n    use: crm.upsert_contact\n    if: {quoted}\n    with:\n      {quoted}: {quoted}\n      text: \"{{{{ person.email }}}} </textarea>\\nx\"\n      list: [{quoted}]\n  - use: {quoted}\n"
        );
        let form = Form { text: text.clone(), opened: HOSTILE.into(), ..Form::default() };
        let mut full = Self::of(&scene(), &file, &form);
        let wrong = |control: &str| (control.to_owned(), HOSTILE.to_owned());
        let controls = [
            "title",
            "from",
            "on",
            "when",
            "when.0.field",
            "s0.use",
            "s0.id",
            "s0.if",
            "s0.new.name",
            "s0.with.text",
            "new_step",
            "into",
            "fn.value",
            "fn.format",
        ];
        let merged = Merged { text, wrong: controls.map(wrong).into() };
        let checked = Checked::broken();
        full.fill(None, &checked, &file, merged, Kept { said: Some(HOSTILE.into()), ..Kept::default() });
        full.trouble = Some(HOSTILE.into());
        full.unreadable = Some(HOSTILE.into());
        full.said = Some(HOSTILE.into());
        full.findings =
            Findings { told: vec![super::rule_file::Finding::sample(HOSTILE)], elsewhere: HOSTILE.into() };
        full.refused = vec![(HOSTILE.into(), HOSTILE.into())];
        full.bookings = ToChoose {
            choices: vec![(HOSTILE.into(), HOSTILE.into(), true)],
            find: HOSTILE.into(),
            more: true,
            ..ToChoose::default()
        };
        full.tree = BookingTree::of(&[(
            "booking",
            HOSTILE,
            &json!({ HOSTILE: HOSTILE, "list": [HOSTILE, 2, 3, 4] }),
        )]);
        full.tree.more = 3;
        let mut shown = Self::of(&scene(), &file, &form);
        shown.steps = vec![StepPart {
            fields: vec![FieldPart {
                sent: Some(HOSTILE.into()),
                help: HOSTILE.into(),
                label: HOSTILE.into(),
                ..FieldPart::default()
            }],
            ..StepPart::default()
        }];
        vec![Self::of(&Scene::default(), &RuleFile::default(), &Form::default()), full, shown]
    }
}
