//! Tests of the language as a whole.

use super::{Engine, Limits, Scope, Scripts, SyntaxError, Template, with_deadline};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;

const NAMES: &[&str] = &["booking", "customer", "steps", "now", "change"];

fn engine_with(lib: &[(&str, &str)]) -> (Engine, Vec<(String, SyntaxError)>) {
    let mut scripts = Scripts::default();
    for (file, text) in lib {
        scripts.lib.insert((*file).to_owned(), (*text).to_owned());
    }
    Engine::build(&scripts, Limits::default())
}

fn engine() -> Engine {
    engine_with(&[]).0
}

fn scope() -> Scope {
    let booking: Value = serde_json::from_str(
        r#"{
            "uuid": "b-1", "pk": 12345678901234567890, "amount": 1.10, "note": null, "paid": true, "count": 5,
            "contact": {"email": "guest1@example.org", "name": "Siobhán"},
            "customers": [{"pk": 1, "type": "Adult"}, {"pk": 2, "type": "Child"}],
            "package": "x", "a b": 7, "empty": ""
        }"#,
    )
    .expect("it is JSON");
    let mut scope = Scope::new();
    scope.set("booking", Arc::new(booking));
    scope.set("steps", Arc::new(json!({"contact": {"id": "77"}})));
    scope.set("now", Arc::new(json!("2026-11-22T10:00:00Z")));
    scope
}

fn said(engine: &Engine, text: &str) -> String {
    let expression = match engine.compile(text, NAMES) {
        Ok(expression) => expression,
        Err(error) => {
            assert!(error.offset <= text.len() && text.is_char_boundary(error.offset), "{error:?}");
            let hint = error.hint.map_or_else(String::new, |hint| format!(" [{hint}]"));
            return format!("syntax at {}: {}{hint}", error.offset, error.message);
        }
    };
    match engine.evaluate(&expression, &scope()) {
        Ok(Ok(value)) => value.to_string(),
        Ok(Err(_)) => "missing".to_owned(),
        Err(error) => match error.offset {
            Some(offset) => format!("error at {offset}: {}", error.message),
            None => format!("error: {}", error.message),
        },
    }
}

fn table(engine: &Engine, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(said(engine, text), *expected, "{text}");
    }
}

#[test]
fn lone_paths_keep_every_digit_and_null_is_not_missing() {
    table(
        &engine(),
        &[
            ("booking.pk", "12345678901234567890"),
            ("booking.amount", "1.10"),
            (" booking.note ", "null"),
            ("booking.absent", "missing"),
            ("booking.absent.len() > 0", "false"),
            ("booking.absent.is_empty()", "true"),
            ("booking.absent.filter(|c| c.pk > 1).map(|c| c.pk)", "missing"),
            ("booking.absent.some(|c| c.pk > 1) || !booking.absent.all(|c| c.pk > 1)", "false"),
            ("booking.absent.split(\",\")", "missing"),
            ("booking.absent.pop()", "error at 15: `pop` can't be used on nothing."),
            ("booking.note.x.y", "missing"),
            ("booking.customers[1].type", "\"Child\""),
            ("booking[\"a b\"]", "7"),
            ("booking.package", "\"x\""),
            ("customer.pk", "missing"),
            ("steps.contact.id", "\"77\""),
            ("booking.uuid.x", "error at 0: `booking.uuid` is a text and has no `.x`."),
        ],
    );
}

#[test]
fn absent_things_are_nothing_also_in_larger_expressions() {
    table(
        &engine(),
        &[
            ("booking.a.b.c == ()", "true"),
            ("booking.a.b == () || present(booking.x.y)", "true"),
            ("booking.note.x == ()", "true"),
            ("booking.customers[9].pk == ()", "true"),
            ("booking.a[0].b[\"c\"] == ()", "true"),
            ("let i = 7; booking.customers[i].pk ?? 3", "3"),
            ("let c = booking.customers[0]; c.x.y.z == ()", "true"),
            ("booking.absent", "missing"),
            ("if booking.paid { booking.absent }", "missing"),
            ("[booking.absent]", "[null]"),
            ("booking.pk + 0", "error at 11: `+` can't be used between a number and a number."),
            ("text(booking.pk)", "\"12345678901234567890\""),
            ("first_of(booking.absent, booking.pk)", "12345678901234567890"),
            ("`id ${booking.pk}`", "\"id 12345678901234567890\""),
            ("3.0", "3.0"),
            ("7 / 2.0", "3.5"),
            ("booking.amount * 2", "2.2"),
            ("'x'", "\"x\""),
            (
                "#{a: [1, 'b', ()], c: booking.contact}",
                "{\"a\":[1,\"b\",null],\"c\":{\"email\":\"guest1@example.org\",\"name\":\"Siobhán\"}}",
            ),
            ("booking.uuid.x == 1", "error at 0: `booking.uuid` is a text and has no `.x`."),
            ("booking.paid || booking.uuid.x == 1", "true"),
            ("let u = booking.uuid; u.x", "error at 24: A text has no `.x`."),
            ("booking.contact.name.len", "7"),
            ("booking.contact.name.len + 0", "7"),
            ("booking.customers.len() == 2", "true"),
            ("1 / 0", "error at 2: Something is divided by zero."),
            (
                "1.0 / 0.0",
                "error: The expression came to a number that is not finite (something was divided by zero, perhaps), which can't be sent or stored.",
            ),
            ("|x| x", "error: The expression came to a function, which can't be sent or stored."),
            ("1..3", "error: The expression came to a range, which can't be sent or stored."),
            ("throw \"no guest\"", "error at 0: No guest."),
            ("\"é\" + [1] - 2", "error at 11: `-` can't be used between a text and a number."),
        ],
    );
}

#[test]
fn closures_may_read_what_the_method_works_on() {
    table(
        &engine(),
        &[
            ("booking.customers.filter(|c| c.type == \"Adult\").len()", "1"),
            ("booking.customers.filter(|c| c.pk > booking.customers[0].pk).map(|c| c.pk)", "[2]"),
            (
                "booking.customers.filter(|c| booking.customers.len() > c.pk).map(|c| { let n = c.pk; n + booking.count })",
                "[6]",
            ),
            (
                "let l = [1, 2]; l.filter(|c| c < l.len())",
                "error: A function given to a method reads the very list that the method works on; copy one of them to a name of its own first.",
            ),
            ("let f = |x| x + booking.count; f.call(3)", "8"),
            ("for c in booking.customers { if c.pk == 2 { return c.type; } }", "\"Child\""),
        ],
    );
}

#[test]
fn paths_are_found_by_the_syntax_tree() {
    let engine = engine();
    let cases: &[(&str, &[&str])] = &[
        ("booking.contact.email", &["booking.contact.email@0+21"]),
        ("present(booking.a.b) && customer.pk == 1", &["booking.a.b@8+11", "customer.pk@24+11"]),
        (
            "if booking.x { booking.y } else { steps.s.id }",
            &["booking.x@3+9", "booking.y@15+9", "steps.s.id@34+10"],
        ),
        (
            "booking.customers.filter(|c| c.pk == booking[\"k\"]).len()",
            &["booking.customers@0+17", "booking[\"k\"]@37+12"],
        ),
        ("let x = booking.a; x.b.c", &["booking.a@8+9"]),
        ("let booking = #{a: 1}; booking.a", &[]),
        ("booking.customers[booking.count].pk", &["booking.customers[…]@0+17", "booking.count@18+13"]),
        ("`${booking.a} é ${customer.b}`", &["booking.a@3+9", "customer.b@19+10"]),
        (
            "switch booking.a { 1 => booking.b, _ => booking.c }",
            &["booking.a@7+9", "booking.b@24+9", "booking.c@40+9"],
        ),
        ("try { booking.a } catch (e) { e }", &["booking.a@6+9"]),
        ("booking.a /* booking.b */ + \"booking.c\"", &["booking.a@0+9"]),
        ("booking\n  .a\n  .b == now", &["booking.a.b@0+17", "now@21+3"]),
    ];
    for (text, expected) in cases {
        let expression = engine.compile(text, NAMES).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let paths: Vec<String> =
            expression.paths().iter().map(|path| format!("{path}@{}+{}", path.at.0, path.at.1)).collect();
        assert_eq!(paths, *expected, "{text}");
    }
    let expression =
        engine.compile("present(booking.a) && booking.customers[booking.count] == ()", NAMES).expect("fine");
    let trace: Vec<String> = expression
        .trace(&scope())
        .into_iter()
        .map(|read| {
            format!(
                "{}={}",
                read.path,
                read.value.map_or("missing".into(), |value| value.to_string().len().to_string())
            )
        })
        .collect();
    assert_eq!(trace, ["booking.a=missing", "booking.customers=49", "booking.count=1"]);
    assert!(expression.reads("booking") && !expression.reads("steps"));
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    let engine = engine_with(&[("lib/names.rhai", "fn shout(x) { x.upper() }")]).0;
    let cases = [
        "bookin.contact.email",
        "present(bookin.contact)",
        "hello",
        "hello world",
        "booking.",
        "booking.contact.email = 1",
        "booking.a + ",
        "(booking.a",
        "\"never closed",
        "'long text'",
        "upcase(booking.a)",
        "frist_of(booking.a)",
        "date(booking.a)",
        "booking.a.date()",
        "shout()",
        "shout(1, 2)",
        "default(booking.a, 1)",
        "booking.a == null",
        "present(booking.package)",
        "booking.a === 1",
        "eval(\"1\")",
        "print(1)",
        "timestamp()",
        "sleep(1)",
        "parse_json(\"{}\")",
        "import \"os\" as os; os::exit()",
        "import \"nmaes\" as n; n::shout(1)",
        "fn f(x) { x } f(1)",
        "global::x",
        "booking.a =",
        "len",
        "",
        "  ",
        "let x = 1; y",
        "ä + 1",
        "this.x",
        "1 2",
        "booking.a and booking.b",
        "booking.a or booking.b",
        "not present(booking.a)",
        "booking.a > 1 ? 2 : 3",
        "booking.a & & booking.b",
        "lookup(\"x\", 1, \"y\")",
        "booking.list[]",
        "#{a: 1,, }",
        "if booking.a 1",
    ];
    let told: Vec<String> = cases.iter().map(|text| format!("{text}\n  {}", said(&engine, text))).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn scripts_of_the_folder_are_called_with_and_without_import() {
    let (engine, mistakes) = engine_with(&[
        ("lib/names.rhai", "fn greet(name) { \"Hi \" + first_name(name) + mark() }"),
        ("lib/marks.rhai", "fn mark() { \"!\" }"),
        ("lib/uses.rhai", "import \"names\" as names;\nfn twice(n) { greet(n) + names::greet(n) }"),
    ]);
    assert_eq!(mistakes, []);
    table(
        &engine,
        &[
            ("greet(\"Mary Lee\")", "\"Hi Mary!\""),
            ("import \"names\" as n; n::greet(\"Jo\")", "\"Hi Jo!\""),
            ("twice(\"Jo\")", "\"Hi Jo!Hi Jo!\""),
        ],
    );
}

#[test]
fn mistakes_in_scripts_are_told_with_their_file_and_place() {
    let (engine, mistakes) = engine_with(&[
        ("lib/good.rhai", "fn good(x) { x + 1 }"),
        ("lib/broken.rhai", "fn broken(x) {\n  x +\n}"),
        ("lib/calls.rhai", "fn calls(x) {\n  uper(x)\n}"),
        ("lib/free.rhai", "fn free() { booking.x }"),
        ("lib/again.rhai", "fn good(y) { y }"),
        ("lib/one.rhai", "import \"two\" as two;\nfn a() { 1 }"),
        ("lib/two.rhai", "import \"one\" as one;\nfn b() { 1 }"),
        ("lib/top.rhai", "let x = 0; while true { x += 1; }"),
    ]);
    let told: Vec<String> = mistakes
        .iter()
        .map(|(file, error)| {
            format!("{file} at {}: {} [{}]", error.offset, error.message, error.hint.as_deref().unwrap_or(""))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    assert!(said(&engine, "broken(1)").contains("no function"));
}

#[test]
fn bombs_end_in_an_error() {
    let (engine, mistakes) =
        engine_with(&[("lib/r.rhai", "fn r(x) { r(x + 1) } fn m(x) { m([x]) } fn c(f) { c(|| f) }")]);
    assert_eq!(mistakes, []);
    let bombs = [
        "while true {}",
        "loop { let x = 1; }",
        "r(0)",
        "m([])",
        "c(1)",
        "let s = \"x\"; loop { s += s; }",
        "let s = \"x\"; loop { s = replace(s, \"x\", \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"); }",
        "let a = [1]; loop { a += a; }",
        "let a = []; loop { a = [a]; }",
        "let a = []; loop { a.push(a); }",
        "let a = #{}; loop { a = #{a: a}; }",
        "let a = #{}; let i = 0; loop { a[`k${i}`] = i; i += 1; }",
        "\"x\".pad(1000000000, \"y\")",
        "[].pad(1000000000, 1)",
        "let f = || 1; loop { let g = f; f = || g; }",
        "let f = |g| g.call(g); f.call(f)",
        "let x = 9223372036854775807; x + 1",
        "-9223372036854775808 / -1",
        "let x = -9223372036854775807 - 1; abs(x)",
        "2 ** 200",
        "1 << 1000",
        "let a = []; for i in 0..1000000 { a.push(i); }",
        "let s = \"\"; for i in 0..100000 { s += \"0123456789012345678901234567890123456789\"; }",
        "let s = [1]; s.map(|x| s.map(|y| x))",
        "[3, 1, 2].sort(|a, b| loop {})",
        "(0..100000000000).len",
        "\"a\".split(\"\")",
        "let x = [1,2,3]; x.splice(0, 1, x); x.drain(0..1000000000); x[1000000000]",
        "let x = \"abc\"; x.sub_string(-9223372036854775808, 9223372036854775807)",
        "let x = \"abc\"; x.crop(9223372036854775807, 9223372036854775807)",
        "let x = \"abc\"; x[-9223372036854775807 - 1]",
        "let x = [1]; x[-9223372036854775807 - 1]",
        "range(0, 10, 0)",
        "for i in range(0, 10, 0) { }",
        "for i in range(9223372036854775800, 9223372036854775807, 9223372036854775807) { }",
        "parse_int(\"9\", 99)",
        "0.0 / 0.0",
        "(1.0 / 0.0).to_int()",
        "truncate(\"abc\", -9223372036854775807 - 1)",
        "date_add(\"9999-12-31\", 9, \"years\")",
        "date(9223372036854775807, \"%Y\")",
        "money(\"99999999999999999999999999999999999\", \"USD\")",
        "phone(\"+++++;;;ext=1;phone-context=\")",
    ];
    for bomb in bombs {
        let told = said(&engine, bomb);
        assert!(!told.is_empty(), "{bomb}");
        if (bomb.contains("loop") && !bomb.contains("sort")) || bomb.contains("while") {
            assert!(told.starts_with("error"), "{bomb}: {told}");
        }
    }
    for deep in [
        "(".repeat(5000),
        "-".repeat(5000),
        "[".repeat(5000),
        "x=".repeat(5000),
        "#{a:".repeat(3000),
        "{".repeat(5000),
        "!".repeat(5000),
        "if true {".repeat(3000),
        "a.".repeat(5000),
        "`${".repeat(3000),
        "|x|".repeat(3000),
    ] {
        assert!(said(&engine, &deep).starts_with("syntax"), "{}", &deep[..8]);
    }
    let wide = format!("booking.a{}", " + 1".repeat(5000));
    assert!(said(&engine, &wide).starts_with("syntax"), "a long chain is deep for rhai");
    let chain = format!("booking{}", ".a".repeat(5000));
    assert_eq!(said(&engine, &chain), "missing");
    let _ = said(&engine, &format!("booking{} == ()", ".a()".repeat(5000)));
}

#[test]
fn a_deadline_ends_what_runs_under_it() {
    let (engine, scope) = (engine(), scope());
    let expression = engine.compile("loop {}", NAMES).expect("fine");
    let late = with_deadline(|| true, || engine.evaluate(&expression, &scope));
    assert_eq!(late.expect_err("it is stopped").message, "The expression took too long and was stopped.");
    let quick = engine.compile("1 + 1", NAMES).expect("fine");
    let counted = std::rc::Rc::new(std::cell::Cell::new(0));
    let counter = counted.clone();
    let late = with_deadline(
        move || {
            counter.set(counter.get() + 1);
            counter.get() > 5
        },
        || engine.evaluate(&expression, &scope),
    );
    assert_eq!(late.expect_err("it is stopped").message, "The expression took too long and was stopped.");
    assert_eq!(counted.get(), 6);
    assert_eq!(with_deadline(|| false, || engine.evaluate(&quick, &scope)), Ok(Ok(json!(2))));
    assert_eq!(engine.evaluate(&quick, &scope), Ok(Ok(json!(2))));
}

#[test]
fn conditions_are_true_or_false() {
    let (engine, scope) = (engine(), scope());
    let ask = |text: &str| {
        let expression = engine.compile(text, NAMES).expect("fine");
        engine.condition(&expression, &scope).map_err(|error| error.message)
    };
    assert_eq!(ask("present(booking.contact.email)"), Ok(true));
    assert_eq!(ask("booking.paid"), Ok(true));
    assert_eq!(
        ask("booking.uuid"),
        Err("A condition must come to true or false, and this came to a text.".into())
    );
    assert_eq!(
        ask("booking.absent"),
        Err("A condition must come to true or false, and this came to nothing.".into())
    );
}

fn filled(text: &str) -> String {
    let engine = engine();
    match Template::compile(&engine, text, NAMES) {
        Err(error) => format!("syntax at {}: {}", error.offset, error.message),
        Ok(template) => match template.evaluate(&engine, &scope()) {
            Ok(Ok(value)) => value.to_string(),
            Ok(Err(_)) => "missing".to_owned(),
            Err(error) => format!("error at {:?}: {}", error.offset, error.message),
        },
    }
}

#[test]
fn templates_end_where_a_person_sees_the_end() {
    let cases = [
        ("plain", "\"plain\""),
        ("", "\"\""),
        ("{{ booking.count }}", "5"),
        ("  {{ booking.amount }} ", "1.10"),
        ("{{ booking.note }}", "null"),
        ("{{ booking.absent }}", "missing"),
        ("{{ booking.contact }}", "{\"email\":\"guest1@example.org\",\"name\":\"Siobhán\"}"),
        (
            "a {{ booking.pk }} b {{ booking.paid }} c {{ booking.amount }}",
            "\"a 12345678901234567890 b true c 1.10\"",
        ),
        (
            "x {{ booking.customers }}",
            "\"x [{\\\"pk\\\":1,\\\"type\\\":\\\"Adult\\\"},{\\\"pk\\\":2,\\\"type\\\":\\\"Child\\\"}]\"",
        ),
        (
            "x {{ booking.absent }}",
            "error at Some(5): `booking.absent` is missing, and the text around it needs it; default_to(booking.absent, \"\") would leave it empty.",
        ),
        (
            "x {{ booking.note }}",
            "error at Some(5): `booking.note` is null, and the text around it needs it; default_to(booking.note, \"\") would leave it empty.",
        ),
        ("{{ \"{{\" }}", "\"{{\""),
        ("{{ \"{{\" }}x}}", "\"{{x}}\""),
        ("{{ \"}}\" }}", "\"}}\""),
        ("{{ '}' }}", "\"}\""),
        ("{{ `}} ${booking.count} ${ \"}}\" }` }}", "\"}} 5 }}\""),
        ("{{ #{a: #{b: 1}} }}", "{\"a\":{\"b\":1}}"),
        ("{{ #{a: #{b: 1}}}}", "{\"a\":{\"b\":1}}"),
        ("{{ if booking.paid { 1 } else { 2 } }}", "1"),
        ("{{ 1 /* }} */ }}", "1"),
        ("{{ 1 // why }}", "1"),
        (
            "{{ booking.contact.name }} {{ booking.a",
            "syntax at 27: The `{{` that opens here is never closed.",
        ),
        ("é {{ bookin.a }}", "syntax at 6: There is no `bookin` here."),
        ("{{ }}", "syntax at 2: The expression is empty."),
        ("{ } {booking}", "\"{ } {booking}\""),
        ("{{ booking.uuid.x }} y", "error at Some(3): `booking.uuid` is a text and has no `.x`."),
    ];
    for (text, expected) in cases {
        assert_eq!(filled(text), expected, "{text}");
    }
}

#[test]
fn a_thread_of_a_large_stack_evaluates_by_itself_and_to_the_same() {
    let engine = engine_with(&[("lib/names.rhai", "fn twice(x) { x + x }")]).0;
    let expression = engine.compile("twice(2)", &[]).expect("it compiles");
    let here = engine.evaluate(&expression, &Scope::new());
    let work = move || {
        super::stack_is_large();
        engine.evaluate(&expression, &Scope::new())
    };
    let thread = std::thread::Builder::new().stack_size(super::STACK_BYTES).spawn(work).expect("a thread");
    assert_eq!(thread.join().expect("it ends"), here);
}

#[test]
fn custom_fields_are_found_however_the_booking_is_named() {
    let value =
        json!({ "custom_field_values": [{ "name": "Shoe size", "value": "42" }], "contact": { "a": 1 } });
    let mut scope = Scope::new();
    scope.set("booking", Arc::new(json!({ "first": value, "guests": [value], "text": "x" })));
    for text in [
        "field(booking.first, \"Shoe size\")",
        "field( booking.first , \"shoe size\" )",
        "booking.first.field(\"Shoe size\")",
        "let b = booking.first; field(b, \"Shoe size\")",
        "booking.guests.map(|guest| field(guest, \"Shoe size\"))[0]",
        "field_value(booking.guests[0], \"Shoe size\")",
    ] {
        let engine = engine();
        let expression = engine.compile(text, &["booking"]).expect("it compiles");
        assert_eq!(engine.evaluate(&expression, &scope), Ok(Ok(json!("42"))), "{text}");
    }
}

#[test]
fn the_engine_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Engine>();
    shared::<super::Expression>();
    shared::<Template>();
    shared::<Scope>();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn no_text_makes_the_language_panic(text in "(booking|customer|now|x|let |if |\\{\\{|\\}\\}|\\.|\\[|\\]|\\(|\\)|\"|'|`|\\$\\{|\\{|\\}|#|/\\*|\\*/|//|\\||\\?|!|=|\\+|-|[0-9]|é|\n| |,|;|\\\\){0,14}") {
        thread_local! {
            static ENGINE: Engine = engine();
        }
        ENGINE.with(|engine| {
            let _ = said(engine, &text);
            let template = format!("a {{{{ {text} }}}} {text}");
            if let Ok(template) = Template::compile(engine, &template, NAMES) {
                let _ = template.evaluate(engine, &scope());
            }
            let _ = Template::compile(engine, &text, NAMES).map(|template| template.trace(&scope()));
        });
    }
}
