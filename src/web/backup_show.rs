//! `/settings/backup`: what a backup is and the button that downloads one. The copy is read from the disk piece by piece while it is sent, and gone when that ends.

use super::about_show::size;
use super::errors::{PageError, capital};
use super::page::{Frame, Place, answer};
use super::scene::Scene;
use super::viewer::Viewer;
use crate::app::{App, BackupError, BackupMade};
use crate::ports::StoreFigures;
use actix_web::body::SizedStream;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use askama::Template;
use bytes::Bytes;
use futures::stream;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

/// Bytes of one piece.
const PIECE_BYTES: usize = 256 << 10;

/// The page.
#[derive(Template)]
#[template(path = "backup_show.html")]
pub struct BackupPage {
    frame: Frame,
    tab: &'static str,
    is_postgres: bool,
    size: String,
    key: String,
}

/// `GET /settings/backup`.
pub(super) async fn backup_show(app: web::Data<App>) -> Result<HttpResponse, PageError> {
    let scene = Scene::read(&app).await?;
    let key = app.places.data.join("key").display().to_string();
    answer(&BackupPage::of(&scene, &app.store.keeping().figures().await?, key))
}

/// `POST /settings/backup`.
pub(super) async fn backup_download(app: web::Data<App>, viewer: Viewer) -> Result<HttpResponse, PageError> {
    Ok(download(app.into_inner().make_backup(&viewer.who()).await?))
}

/// Sends it. Whatever ends the download drops the file, and lets the next backup begin.
pub(super) fn download(made: BackupMade) -> HttpResponse {
    let BackupMade { file, bytes, name, turn } = made;
    let pieces = stream::try_unfold((File::from_std(file), turn), |(mut file, turn)| async move {
        let mut piece = vec![0; PIECE_BYTES];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        let more = (read > 0).then(|| (Bytes::from(piece), (file, turn)));
        Ok::<_, std::io::Error>(more)
    });
    HttpResponse::Ok()
        .content_type("application/vnd.sqlite3")
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .body(SizedStream::new(bytes, pieces))
}

impl From<BackupError> for PageError {
    fn from(error: BackupError) -> Self {
        let status = match error {
            BackupError::Store(error) => return error.into(),
            BackupError::Busy | BackupError::Elsewhere(_) => StatusCode::CONFLICT,
            BackupError::NoRoom { .. } => StatusCode::INSUFFICIENT_STORAGE,
            BackupError::Unreadable(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let sentence = error.to_string();
        Self::new(status, "No backup was made", format!("{}.", capital(sentence.trim_end_matches('.'))))
    }
}

impl BackupPage {
    fn of(scene: &Scene, figures: &StoreFigures, key: String) -> Self {
        Self {
            frame: Frame::new(Place::Nowhere, scene, None),
            tab: "backup",
            is_postgres: figures.is_postgres,
            size: size(figures.bytes),
            key,
        }
    }
}

#[cfg(test)]
impl BackupPage {
    pub(super) fn samples() -> Vec<Self> {
        use super::samples::{HOSTILE, scene};
        let figures = StoreFigures { bytes: 12_345_678, ..StoreFigures::default() };
        let postgres = StoreFigures { is_postgres: true, ..figures.clone() };
        vec![
            Self::of(&scene(), &figures, HOSTILE.to_owned()),
            Self::of(&scene(), &postgres, "data/key".to_owned()),
        ]
    }
}
