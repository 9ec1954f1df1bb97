//! Faces over HTTP: health, and the pages.

mod health;

pub use health::{Readiness, health, nothing_here};

use crate::app::App;
use actix_web::web::ServiceConfig;
use std::sync::Arc;

/// The pages.
pub fn pages(_app: Arc<App>) -> impl FnOnce(&mut ServiceConfig) {
    move |_config: &mut ServiceConfig| {}
}
