//! Reads `walk:` of a manifest's source side.

use super::action_read::read_call;
use super::manifest::{Verified, read_verified};
use super::pattern::Dotted;
use super::templates::Compiling;
use super::walk::{Gives, Pages, Span, WalkLevel, WalkSpec};
use crate::document::{Diagnostic, Fields, Node, Place, Yaml};
use crate::expr::Engine;

/// Levels of a tree.
const LEVELS_MAX: usize = 8;
/// Items of a page.
const PAGE_MAX: u64 = 5_000;
const DAY_MS: u128 = 86_400_000;

/// What the parts of a walk are read with.
struct Reading<'r> {
    file: &'r str,
    engine: &'r Engine,
    verified: Verified,
}

/// Reads `walk:`. `None` where nothing usable is left.
pub(super) fn read_walk(
    file: &str,
    node: &Node,
    verified: Verified,
    engine: &Engine,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<WalkSpec> {
    let mut fields = Fields::new(file, "a walk", node, diagnostics);
    let own_verified = fields.text("verified");
    let kind = fields.text("kind").unwrap_or_else(|| "booking".to_owned());
    let by = fields.node("by");
    let levels = fields.node("levels");
    let place = fields.place();
    fields.finish();
    let verified = read_verified(file, own_verified.as_deref(), place, diagnostics).unwrap_or(verified);
    let by = read_by(file, by, place, diagnostics);
    let items = match levels.map(|levels| &levels.yaml) {
        Some(Yaml::List(items)) if (1..=LEVELS_MAX).contains(&items.len()) => items.as_slice(),
        _ => {
            let message = format!("A walk has a list of `levels`, one to {LEVELS_MAX}.");
            diagnostics.push(
                Diagnostic::error(file, Some(levels.map_or(place, |levels| levels.place)), message)
                    .hint("write `levels:` and below it `- as: item` with its `call:` and `each:`"),
            );
            return None;
        }
    };
    let reading = Reading { file, engine, verified };
    let mut names: Vec<String> = ["range", "page", "account"].map(str::to_owned).into();
    let mut read = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let level = read_level(&reading, item, index + 1 == items.len(), &names, diagnostics)?;
        if names.contains(&level.name) {
            let message = format!("`{}` is taken as a name already.", level.name);
            diagnostics.push(Diagnostic::error(file, Some(item.place), message).hint("choose another `as:`"));
        }
        names.push(level.name.clone());
        read.push(level);
    }
    let (by, at) = by?;
    Some(WalkSpec { kind, by, verified, at, levels: read })
}

/// `by: { what: tour date, at: availability.start_at }`.
fn read_by(
    file: &str,
    node: Option<&Node>,
    place: Place,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(String, Dotted)> {
    let Some(node) = node else {
        diagnostics.push(
            Diagnostic::error(file, Some(place), "The walk does not say what its range of days is about.")
                .hint("write `by: { what: tour date, at: availability.start_at }`"),
        );
        return None;
    };
    let mut fields = Fields::new(file, "the range of a walk", node, diagnostics);
    let what = fields.required_text("what");
    let at = fields.required_text("at");
    fields.finish();
    Some((what?, Dotted::read(file, &at?, node.place, diagnostics)?))
}

fn read_level(
    reading: &Reading<'_>,
    node: &Node,
    last: bool,
    names: &[String],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<WalkLevel> {
    let file = reading.file;
    let mut fields = Fields::new(file, "a level of a walk", node, diagnostics);
    let name = fields.required_text("as");
    let own_verified = fields.text("verified");
    let call = fields.node("call");
    let each = fields.text("each").unwrap_or_default();
    let take = fields.texts("take");
    let account = fields.text("account");
    let span = fields.duration("span");
    let overlap = fields.duration("overlap");
    let pages = fields.node("pages");
    let emit = fields.text("emit");
    let key = fields.text("key");
    let place = fields.place();
    fields.finish();
    let mut wrong = |message: String, hint: &str| {
        diagnostics.push(Diagnostic::error(file, Some(place), message).hint(hint));
    };
    let days = |span: std::time::Duration| {
        let ms = span.as_millis();
        ms.is_multiple_of(DAY_MS).then_some((ms / DAY_MS) as i64)
    };
    let span = match (span.map(days), overlap.map(days)) {
        (None, None) => None,
        (Some(Some(days)), overlap) if days > 0 && overlap != Some(None) => {
            Some(Span { days, overlap_days: overlap.flatten().unwrap_or(0) })
        }
        _ => {
            wrong("A range is cut into whole days.".into(), "write `span: 14d`, and beside it `overlap: 1d`");
            None
        }
    };
    let gives = match (emit.as_deref(), last) {
        (None, false) => Some(Gives::Places),
        (Some("document"), true) => Some(Gives::Documents),
        (Some("key"), true) => None,
        (Some("key" | "document"), false) => {
            wrong("Only the last level emits something.".into(), "move `emit:` to the last level");
            return None;
        }
        (None, true) => {
            wrong(
                "The last level does not say what it emits.".into(),
                "write `emit: key` with `key: uuid`, or `emit: document`",
            );
            return None;
        }
        (Some(other), _) => {
            wrong(format!("`emit` is never `{other}`."), "it is `key` or `document`");
            return None;
        }
    };
    if let Some(account) = &account
        && !take.iter().any(|(path, _)| last_name(path) == account)
    {
        wrong(format!("The account `{account}` is not among what is taken."), "name it in `take:` too");
    }
    let mut dotted = |text: &str| Dotted::read(file, text, node.place, diagnostics);
    let gives = match (gives, key) {
        (Some(gives), None) => gives,
        (None, Some(key)) => Gives::Keys(dotted(&key)?),
        (Some(_), Some(_)) => {
            let message = "Only a level with `emit: key` has a `key`.";
            diagnostics.push(Diagnostic::error(file, Some(node.place), message).hint("take the line out"));
            return None;
        }
        (None, None) => {
            let message = "The level emits keys and does not say where they are.";
            diagnostics.push(Diagnostic::error(file, Some(node.place), message).hint("write `key: uuid`"));
            return None;
        }
    };
    let take: Option<Vec<(String, Dotted)>> =
        take.iter().map(|(path, _)| Some((last_name(path).to_owned(), dotted(path)?))).collect();
    let each = pointer_of(file, "each", &each, node.place, diagnostics)?;
    let pages = match pages {
        Some(pages) => Some(read_pages(file, pages, diagnostics)?),
        None => None,
    };
    let Some(call) = call else {
        diagnostics.push(
            Diagnostic::error(file, Some(node.place), "The level has no `call`.")
                .hint("write `call: { method: GET, path: /items/ }`"),
        );
        return None;
    };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let compiling = Compiling { file, engine: reading.engine, names: &names };
    let call = read_call(compiling, "a call of a walk", call, diagnostics)?;
    let verified =
        read_verified(file, own_verified.as_deref(), node.place, diagnostics).unwrap_or(reading.verified);
    Some(WalkLevel { name: name?, verified, call, each, take: take?, account, span, pages, gives })
}

fn read_pages(file: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Pages> {
    let mut fields = Fields::new(file, "pages of a walk", node, diagnostics);
    let size = fields.count("size");
    let after = fields.text("after");
    let count = fields.text("count");
    fields.finish();
    let Some(size) = size.filter(|size| (1..=PAGE_MAX).contains(size)) else {
        let message = format!("`size` of a page is a number from 1 to {PAGE_MAX}.");
        diagnostics.push(Diagnostic::error(file, Some(node.place), message).hint("write `size: 200`"));
        return None;
    };
    let after = match after {
        Some(after) => Some(Dotted::read(file, &after, node.place, diagnostics)?),
        None => None,
    };
    let count = match count {
        Some(count) => Some(pointer_of(file, "count", &count, node.place, diagnostics)?),
        None => None,
    };
    Some(Pages { size: size as i64, after, count })
}

/// The name that a path's value goes by.
fn last_name(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn pointer_of(
    file: &str,
    key: &str,
    pointer: &str,
    place: Place,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<String> {
    if pointer.is_empty() || pointer.starts_with('/') {
        return Some(pointer.to_owned());
    }
    let way_out = format!("write `{key}: /{}`", pointer.replace('.', "/"));
    let message = format!("`{key}: {pointer}` is no JSON pointer.");
    diagnostics.push(Diagnostic::error(file, Some(place), message).hint(way_out));
    None
}
