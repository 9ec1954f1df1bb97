//! Publishing: what is written, activated and committed, and what is refused with the folder as it was.

use crate::workshop::{GUESTS, Workshop, ada};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use waypost::app::{Draft, PublishError};

fn with_phone(text: &str) -> String {
    GUESTS.replace("{{ person.phone }}", text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_is_written_at_work_at_once_and_committed_with_the_persons_name() {
    let shop = Workshop::open(0).await.with_git();
    let text = with_phone("{{ booking.contact.phone }}");
    let published = shop.publish("guests.yaml", &text).await.expect("it is published");
    assert_eq!(shop.read("guests.yaml"), text);
    assert_eq!(shop.at_work("guests", "phone").as_deref(), Some("{{ booking.contact.phone }}"));
    assert_eq!(shop.app.active().map(|active| active.hash.clone()), Some(published.ruleset.clone()));
    let commit = published.commit.expect("a commit");
    assert_eq!(
        shop.git(&["log", "-1", "--format=%H %an <%ae> %s"]).trim(),
        format!("{commit} Ada <ada@example.org> Because")
    );
    assert_eq!(shop.git(&["show", "--name-only", "--format=", "HEAD"]).trim(), "guests.yaml");
    let entry = shop.app.store.ruleset_history(None, 1).await.expect("the history").remove(0);
    assert_eq!((entry.note.who.as_str(), entry.note.reason.as_str()), ("Ada", "Because"));
    assert_eq!((entry.note.hash, entry.note.commit), (published.ruleset, Some(commit)));
    // Nothing is left beside the files.
    assert_eq!(shop.git(&["status", "--porcelain"]), "");
    // And the watcher has nothing to add.
    shop.app.look_at_folder().await;
    assert!(shop.app.folder_told().await.diagnostics.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_staged_or_changed_stays_and_no_hook_runs() {
    let shop = Workshop::open(0).await.with_git();
    let ran = shop.rules.join("ran");
    for hook in ["pre-commit", "commit-msg", "prepare-commit-msg", "post-commit", "reference-transaction"] {
        let path = shop.rules.join(".git/hooks").join(hook);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\necho {hook} >> {}\nexit 1\n", ran.display())).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    std::fs::write(
        shop.rules.join(".git/config"),
        format!(
            "{}[core]\n\tfsmonitor = \"touch {}\"\n[commit]\n\tgpgSign = true\n",
            std::fs::read_to_string(shop.rules.join(".git/config")).unwrap(),
            ran.display()
        ),
    )
    .unwrap();
    shop.write("staged.md", "staged by Ben");
    shop.git(&["-c", "core.fsmonitor=false", "add", "staged.md"]);
    let source = shop.read("sources/tours.yaml");
    shop.write("sources/tours.yaml", &format!("{source}# Ben is at it\n"));
    let published = shop.publish("guests.yaml", &with_phone("1")).await.expect("it is published");
    assert!(published.commit.is_some(), "{published:?}");
    assert!(!ran.exists(), "a hook ran: {}", std::fs::read_to_string(&ran).unwrap_or_default());
    assert_eq!(
        shop.git(&["-c", "core.fsmonitor=false", "show", "--name-only", "--format=", "HEAD"]).trim(),
        "guests.yaml"
    );
    let status = shop.git(&["-c", "core.fsmonitor=false", "status", "--porcelain"]);
    assert_eq!(status, " M sources/tours.yaml\nA  staged.md\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_file_in_a_folder_within_a_repository_is_committed_there() {
    let shop = Workshop::open(0).await;
    let above = shop.rules.parent().unwrap().to_owned();
    let git = |arguments: &[&str]| {
        let done = std::process::Command::new("git").current_dir(&above).args(arguments).output().unwrap();
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    git(&["init", "--quiet"]);
    // No commit is there yet at all.
    let published = shop.publish("notes.yaml", GUESTS).await.expect("it is published");
    let commit = published.commit.expect("a commit");
    assert_eq!(git(&["show", "--name-only", "--format=", "HEAD"]).trim(), "rules/notes.yaml");
    let history = shop.app.file_history("notes.yaml").await.expect("the history");
    assert_eq!(history.versions.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [&commit]);
    assert_eq!(
        shop.app.file_version("notes.yaml", &commit).await.expect("a version").as_deref(),
        Some(GUESTS)
    );
    assert!(shop.app.file_version("guests.yaml", &commit).await.expect("no version").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_repository_it_says_so_and_goes_on_and_the_database_has_the_history() {
    let shop = Workshop::open(0).await;
    let published = shop.publish("guests.yaml", &with_phone("1")).await.expect("it is published");
    assert_eq!(published.commit, None);
    assert_eq!(published.no_commit.as_deref(), Some("The rules folder is in no git repository."));
    shop.publish("other.yaml", GUESTS).await.expect("another is published");
    shop.publish("guests.yaml", GUESTS).await.expect("it is published");
    let history = shop.app.file_history("guests.yaml").await.expect("the history");
    assert_eq!(history.without_git.as_deref(), Some("The rules folder is in no git repository."));
    let told: Vec<(&str, &str)> =
        history.versions.iter().map(|one| (one.who.as_str(), one.reason.as_str())).collect();
    assert_eq!(
        told,
        [("Ada", "Because"), ("Ada", "Because"), ("", "")],
        "the other file's publish is none of it"
    );
    let middle = shop.app.file_version("guests.yaml", &history.versions[1].id).await.expect("a version");
    assert_eq!(middle, Some(with_phone("1")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_publish_at_once_one_is_told_of_the_other() {
    let shop = Workshop::open(0).await.with_git();
    let opened = shop.opened("guests.yaml").await;
    let draft =
        |text: &str| Draft { file: "guests.yaml".into(), text: with_phone(text), opened: opened.clone() };
    let (one, other) = tokio::join!(
        shop.app.publish(vec![draft("1")], ada(), "One".into()),
        shop.app.publish(vec![draft("2")], ada(), "Other".into()),
    );
    let (won, lost) = if one.is_ok() { ("1", other) } else { ("2", one) };
    let Err(PublishError::Changed(changed)) = lost else { panic!("{lost:?}") };
    assert_eq!(changed.theirs, Some(with_phone(won)));
    assert_eq!(shop.read("guests.yaml"), with_phone(won));
    assert_eq!(shop.git(&["rev-list", "--count", "HEAD"]).trim(), "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changed_or_went_or_came_since_it_was_opened_is_refused() {
    let shop = Workshop::open(0).await;
    let opened = shop.opened("guests.yaml").await;
    let publish = async |file: &str, opened: Option<String>| {
        let draft = Draft { file: file.into(), text: with_phone("1"), opened };
        shop.app.publish(vec![draft], ada(), "Because".into()).await
    };
    shop.write("guests.yaml", &with_phone("by hand"));
    assert!(matches!(publish("guests.yaml", opened.clone()).await, Err(PublishError::Changed(_))));
    assert_eq!(shop.read("guests.yaml"), with_phone("by hand"));
    assert!(matches!(publish("guests.yaml", None).await, Err(PublishError::Changed(_))), "not new");
    std::fs::remove_file(shop.rules.join("guests.yaml")).unwrap();
    assert!(matches!(publish("guests.yaml", opened).await, Err(PublishError::Changed(_))), "gone");
    assert!(!shop.rules.join("guests.yaml").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_ruleset_is_refused_as_check_says_it_and_nothing_changes() {
    let shop = Workshop::open(0).await.with_git();
    let before = shop.app.active().map(|active| active.hash.clone());
    let broken = GUESTS.replace("from: tours", "from: toors");
    let Err(PublishError::Broken(checked)) = shop.publish("guests.yaml", &broken).await else {
        panic!("refused")
    };
    let told: Vec<String> = checked
        .diagnostics
        .iter()
        .map(|told| waypost::document::render(told, checked.texts.get(&told.file).map(String::as_str)))
        .collect();
    shop.write("guests.yaml", &broken);
    let folder = waypost::workspace::read_folder(&shop.rules).unwrap();
    let report = waypost::cli::check::report(folder, false, &|_| true);
    assert!(told[0].starts_with("guests.yaml:3:7: error:"), "{told:?}");
    assert!(report.text.contains(&told[0]), "{}\n{told:?}", report.text);
    shop.write("guests.yaml", GUESTS);
    // A mistake in another file of the folder, too; and files that are no rules.
    shop.write("other.yaml", "title: [");
    assert!(matches!(shop.publish("guests.yaml", &with_phone("1")).await, Err(PublishError::Broken(_))));
    std::fs::remove_file(shop.rules.join("other.yaml")).unwrap();
    for (file, text) in [
        ("guests.yaml", ""),
        ("guests.test.yaml", "a: 1"),
        ("payloads/a.json", "{"),
        ("connections/crm.yaml", "x: 1"),
    ] {
        let refused = shop.publish(file, text).await;
        assert!(matches!(refused, Err(PublishError::Broken(_))), "{file}: {refused:?}");
    }
    assert_eq!(shop.read("guests.yaml"), GUESTS);
    assert_eq!(shop.app.active().map(|active| active.hash.clone()), before);
    assert_eq!(shop.git(&["status", "--porcelain"]), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_lead_elsewhere_huge_texts_and_no_reason_are_refused() {
    let shop = Workshop::open(0).await;
    for file in [
        "../x.yaml",
        "/tmp/x.yaml",
        ".git/config",
        "a/b.yaml",
        "x\n.yaml",
        "x\0.yaml",
        "..yaml",
        "lib/x.rhai",
    ] {
        let draft = Draft { file: file.into(), text: GUESTS.into(), opened: None };
        let refused = shop.app.publish(vec![draft], ada(), "Because".into()).await;
        assert!(matches!(refused, Err(PublishError::Name(_))), "{file:?}: {refused:?}");
    }
    let huge = format!("{GUESTS}# {}", "x".repeat(1 << 20));
    assert!(matches!(shop.publish("guests.yaml", &huge).await, Err(PublishError::Wrong(_))));
    let draft =
        Draft { file: "guests.yaml".into(), text: GUESTS.into(), opened: shop.opened("guests.yaml").await };
    let twice = shop.app.publish(vec![draft.clone(), draft.clone()], ada(), "Because".into()).await;
    assert!(matches!(twice, Err(PublishError::Wrong(_))));
    assert!(matches!(shop.app.publish(vec![draft], ada(), " \n".into()).await, Err(PublishError::Wrong(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_and_what_can_not_be_written_are_refused_with_the_folder_as_it_was() {
    let shop = Workshop::open(0).await;
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret.yaml");
    std::fs::write(&secret, GUESTS).unwrap();
    symlink(&secret, shop.rules.join("linked.yaml")).unwrap();
    let draft = Draft { file: "linked.yaml".into(), text: with_phone("1"), opened: None };
    let refused = shop.app.publish(vec![draft], ada(), "Because".into()).await;
    assert!(matches!(refused, Err(PublishError::File(_))), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), GUESTS);
    std::fs::remove_file(shop.rules.join("linked.yaml")).unwrap();
    // What is to be moved there can't be written beside it, as in a folder that is read-only.
    std::fs::create_dir(shop.rules.join(format!(".guests.yaml.new-{}", std::process::id()))).unwrap();
    let before = shop.app.active().map(|active| active.hash.clone());
    let refused = shop.publish("guests.yaml", &with_phone("1")).await;
    let Err(PublishError::File(error)) = refused else { panic!("{refused:?}") };
    assert!(error.to_string().ends_with("Nothing was changed."), "{error}");
    assert_eq!(shop.read("guests.yaml"), GUESTS);
    assert_eq!(shop.app.active().map(|active| active.hash.clone()), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_database_does_not_take_it_the_folder_is_as_it_was() {
    let shop = Workshop::open(0).await.with_git();
    shop.app.store.close().await;
    let refused = shop.publish("guests.yaml", &with_phone("1")).await;
    assert!(matches!(refused, Err(PublishError::Store(_))), "{refused:?}");
    assert_eq!(shop.read("guests.yaml"), GUESTS);
    assert_eq!(shop.at_work("guests", "phone").as_deref(), Some("{{ person.phone }}"));
    assert_eq!(shop.git(&["status", "--porcelain"]), "");
}
