//! `/static/…`: our own style sheet, script and picture, held in the binary. An address carries the hash of what it
//! gives, so that it can be kept for ever and never be the wrong one.

use super::errors::PageError;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

struct File {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

const FILES: [File; 4] = [
    File { name: "pages.css", kind: "text/css; charset=utf-8", text: include_str!("../../static/pages.css") },
    File {
        name: "pages.js",
        kind: "text/javascript; charset=utf-8",
        text: include_str!("../../static/pages.js"),
    },
    File { name: "icons.svg", kind: "image/svg+xml", text: include_str!("../../static/icons.svg") },
    File { name: "sign.svg", kind: "image/svg+xml", text: include_str!("../../static/sign.svg") },
];

static HASHES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let hash = |file: &File| {
        let hash = Sha256::digest(file.text.as_bytes());
        hash.iter().take(6).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    };
    FILES.iter().map(hash).collect()
});

fn find(name: &str) -> Option<(&'static File, &'static str)> {
    let index = FILES.iter().position(|file| file.name == name)?;
    Some((&FILES[index], HASHES.get(index)?))
}

/// The address of a file, for templates. One that is not there leads to a 404.
pub fn href(name: &str) -> String {
    let hash = find(name).map_or("", |(_, hash)| hash);
    format!("/static/{name}?{hash}")
}

/// `GET /static/{name}`.
pub async fn static_file(request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse, PageError> {
    let (file, hash) = find(&name).ok_or_else(|| PageError::unknown("file"))?;
    let etag = format!("\"{hash}\"");
    let kept =
        if request.query_string() == hash { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|known| known == etag.as_str());
    let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer.insert_header((header::CACHE_CONTROL, kept)).insert_header((header::ETAG, etag));
    Ok(if known { answer.finish() } else { answer.content_type(file.kind).body(file.text) })
}
