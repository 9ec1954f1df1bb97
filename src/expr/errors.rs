//! Rhai's errors in plain words, with byte offsets. Used by `engine` and `scripts`.

use super::value::kind_of_type;
use super::{EvalError, SyntaxError};
use rhai::{EvalAltResult, LexError, ParseError, ParseErrorType, Position};

/// The byte offset of a position; the end of the text where rhai knows none.
pub(super) fn offset_of(text: &str, at: Position) -> usize {
    position_offset(text, at).unwrap_or_else(|| text.trim_end().len())
}

fn position_offset(text: &str, at: Position) -> Option<usize> {
    let line = at.line()?;
    let column = at.position().unwrap_or(1).max(1);
    let start = match line {
        1 => 0,
        _ => text.match_indices('\n').nth(line - 2)?.0 + 1,
    };
    let rest = text[start..].split('\n').next()?;
    Some(start + rest.char_indices().nth(column - 1).map_or(rest.len(), |(at, _)| at))
}

/// What can't be read.
pub(super) fn syntax(text: &str, error: &ParseError) -> SyntaxError {
    let offset = offset_of(text, error.position());
    let (message, hint) = parse_words(error.err_type());
    let (message, hint) = match foreign(text, offset) {
        Some((word, hint)) => (format!("`{word}` means nothing here."), Some(hint)),
        None => (message, hint),
    };
    SyntaxError { message, offset, hint: hint.map(str::to_owned) }
}

/// Words and signs of other languages that stand where the parser gave up, or right before.
fn foreign(text: &str, offset: usize) -> Option<(&'static str, &'static str)> {
    const WORDS: [(&str, &str); 3] = [
        ("and", "write `&&`: both must be true"),
        ("or", "write `||`: one of them must be true"),
        ("not", "write `!` right before what must not be true, such as `!present(booking.note)`"),
    ];
    let rest = text.get(offset..)?;
    let before = text.get(..offset)?.trim_end();
    let at = |word: &str| {
        let follows = rest.strip_prefix(word).is_some_and(|after| !after.starts_with(is_word));
        let leads = before.strip_suffix(word).is_some_and(|first| !first.ends_with(is_word));
        follows || leads
    };
    let choice = rest.starts_with('?') && !rest.starts_with("?.") && rest.contains(':');
    let choice = choice.then_some((
        "?",
        "a choice is written `if booking.receipt_total > 0 { \"paid\" } else { \"free\" }`",
    ));
    WORDS.into_iter().find(|(word, _)| at(word)).or(choice)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn parse_words(error: &ParseErrorType) -> (String, Option<&'static str>) {
    match error {
        ParseErrorType::UnexpectedEOF => {
            ("The expression ends too early.".into(), Some("close what is open: a bracket, a quote"))
        }
        ParseErrorType::BadInput(LexError::UnterminatedString) => {
            ("A text that begins here is never closed.".into(), Some("close it with `\"`"))
        }
        ParseErrorType::BadInput(LexError::MalformedChar(text)) => (
            format!("`'{text}'` is no text: single quotes hold one character."),
            Some("write texts in double quotes: \"…\""),
        ),
        ParseErrorType::BadInput(LexError::UnexpectedInput(input)) => {
            (format!("`{input}` means nothing here."), None)
        }
        ParseErrorType::BadInput(LexError::ImproperSymbol(symbol, _)) => {
            let hint = match symbol.as_str() {
                "===" => Some("write `==`"),
                "!==" => Some("write `!=`"),
                "->" | "=>" => Some("a closure is written `|x| …`"),
                _ => None,
            };
            (format!("`{symbol}` means nothing here."), hint)
        }
        ParseErrorType::BadInput(error) => (sentence(&error.to_string()), None),
        ParseErrorType::Reserved(word) => match word.as_str() {
            "default" => (
                "`default` is a word that the language keeps for itself.".into(),
                Some("write default_to(value, fallback); a key of that name is read as [\"default\"]"),
            ),
            "null" | "nil" | "void" => (
                format!("`{word}` is not known here; nothing is written `()`."),
                Some("test with present(x), or compare with `()`"),
            ),
            "eval" | "print" | "debug" => (format!("`{word}` is not available here."), None),
            _ => (
                format!("`{word}` is a word that the language keeps for itself."),
                Some("a key of that name is read in brackets: x[\"name\"] rather than x.name"),
            ),
        },
        ParseErrorType::MissingToken(token, what) => {
            let what = what.trim();
            let hint = match token.as_str() {
                ";" => Some("a text needs quotes, and two values need an operator between them, such as `+`"),
                _ => None,
            };
            (format!("`{token}` is missing here{}{what}.", if what.is_empty() { "" } else { " " }), hint)
        }
        ParseErrorType::AssignmentToInvalidLHS(_) | ParseErrorType::AssignmentToConstant(_) => {
            ("Nothing can be assigned to this.".into(), Some("compare with `==`"))
        }
        ParseErrorType::ExprTooDeep => {
            ("The expression is nested too deep.".into(), Some("move a part of it to a function in lib/"))
        }
        ParseErrorType::PropertyExpected => ("A name must follow the dot.".into(), None),
        ParseErrorType::MalformedIndexExpr(_) => (
            "This can't stand between the brackets.".into(),
            Some("a list takes a number, a map a text in double quotes"),
        ),
        ParseErrorType::FnDuplicatedDefinition(name, _) => {
            (format!("The function `{name}` is here a second time."), Some("keep one of the two"))
        }
        other => (sentence(&other.to_string()), None),
    }
}

/// Rhai's own words as a sentence.
fn sentence(words: &str) -> String {
    let words = words.trim().trim_end_matches(['.', '!']).replace('\'', "`");
    let mut chars = words.chars();
    let first: String = chars.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

/// Why an evaluation failed. `faults` says what is wrong with the paths that could not be read, by the
/// names that they have in the rewritten expression.
pub(super) fn evaluation(text: &str, error: &EvalAltResult, faults: &[(String, usize, String)]) -> EvalError {
    let place = error.position();
    let mut inner = error;
    let mut within = String::new();
    loop {
        let (name, source, cause) = match inner {
            EvalAltResult::ErrorInFunctionCall(name, source, cause, _) => {
                (name.as_str(), source.as_str(), cause)
            }
            EvalAltResult::ErrorInModule(_, cause, _) => ("", "", cause),
            _ => break,
        };
        if within.is_empty() && !name.is_empty() && !name.starts_with("anon$") {
            let line = cause.position().line().map_or_else(String::new, |line| format!(", line {line}"));
            let file = if source.is_empty() { String::new() } else { format!(" of {source}") };
            within = format!("In `{name}`{file}{line}: ");
        }
        inner = cause;
    }
    let place = if place.is_none() { inner.position() } else { place };
    if let EvalAltResult::ErrorVariableNotFound(name, _) = inner
        && let Some((_, at, fault)) = faults.iter().find(|(known, ..)| known == name)
    {
        return EvalError { message: format!("{within}{fault}."), offset: Some(*at) };
    }
    EvalError { message: format!("{within}{}", words(inner)), offset: position_offset(text, place) }
}

fn words(error: &EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorTooManyOperations(_) => {
            "The expression took too many operations and was stopped; is there a loop without an end?".into()
        }
        EvalAltResult::ErrorTerminated(..) => "The expression took too long and was stopped.".into(),
        EvalAltResult::ErrorStackOverflow(_) => {
            "Functions call each other too deep; does one call itself without an end?".into()
        }
        EvalAltResult::ErrorDataTooLarge(what, _) => {
            let what = what.to_lowercase();
            let what = what.trim_start_matches("length of ").trim_start_matches("size of ");
            format!("A {} grew too large and the expression was stopped.", kind_of_size(what))
        }
        EvalAltResult::ErrorTooManyVariables(_) => "There are too many variables.".into(),
        EvalAltResult::ErrorTooManyModules(_) => "There are too many imports.".into(),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => not_for_these(signature),
        EvalAltResult::ErrorDotExpr(message, _) => property(message),
        EvalAltResult::ErrorPropertyNotFound(name, _) | EvalAltResult::ErrorVariableNotFound(name, _) => {
            format!("There is no `{name}` here.")
        }
        EvalAltResult::ErrorModuleNotFound(name, _) => format!("There is no script `{name}` in lib/."),
        EvalAltResult::ErrorMismatchDataType(wanted, found, _) if !wanted.is_empty() => {
            format!("{} is needed here, and this is {}.", capital(kind_of_type(wanted)), kind_of_type(found))
        }
        EvalAltResult::ErrorMismatchDataType(_, found, _) => {
            format!("A value of another kind is needed here, and this is {}.", kind_of_type(found))
        }
        EvalAltResult::ErrorIndexingType(types, _) => {
            let of = types.split(" [").next().unwrap_or_default();
            format!("{} can't be read with brackets.", capital(kind_of_type(of)))
        }
        EvalAltResult::ErrorStringBounds(length, index, _) => {
            format!("There is no character {index} in a text of {length}.")
        }
        EvalAltResult::ErrorFor(_) => "This can't be gone through with `for`; a list or a range can.".into(),
        EvalAltResult::ErrorDataRace(..) => {
            "A function given to a method reads the very list that the method works on; copy one of them to a \
             name of its own first."
                .into()
        }
        EvalAltResult::ErrorAssignmentToConstant(name, _) => format!("`{name}` can't be changed."),
        EvalAltResult::ErrorArithmetic(message, _) => arithmetic(message),
        EvalAltResult::ErrorRuntime(value, _) if value.is_string() => sentence(&value.to_string()),
        EvalAltResult::ErrorRuntime(value, _) => sentence(&format!("the script threw {value}")),
        other => {
            let mut other = other.to_string();
            if let Some(at) = other.find(" (line ") {
                other.truncate(at);
            }
            sentence(&other)
        }
    }
}

fn kind_of_size(what: &str) -> &'static str {
    if what.contains("string") {
        "text"
    } else if what.contains("map") {
        "map"
    } else {
        "list"
    }
}

fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// `+ (array, i64)`: a function that is known, but not for values of these kinds.
fn not_for_these(signature: &str) -> String {
    let (name, types) = signature.split_once(" (").unwrap_or((signature, ""));
    let kinds: Vec<&str> = types
        .strip_suffix(')')
        .unwrap_or(types)
        .split(", ")
        .filter(|name| !name.is_empty())
        .map(|name| kind_of_type(name.split(" | ").next().unwrap_or(name)))
        .collect();
    if kinds.is_empty() {
        return format!("There is no function `{name}` without arguments.");
    }
    let operator = !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    match (operator, kinds.as_slice()) {
        (true, [one, other]) => format!("`{name}` can't be used between {one} and {other}."),
        (true, [one]) => format!("`{name}` can't be used on {one}."),
        _ => format!("`{name}` can't be used on {}.", kinds.join(" and ")),
    }
}

/// `Unknown property 'x' - a getter is not registered for type 'string'`.
fn property(message: &str) -> String {
    let mut quoted = message.split('\'').skip(1).step_by(2);
    match (quoted.next(), quoted.next()) {
        (Some(name), Some(of)) => format!("{} has no `.{name}`.", capital(kind_of_type(of))),
        _ => sentence(message),
    }
}

fn arithmetic(message: &str) -> String {
    let lower = message.to_lowercase();
    if lower.contains("zero") {
        "Something is divided by zero.".into()
    } else if lower.contains("overflow") {
        "A number grew too large.".into()
    } else {
        sentence(message)
    }
}
