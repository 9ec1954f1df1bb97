//! Accounts, sessions, API tokens, one-time links and the audit log.

use crate::place::on_both;
use waypost::domain::{Role, Scope};
use waypost::ports::{
    Ends, LinkKind, LinkUse, NewAudit, OneTimeLink, PeopleStore, PersonChange, PersonChanged, PersonRow,
    SessionRow, Stage, TokenRow,
};

fn person(name: &str, role: Role) -> PersonRow {
    PersonRow {
        id: format!("per_{name}"),
        email: format!("{name}@example.org"),
        name: name.to_owned(),
        role,
        password: Some("$argon2id$".into()),
        totp: None,
        totp_step: 0,
        disabled_at: None,
        time_zone: None,
        created_at: 1_000,
        signed_in_at: None,
    }
}

fn line(act: &'static str, at: i64) -> NewAudit {
    NewAudit {
        at,
        who: "per_a".into(),
        who_name: "Ä".into(),
        act,
        object: "object".into(),
        details: String::new(),
    }
}

fn session(name: &str, whose: &str, at: i64) -> SessionRow {
    SessionRow {
        hash: format!("hash {name}"),
        id: format!("ses_{name}"),
        person: format!("per_{whose}"),
        stage: Stage::Full,
        created_at: at,
        seen_at: at,
        expires_at: at + 1_000,
        agent: "Firefox".into(),
        address: "203.0.113.7".into(),
    }
}

fn token(name: &str, maker: &str) -> TokenRow {
    TokenRow {
        hash: format!("hash {name}"),
        id: format!("tok_{name}"),
        name: name.to_owned(),
        scopes: vec![Scope::Read, Scope::Metrics],
        made_by: maker.to_owned(),
        made_by_name: "Ä".into(),
        created_at: 1_000,
        used_at: None,
        expires_at: Some(9_000),
        revoked_at: None,
        maker_disabled: false,
    }
}

fn link(name: &str, kind: LinkKind, whose: Option<&str>) -> OneTimeLink {
    OneTimeLink {
        hash: format!("hash {name}"),
        kind,
        person: whose.map(|whose| format!("per_{whose}")),
        created_at: 1_000,
        expires_at: 5_000,
        used_at: None,
    }
}

async fn add(people: &dyn PeopleStore, name: &str, role: Role) {
    assert!(people.add_person(&person(name, role), &line("person.added", 1_000)).await.unwrap());
}

async fn acts(people: &dyn PeopleStore) -> Vec<String> {
    people.audit(None, 100).await.unwrap().into_iter().map(|line| line.act).collect()
}

on_both! {
    async fn an_account_is_kept_and_its_address_is_its_own(place: &Place) {
        let store = place.open().await;
        let people = store.people();
        assert!(!people.has_admin().await.unwrap());
        let mut row = person("b", Role::Editor);
        row.time_zone = Some("Europe/Dublin".into());
        assert!(people.add_person(&row, &line("person.added", 1_000)).await.unwrap());
        let other = PersonRow { id: "per_other".into(), ..person("b", Role::Admin) };
        assert!(!people.add_person(&other, &line("person.added", 2_000)).await.unwrap());
        add(people, "a", Role::Viewer).await;
        assert_eq!(people.people().await.unwrap(), [person("a", Role::Viewer), row.clone()]);
        assert_eq!(people.person("per_b").await.unwrap().as_ref(), Some(&row));
        assert_eq!(people.person_by_email("b@example.org").await.unwrap(), Some(row));
        assert_eq!(people.person_by_email("B@example.org").await.unwrap(), None);
        assert_eq!(acts(people).await.len(), 2, "the refused one left no line");
    }

    async fn the_last_admin_who_can_sign_in_stays_one(place: &Place) {
        let store = place.open().await;
        let people = store.people();
        add(people, "a", Role::Admin).await;
        add(people, "e", Role::Editor).await;
        // Asked in, but can't sign in yet.
        let invited = PersonRow { password: None, ..person("i", Role::Admin) };
        assert!(people.add_person(&invited, &line("person.added", 1_000)).await.unwrap());
        let demote = PersonChange { role: Some(Role::Editor), ..PersonChange::default() };
        let disable = PersonChange { disabled_at: Some(Some(2_000)), ..PersonChange::default() };
        for change in [&demote, &disable] {
            let done = people.change_person("per_a", change, &line("person.role", 2_000)).await.unwrap();
            assert_eq!(done, PersonChanged::LastAdmin);
        }
        assert_eq!(people.person("per_a").await.unwrap(), Some(person("a", Role::Admin)));
        assert_eq!(acts(people).await, ["person.added"; 3]);
        let done = people.change_person("per_e", &disable, &line("person.disabled", 2_000)).await.unwrap();
        assert_eq!(done, PersonChanged::Done, "others can be");
        add(people, "b", Role::Admin).await;
        let done = people.change_person("per_a", &demote, &line("person.role", 3_000)).await.unwrap();
        assert_eq!(done, PersonChanged::Done);
        assert_eq!(people.person("per_a").await.unwrap().unwrap().role, Role::Editor);
        let none = people.change_person("per_x", &demote, &line("person.role", 3_000)).await.unwrap();
        assert_eq!(none, PersonChanged::Unknown);
        assert!(people.has_admin().await.unwrap());
    }

    async fn a_change_ends_the_sessions_that_it_says(place: &Place) {
        let store = place.open().await;
        let people = store.people();
        for name in ["a", "b"] {
            add(people, name, Role::Admin).await;
        }
        for (name, whose) in [("1", "a"), ("2", "a"), ("3", "a"), ("4", "b")] {
            people.begin_session(&session(name, whose, 2_000), None, None).await.unwrap();
        }
        let names = async |whose: &str| -> Vec<String> {
            people.sessions_of(whose).await.unwrap().into_iter().map(|session| session.id).collect()
        };
        assert_eq!(names("per_a").await, ["ses_1", "ses_2", "ses_3"]);
        let change = |ends| PersonChange { password: Some("new".into()), ends, ..PersonChange::default() };
        let others = change(Ends::Others("hash 2".into()));
        people.change_person("per_a", &others, &line("account.password", 3_000)).await.unwrap();
        assert_eq!(names("per_a").await, ["ses_2"]);
        people.change_person("per_a", &change(Ends::None), &line("account.password", 3_000)).await.unwrap();
        assert_eq!(names("per_a").await, ["ses_2"]);
        people.change_person("per_a", &change(Ends::All), &line("account.password", 3_000)).await.unwrap();
        assert!(names("per_a").await.is_empty());
        assert_eq!(names("per_b").await, ["ses_4"], "others' sessions go on");
        assert_eq!(people.person("per_a").await.unwrap().unwrap().password.as_deref(), Some("new"));
    }

    async fn a_session_takes_the_place_of_the_one_before(place: &Place) {
        let store = place.open().await;
        let people = store.people();
        add(people, "a", Role::Viewer).await;
        let first = SessionRow { stage: Stage::Code, ..session("1", "a", 2_000) };
        people.begin_session(&first, None, None).await.unwrap();
        assert_eq!(people.person("per_a").await.unwrap().unwrap().signed_in_at, None);
        let second = session("2", "a", 2_500);
        people.begin_session(&second, Some("hash 1"), Some(&line("signed-in", 2_500))).await.unwrap();
        assert!(people.session("hash 1").await.unwrap().is_none());
        let (found, whose) = people.session("hash 2").await.unwrap().unwrap();
        assert_eq!((found, whose.signed_in_at), (second, Some(2_500)));
        people.see_session("hash 2", 2_600).await.unwrap();
        people.see_session("hash 2", 2_550).await.unwrap();
        assert_eq!(people.session("hash 2").await.unwrap().unwrap().0.seen_at, 2_600);
        // The next one finds it over.
        people.begin_session(&session("3", "a", 3_500), None, None).await.unwrap();
        assert!(people.session("hash 2").await.unwrap().is_none());
        let line = line("account.session-ended", 4_000);
        assert!(!people.end_session_of("per_b", "ses_3", &line).await.unwrap(), "nobody else's");
        assert!(people.end_session_of("per_a", "ses_3", &line).await.unwrap());
        assert!(!people.end_session("hash 3").await.unwrap());
        assert_eq!(acts(people).await, ["account.session-ended", "signed-in", "person.added"]);
    }

    async fn codes_are_taken_once(place: &Place) {
        let store = place.open().await;
        let people = store.people();
        add(people, "a", Role::Viewer).await;
        add(people, "b", Role::Viewer).await;
        let factor = |factor| PersonChange { second_factor: Some(factor), ..PersonChange::default() };
        let on = factor(Some(("sealed".into(), vec!["one".into(), "two".into()])));
        people.change_person("per_a", &on, &line("account.second-factor-on", 2_000)).await.unwrap();
        assert_eq!(people.person("per_a").await.unwrap().unwrap().totp.as_deref(), Some("sealed"));
        assert!(people.take_totp_step("per_a", 7).await.unwrap());
        assert!(!people.take_totp_step("per_a", 7).await.unwrap());
        assert!(!people.take_totp_step("per_a", 6).await.unwrap());
        assert!(people.take_totp_step("per_a", 8).await.unwrap());
        assert!(!people.take_recovery_code("per_b", "one").await.unwrap(), "somebody else's");
        assert!(people.take_recovery_code("per_a", "one").await.unwrap());
        assert!(!people.take_recovery_code("per_a", "one").await.unwrap());
        assert_eq!(people.recovery_codes_left("per_a").await.unwrap(), 1);
        // Anew: the old codes are void.
        let anew = factor(Some(("sealed anew".into(), vec!["three".into()])));
        people.change_person("per_a", &anew, &line("account.second-factor-on", 3_000)).await.unwrap();
        assert!(!people.take_recovery_code("per_a", "two").await.unwrap());
        people.change_person("per_a", &factor(None), &line("account.second-factor-off", 4_000)).await.unwrap();
        assert_eq!(people.person("per_a").await.unwrap().unwrap().totp, None);
        assert_eq!(people.recovery_codes_left("per_a").await.unwrap(), 0);
    }

    async fn a_token_is_known_by_its_hash_until_it_is_revoked(place: &Place) {
        let store = place.open().await;
        let people = store.people();
        add(people, "a", Role::Admin).await;
        add(people, "b", Role::Admin).await;
        people.add_token(&token("1", "per_a"), &line("token.made", 1_000)).await.unwrap();
        let command = TokenRow { created_at: 2_000, ..token("2", "command line") };
        people.add_token(&command, &line("token.made", 2_000)).await.unwrap();
        assert_eq!(people.tokens().await.unwrap(), [command.clone(), token("1", "per_a")]);
        assert_eq!(people.token("hash 2").await.unwrap(), Some(command));
        assert_eq!(people.token("tok_2").await.unwrap(), None);
        people.see_token("hash 1", 3_000).await.unwrap();
        assert_eq!(people.token("hash 1").await.unwrap().unwrap().used_at, Some(3_000));
        let disable = PersonChange { disabled_at: Some(Some(4_000)), ..PersonChange::default() };
        people.change_person("per_a", &disable, &line("person.disabled", 4_000)).await.unwrap();
        assert!(people.token("hash 1").await.unwrap().unwrap().maker_disabled);
        assert!(people.revoke_token("tok_1", &line("token.revoked", 5_000)).await.unwrap());
        assert!(!people.revoke_token("tok_1", &line("token.revoked", 6_000)).await.unwrap());
        assert_eq!(people.token("hash 1").await.unwrap().unwrap().revoked_at, Some(5_000));
        assert_eq!(acts(people).await.iter().filter(|act| *act == "token.revoked").count(), 1);
    }

    async fn a_link_works_once_and_a_newer_one_voids_it(place: &Place) {
        let store = place.open().await;
        let people = store.people();
        add(people, "a", Role::Viewer).await;
        people.begin_session(&session("1", "a", 1_000), None, None).await.unwrap();
        people.add_link(&link("old", LinkKind::Invite, Some("a")), None).await.unwrap();
        people.add_link(&link("new", LinkKind::Reset, Some("a")), Some(&line("person.link", 1_000))).await.unwrap();
        assert_eq!(people.link("hash old").await.unwrap(), None);
        assert_eq!(people.link("hash new").await.unwrap(), Some(link("new", LinkKind::Reset, Some("a"))));
        let used = LinkUse::Password("new password".into());
        let first = LinkUse::FirstAdmin(person("x", Role::Admin));
        let at = |at| line("account.password-by-link", at);
        assert!(!people.use_link("hash new", &first, &at(2_000)).await.unwrap(), "not what it is for");
        assert!(!people.use_link("hash new", &used, &at(5_000)).await.unwrap(), "it is over");
        assert!(people.use_link("hash new", &used, &at(2_000)).await.unwrap());
        assert!(!people.use_link("hash new", &used, &at(2_001)).await.unwrap(), "it was used");
        assert_eq!(people.link("hash new").await.unwrap().unwrap().used_at, Some(2_000));
        let row = people.person("per_a").await.unwrap().unwrap();
        assert_eq!(row.password.as_deref(), Some("new password"));
        assert!(people.sessions_of("per_a").await.unwrap().is_empty(), "it ends the sessions");
        // Not for somebody who may not sign in; and then it stays unused.
        people.add_link(&link("third", LinkKind::Reset, Some("a")), None).await.unwrap();
        let disable = PersonChange { disabled_at: Some(Some(3_000)), ..PersonChange::default() };
        people.change_person("per_a", &disable, &line("person.disabled", 3_000)).await.unwrap();
        assert!(!people.use_link("hash third", &used, &at(3_500)).await.unwrap());
        assert_eq!(people.link("hash third").await.unwrap().unwrap().used_at, None);
        assert_eq!(acts(people).await.iter().filter(|act| *act == "account.password-by-link").count(), 1);
    }

    async fn the_first_account_is_made_once(place: &Place) {
        let store = place.open().await;
        let people = store.people();
        people.add_link(&link("one", LinkKind::First, None), None).await.unwrap();
        people.add_link(&link("two", LinkKind::First, None), None).await.unwrap();
        assert_eq!(people.link("hash one").await.unwrap(), None, "each start voids the one before");
        let first = |name| LinkUse::FirstAdmin(person(name, Role::Admin));
        let at = |at| line("person.first-admin", at);
        assert!(people.use_link("hash two", &first("a"), &at(2_000)).await.unwrap());
        assert!(people.has_admin().await.unwrap());
        people.add_link(&link("three", LinkKind::First, None), None).await.unwrap();
        assert!(!people.use_link("hash three", &first("b"), &at(3_000)).await.unwrap(), "there is one already");
        assert_eq!(people.people().await.unwrap().len(), 1);
    }

    async fn the_log_is_read_page_by_page(place: &Place) {
        let store = place.open().await;
        let people = store.people();
        for at in 1..=7 {
            people.add_audit(&line("run.retried", at)).await.unwrap();
        }
        let page = people.audit(None, 3).await.unwrap();
        assert_eq!(page.iter().map(|line| line.at).collect::<Vec<_>>(), [7, 6, 5]);
        assert_eq!((page[0].who_name.as_str(), page[0].object.as_str()), ("Ä", "object"));
        let page = people.audit(Some(page[2].seq), 3).await.unwrap();
        assert_eq!(page.iter().map(|line| line.at).collect::<Vec<_>>(), [4, 3, 2]);
        let page = people.audit(Some(page[2].seq), 3).await.unwrap();
        assert_eq!(page.iter().map(|line| line.at).collect::<Vec<_>>(), [1]);
    }
}
