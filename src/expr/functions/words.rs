//! Texts for machines: slugs, digits, plain text of HTML, hashes.

use super::{Context, Function, text_of};
use rhai::Dynamic;
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "slug",
        "text",
        (1, 1),
        slug,
        "small letters and digits with dashes, marks stripped",
        "slug(\"Süd-Tour!\") is \"sud-tour\"",
    ),
    Function::new("digits", "text", (1, 1), digits, "its digits only", "digits(\"AB-12 3\") is \"123\""),
    Function::new(
        "strip_html",
        "text",
        (1, 1),
        strip_html,
        "the text of HTML, without its tags",
        "strip_html(\"<b>a</b> &amp; b\") is \"a & b\"",
    ),
    Function::new(
        "sha256",
        "text",
        (1, 1),
        sha256,
        "its SHA-256 in hexadecimal",
        "sha256(\"a\") begins with \"ca978112\"",
    ),
];

fn slug(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let text = text_of(arguments[0])?;
    let mut slug = String::new();
    for c in text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        match c {
            'ß' => slug.push_str("ss"),
            'æ' => slug.push_str("ae"),
            'ø' => slug.push('o'),
            'ł' => slug.push('l'),
            c if c.is_alphanumeric() => slug.push(c),
            '\'' | '’' => {}
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    Ok(slug.trim_end_matches('-').into())
}

fn digits(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    Ok(text_of(arguments[0])?.chars().filter(char::is_ascii_digit).collect::<String>().into())
}

fn sha256(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let hash = Sha256::digest(text_of(arguments[0])?.as_bytes());
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    Ok(hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect::<String>().into())
}

fn strip_html(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let html = text_of(arguments[0])?;
    let mut plain = String::with_capacity(html.len());
    let mut rest = html.as_str();
    while let Some(open) = rest.find('<') {
        plain.push_str(&rest[..open]);
        let tag = &rest[open + 1..];
        // A `<` that begins no tag is a text's own.
        if !tag.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            plain.push('<');
            rest = tag;
            continue;
        }
        let comment = tag.strip_prefix("!--").and_then(|body| body.find("-->").map(|end| end + 6));
        let Some(end) = comment.or_else(|| tag.find('>').map(|end| end + 1)) else {
            rest = "";
            break;
        };
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_lowercase();
        if matches!(name.as_str(), "br" | "p" | "div" | "li" | "tr" | "ul" | "ol" | "h1" | "h2" | "h3" | "h4")
        {
            plain.push('\n');
        }
        rest = &tag[end..];
        if matches!(name.as_str(), "script" | "style") && !tag.starts_with('/') {
            let close = format!("</{name}");
            rest = find_ignoring_case(rest, &close).map_or("", |at| &rest[at..]);
        }
    }
    plain.push_str(rest);
    let lines: Vec<String> = entities(&plain)
        .lines()
        .map(|line| {
            line.split([' ', '\t', '\r']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
        })
        .filter(|line| !line.is_empty())
        .collect();
    Ok(lines.join("\n").into())
}

fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    bytes.windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted.as_bytes()))
}

fn entities(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let decoded = after.char_indices().take(10).find(|(_, c)| *c == ';').and_then(|(end, _)| {
            let name = &after[..end];
            let c = match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                "nbsp" => ' ',
                "ndash" => '–',
                "mdash" => '—',
                "hellip" => '…',
                "euro" => '€',
                _ => {
                    let code = name.strip_prefix('#')?;
                    let hex = code.strip_prefix(['x', 'X']).map(|hex| u32::from_str_radix(hex, 16));
                    let c = char::from_u32(hex.unwrap_or_else(|| code.parse()).ok()?)?;
                    if c == '\u{a0}' { ' ' } else { c }
                }
            };
            Some((c, end + 1))
        });
        let (c, length) = decoded.unwrap_or(('&', 0));
        plain.push(c);
        rest = &after[length..];
    }
    plain.push_str(rest);
    plain
}
