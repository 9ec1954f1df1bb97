//! `/static/…`: our own style sheet, script and picture, held in the binary. An address carries the hash of what it
//! gives, so that it can be kept for ever and never be the wrong one. Sent compressed to whoever takes that; pages are not,
//! since what a page repeats of an address beside its secrets could be guessed by its length.

use super::errors::PageError;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::io::Write as _;
use std::sync::LazyLock;

struct File {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

const FILES: [File; 9] = [
    File { name: "pages.css", kind: "text/css; charset=utf-8", text: include_str!("../../static/pages.css") },
    File {
        name: "pages.js",
        kind: "text/javascript; charset=utf-8",
        text: include_str!("../../static/pages.js"),
    },
    File {
        name: "connect.css",
        kind: "text/css; charset=utf-8",
        text: include_str!("../../static/connect.css"),
    },
    File {
        name: "connect.js",
        kind: "text/javascript; charset=utf-8",
        text: include_str!("../../static/connect.js"),
    },
    File { name: "build.css", kind: "text/css; charset=utf-8", text: include_str!("../../static/build.css") },
    File {
        name: "build.js",
        kind: "text/javascript; charset=utf-8",
        text: include_str!("../../static/build.js"),
    },
    File {
        name: "edit.js",
        kind: "text/javascript; charset=utf-8",
        text: include_str!("../../static/edit.js"),
    },
    File { name: "icons.svg", kind: "image/svg+xml", text: include_str!("../../static/icons.svg") },
    File { name: "sign.svg", kind: "image/svg+xml", text: include_str!("../../static/sign.svg") },
];

/// The files compressed, in the order of [`FILES`].
static SMALL: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
    let small = |file: &File| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let written = encoder.write_all(file.text.as_bytes()).and_then(|()| encoder.finish());
        // Writing into memory fails for want of memory at most; then the file goes out as it is.
        written.map(Bytes::from).unwrap_or_default()
    };
    FILES.iter().map(small).collect()
});

static HASHES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let hash = |file: &File| {
        let hash = Sha256::digest(file.text.as_bytes());
        hash.iter().take(6).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    };
    FILES.iter().map(hash).collect()
});

fn find(name: &str) -> Option<(usize, &'static str)> {
    let index = FILES.iter().position(|file| file.name == name)?;
    Some((index, HASHES.get(index)?))
}

/// Whether a browser takes gzip, as its one header says.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let asked =
        headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    asked.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
        named && weight > 0.0
    })
}

/// The address of a file, for templates. One that is not there leads to a 404.
pub fn href(name: &str) -> String {
    let hash = find(name).map_or("", |(_, hash)| hash);
    format!("/static/{name}?{hash}")
}

/// `GET /static/{name}`.
pub async fn static_file(request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse, PageError> {
    let (index, hash) = find(&name).ok_or_else(|| PageError::unknown("file"))?;
    let small = SMALL.get(index).filter(|small| !small.is_empty() && takes_gzip(request.headers()));
    let etag = if small.is_some() { format!("\"{hash}-gzip\"") } else { format!("\"{hash}\"") };
    let kept =
        if request.query_string() == hash { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|known| known == etag.as_str());
    let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header((header::CACHE_CONTROL, kept))
        .insert_header((header::ETAG, etag))
        .insert_header((header::VARY, "accept-encoding"));
    if known {
        return Ok(answer.finish());
    }
    answer.content_type(FILES[index].kind);
    Ok(match small {
        Some(small) => answer.insert_header((header::CONTENT_ENCODING, "gzip")).body(small.clone()),
        None => answer.body(FILES[index].text),
    })
}

#[cfg(test)]
mod tests {
    use super::{FILES, SMALL, takes_gzip};
    use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
    use std::io::Read as _;

    #[test]
    fn what_is_sent_compressed_is_the_file() {
        for (file, small) in FILES.iter().zip(SMALL.iter()) {
            let mut text = String::new();
            flate2::read::GzDecoder::new(&small[..]).read_to_string(&mut text).expect("it is gzip");
            assert_eq!(text, file.text);
        }
    }

    #[test]
    fn only_who_asks_for_gzip_gets_it() {
        let takes = |asked: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(asked));
            takes_gzip(&headers)
        };
        for asked in ["gzip", "br, GZIP;q=0.5", "gzip ; q=1, *"] {
            assert!(takes(asked), "{asked}");
        }
        for asked in ["", "br", "gzip;q=0", "gzip; q=0.0", "xgzip", "*;q=0, identity"] {
            assert!(!takes(asked), "{asked}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
