//! The doors' health: what was refused, when the last webhook came, when it was running.

use crate::place::on_both;
use crate::samples::{created, event};
use waypost::domain::{ChangeKind, Stretch};
use waypost::ports::{ListFilter, NewChange, NewEvent, RefusedWebhooks, UnreadBodies};

const HOUR: i64 = 3_600_000;

fn refused(source: &str, status: u16, answers: i64, last_at: i64) -> RefusedWebhooks {
    RefusedWebhooks { source: source.to_owned(), status, answers, last_at }
}

fn stretch(from: i64, to: i64) -> Stretch {
    Stretch { from, to }
}

on_both! {
    async fn refused_webhooks_add_up_by_source_status_and_hour(place: &Place) {
        let store = place.open().await;
        let pulse = store.pulse();
        pulse.count_refused(&[]).await.unwrap();
        assert_eq!(pulse.refused_webhooks(0).await.unwrap(), []);
        let first = [refused("a", 503, 2, 3 * HOUR + 1), refused("a", 404, 1, 3 * HOUR + 2), refused("b", 503, 5, 3 * HOUR)];
        pulse.count_refused(&first).await.unwrap();
        pulse.count_refused(&[refused("a", 503, 3, 3 * HOUR + 9)]).await.unwrap();
        pulse.count_refused(&[refused("a", 503, 7, 5 * HOUR)]).await.unwrap();
        let all = pulse.refused_webhooks(3).await.unwrap();
        assert_eq!(all, [refused("a", 404, 1, 3 * HOUR + 2), refused("a", 503, 12, 5 * HOUR), refused("b", 503, 5, 3 * HOUR)]);
        assert_eq!(pulse.refused_webhooks(4).await.unwrap(), [refused("a", 503, 7, 5 * HOUR)]);
        assert_eq!(pulse.forget_pulse(5 * HOUR, 2).await.unwrap(), 2, "a few at a time");
        assert_eq!(pulse.forget_pulse(5 * HOUR, 2).await.unwrap(), 1);
        assert_eq!(pulse.forget_pulse(5 * HOUR, 2).await.unwrap(), 0);
        assert_eq!(pulse.refused_webhooks(0).await.unwrap(), [refused("a", 503, 7, 5 * HOUR)]);
    }

    async fn when_it_was_running_is_kept_over_starts(place: &Place) {
        let store = place.open().await;
        assert_eq!(store.pulse().uptimes(0).await.unwrap(), []);
        for (from, to) in [(10, 20), (10, 30), (50, 60), (70, 80)] {
            store.pulse().note_running(stretch(from, to)).await.unwrap();
        }
        store.close().await;
        let store = place.open().await;
        let pulse = store.pulse();
        assert_eq!(pulse.uptimes(0).await.unwrap(), [stretch(10, 30), stretch(50, 60), stretch(70, 80)]);
        // The one before is told too: what lies between it and the next ended after that time.
        assert_eq!(pulse.uptimes(40).await.unwrap(), [stretch(10, 30), stretch(50, 60), stretch(70, 80)]);
        assert_eq!(pulse.uptimes(65).await.unwrap(), [stretch(50, 60), stretch(70, 80)]);
        assert_eq!(pulse.uptimes(90).await.unwrap(), [stretch(70, 80)]);
        assert_eq!(pulse.forget_pulse(61, 100).await.unwrap(), 2);
        assert_eq!(pulse.uptimes(0).await.unwrap(), [stretch(70, 80)]);
    }

    async fn what_became_nothing_is_counted_by_source_and_note(place: &Place) {
        let store = place.open().await;
        let positions = store.append_events(&[event("1", b"{}"), event("2", b"{}"), event("3", b"{}")]).await.unwrap();
        let nothing = |position, kind, at| {
            let mut applied = created("x", position, vec![]);
            applied.bookings.clear();
            applied.changes[0] = NewChange { booking: None, kind, note: Some("odd".into()), body: None, hash: None, at, ..applied.changes[0].clone() };
            applied
        };
        let applied = [
            nothing(positions[0], ChangeKind::Unreadable, 10),
            nothing(positions[1], ChangeKind::Unreadable, 30),
            nothing(positions[2], ChangeKind::Ignored, 20),
        ];
        store.apply_events(&applied).await.unwrap();
        let unread = |kind, bodies, last_at| UnreadBodies { source: crate::samples::SOURCE.into(), kind, note: "odd".into(), bodies, last_at };
        let pulse = store.pulse();
        let all = [unread(ChangeKind::Unreadable, 2, 30), unread(ChangeKind::Ignored, 1, 20)];
        assert_eq!(pulse.unread_bodies(0).await.unwrap(), all);
        assert_eq!(pulse.unread_bodies(25).await.unwrap(), [unread(ChangeKind::Unreadable, 1, 30)]);
        let came = ListFilter { came_in: true, ..ListFilter::default() };
        store.append_events(&[NewEvent { origin: "fetch", ..event("4", b"{}") }]).await.unwrap();
        assert_eq!(store.list_events(&came).await.unwrap().len(), 3, "what was fetched is no webhook");
    }

    async fn what_was_fetched_is_no_webhook_that_came(place: &Place) {
        let store = place.open().await;
        let at = |name: &str, hour: i64, origin: &'static str| NewEvent { received_at: hour * HOUR + 7, origin, ..event(name, b"{}") };
        let source = [crate::samples::SOURCE.to_owned()];
        store.append_events(&[at("1", 3, "webhook"), at("2", 4, "webhook"), at("3", 5, "backfill")]).await.unwrap();
        // Before it is counted, and after.
        assert_eq!(store.last_webhooks(&source).await.unwrap(), [Some(4 * HOUR + 7)]);
        while store.count_up_events(2).await.unwrap() > 0 {}
        assert_eq!(store.last_webhooks(&source).await.unwrap(), [Some(4 * HOUR + 7)]);
        let hours: Vec<_> = store.source_hours(0).await.unwrap().iter().map(|one| (one.hour, one.events)).collect();
        assert_eq!(hours, [(4, 1), (3, 1)]);
        store.append_events(&[at("4", 6, "fetch"), at("5", 2, "webhook")]).await.unwrap();
        while store.count_up_events(2).await.unwrap() > 0 {}
        assert_eq!(store.last_webhooks(&source).await.unwrap(), [Some(4 * HOUR + 7)], "a clock that was put back");
        store.append_events(&[at("6", 9, "webhook")]).await.unwrap();
        assert_eq!(store.last_webhooks(&source).await.unwrap(), [Some(9 * HOUR + 7)]);
    }
}
