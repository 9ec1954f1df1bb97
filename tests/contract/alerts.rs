//! Channels, outages, and the letters that are written of them.

use crate::place::on_both;
use waypost::domain::{ChannelTo, HookTo, Letter, LetterKind, OutageKind};
use waypost::ports::{AlertChannel, AlertStore, DueLetter, NewAudit, Outage, OutageWrite, Sending, TryEnd};

fn line(act: &'static str) -> NewAudit {
    NewAudit {
        at: 1_000,
        who: "per_a".into(),
        who_name: "Ä".into(),
        act,
        object: "Pager".into(),
        details: String::new(),
    }
}

fn channel(id: &str, name: &str) -> AlertChannel {
    AlertChannel {
        id: id.into(),
        name: name.into(),
        enabled: true,
        to: ChannelTo::Webhook(HookTo {
            address: format!("alerts.{id}.address"),
            place: "pager.example.org".into(),
            signing: None,
            allow_private: false,
        }),
        created_at: 1_000,
        last: None,
    }
}

fn outage(id: &str, object: &str) -> Outage {
    Outage {
        id: id.into(),
        kind: OutageKind::Connection,
        object: object.into(),
        headline: "It does not answer".into(),
        opened_at: 5_000,
        good_since: None,
        told_at: None,
        reminders: 0,
        closed_at: None,
    }
}

fn letter(kind: LetterKind) -> Letter {
    Letter {
        kind,
        about: "connection".into(),
        object: "crm".into(),
        outage: "out_1".into(),
        headline: "CRM “Ä” has not answered since 08:12".into(),
        text: "31 runs wait.".into(),
        link: "https://waypost.example.org/connections".into(),
        since: 5_000,
        until: None,
        waiting: 31,
        at: 6_000,
    }
}

fn tell(id: &str, channels: &[&str]) -> OutageWrite {
    OutageWrite::Tell {
        id: id.into(),
        channels: channels.iter().map(|name| (*name).to_owned()).collect(),
        letter: letter(LetterKind::Alert),
    }
}

fn close(id: &str, at: i64) -> OutageWrite {
    OutageWrite::Close { id: id.into(), at, letter: letter(LetterKind::AllClear) }
}

fn remind(id: &str, number: i64) -> OutageWrite {
    OutageWrite::Remind { id: id.into(), number, letter: letter(LetterKind::Reminder) }
}

fn sending(at: i64, good: bool) -> Sending {
    Sending { at, good, text: if good { "taken" } else { "not taken" }.into() }
}

async fn due(alerts: &dyn AlertStore, now: i64) -> Vec<(LetterKind, String)> {
    let due = alerts.due_letters(now, 100).await.unwrap();
    let mut due: Vec<_> = due.into_iter().map(|due| (due.letter.kind, due.channel)).collect();
    due.sort();
    due
}

async fn first(alerts: &dyn AlertStore, now: i64) -> DueLetter {
    alerts.due_letters(now, 1).await.unwrap().remove(0)
}

on_both! {
    async fn a_channel_keeps_what_came_of_its_last_sending_until_it_is_removed(place: &Place) {
        let store = place.open().await;
        let alerts = store.alerts();
        alerts.put_alert_channel(&channel("chn_1", "Pager"), &line("made")).await.unwrap();
        alerts.put_alert_channel(&channel("chn_2", "Desk"), &line("made")).await.unwrap();
        alerts.note_sending("chn_1", &sending(7_000, false)).await.unwrap();
        let changed = AlertChannel { enabled: false, name: "Äpager".into(), ..channel("chn_1", "") };
        alerts.put_alert_channel(&changed, &line("changed")).await.unwrap();
        let wanted = AlertChannel { last: Some(sending(7_000, false)), ..changed };
        assert_eq!(alerts.alert_channels().await.unwrap()[1], wanted);
        assert!(alerts.remove_alert_channel("chn_1", &line("removed")).await.unwrap());
        assert!(!alerts.remove_alert_channel("chn_1", &line("removed")).await.unwrap());
        assert_eq!(alerts.alert_channels().await.unwrap(), [channel("chn_2", "Desk")]);
        let acts: Vec<String> =
            store.people().audit(None, 9).await.unwrap().into_iter().map(|line| line.act).collect();
        assert_eq!(acts, ["removed", "changed", "made", "made"], "each with its line, and no line without");
    }

    async fn the_disk_and_the_certificate_are_outages_of_their_own(place: &Place) {
        let store = place.open().await;
        let alerts = store.alerts();
        let of = |id: &str, kind| Outage { kind, ..outage(id, "") };
        let both = [of("out_1", OutageKind::Disk), of("out_2", OutageKind::Certificate)];
        let again = of("out_3", OutageKind::Certificate);
        let writes = both.clone().into_iter().chain([again]).map(OutageWrite::Open);
        alerts.write_outages(&writes.collect::<Vec<_>>(), 6_000).await.unwrap();
        let mut open = alerts.open_outages().await.unwrap();
        open.sort_by(|one, other| one.id.cmp(&other.id));
        assert_eq!(open, both);
        alerts.write_outages(&[tell("out_2", &["a"]), close("out_2", 7_000)], 7_000).await.unwrap();
        assert_eq!(alerts.open_outages().await.unwrap(), both[..1]);
        assert_eq!(alerts.told_outages(9).await.unwrap()[0].kind, OutageKind::Certificate);
    }

    async fn a_certificate_of_an_older_database_is_found_again(place: &Place) {
        place.open().await.close().await;
        // As the version before wrote it, which is brought up to date once more.
        for text in [
            "DELETE FROM _sqlx_migrations WHERE version = 15",
            "DROP INDEX fetches_by_key",
            "DROP TABLE read_again",
            "ALTER TABLE sources DROP COLUMN door",
            "INSERT INTO sources (name, tokens) VALUES ('tours', 'aa')",
            "INSERT INTO outages (id, kind, object, opened_at, headline) VALUES ('out_1', 'disk', 'certificate', 1, 'A')",
            "INSERT INTO outages (id, kind, object, opened_at, headline) VALUES ('out_2', 'disk', '', 2, 'B')",
        ] {
            place.execute(text).await;
        }
        let store = place.open().await;
        let mut open = store.alerts().open_outages().await.unwrap();
        open.sort_by(|one, other| one.id.cmp(&other.id));
        let kinds: Vec<_> = open.iter().map(|outage| (outage.kind, outage.object.as_str())).collect();
        assert_eq!(kinds, [(OutageKind::Certificate, ""), (OutageKind::Disk, "")]);
        assert_eq!(store.sources().await.unwrap()[0].kept, None);
        store.alerts().write_outages(&[close("out_1", 7_000)], 7_000).await.unwrap();
        let again = Outage { kind: OutageKind::Certificate, ..outage("out_3", "") };
        store.alerts().write_outages(&[OutageWrite::Open(again)], 8_000).await.unwrap();
        assert_eq!(store.alerts().open_outages().await.unwrap().len(), 2);
    }

    async fn an_outage_is_open_once_told_once_and_over_once(place: &Place) {
        let store = place.open().await;
        let alerts = store.alerts();
        let open = |id: &str| OutageWrite::Open(outage(id, "crm"));
        alerts.write_outages(&[open("out_1"), open("out_2")], 6_000).await.unwrap();
        assert_eq!(alerts.open_outages().await.unwrap(), [outage("out_1", "crm")]);
        assert_eq!(alerts.told_outages(9).await.unwrap(), []);
        alerts.write_outages(&[tell("out_1", &["a", "b"])], 7_000).await.unwrap();
        alerts.write_outages(&[tell("out_1", &["a", "b", "c"])], 8_000).await.unwrap();
        let both = |kind| vec![(kind, "a".to_owned()), (kind, "b".to_owned())];
        assert_eq!(due(alerts, 6_999).await, []);
        assert_eq!(due(alerts, 7_000).await, both(LetterKind::Alert));
        let told = &alerts.told_outages(9).await.unwrap()[0];
        assert_eq!((told.told_at, told.headline.as_str()), (Some(7_000), letter(LetterKind::Alert).headline.as_str()));
        // What nobody has got yet is told by the reminder, and by the all-clear.
        alerts.write_outages(&[remind("out_1", 1), remind("out_1", 1)], 8_000).await.unwrap();
        assert_eq!(due(alerts, 8_000).await, both(LetterKind::Reminder));
        alerts.write_outages(&[close("out_1", 8_500)], 9_000).await.unwrap();
        alerts.write_outages(&[close("out_1", 8_600), remind("out_1", 2), tell("out_1", &["c"])], 9_000).await.unwrap();
        assert_eq!(due(alerts, 9_000).await, both(LetterKind::AllClear));
        assert_eq!(alerts.open_outages().await.unwrap(), []);
        assert_eq!(alerts.told_outages(9).await.unwrap()[0].closed_at, Some(8_500));
        // Another outage of the same connection.
        alerts.write_outages(&[open("out_2")], 10_000).await.unwrap();
        assert_eq!(alerts.open_outages().await.unwrap().len(), 1);
    }

    async fn what_was_over_before_it_was_told_tells_nobody(place: &Place) {
        let store = place.open().await;
        let alerts = store.alerts();
        let well = |since| OutageWrite::Good { id: "out_1".into(), since };
        alerts.write_outages(&[OutageWrite::Open(outage("out_1", "crm")), well(Some(6_000))], 6_000).await.unwrap();
        assert_eq!(alerts.open_outages().await.unwrap()[0].good_since, Some(6_000));
        alerts.write_outages(&[well(None)], 6_000).await.unwrap();
        assert_eq!(alerts.open_outages().await.unwrap()[0].good_since, None);
        alerts.write_outages(&[close("out_1", 6_000)], 7_000).await.unwrap();
        assert_eq!(due(alerts, 99_000).await, []);
        assert_eq!(alerts.told_outages(9).await.unwrap(), []);
    }

    async fn a_try_is_taken_once_and_a_letter_waits_until_it_is_sent_or_given_up(place: &Place) {
        let store = place.open().await;
        let alerts = store.alerts();
        alerts.put_alert_channel(&channel("a", "A"), &line("made")).await.unwrap();
        alerts.write_outages(&[OutageWrite::Open(outage("out_1", "crm")), tell("out_1", &["a"])], 7_000).await.unwrap();
        let one = first(alerts, 7_000).await;
        assert_eq!((one.tries, one.letter.clone()), (0, letter(LetterKind::Alert)));
        assert!(alerts.begin_try(&one, 37_000).await.unwrap());
        assert!(!alerts.begin_try(&one, 47_000).await.unwrap(), "somebody has it");
        assert_eq!(due(alerts, 36_999).await, []);
        alerts.end_try(&one, &TryEnd::Again, &sending(8_000, false)).await.unwrap();
        assert_eq!(alerts.alert_channels().await.unwrap()[0].last, Some(sending(8_000, false)));
        // As after a kill: the try that began is followed by another, under the same id.
        let again = first(alerts, 37_000).await;
        assert_eq!((&again.id, again.tries), (&one.id, 1));
        assert!(alerts.begin_try(&again, 99_000).await.unwrap());
        alerts.end_try(&again, &TryEnd::Sent, &sending(38_000, true)).await.unwrap();
        assert_eq!(due(alerts, i64::MAX).await, []);
        assert_eq!(alerts.alert_channels().await.unwrap()[0].last, Some(sending(38_000, true)));
        alerts.write_outages(&[close("out_1", 40_000)], 40_000).await.unwrap();
        let clear = first(alerts, 40_000).await;
        assert_ne!(clear.id, one.id);
        assert!(alerts.begin_try(&clear, 99_000).await.unwrap());
        alerts.end_try(&clear, &TryEnd::GivenUp, &sending(41_000, false)).await.unwrap();
        assert_eq!(due(alerts, i64::MAX).await, []);
    }

    async fn letters_go_with_their_channel_and_old_outages_are_forgotten(place: &Place) {
        let store = place.open().await;
        let alerts = store.alerts();
        alerts.put_alert_channel(&channel("a", "A"), &line("made")).await.unwrap();
        let open = |id: &str, object: &str| OutageWrite::Open(outage(id, object));
        let writes = [
            open("out_1", "crm"), tell("out_1", &["a", "b"]),
            open("out_2", "desk"), tell("out_2", &["b"]), close("out_2", 9_000),
        ];
        alerts.write_outages(&writes, 7_000).await.unwrap();
        alerts.remove_alert_channel("a", &line("removed")).await.unwrap();
        let b = |kind| (kind, "b".to_owned());
        assert_eq!(due(alerts, 7_000).await, [b(LetterKind::Alert), b(LetterKind::AllClear)]);
        assert_eq!(alerts.forget_outages(9_000, 10).await.unwrap(), 0);
        assert_eq!(alerts.forget_outages(9_001, 10).await.unwrap(), 1, "and not the one that lasts");
        assert_eq!(due(alerts, 7_000).await, [b(LetterKind::Alert)]);
        assert_eq!(alerts.told_outages(9).await.unwrap().len(), 1);
    }
}
