//! The folder's own scripts: `lib/*.rhai`, checked like expressions, callable by all of them with or
//! without `import`. Also the checks of calls and imports that scripts and expressions share.

use super::functions::{Known, Tables, check_literals};
use super::syntax::{self, Found};
use super::{SyntaxError, errors};
use crate::document::suggest;
use rhai::module_resolvers::StaticModuleResolver;
use rhai::{AST, FnAccess, Module, Shared, Stmt};
use std::collections::BTreeMap;

/// A script that can be read.
struct Script {
    file: String,
    name: String,
    ast: AST,
    imports: Vec<String>,
}

/// Loads the scripts into the engine; returns the names that `import` knows.
pub(super) fn load(
    engine: &mut rhai::Engine,
    lib: &BTreeMap<String, String>,
    known: &mut Known,
    tables: &Tables,
    mistakes: &mut Vec<(String, SyntaxError)>,
) -> Vec<String> {
    let mut scripts = Vec::new();
    for (file, text) in lib {
        match engine.compile(text) {
            Ok(mut ast) => {
                ast.set_source(file.as_str());
                let name = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".rhai").to_owned();
                scripts.push(Script { file: file.clone(), name, ast, imports: Vec::new() });
            }
            Err(error) => mistakes.push((file.clone(), errors::syntax(text, &error))),
        }
    }
    for script in &scripts {
        for function in script.ast.iter_functions() {
            if function.name.starts_with("anon$") || function.access == FnAccess::Private {
                continue;
            }
            if let Some(other) = known.add_script(function.name, function.params.len(), &script.file) {
                let text = &lib[&script.file];
                let offset = text.find(&format!("fn {}", function.name)).unwrap_or(0);
                let message = format!("The function `{}` is in {other} already.", function.name);
                mistakes.push((
                    script.file.clone(),
                    SyntaxError::new(message, offset).hint("rename one of the two"),
                ));
            }
        }
    }
    let names: Vec<String> =
        scripts.iter().flat_map(|script| [script.name.clone(), format!("lib/{}", script.name)]).collect();
    scripts.retain_mut(|script| match check(script, &lib[&script.file], known, tables, &names) {
        Ok(imports) => {
            script.imports = imports;
            true
        }
        Err(error) => {
            mistakes.push((script.file.clone(), error));
            false
        }
    });
    bring_in(engine, scripts, lib, mistakes);
    names
}

/// Checks one script; returns what it imports.
fn check(
    script: &Script,
    text: &str,
    known: &Known,
    tables: &Tables,
    names: &[String],
) -> Result<Vec<String>, SyntaxError> {
    let own: Vec<(String, usize)> = script
        .ast
        .iter_functions()
        .map(|function| (function.name.to_owned(), function.params.len()))
        .collect();
    if let Some(other) = script
        .ast
        .statements()
        .iter()
        .find(|statement| !matches!(statement, Stmt::Import(..) | Stmt::Noop(_)))
    {
        let offset = errors::offset_of(text, other.position());
        return Err(SyntaxError::new("Only functions and imports can stand here.", offset)
            .hint("put it inside of a function: fn name() { … }"));
    }
    let mut imports = Vec::new();
    for found in [syntax::walk(&script.ast), syntax::walk_functions(&script.ast)] {
        if let Some(free) = found.names.iter().find(|name| !name.name.contains("::")) {
            let offset = errors::offset_of(text, free.at);
            return Err(SyntaxError::new(format!("There is no `{}` here.", free.name), offset)
                .hint("a function sees its parameters only; hand in what it needs"));
        }
        check_calls(text, &found, &known.with_private(&own), tables)?;
        check_imports(text, &found, names)?;
        imports.extend(found.imports.into_iter().filter_map(|(name, _)| name));
    }
    Ok(imports)
}

/// Makes modules of the scripts, those first that others import.
fn bring_in(
    engine: &mut rhai::Engine,
    mut waiting: Vec<Script>,
    lib: &BTreeMap<String, String>,
    mistakes: &mut Vec<(String, SyntaxError)>,
) {
    let mut resolver = StaticModuleResolver::new();
    engine.set_module_resolver(resolver.clone());
    while !waiting.is_empty() {
        let (ready, later): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|script| script.imports.iter().all(|import| resolver.contains_path(import.as_str())));
        if ready.is_empty() {
            for script in later {
                let error = SyntaxError::new("This script imports something that can't be loaded.", 0)
                    .hint("scripts must not import each other in a circle; functions need no import");
                mistakes.push((script.file, error));
            }
            break;
        }
        for script in ready {
            match Module::eval_ast_as_new(rhai::Scope::new(), &script.ast, engine) {
                Ok(module) => {
                    let module: Shared<Module> = module.into();
                    engine.register_global_module(module.clone());
                    let module = (*module).clone();
                    resolver.insert(script.name.as_str(), module.clone());
                    resolver.insert(format!("lib/{}", script.name), module);
                }
                Err(error) => {
                    let text = &lib[&script.file];
                    let error = errors::evaluation(text, &error, &[]);
                    mistakes.push((script.file, SyntaxError::new(error.message, error.offset.unwrap_or(0))));
                }
            }
        }
        engine.set_module_resolver(resolver.clone());
        waiting = later;
    }
}

/// Unknown functions, wrong numbers of arguments, tables and columns that are not there.
pub(super) fn check_calls(
    text: &str,
    found: &Found,
    known: &Known,
    tables: &Tables,
) -> Result<(), SyntaxError> {
    for call in &found.calls {
        let offset = errors::offset_of(text, call.at);
        known.check(&call.name, call.arguments, call.method, offset)?;
        check_literals(call, tables).map_err(|(error, at)| {
            let offset = at.map_or(offset, |at| errors::offset_of(text, at));
            SyntaxError { offset, ..error }
        })?;
    }
    Ok(())
}

/// Imports of something other than the folder's scripts.
pub(super) fn check_imports(text: &str, found: &Found, names: &[String]) -> Result<(), SyntaxError> {
    for (name, at) in &found.imports {
        let offset = errors::offset_of(text, *at);
        let Some(name) = name else {
            return Err(SyntaxError::new("What is imported must be named by a text.", offset)
                .hint("write import \"names\" as names; for lib/names.rhai"));
        };
        if !names.contains(name) {
            let error = SyntaxError::new(format!("There is no script `{name}` in lib/."), offset);
            return Err(match suggest(name, names.iter().map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean \"{near}\"?")),
                None => error.hint("only the folder's own lib/*.rhai can be imported"),
            });
        }
    }
    Ok(())
}
