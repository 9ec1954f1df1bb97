//! The small tables: connections, rulesets, sources, secrets, facts.

use crate::place::on_both;
use crate::samples::CRM;
use waypost::ports::{ConnectionState, KeptOfWebhook, SealedSecret, SourceMemory, StoredRuleset};

fn tripped() -> ConnectionState {
    ConnectionState {
        name: CRM.to_owned(),
        paused: true,
        needs_auth: Some("HubSpot answered 401.".to_owned()),
        refused_credential: Some("digest".to_owned()),
        tripped_since: Some(1_000),
        failures: 5,
        probe_at: Some(6_000),
        probe_after_ms: 5_000,
        rests_until: Some(7_000),
        stopped_ms: 50,
        stopped_since: Some(1_000),
    }
}

on_both! {
    async fn a_connection_is_remembered_but_its_pause_belongs_to_people(place: &Place) {
        let store = place.open().await;
        assert!(store.connections().await.unwrap().is_empty());
        store.remember_connection(&tripped()).await.unwrap();
        let kept = store.connections().await.unwrap();
        assert_eq!(kept, [ConnectionState { paused: false, ..tripped() }]);
        store.set_paused(CRM, true, 2_000).await.unwrap();
        let closed = ConnectionState { name: CRM.to_owned(), ..ConnectionState::default() };
        store.remember_connection(&closed).await.unwrap();
        assert_eq!(store.connections().await.unwrap(), [ConnectionState { paused: true, ..closed }]);
    }

    async fn pausing_stops_the_clock_and_resuming_starts_it_and_forgets_the_sign_in(place: &Place) {
        let store = place.open().await;
        store.set_paused("unknown", false, 1_000).await.unwrap();
        assert!(store.connections().await.unwrap().is_empty());
        store.set_paused(CRM, true, 1_000).await.unwrap();
        store.set_paused(CRM, true, 1_500).await.unwrap();
        let paused = store.connections().await.unwrap().remove(0);
        assert_eq!((paused.paused, paused.stopped_since, paused.stopped_ms), (true, Some(1_000), 0));
        store.set_paused(CRM, false, 4_000).await.unwrap();
        let resumed = store.connections().await.unwrap().remove(0);
        assert_eq!((resumed.paused, resumed.stopped_since, resumed.stopped_ms), (false, None, 3_000));
        store.remember_connection(&tripped()).await.unwrap();
        store.set_paused(CRM, false, 9_000).await.unwrap();
        let still = store.connections().await.unwrap().remove(0);
        assert_eq!((still.needs_auth, still.stopped_since, still.stopped_ms), (None, Some(1_000), 50));
    }

    async fn the_ruleset_activated_last_is_the_active_one(place: &Place) {
        let store = place.open().await;
        assert!(store.active_ruleset().await.unwrap().is_none());
        store.activate_ruleset("one", "{\"a.yaml\":\"title: Ä\"}", 1_000).await.unwrap();
        store.activate_ruleset("two", "{}", 2_000).await.unwrap();
        assert_eq!(store.active_ruleset().await.unwrap().unwrap().hash, "two");
        store.activate_ruleset("one", "{\"a.yaml\":\"title: Ä\"}", 2_000).await.unwrap();
        let wanted = StoredRuleset {
            hash: "one".to_owned(),
            files: "{\"a.yaml\":\"title: Ä\"}".to_owned(),
            activated_at: 2_000,
        };
        assert_eq!(store.active_ruleset().await.unwrap().as_ref(), Some(&wanted));
        assert_eq!(store.ruleset("one").await.unwrap(), Some(wanted));
        assert!(store.ruleset("three").await.unwrap().is_none());
    }

    async fn sources_secrets_and_facts_are_kept_and_replaced(place: &Place) {
        let store = place.open().await;
        let mut source =
            SourceMemory { name: "harbour".to_owned(), tokens: "aa,bb".to_owned(), removed_at: None, kept: None };
        store.remember_sources(&[source.clone()]).await.unwrap();
        assert_eq!(store.sources().await.unwrap(), [source.clone()]);
        source.removed_at = Some(5_000);
        source.kept = Some(KeptOfWebhook { headers: vec!["x-id".to_owned()], unstored: vec!["**.card".to_owned()] });
        store.remember_sources(&[source.clone()]).await.unwrap();
        assert_eq!(store.sources().await.unwrap(), [source]);
        let mut secret = SealedSecret { name: "token".to_owned(), sealed: vec![0, 255, 7], at: 1_000 };
        store.set_secret(&secret).await.unwrap();
        secret.sealed.push(9);
        store.set_secret(&secret).await.unwrap();
        assert_eq!(store.secrets().await.unwrap(), [secret]);
        assert!(store.remove_secret("token").await.unwrap());
        assert!(!store.remove_secret("token").await.unwrap());
        assert_eq!(store.fact("node.id").await.unwrap(), None);
        store.set_fact("node.id", "one").await.unwrap();
        store.set_fact("node.id", "two").await.unwrap();
        assert_eq!(store.fact("node.id").await.unwrap().as_deref(), Some("two"));
    }

    async fn a_fact_is_swapped_by_whoever_knew_it(place: &Place) {
        let store = place.open().await;
        assert!(!store.swap_fact("turn", Some(""), "a").await.unwrap(), "there is none");
        assert!(store.swap_fact("turn", None, "a").await.unwrap());
        assert!(!store.swap_fact("turn", None, "b").await.unwrap(), "there is one");
        assert!(!store.swap_fact("turn", Some("b"), "c").await.unwrap(), "it is another one");
        assert!(store.swap_fact("turn", Some("a"), "b").await.unwrap());
        assert_eq!(store.fact("turn").await.unwrap().as_deref(), Some("b"));
        // Many at once, of two stores over one database: one of them has it.
        let beside = place.open().await;
        let swap = |n: usize| {
            let store = if n.is_multiple_of(2) { store.clone() } else { beside.clone() };
            async move { store.swap_fact("turn", Some("b"), &n.to_string()).await.unwrap() }
        };
        let swapped = futures::future::join_all((0..8).map(swap)).await;
        assert_eq!(swapped.iter().filter(|had| **had).count(), 1, "{swapped:?}");
    }
}
