//! Commands beside a running instance, on ports of its own and in a folder of its own.

use crate::program::{Answered, Running, first_url, rules, run, run_with};
use serde_json::Value;
use std::path::Path;

/// Looks at a question's answer until it is as wanted.
fn until(mut ask: impl FnMut() -> Option<Value>) -> Value {
    for _ in 0..600 {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("it did not come");
}

/// A sandbox CRM, and an instance with the example rules that point at it.
struct Place {
    home: tempfile::TempDir,
    url: String,
    serving: Option<Running>,
    _sandbox: Running,
}

impl Place {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let mut sandbox = Running::start(home.path(), &["sandbox", "--listen", "127.0.0.1:0"]);
        let line = sandbox.line_with("http://");
        let crm = first_url(&line).expect("a URL").trim_end_matches('/').to_owned();
        copy(&rules(), &home.path().join("rules"));
        let file = home.path().join("rules/connections/sandbox-crm.yaml");
        let text = std::fs::read_to_string(&file).expect("the connection");
        std::fs::write(&file, text.replace("http://127.0.0.1:8090", &crm)).expect("the connection");
        let mut place = Self { home, url: String::new(), serving: None, _sandbox: sandbox };
        place.serve();
        place
    }

    fn serve(&mut self) {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--ui-listen", "127.0.0.1:0", "--log", "warn"];
        let mut serving = Running::start(self.home.path(), &serve);
        let line = serving.line_with("webhooks ");
        first_url(&line).expect("a URL").trim_end_matches("/hooks/…").clone_into(&mut self.url);
        serving.line_with("--show-tokens");
        self.serving = Some(serving);
    }

    fn stop(&mut self) {
        let serving = self.serving.take().expect("it is serving");
        assert_eq!(serving.interrupt(), Some(0));
    }

    fn run(&self, arguments: &[&str]) -> Answered {
        run(self.home.path(), arguments)
    }

    fn send(&self, payload: &str) -> String {
        let file = format!("rules/payloads/{payload}");
        let sent = self.run(&["send", &file, "--to", "harbour-tours", "--url", &self.url, "--json"]).fine();
        sent.json()[0]["event"].as_str().expect("the event's id").to_owned()
    }

    fn run_of(&self, event: &str) -> Value {
        until(|| {
            let runs = self.run(&["runs", "--event", event, "--json"]).fine().json();
            runs.into_iter().find(|run| run["state"] == "done" || run["state"] == "skipped")
        })
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file");
        }
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[track_caller]
fn has_keys(value: &Value, wanted: &[&str]) {
    let there = keys(value);
    assert!(wanted.iter().all(|key| there.contains(key)), "{there:?} lacks some of {wanted:?}");
}

#[test]
fn what_was_sent_is_listed_and_explained() {
    let mut place = Place::new();
    let event = place.send("created.json");
    let run = place.run_of(&event);
    has_keys(&run, &["id", "rule", "booking", "item", "state", "verdict", "next_at", "ruleset", "steps"]);
    has_keys(&run["steps"][0], &["id", "use", "state", "attempts", "outputs"]);
    assert_eq!(run["state"], "done");
    assert_eq!(run["steps"][0]["outputs"]["id"], "contact-1");

    let events = place.run(&["events", "--json"]).fine().json();
    has_keys(&events[0], &["id", "position", "source", "received_at", "change"]);
    has_keys(&events[0]["change"][0], &["booking", "kind", "paths", "note"]);
    assert_eq!(events[0]["change"][0]["booking"], run["booking"]);
    let bookings = place.run(&["bookings", "--json"]).fine().json();
    has_keys(&bookings[0], &["connector", "key", "status", "position", "person", "trip"]);
    assert_eq!(bookings[0]["person"]["name"], "Siobhán Ní Bhriain");

    let id = run["id"].as_str().expect("an id");
    let explained = place.run(&["explain", id, "--json"]).fine().json().remove(0);
    let field = explained["fields"].as_array().expect("fields").iter().find(|one| one["field"] == "phone");
    let field = field.expect("the phone number");
    has_keys(field, &["step", "field", "value", "rule", "reads"]);
    assert_eq!(field["rule"]["file"], "guests-to-crm.yaml");
    assert!(field["rule"]["line"].as_u64().is_some_and(|line| line > 1));
    has_keys(&field["reads"][0], &["path", "value"]);
    // The beginning of an id is enough, and people get the same in words.
    let text = place.run(&["explain", &id[..id.len() - 4]]).fine().out;
    assert!(text.contains("email") && text.contains("guest1@example.org"), "{text}");

    let again = place.send("created.json");
    let told = until(|| {
        let told = place.run(&["explain", &again, "--json"]).fine().json().remove(0);
        told["change"].as_array().is_some_and(|changes| !changes.is_empty()).then_some(told)
    });
    assert_eq!(told["change"][0]["kind"], "unchanged");
    let text = place.run(&["explain", &again]).fine().out;
    assert!(text.contains("nothing to send: the same content as the present state"), "{text}");

    let names = place.run(&["runs"]).fine().out + place.run(&["events"]).fine().out.as_str();
    assert!(!names.contains("Bhriain"), "{names}");
    assert_eq!(place.run(&["explain", "run_nothing"]).code, 1);
    assert_eq!(place.run(&["explain", "evt_nothing"]).code, 1);
    place.stop();
}

#[test]
fn people_replay_retry_and_pause() {
    let mut place = Place::new();
    // A node at work notices it within a second; one that starts, at once.
    place.stop();
    place.run(&["pause", "sandbox-crm"]).fine();
    place.serve();
    let event = place.send("created.json");
    let paused = until(|| {
        let runs = place.run(&["runs", "--event", &event, "--json"]).fine().json();
        runs.into_iter().find(|run| run["state"] == "paused")
    });
    place.run(&["resume", "sandbox-crm"]).fine();
    let done = place.run_of(&event);
    assert_eq!(done["id"], paused["id"]);
    let planned = place.run(&["replay", &event, "--json"]).fine().json();
    assert_eq!(planned[0]["runs"].as_array().map(Vec::len), Some(1));
    let refused = place.run(&["retry", done["id"].as_str().expect("an id")]);
    assert_eq!(refused.code, 1, "{}", refused.out);
    let unknown = place.run(&["pause", "sandbox-cmr"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("Did you mean \"sandbox-crm\"?"), "{}", unknown.err);
}

#[test]
fn people_hold_cancel_and_mark_runs_one_by_one_and_all_of_a_group() {
    let mut place = Place::new();
    place.stop();
    place.run(&["pause", "sandbox-crm"]).fine();
    place.serve();
    let event = place.send("created.json");
    let paused = until(|| {
        let runs = place.run(&["runs", "--event", &event, "--json"]).fine().json();
        runs.into_iter().find(|run| run["state"] == "paused")
    });
    let run = paused["id"].as_str().expect("an id").to_owned();
    place.run(&["hold", &run]).fine();
    assert_eq!(place.run(&["hold", &run]).code, 1, "it is held already");
    let causes = place.run(&["causes", "--json"]).fine().json();
    assert_eq!((causes.len(), &causes[0]["code"]), (1, &serde_json::json!("by_hand")), "{causes:?}");
    let key = causes[0]["key"].as_str().expect("a key").to_owned();
    assert!(place.run(&["causes"]).fine().out.contains("1 run needs you"));
    let listed = place.run(&["runs", "--cause", &key, "--json"]).fine().json();
    assert_eq!(listed[0]["id"], run.as_str());
    let plan = place.run(&["retry", "--all", "--cause", &key, "--dry-run", "--json"]).fine().json();
    assert_eq!((&plan[0]["runs"], &plan[0]["first"][0]), (&serde_json::json!(1), &serde_json::json!(run)));
    assert_eq!(place.run(&["done", "run_none", "--note", "x"]).code, 1);
    assert_eq!(place.run(&["done", &run, "--note", " "]).code, 1);
    let cancelled = place.run(&["cancel", "--all", "--cause", &key]).fine();
    assert_eq!(cancelled.out, "1 run cancelled.\n");
    let told = place.run(&["runs", "--event", &event, "--json"]).fine().json();
    assert_eq!(told[0]["state"], "cancelled");
    assert!(place.run(&["causes"]).fine().out.contains("Nothing needs you."));
    assert_eq!(place.run(&["done", &run, "--note", "made it"]).code, 1, "it is cancelled");
    assert_eq!(place.run(&["cancel", &run]).code, 1);
    let wrong: [&[&str]; 5] = [
        &["retry"],
        &["cancel"],
        &["retry", "--cause", &key],
        &["retry", "--all", &run],
        &["retry", "--all", "--cause", "x"],
    ];
    for arguments in wrong {
        assert_eq!(place.run(arguments).code, 2, "{arguments:?}");
    }
}

#[test]
fn a_wrong_token_and_a_dead_address_are_told() {
    let place = Place::new();
    let file = "rules/payloads/created.json";
    let wrong = place.run(&["send", file, "--to", "harbour-tours", "--token", "wrong", "--url", &place.url]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("answered 404"), "{}", wrong.err);
    let near = place.run(&["send", file, "--to", "harbour-tour", "--url", &place.url]);
    assert_eq!(near.code, 2);
    assert!(near.err.contains("Did you mean \"harbour-tours\"?"), "{}", near.err);
    let dead = place.run(&["send", file, "--to", "harbour-tours", "--url", "http://127.0.0.1:1"]);
    assert_eq!(dead.code, 1);
    assert!(dead.err.contains("Nothing answers"), "{}", dead.err);
}

#[test]
fn secrets_are_set_listed_and_removed_and_never_shown() {
    let home = tempfile::tempdir().expect("a folder");
    let home = home.path();
    run_with(home, &["secret", "set", "crm-token"], "s3cret-value\n").fine();
    let listed = run(home, &["secret", "list"]).fine().out;
    assert!(listed.contains("crm-token") && !listed.contains("s3cret"), "{listed}");
    assert_eq!(run(home, &["secret", "list", "--json"]).fine().json()[0]["has_value"], true);
    assert_eq!(run_with(home, &["secret", "set", "crm-token"], "\n").code, 2);
    run(home, &["secret", "rm", "crm-token"]).fine();
    assert_eq!(run(home, &["secret", "rm", "crm-token"]).code, 1);
    run(home, &["backup", "copy.db"]).fine();
    assert_eq!(run(home, &["backup", "copy.db"]).code, 1);
}

#[test]
fn an_empty_place_has_nothing_to_show_and_says_so() {
    let home = tempfile::tempdir().expect("a folder");
    for list in ["events", "runs", "bookings"] {
        let told = run(home.path(), &[list, "--data", "somewhere", "--json"]).fine();
        assert_eq!(told.out, "");
        run(home.path(), &[list, "--data", "somewhere"]).fine();
    }
    let sent = run_with(home.path(), &["send", "-", "--to", "tours", "--data", "somewhere"], "{}");
    assert_eq!(sent.code, 2, "{}", sent.err);
}

#[test]
fn the_doctor_says_what_is_not_well() {
    let place = Place::new();
    let well = place.run(&["doctor"]).fine().out;
    assert!(well.ends_with("All is well.\n"), "{well}");
    let file = place.home.path().join("rules/connections/elsewhere.yaml");
    let text = "connector: http\nbase_url: http://127.0.0.1:1\n\
                auth: { header: Authorization, value: \"Bearer {{ secret }}\", secret: elsewhere }\n";
    std::fs::write(file, text).expect("a file");
    let amiss = place.run(&["doctor", "--json"]);
    assert_eq!(amiss.code, 1);
    let missing = amiss.json().into_iter().find(|one| one["about"] == "connection elsewhere");
    let missing = missing.expect("the connection is told");
    assert_eq!(missing["way_out"], "waypost secret set elsewhere");
}
