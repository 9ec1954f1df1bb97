//! Walks rhai's syntax tree: which paths are read, which functions are called with how many arguments,
//! which names are nobody's. Knows local variables, parameters of closures and what closures capture.
//! Called by `engine` for expressions and by `scripts` for the functions of `lib/`.

use rhai::{AST, Expr, FnCallExpr, FnPtr, Position, Stmt, StmtBlock};
use std::collections::HashMap;

/// A name that is read and is no local variable.
#[derive(Debug)]
pub(super) struct NameUse {
    pub name: String,
    pub at: Position,
    /// It stands on the left of an assignment.
    pub assigned: bool,
}

/// A call of a function.
#[derive(Debug)]
pub(super) struct Call {
    pub name: String,
    /// The receiver of `x.name(…)` is not counted.
    pub arguments: usize,
    pub method: bool,
    pub at: Position,
    /// Arguments that are texts as they stand, for functions that check them before anything runs.
    pub literals: Vec<Option<(String, Position)>>,
}

/// Everything that one text reads and calls.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub names: Vec<NameUse>,
    pub calls: Vec<Call>,
    pub imports: Vec<(Option<String>, Position)>,
    /// There are loops or closures: what can build values nested without an end.
    pub repeats: bool,
}

/// Walks the statements of a text; the bodies of its closures where they stand.
pub(super) fn walk(ast: &AST) -> Found {
    let mut walker = Walker::new(ast);
    walker.statements(ast.statements());
    walker.found
}

/// Walks the named functions of a text.
pub(super) fn walk_functions(ast: &AST) -> Found {
    let mut walker = Walker::new(ast);
    let named: Vec<_> =
        ast.iter_fn_def().filter(|function| !function.name.starts_with("anon$")).cloned().collect();
    for function in named {
        walker.locals = function.params.iter().map(ToString::to_string).collect();
        let body = walker.body(&function.name, function.params.len());
        walker.statements(&body);
    }
    walker.found
}

struct Walker<'a> {
    ast: &'a AST,
    closures: HashMap<String, Vec<String>>,
    locals: Vec<String>,
    found: Found,
}

impl<'a> Walker<'a> {
    fn new(ast: &'a AST) -> Self {
        let closures = ast
            .iter_fn_def()
            .filter(|function| function.name.starts_with("anon$"))
            .map(|function| {
                (function.name.to_string(), function.params.iter().map(ToString::to_string).collect())
            })
            .collect();
        Self { ast, closures, locals: Vec::new(), found: Found::default() }
    }

    /// The statements of one function: rhai shows bodies only to its own walk over a whole tree.
    fn body(&self, name: &str, parameters: usize) -> Vec<Stmt> {
        let mut alone = self.ast.clone_functions_only();
        alone.retain_functions(|_, _, known, arity| known == name && arity == parameters);
        let mut statements = Vec::new();
        alone.walk(&mut |path: &[rhai::ASTNode]| {
            if let [rhai::ASTNode::Stmt(statement)] = path {
                statements.push((*statement).clone());
            }
            true
        });
        statements
    }

    fn statements(&mut self, statements: &[Stmt]) {
        let outer = self.locals.len();
        for statement in statements {
            self.statement(statement);
        }
        self.locals.truncate(outer);
    }

    fn block(&mut self, block: &StmtBlock) {
        self.statements(block.statements());
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::If(flow, _) | Stmt::While(flow, _) | Stmt::Do(flow, ..) => {
                self.found.repeats |= !matches!(statement, Stmt::If(..));
                self.expression(&flow.expr);
                self.block(&flow.body);
                self.block(&flow.branch);
            }
            Stmt::TryCatch(flow, _) => {
                self.block(&flow.body);
                let outer = self.locals.len();
                if let Expr::Variable(name, ..) = &flow.expr {
                    self.locals.push(name.1.to_string());
                }
                self.block(&flow.branch);
                self.locals.truncate(outer);
            }
            Stmt::For(parts, _) => {
                let (item, counter, flow) = &**parts;
                self.found.repeats = true;
                self.expression(&flow.expr);
                let outer = self.locals.len();
                self.locals.push(item.name.to_string());
                self.locals.extend(counter.iter().map(|counter| counter.name.to_string()));
                self.block(&flow.body);
                self.locals.truncate(outer);
            }
            Stmt::Switch(parts, _) => {
                self.expression(&parts.0);
                for case in &parts.1.expressions {
                    self.expression(&case.lhs);
                    self.expression(&case.rhs);
                }
            }
            Stmt::Var(parts, ..) => {
                self.expression(&parts.1);
                self.locals.push(parts.0.name.to_string());
            }
            Stmt::Assignment(parts) => {
                self.assigned(&parts.1.lhs);
                self.expression(&parts.1.lhs);
                self.expression(&parts.1.rhs);
            }
            Stmt::FnCall(call, at) => self.call(call, *at, false),
            Stmt::Block(block) => self.block(block),
            Stmt::Expr(expression) => self.expression(expression),
            Stmt::BreakLoop(Some(expression), ..) | Stmt::Return(Some(expression), ..) => {
                self.expression(expression);
            }
            Stmt::Import(parts, at) => {
                let name = match &parts.0 {
                    Expr::StringConstant(name, at) => (Some(name.to_string()), *at),
                    _ => (None, *at),
                };
                self.found.imports.push(name);
            }
            _ => {}
        }
    }

    fn assigned(&mut self, target: &Expr) {
        match target {
            Expr::Variable(name, _, at) if !self.is_local(&name.1) => {
                self.found.names.push(NameUse { name: name.1.to_string(), at: *at, assigned: true });
            }
            Expr::Dot(pair, ..) | Expr::Index(pair, ..) => self.assigned(&pair.lhs),
            _ => {}
        }
    }

    fn is_local(&self, name: &str) -> bool {
        self.locals.iter().any(|local| local == name)
    }

    fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::Variable(name, _, at) => {
                if !name.2.is_empty() {
                    let full = format!("{}::{}", name.2, name.1);
                    self.found.names.push(NameUse { name: full, at: name.2.position(), assigned: false });
                } else if !self.is_local(&name.1) {
                    self.found.names.push(NameUse { name: name.1.to_string(), at: *at, assigned: false });
                }
            }
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                parts.iter().for_each(|part| self.expression(part));
            }
            Expr::Map(parts, _) => parts.0.iter().for_each(|(_, value)| self.expression(value)),
            Expr::Stmt(block) => self.captured(block),
            Expr::FnCall(call, at) => self.call(call, *at, false),
            Expr::MethodCall(call, at) => self.call(call, *at, true),
            Expr::Dot(pair, ..) | Expr::Index(pair, ..) => {
                self.expression(&pair.lhs);
                self.expression(&pair.rhs);
            }
            Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
                parts.iter().for_each(|part| self.expression(part));
            }
            Expr::DynamicConstant(value, _) => {
                if let Some(function) = value.read_lock::<FnPtr>() {
                    self.closure(function.fn_name(), 0);
                }
            }
            _ => {}
        }
    }

    /// A block; or a closure with what it captures, which rhai writes as a block that shares the
    /// variables and hands them to the closure as its first parameters. Inside they mean what they mean
    /// outside.
    fn captured(&mut self, block: &StmtBlock) {
        if let [Stmt::Share(_), Stmt::Expr(curry)] = block.statements()
            && let Expr::FnCall(call, _) = &**curry
            && let Some(Expr::DynamicConstant(value, _)) = call.args.first()
            && let Some(function) = value.read_lock::<FnPtr>()
        {
            self.closure(function.fn_name(), call.args.len() - 1);
            return;
        }
        self.block(block);
    }

    fn closure(&mut self, name: &str, captured: usize) {
        self.found.repeats = true;
        let Some(parameters) = self.closures.get(name).cloned() else { return };
        let body = self.body(name, parameters.len());
        let outer = self.locals.len();
        self.locals.extend(parameters.into_iter().skip(captured));
        self.statements(&body);
        self.locals.truncate(outer);
    }

    fn call(&mut self, call: &FnCallExpr, at: Position, method: bool) {
        call.args.iter().for_each(|argument| self.expression(argument));
        if call.is_operator_call() || call.is_qualified() || (!method && self.is_local(&call.name)) {
            return;
        }
        let literals = call
            .args
            .iter()
            .map(|argument| match argument {
                Expr::StringConstant(text, at) => Some((text.to_string(), *at)),
                _ => None,
            })
            .collect();
        let name = call.name.to_string();
        self.found.calls.push(Call { name, arguments: call.args.len(), method, at, literals });
    }
}
