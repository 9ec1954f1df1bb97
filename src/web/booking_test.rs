//! `/bookings/{id}/test`: makes a booking a test of a rule. The page says that the guest's data go into the rules folder,
//! and asks once; the button publishes the payload and the test.

use super::errors::PageError;
use super::form_errors::FormErrors;
use super::page::{Frame, Place, answer, go_to, in_address};
use super::rule_edit::in_a_line;
use super::rule_show::titles;
use super::scene::Scene;
use super::viewer::Viewer;
use crate::app::{App, PublishError};
use crate::domain::BookingId;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

/// What the address asks for, and what the form sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Form {
    #[serde(default)]
    rule: String,
    #[serde(default)]
    name: String,
}

/// The page.
#[derive(Template)]
#[template(path = "booking_test.html")]
pub struct BookingTest {
    frame: Frame,
    address: String,
    booking: String,
    rules: Vec<(String, String, bool)>,
    name: String,
    errors: FormErrors,
}

/// `GET /bookings/{id}/test`.
pub async fn booking_test(
    app: web::Data<App>,
    id: web::Path<String>,
    query: web::Query<Form>,
) -> Result<HttpResponse, PageError> {
    let page = BookingTest::read(&app, &BookingId::new(id.into_inner()), &query).await?;
    answer(&page)
}

/// `POST /bookings/{id}/test`.
pub async fn booking_test_make(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    form: web::Form<Form>,
) -> Result<HttpResponse, PageError> {
    let app = app.into_inner();
    let id = BookingId::new(id.into_inner());
    let made = async {
        let test = app.test_of_booking(&form.rule, &id, &form.name).await?;
        app.publish(test.drafts, viewer.actor(), format!("A test: {}", form.name.trim())).await
    };
    match made.await {
        Ok(_) => {
            app.audit(&viewer.who(), "rule.test-made", &form.rule, id.as_str()).await;
            Ok(go_to(&format!("/rules/{}?said=test-made#tests", in_address(&form.rule))))
        }
        Err(PublishError::Wrong(why)) => {
            let mut page = BookingTest::read(&app, &id, &form).await?;
            let field = if form.name.trim().is_empty() { "name" } else { "rule" };
            page.errors = FormErrors::at(field, why);
            page.errors.answer(&page)
        }
        Err(error) => Err(error.into()),
    }
}

impl BookingTest {
    async fn read(app: &App, id: &BookingId, form: &Form) -> Result<Self, PageError> {
        let (booking, _) = app.store.booking(id).await?.ok_or_else(|| PageError::unknown("booking"))?;
        let scene = Scene::read(app).await?;
        let rules = titles(app).into_iter().map(|(name, title)| {
            let chosen = name == form.rule;
            (name, title, chosen)
        });
        Ok(Self {
            frame: Frame::new(Place::Bookings, &scene, None),
            address: in_address(id.as_str()),
            booking: in_a_line(&booking),
            rules: rules.collect(),
            name: form.name.clone(),
            errors: FormErrors::none(),
        })
    }
}

#[cfg(test)]
impl BookingTest {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, scene};
        let sample = |rules, errors| Self {
            frame: Frame::new(Place::Bookings, &scene(), None),
            address: in_address(HOSTILE),
            booking: HOSTILE.into(),
            rules,
            name: HOSTILE.into(),
            errors,
        };
        vec![
            sample(Vec::new(), FormErrors::none()),
            sample(vec![(HOSTILE.into(), HOSTILE.into(), true)], FormErrors::at("rule", HOSTILE)),
        ]
    }
}
