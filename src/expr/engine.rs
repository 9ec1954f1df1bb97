//! Rhai under limits. Promises: an evaluation ends (operations, depth, sizes, the caller's deadline),
//! never panics, has no side effect, and reads nothing but its scope. Paths are looked up in the JSON
//! itself before rhai runs, each occurrence as a variable of its own, so that absent ones are `()` and
//! only what is read is converted.

use super::errors;
use super::functions::{self, Tables};
use super::paths::{scan, word};
use super::scripts;
use super::syntax::{self, Found};
use super::value::{self, kind, to_json, to_rhai};
use super::{Missing, Outcome, Path, Read, Scope, Segment};
use crate::document::suggest;
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage,
    BasicMathPackage, BasicStringPackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{AST, Dynamic, EvalAltResult, FnPtr, INT, ImmutableString, OptimizationLevel, Position};
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::{Arc, mpsc};

/// What a rules folder brings: `lib/*.rhai` and `tables/*.csv`, path within the folder to text.
#[derive(Clone, Debug, Default)]
pub struct Scripts {
    /// `lib/names.rhai` → its text.
    pub lib: BTreeMap<String, String>,
    /// `tables/tour-codes.csv` → its text.
    pub tables: BTreeMap<String, String>,
}

/// Limits of one evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Operations of one evaluation (200 000).
    pub operations_max: u64,
    /// Depth of calls (32) and of expressions (64).
    pub call_depth_max: usize,
    /// Bytes of one text (1 MiB).
    pub text_bytes_max: usize,
    /// Items of one list or map (10 000).
    pub items_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { operations_max: 200_000, call_depth_max: 32, text_bytes_max: 1 << 20, items_max: 10_000 }
    }
}

/// Depth of one expression; each level takes stack.
const EXPRESSION_DEPTH_MAX: usize = 64;
/// Bytes of one expression: a person's has some hundreds.
const EXPRESSION_BYTES_MAX: usize = 64 << 10;
/// Variables of one evaluation, slots for paths included.
const VARIABLES_MAX: usize = 1_000;
/// Functions of one text, closures included: checking them takes the square of it.
const FUNCTIONS_MAX: usize = 256;
/// Levels of lists and maps within each other: a body of more is unreadable from the start.
const NESTED_MAX: usize = 160;
/// Operations between two looks at the deadline.
const DEADLINE_OPERATIONS: u64 = 128;

/// The engine of one ruleset: functions, the folder's scripts, its tables. Shared between threads.
pub struct Engine {
    rhai: rhai::Engine,
    tables: Arc<Tables>,
    known: functions::Known,
    scripts: Vec<String>,
}

/// A compiled expression.
pub struct Expression {
    text: String,
    paths: Vec<Path>,
    /// `None`: the expression is its one path.
    program: Option<Program>,
}

struct Program {
    ast: AST,
    slots: Vec<Slot>,
    /// It can build values nested as deep as the limits of sizes allow, which takes stack to walk and to
    /// drop.
    deep: bool,
}

/// A variable of the rewritten text that stands for a path.
struct Slot {
    name: String,
    path: Path,
    /// The one key of the map there that is read, where that is known.
    only: Option<&'static str>,
}

/// Where an expression or script can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// One sentence, without a position.
    pub message: String,
    /// Byte offset within the text.
    pub offset: usize,
    /// A way out, where one is known.
    pub hint: Option<String>,
}

impl SyntaxError {
    pub(super) fn new(message: impl Into<String>, offset: usize) -> Self {
        Self { message: message.into(), offset, hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Why an evaluation gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// One sentence.
    pub message: String,
    /// Byte offset within the expression's text, where known.
    pub offset: Option<usize>,
}

impl Engine {
    /// Builds an engine. Mistakes in scripts and tables come as (file, byte offset, error); what is
    /// readable is there.
    pub fn build(scripts: &Scripts, limits: Limits) -> (Self, Vec<(String, SyntaxError)>) {
        let mut mistakes = Vec::new();
        let tables = Arc::new(Tables::read(&scripts.tables, &mut mistakes));
        let mut rhai = raw_engine(limits);
        value::register(&mut rhai);
        functions::register(&mut rhai, &tables, limits.text_bytes_max);
        let mut known = functions::Known::of(&rhai);
        let names = scripts::load(&mut rhai, &scripts.lib, &mut known, &tables, &mut mistakes);
        (Self { rhai, tables, known, scripts: names }, mistakes)
    }

    /// Compiles one expression. Unknown functions and wrong numbers of arguments are errors here, with
    /// did-you-mean. `names` are the names in scope; another free name is an error, with did-you-mean.
    pub fn compile(&self, text: &str, names: &[&str]) -> Result<Expression, SyntaxError> {
        if text.len() > EXPRESSION_BYTES_MAX {
            return Err(SyntaxError::new("The expression is too long.", 0)
                .hint("move a part of it to a function in lib/"));
        }
        if text.trim().is_empty() {
            return Err(SyntaxError::new("The expression is empty.", 0)
                .hint("write a path such as booking.contact.email"));
        }
        if let Some(path) = lone(text, names) {
            return Ok(Expression { text: text.to_owned(), paths: vec![path], program: None });
        }
        let ast = self.rhai.compile(text).map_err(|error| errors::syntax(text, &error))?;
        if let Some(named) = ast.iter_functions().find(|function| !function.name.starts_with("anon$")) {
            let offset = text.find(&format!("fn {}", named.name)).unwrap_or(0);
            return Err(SyntaxError::new(
                format!("The function `{}` can't be made here.", named.name),
                offset,
            )
            .hint("write it in a file of its own, lib/NAME.rhai; all expressions can call it"));
        }
        let found = syntax::walk(&ast);
        let mut paths = self.paths_of(text, &found, names)?;
        scripts::check_calls(text, &found, &self.known, &self.tables)?;
        scripts::check_imports(text, &found, &self.scripts)?;
        paths.sort_by_key(|path| path.at);
        paths.dedup();
        let (rewritten, mut slots) = rewrite(text, &paths);
        if !self.known.is_script("field") && !self.known.is_script("field_value") {
            for slot in &mut slots {
                slot.only = only_key(text, &slot.path);
            }
        }
        let ast = self.rhai.compile(&rewritten).map_err(|error| errors::syntax(text, &error))?;
        let deep = found.repeats || found.calls.iter().any(|call| self.known.is_script(&call.name));
        let deep = deep || !found.imports.is_empty();
        Ok(Expression { text: text.to_owned(), paths, program: Some(Program { ast, slots, deep }) })
    }

    fn paths_of(&self, text: &str, found: &Found, names: &[&str]) -> Result<Vec<Path>, SyntaxError> {
        let mut paths = Vec::new();
        for name in &found.names {
            let offset = errors::offset_of(text, name.at);
            if !names.contains(&name.name.as_str()) {
                let error = SyntaxError::new(format!("There is no `{}` here.", name.name), offset);
                return Err(match suggest(&name.name, names.iter().copied()) {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None if self.known.has(&name.name) => {
                        error.hint(format!("a function is called with its arguments: {}(…)", name.name))
                    }
                    None => error
                        .hint(format!("what can be read here: {}; a text needs quotes", names.join(", "))),
                });
            }
            if name.assigned {
                return Err(SyntaxError::new(format!("`{}` can't be changed here.", name.name), offset)
                    .hint("compare with `==`, or keep a value under a name of your own: let x = …;"));
            }
            if let Some(path) = scan(text, offset).filter(|path| path.root == name.name) {
                paths.push(path);
            }
        }
        Ok(paths)
    }

    /// Evaluates. A lone path is looked up in the JSON itself (so that big numbers survive, null stays
    /// null and missing is missing); from anything else `()` is missing.
    pub fn evaluate(&self, expression: &Expression, scope: &Scope) -> Result<Outcome, EvalError> {
        let Some(program) = &expression.program else {
            let path = &expression.paths[0];
            return match path.resolve(scope) {
                Ok(Some(value)) => Ok(Ok(value.into_owned())),
                Ok(None) => Ok(Err(Missing)),
                Err(message) => Err(EvalError { message: format!("{message}."), offset: Some(path.at.0) }),
            };
        };
        if program.deep {
            return on_a_large_stack(|| self.run(expression, program, scope));
        }
        self.run(expression, program, scope)
    }

    fn run(&self, expression: &Expression, program: &Program, scope: &Scope) -> Result<Outcome, EvalError> {
        let mut faults = Vec::new();
        let mut variables = rhai::Scope::new();
        for slot in &program.slots {
            match slot.path.resolve(scope) {
                Ok(found) => {
                    let value = found.map_or(Dynamic::UNIT, |value| slot.convert(&value));
                    variables.push_dynamic(slot.name.as_str(), value);
                }
                // The name stays unknown, so that only who reads it fails.
                Err(message) => faults.push((slot.name.clone(), slot.path.at.0, message)),
            }
        }
        // Rhai has `unreachable!`s of its own; none is known to be reached.
        let evaluate = || self.rhai.eval_ast_with_scope::<Dynamic>(&mut variables, &program.ast);
        let value = std::panic::catch_unwind(AssertUnwindSafe(evaluate))
            .map_err(|_| EvalError {
                message: "The expression failed within the language itself.".into(),
                offset: None,
            })?
            .map_err(|error| errors::evaluation(&expression.text, &error, &faults))?
            .flatten();
        if value.is_unit() {
            return Ok(Err(Missing));
        }
        to_json(value).map(Ok).map_err(|what| EvalError {
            message: format!("The expression came to {what}, which can't be sent or stored."),
            offset: None,
        })
    }

    /// Evaluates to true or false; anything else is an error that says what it was.
    pub fn condition(&self, expression: &Expression, scope: &Scope) -> Result<bool, EvalError> {
        match self.evaluate(expression, scope)? {
            Ok(Value::Bool(truth)) => Ok(truth),
            other => {
                let what = other.as_ref().map_or("nothing", kind);
                let message = format!("A condition must come to true or false, and this came to {what}.");
                Err(EvalError { message, offset: None })
            }
        }
    }
}

impl Expression {
    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All paths that it reads, by its syntax tree: also those of branches not taken; into arguments of
    /// functions, not inside them. Sorted by place.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// The path, where the expression is nothing else.
    pub fn lone_path(&self) -> Option<&Path> {
        if self.program.is_none() { self.paths.first() } else { None }
    }

    /// Whether it reads the name at all (`change`, `previous`, `now`, `steps`).
    pub fn reads(&self, root: &str) -> bool {
        self.paths.iter().any(|path| path.root == root)
    }

    /// The paths with their values.
    pub fn trace(&self, scope: &Scope) -> Vec<Read> {
        let mut reads: Vec<Read> = Vec::with_capacity(self.paths.len());
        for path in &self.paths {
            let read = path.read(scope);
            if !reads.contains(&read) {
                reads.push(read);
            }
        }
        reads
    }
}

fn raw_engine(limits: Limits) -> rhai::Engine {
    let mut engine = rhai::Engine::new_raw();
    ArithmeticPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicStringPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    BasicIteratorPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    BasicFnPackage::new().register_into_engine(&mut engine);
    engine.disable_symbol("eval").disable_symbol("print").disable_symbol("debug");
    engine.set_optimization_level(OptimizationLevel::None);
    engine
        .set_max_operations(limits.operations_max)
        .set_max_call_levels(limits.call_depth_max)
        .set_max_expr_depths(EXPRESSION_DEPTH_MAX, EXPRESSION_DEPTH_MAX)
        .set_max_string_size(limits.text_bytes_max)
        .set_max_array_size(limits.items_max)
        .set_max_map_size(limits.items_max)
        .set_max_variables(VARIABLES_MAX)
        .set_max_functions(FUNCTIONS_MAX)
        .set_max_modules(64);
    engine.on_progress(|operations| {
        (operations % DEADLINE_OPERATIONS == 0 && expired()).then_some(Dynamic::UNIT)
    });
    #[expect(
        deprecated,
        reason = "it is not deprecated; rhai marks so what may change between its versions"
    )]
    engine.on_var(|name, _, context| {
        let deep = context.scope().get(name).is_some_and(|value| nests_deeper(value, NESTED_MAX));
        if deep { Err(too_deep()) } else { Ok(None) }
    });
    // What is absent has no parts, and asking for them is no error.
    engine.register_indexer_get(|(): &mut (), _: ImmutableString| ());
    engine.register_indexer_get(|(): &mut (), _: INT| ());
    absent_lists(&mut engine);
    engine.on_invalid_array_index(|_, _, _| Ok(Dynamic::UNIT.into()));
    engine
}

/// A list that is absent has no items, so that `booking.payments.len() > 0` is no error where there are no payments.
fn absent_lists(engine: &mut rhai::Engine) {
    engine.register_fn("len", |(): &mut ()| -> INT { 0 });
    engine.register_fn("is_empty", |(): &mut ()| true);
    for name in ["map", "filter", "find"] {
        engine.register_fn(name, |(): &mut (), _: FnPtr| ());
    }
    engine.register_fn("some", |(): &mut (), _: FnPtr| false);
    engine.register_fn("all", |(): &mut (), _: FnPtr| true);
}

/// Whether first items within first items go deeper: what wraps itself again and again, and costs the
/// square of its depth to copy and measure. (What hides its depth better still ends by the limits.)
fn nests_deeper(value: &Dynamic, depth: usize) -> bool {
    let Some(left) = depth.checked_sub(1) else { return true };
    if let Ok(items) = value.as_array_ref() {
        return items.first().is_some_and(|item| nests_deeper(item, left));
    }
    if let Ok(entries) = value.as_map_ref() {
        return entries.values().next().is_some_and(|item| nests_deeper(item, left));
    }
    false
}

#[expect(clippy::unnecessary_box_returns, reason = "rhai boxes its errors")]
fn too_deep() -> Box<EvalAltResult> {
    let message = format!("lists and maps are nested deeper than {NESTED_MAX} levels");
    Box::new(EvalAltResult::ErrorRuntime(message.into(), Position::NONE))
}

/// The path that the whole text is, where its name is in scope.
fn lone(text: &str, names: &[&str]) -> Option<Path> {
    let start = text.len() - text.trim_start().len();
    let path = scan(text, start)?;
    let whole = start + path.at.1 == text.trim_end().len();
    let known = !path.segments.contains(&Segment::Unknown) && names.contains(&path.root.as_str());
    (whole && known).then_some(path)
}

/// Puts a variable in the place of each path, as long as the path was, so that all positions stay what
/// they are. Each occurrence gets its own: rhai would share a captured variable and then refuse to read
/// it while it is worked on.
fn rewrite(text: &str, paths: &[Path]) -> (String, Vec<Slot>) {
    let mut rewritten = String::with_capacity(text.len());
    let mut slots = Vec::with_capacity(paths.len());
    let mut fresh = fresh_names(text);
    let mut copied = 0;
    for path in paths {
        let (start, length) = path.at;
        if start < copied {
            continue;
        }
        let written = &text[start..start + length];
        let path = path.known().into_owned();
        let first_line = written.split('\n').next().unwrap_or(written);
        let name = fresh.next().filter(|name| name.len() <= first_line.chars().count());
        let Some(name) = name else {
            // A name of one or two letters stays itself, read from the root on.
            let root = Path { segments: Vec::new(), ..path };
            slots.push(Slot { name: root.root.clone(), path: root, only: None });
            continue;
        };
        rewritten.push_str(&text[copied..start]);
        rewritten.push_str(&name);
        rewritten.extend(written.chars().skip(name.len()).map(|c| if c == '\n' { '\n' } else { ' ' }));
        copied = start + length;
        slots.push(Slot { name, path, only: None });
    }
    rewritten.push_str(&text[copied..]);
    (rewritten, slots)
}

/// `field(booking, …)` reads the custom fields only, and converting a whole payload for it would cost most.
fn only_key(text: &str, path: &Path) -> Option<&'static str> {
    let (start, length) = path.at;
    let before = text.get(..start)?.trim_end().strip_suffix('(')?.trim_end();
    let name = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
    let after = text.get(start + length..)?.trim_start();
    let before = &before[..before.len() - name.len()];
    let plain = matches!(name, "field" | "field_value") && !before.ends_with(['.', ':']);
    (plain && after.starts_with(',')).then_some("custom_field_values")
}

impl Slot {
    fn convert(&self, value: &Value) -> Dynamic {
        match (self.only, value) {
            (Some(key), Value::Object(entries)) => {
                let kept = entries.get(key).map(|value| (key.into(), to_rhai(value)));
                Dynamic::from_map(kept.into_iter().collect())
            }
            _ => to_rhai(value),
        }
    }
}

/// Short names that do not occur in the text.
fn fresh_names(text: &str) -> impl Iterator<Item = String> {
    let mut taken = std::collections::HashSet::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(length) = word(rest) {
            taken.insert(rest[..length].to_owned());
            rest = &rest[length..];
        } else {
            let mut chars = rest.chars();
            chars.next();
            rest = chars.as_str();
        }
    }
    let letters = || ('a'..='z').chain('A'..='Z');
    let one = letters().map(|letter| format!("_{letter}"));
    let two = letters().flat_map(move |first| letters().map(move |second| format!("_{first}{second}")));
    one.chain(two).filter(move |name| !taken.contains(name))
}

/// Bytes of stack for what may be nested: 20 000 levels of lists and maps, some hundred bytes each to
/// walk or drop.
pub const STACK_BYTES: usize = 64 << 20;

thread_local! {
    static STACK_IS_LARGE: Cell<bool> = const { Cell::new(false) };
}

/// Says that this thread has a stack of `STACK_BYTES` or more, so that no other is needed for what takes much of it.
/// Called once at the beginning of such a thread.
pub fn stack_is_large() {
    STACK_IS_LARGE.with(|large| large.set(true));
}

/// Runs the work on a thread with a large stack (only what is used of it takes memory). It asks this
/// thread for the deadline.
fn on_a_large_stack<T: Send>(work: impl FnOnce() -> Result<T, EvalError> + Send) -> Result<T, EvalError> {
    if STACK_IS_LARGE.with(Cell::get) {
        return work();
    }
    let deadline = DEADLINES.with(|deadlines| deadlines.borrow().last().cloned());
    let failed = |message: &str| EvalError { message: message.to_owned(), offset: None };
    std::thread::scope(|threads| {
        let (ask, asked) = mpsc::sync_channel::<()>(0);
        let (answer, answered) = mpsc::sync_channel::<bool>(0);
        let limited = deadline.is_some();
        let job = move || {
            if !limited {
                drop((ask, answered));
                return work();
            }
            with_deadline(move || ask.send(()).is_err() || answered.recv().unwrap_or(true), work)
        };
        let Ok(handle) = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(threads, job)
        else {
            return Err(failed("There is no thread left to evaluate the expression; it can be tried again."));
        };
        while asked.recv().is_ok() {
            if answer.send(deadline.as_ref().is_some_and(|expired| expired())).is_err() {
                break;
            }
        }
        handle.join().unwrap_or_else(|_| Err(failed("The expression failed within the language itself.")))
    })
}

type Expired = Rc<dyn Fn() -> bool>;

thread_local! {
    /// The deadlines of the work under way on this thread, the innermost last.
    static DEADLINES: RefCell<Vec<Expired>> = const { RefCell::new(Vec::new()) };
}

fn expired() -> bool {
    let deadline =
        DEADLINES.with(|deadlines| deadlines.try_borrow().ok().and_then(|all| all.last().cloned()));
    deadline.is_some_and(|expired| expired())
}

/// Runs `work` so that every evaluation in it on this thread ends with an error once `expired` says so.
/// (The engine itself asks no clock.)
pub fn with_deadline<T>(expired: impl Fn() -> bool + 'static, work: impl FnOnce() -> T) -> T {
    struct Restore;
    impl Drop for Restore {
        fn drop(&mut self) {
            DEADLINES.with(|deadlines| deadlines.borrow_mut().pop());
        }
    }
    DEADLINES.with(|deadlines| deadlines.borrow_mut().push(Rc::new(expired)));
    let _restore = Restore;
    work()
}
