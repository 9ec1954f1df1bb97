//! Which functions there are, with how many arguments: ours, the folder's scripts', and rhai's own.

use super::super::SyntaxError;
use super::catalogue;
use crate::document::suggest;
use std::collections::{BTreeMap, BTreeSet};

/// The functions that an expression may call.
#[derive(Clone, Default)]
pub(in super::super) struct Known {
    /// Numbers of arguments, the receiver of a method counted.
    native: BTreeMap<String, BTreeSet<usize>>,
    /// Numbers of parameters, with the file; the receiver of a method is `this` and not counted.
    scripts: BTreeMap<String, BTreeMap<usize, String>>,
}

/// Functions of the language itself.
const BUILT_IN: &[(&str, std::ops::RangeInclusive<usize>)] =
    &[("type_of", 1..=1), ("Fn", 1..=1), ("call", 1..=20), ("curry", 2..=20), ("is_shared", 1..=1)];

impl Known {
    /// What the engine knows.
    pub fn of(engine: &rhai::Engine) -> Self {
        let mut known = Self::default();
        let all = engine.collect_fn_metadata(
            None,
            |function| Some((function.metadata.name.to_string(), function.metadata.num_params)),
            true,
        );
        for (name, arguments) in all {
            let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic()) && !name.contains('$');
            if is_name && name != "print" && name != "debug" {
                known.native.entry(name).or_default().insert(arguments);
            }
        }
        for (name, arguments) in BUILT_IN {
            known.native.entry((*name).to_owned()).or_default().extend(arguments.clone());
        }
        known
    }

    /// Adds a script's function; the file that has it already, if one does.
    pub fn add_script(&mut self, name: &str, parameters: usize, file: &str) -> Option<String> {
        let arities = self.scripts.entry(name.to_owned()).or_default();
        if let Some(other) = arities.get(&parameters).filter(|other| *other != file) {
            return Some(other.clone());
        }
        arities.insert(parameters, file.to_owned());
        None
    }

    /// The same with functions that only one script sees.
    pub fn with_private(&self, own: &[(String, usize)]) -> Self {
        let mut known = self.clone();
        for (name, parameters) in own {
            known.scripts.entry(name.clone()).or_default().entry(*parameters).or_default();
        }
        known
    }

    /// Whether a script has a function of that name.
    pub fn is_script(&self, name: &str) -> bool {
        self.scripts.contains_key(name)
    }

    /// Whether there is a function of that name.
    pub fn has(&self, name: &str) -> bool {
        self.native.contains_key(name) || self.scripts.contains_key(name)
    }

    /// Checks one call.
    pub fn check(
        &self,
        name: &str,
        arguments: usize,
        method: bool,
        offset: usize,
    ) -> Result<(), SyntaxError> {
        let counted = arguments + usize::from(method);
        let native = self.native.get(name);
        let scripts = self.scripts.get(name);
        if native.is_some_and(|counts| counts.contains(&counted))
            || scripts.is_some_and(|counts| counts.contains_key(&arguments))
        {
            return Ok(());
        }
        if native.is_none() && scripts.is_none() {
            return Err(self.unknown(name, offset));
        }
        let mut counts: BTreeSet<usize> = native.cloned().unwrap_or_default();
        counts.extend(scripts.into_iter().flat_map(BTreeMap::keys).map(|count| count + usize::from(method)));
        let ours = catalogue().iter().find(|function| function.name == name);
        if let Some(function) = ours.filter(|_| scripts.is_none()) {
            counts = (function.arity.0..=function.arity.1).collect();
        }
        let here = if counted == 1 { "1 is here".to_owned() } else { format!("{counted} are here") };
        let error = SyntaxError::new(format!("`{name}` takes {}, and {here}.", count(&counts)), offset);
        Err(match ours {
            Some(function) => error.hint(format!("{}: {}", function.signature(), function.about)),
            None if method => error.hint("the value before the dot counts as the first argument"),
            None => error,
        })
    }

    fn unknown(&self, name: &str, offset: usize) -> SyntaxError {
        let error = SyntaxError::new(format!("There is no function `{name}`."), offset);
        let ours = catalogue().iter().map(|function| function.name);
        let scripts = self.scripts.keys().map(String::as_str);
        let near = suggest(name, scripts.chain(ours))
            .or_else(|| suggest(name, self.native.keys().map(String::as_str)));
        let Some(near) = near else {
            return error.hint("own functions are written in lib/NAME.rhai");
        };
        match catalogue().iter().find(|function| function.name == near) {
            Some(function) => error.hint(format!("did you mean `{}`?", function.signature())),
            None => error.hint(format!("did you mean `{near}`?")),
        }
    }
}

/// `2 to 4 arguments`, `1 argument`, `2 or 5 arguments`.
fn count(counts: &BTreeSet<usize>) -> String {
    let all: Vec<usize> = counts.iter().copied().collect();
    match all.as_slice() {
        [1] => "1 argument".to_owned(),
        [one] => format!("{one} arguments"),
        [first, .., last] if last - first + 1 == all.len() && all.len() > 2 => {
            format!("{first} to {last} arguments")
        }
        _ => {
            let words: Vec<String> = all.iter().map(ToString::to_string).collect();
            format!("{} arguments", words.join(" or "))
        }
    }
}
