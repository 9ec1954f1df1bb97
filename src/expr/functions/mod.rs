//! The functions that rules and manifests may call. They are data: one table per subject, with name,
//! arguments, a line and an example; `check` and the pages show the same. Functions know no clock, file
//! or network. Given nothing (`()`) as their main argument they come to nothing (questions: to false)
//! rather than fail.

mod choices;
mod dates;
mod fields;
mod known;
mod money;
mod names;
mod phones;
mod tables;
mod texts;
mod words;

pub(super) use known::Known;
pub(super) use tables::Tables;

use super::SyntaxError;
use super::syntax::Call;
use super::value::{BigNumber, rhai_kind, to_json};
use rhai::{Dynamic, EvalAltResult, ImmutableString, NativeCallContext, Position};
use std::any::TypeId;
use std::sync::{Arc, OnceLock};

/// One function of the language.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Its arguments as written: `value, format[, zone][, language]`.
    pub arguments: &'static str,
    /// What it is for, in one line.
    pub about: &'static str,
    /// An example with what it comes to.
    pub example: &'static str,
    /// How few and how many arguments it takes.
    arity: (usize, usize),
    /// What it comes to when its main argument is nothing.
    absent: Absent,
    call: Native,
}

type Native = fn(&Context<'_>, &[&Dynamic]) -> Result<Dynamic, String>;

/// What a function comes to when its main argument is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absent {
    Nothing,
    False,
    Asked,
}

/// What functions work with beside their arguments.
struct Context<'a> {
    tables: &'a Tables,
    text_bytes_max: usize,
}

impl Function {
    const fn new(
        name: &'static str,
        arguments: &'static str,
        arity: (usize, usize),
        call: Native,
        about: &'static str,
        example: &'static str,
    ) -> Self {
        Self { name, arguments, about, example, arity, absent: Absent::Nothing, call }
    }

    /// A question: nothing is false.
    const fn question(mut self) -> Self {
        self.absent = Absent::False;
        self
    }

    /// Looks at its argument itself also when that is nothing.
    const fn asked(mut self) -> Self {
        self.absent = Absent::Asked;
        self
    }

    /// `date(value, format[, zone][, language])`.
    pub fn signature(&self) -> String {
        format!("{}({})", self.name, self.arguments)
    }
}

/// All functions, by subject.
pub fn catalogue() -> &'static [Function] {
    static ALL: OnceLock<Vec<Function>> = OnceLock::new();
    ALL.get_or_init(|| {
        [
            choices::FUNCTIONS,
            names::FUNCTIONS,
            phones::FUNCTIONS,
            dates::FUNCTIONS,
            money::FUNCTIONS,
            texts::FUNCTIONS,
            words::FUNCTIONS,
            tables::FUNCTIONS,
            fields::FUNCTIONS,
        ]
        .concat()
    })
}

/// Makes them callable.
pub(super) fn register(engine: &mut rhai::Engine, tables: &Arc<Tables>, text_bytes_max: usize) {
    let text = TypeId::of::<ImmutableString>();
    let character = TypeId::of::<char>();
    for function in catalogue() {
        for count in function.arity.0..=function.arity.1 {
            add(engine, function, &vec![TypeId::of::<Dynamic>(); count], tables, text_bytes_max);
        }
    }
    // Rhai has functions of these names that change a text in its place and come to nothing.
    let instead: [(&str, Vec<TypeId>); 6] = [
        ("trim", vec![text]),
        ("truncate", vec![text, TypeId::of::<rhai::INT>()]),
        ("replace", vec![text, text, text]),
        ("replace", vec![text, text, character]),
        ("replace", vec![text, character, text]),
        ("replace", vec![text, character, character]),
    ];
    for (name, types) in instead {
        if let Some(function) = catalogue().iter().find(|function| function.name == name) {
            add(engine, function, &types, tables, text_bytes_max);
        }
    }
}

fn add(
    engine: &mut rhai::Engine,
    function: &'static Function,
    types: &[TypeId],
    tables: &Arc<Tables>,
    text_bytes_max: usize,
) {
    let tables = tables.clone();
    let call = move |context: NativeCallContext<'_>, arguments: &mut [&mut Dynamic]| {
        // By reference: an argument may be a whole booking. Only what a closure shares must be copied.
        let shared: Vec<Option<Dynamic>> =
            arguments.iter().map(|argument| argument.is_shared().then(|| argument.flatten_clone())).collect();
        let arguments: Vec<&Dynamic> = arguments
            .iter()
            .zip(&shared)
            .map(|(argument, copy)| copy.as_ref().unwrap_or(&**argument))
            .collect();
        run(function, &Context { tables: &tables, text_bytes_max }, &arguments).map_err(|message| {
            let message = format!("`{}`: {message}", function.name);
            Box::new(EvalAltResult::ErrorRuntime(message.into(), context.call_position()))
        })
    };
    engine.register_raw_fn::<Dynamic>(function.name, types, call);
}

fn run(function: &Function, context: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let nothing = arguments.first().is_none_or(|argument| argument.is_unit());
    match function.absent {
        Absent::Nothing if nothing => return Ok(Dynamic::UNIT),
        Absent::False if nothing => return Ok(false.into()),
        _ => {}
    }
    let value = (function.call)(context, arguments)?;
    if value.read_lock::<ImmutableString>().is_some_and(|text| text.len() > context.text_bytes_max) {
        return Err("the text grew too large".to_owned());
    }
    Ok(value)
}

/// Mistakes in arguments that are written out: tables and columns that are not there, formats and zones
/// that are none.
pub(super) fn check_literals(call: &Call, tables: &Tables) -> Result<(), (SyntaxError, Option<Position>)> {
    let mut literals: Vec<Option<(&str, Position)>> = Vec::new();
    literals.extend(call.method.then_some(None));
    literals
        .extend(call.literals.iter().map(|literal| literal.as_ref().map(|(text, at)| (text.as_str(), *at))));
    match call.name.as_str() {
        "lookup" => tables.check(&literals),
        "date" => dates::check(&literals),
        _ => Ok(()),
    }
}

/// An argument as text: numbers by their digits, `true`, a character; lists and maps are refused.
fn text_of(value: &Dynamic) -> Result<String, String> {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return Ok(text.to_string());
    }
    if let Some(big) = value.read_lock::<BigNumber>() {
        return Ok(big.0.to_string());
    }
    if value.is_array() || value.is_map() || value.is_unit() {
        return Err(format!("a text is needed, and this is {}", rhai_kind(value)));
    }
    match to_json(value.clone())? {
        serde_json::Value::String(text) => Ok(text),
        other => Ok(other.to_string()),
    }
}

/// An argument that must be a whole number.
fn whole(value: &Dynamic) -> Result<i64, String> {
    value.as_int().map_err(|_| format!("a whole number is needed, and this is {}", rhai_kind(value)))
}

#[cfg(test)]
mod tests;
