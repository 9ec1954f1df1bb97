//! How long Waypost's pages take and what they weigh, for somebody who is signed in: each page is asked for again and again
//! on one connection, the next when the last is there. Times are those of the one who asks, on loopback: they are a little
//! more than the server's own. Called by `run` with few events stored and with many.

use crate::client::{Answer, Connection};
use crate::peer::{Home, Running};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hyper::{Method, Uri};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

/// Of each page, after [`WARM_UP`].
const ASKED: usize = 20;
/// So that statements are prepared and the database's pages are in memory.
const WARM_UP: usize = 3;
/// Of the account that looks. It opens nothing but this home.
const EMAIL: &str = "bench@example.org";
const PASSWORD: &str = "whale and harbour at night";

/// Pages by what they are called here. Those of one booking, event and run are found on the lists.
const PAGES: [(&str, &str); 17] = [
    ("today", "/"),
    ("today, 30 days", "/?of=month"),
    ("bookings", "/bookings"),
    ("bookings of a first name", "/bookings?q=bartholomew"),
    ("bookings of a family name", "/bookings?q=ngugi"),
    ("bookings of a whole name", "/bookings?q=hiroko+tanaka"),
    ("bookings of nobody", "/bookings?q=nobody-of-that-name"),
    ("bookings that need somebody", "/bookings?state=needs-you"),
    ("bookings of a state", "/bookings?status=booked"),
    ("bookings of a state and a name", "/bookings?status=booked&q=smith"),
    ("webhooks", "/events"),
    ("needs you", "/needs-you"),
    ("rules", "/rules"),
    ("a rule", "/rules/guests-to-crm"),
    ("a rule in the editor", "/rules/guests-to-crm/edit"),
    ("connections", "/connections"),
    ("audit log", "/settings/audit"),
];
/// As the bench's guests have it.
const MAIL_ENDS: &str = "@example.com";
/// What one page came to.
#[derive(Debug, Clone, Serialize)]
pub struct Page {
    /// As above.
    pub name: &'static str,
    /// In the middle of all askings.
    pub median_ms: f64,
    /// The longest of them.
    pub most_ms: f64,
    /// With its style sheets, scripts and icons, nothing compressed.
    pub kib: f64,
}

/// Measures all pages of a server that runs.
pub fn measure(bin: &Path, home: &Home, running: &mut Running) -> Result<Vec<Page>> {
    home.add_account(bin, EMAIL, PASSWORD)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let pages = runtime.block_on(Visit::signed_in(&running.pages)?.all());
    running.child.expect_alive()?;
    pages
}

/// Somebody who looks at pages.
struct Visit {
    connection: Connection,
    cookie: String,
    assets: BTreeMap<String, usize>,
}

impl Visit {
    fn signed_in(pages: &str) -> Result<Self> {
        let uri: Uri = pages.parse()?;
        Ok(Self { connection: Connection::new(&uri), cookie: String::new(), assets: BTreeMap::new() })
    }

    async fn ask(&mut self, method: Method, path: &str, body: &str) -> Result<Answer> {
        let mut headers = vec![("cookie", self.cookie.as_str())];
        if method == Method::POST {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
            // As a browser does for a form of our own page.
            headers.push(("sec-fetch-site", "same-origin"));
        }
        let body = Bytes::copy_from_slice(body.as_bytes());
        let answer =
            self.connection.ask(method, path, &headers, body).await.map_err(anyhow::Error::from_boxed)?;
        for cookie in &answer.cookies {
            let pair = cookie.split(';').next().unwrap_or_default();
            let name = pair.split('=').next().unwrap_or_default();
            let others = self
                .cookie
                .split("; ")
                .filter(|kept| !kept.is_empty() && !kept.starts_with(&format!("{name}=")));
            self.cookie = others.chain([pair]).collect::<Vec<_>>().join("; ");
        }
        Ok(answer)
    }

    async fn page(&mut self, path: &str) -> Result<String> {
        let answer = self.ask(Method::GET, path, "").await?;
        ensure!(answer.status == 200, "{path} is answered with {}", answer.status);
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    async fn sign_in(&mut self) -> Result<()> {
        let form = self.page("/sign-in").await?;
        let token = between(&form, "name=\"form_token\" value=\"", '"').context("the form has no token")?;
        let body = format!(
            "form_token={token}&email={}&password={}",
            EMAIL.replace('@', "%40"),
            PASSWORD.replace(' ', "+")
        );
        let answer = self.ask(Method::POST, "/sign-in", &body).await?;
        ensure!(answer.status == 303, "signing in is answered with {}", answer.status);
        // The zone is known, as it is in a browser from its second page on.
        self.cookie.push_str("; zone=Europe/Dublin");
        Ok(())
    }

    async fn all(mut self) -> Result<Vec<Page>> {
        self.sign_in().await?;
        let mut pages = Vec::new();
        for (name, path) in PAGES {
            pages.push(self.measure(name, path).await?);
        }
        let list = addresses(&self.page("/bookings").await?);
        let leads = |to: &'static str, on: &[String]| on.iter().find(|path| path.starts_with(to)).cloned();
        // Few bookings are on one page.
        if let Some(older) = leads("/bookings?", &list) {
            pages.push(self.measure("older bookings", &older).await?);
        }
        let booking = leads("/bookings/bkg_", &list).context("there is no booking")?;
        pages.push(self.measure("a booking", &booking).await?);
        let text = self.page(&booking).await?;
        let on_it = addresses(&text);
        for (name, to) in [("its webhook", "/events/evt_"), ("its run", "/runs/run_")] {
            let found = leads(to, &on_it).with_context(|| format!("{booking} does not lead to {name}"))?;
            pages.push(self.measure(name, &found).await?);
        }
        let mail = mail_in(&text).context("the booking's page shows no e-mail")?;
        pages.push(self.measure("bookings of an e-mail", &format!("/bookings?q={mail}")).await?);
        Ok(pages)
    }

    async fn measure(&mut self, name: &'static str, path: &str) -> Result<Page> {
        let mut took_ms = Vec::with_capacity(ASKED);
        let mut text = String::new();
        for asked in 0..WARM_UP + ASKED {
            let began = Instant::now();
            text = self.page(path).await?;
            if asked >= WARM_UP {
                took_ms.push(began.elapsed().as_secs_f64() * 1_000.0);
            }
        }
        took_ms.sort_by(f64::total_cmp);
        let mut bytes = text.len();
        for asset in addresses(&text).into_iter().filter(|path| path.starts_with("/static/")) {
            let path = asset.split('#').next().unwrap_or_default().to_owned();
            if !self.assets.contains_key(&path) {
                let size = self.page(&path).await?.len();
                self.assets.insert(path.clone(), size);
            }
        }
        let once: BTreeSet<String> =
            addresses(&text).iter().filter_map(|path| path.split('#').next()).map(str::to_owned).collect();
        bytes += once.iter().filter_map(|path| self.assets.get(path)).sum::<usize>();
        Ok(Page {
            name,
            median_ms: took_ms[ASKED / 2],
            most_ms: took_ms[ASKED - 1],
            kib: bytes as f64 / 1_024.0,
        })
    }
}

/// The text between a mark and a character.
fn between<'t>(text: &'t str, mark: &str, end: char) -> Option<&'t str> {
    let rest = &text[text.find(mark)? + mark.len()..];
    rest.split(end).next()
}

/// The first e-mail on a page.
fn mail_in(text: &str) -> Option<&str> {
    let end = text.find(MAIL_ENDS)? + MAIL_ENDS.len();
    let begin =
        text[..end - MAIL_ENDS.len()].rfind(|c: char| !c.is_ascii_alphanumeric() && !".-".contains(c))?;
    Some(&text[begin + 1..end])
}

/// What a page leads to and loads.
fn addresses(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for mark in ["href=\"", "src=\""] {
        let parts = text.split(mark).skip(1);
        all.extend(
            parts
                .filter_map(|part| part.split('"').next())
                .map(|path| path.replace("&amp;", "&").replace("&#38;", "&")),
        );
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{addresses, between, mail_in};

    #[test]
    fn what_a_page_leads_to_is_found() {
        let page = r#"<link href="/static/a.css"><script src="/static/b.js"></script><a href="/x?a=1&amp;b=2">x</a>"#;
        assert_eq!(addresses(page), ["/static/a.css", "/x?a=1&b=2", "/static/b.js"]);
        assert_eq!(between(r#"name="form_token" value="abc">"#, "value=\"", '"'), Some("abc"));
        assert_eq!(mail_in("<p>to guest3.a-b@example.com now"), Some("guest3.a-b@example.com"));
    }
}
