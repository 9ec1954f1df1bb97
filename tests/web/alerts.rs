//! One alert for an outage and one all-clear, whatever happens in between: flapping, a receiver that fails, a kill.

use crate::alerts_world::{AlertWorld, KEY, MailServer, Receiver, signature_of};
use crate::filled::{HOSTILE, Site};
use waypost::alerts::World;
use waypost::app::Who;
use waypost::domain::{AlertOptions, OutageKind, Verdict, VerdictCode};
use waypost::ports::ListFilter;

const OPENED: &str = "outage.opened";
const LASTS: &str = "outage.lasts";
const CLOSED: &str = "outage.closed";

#[actix_web::test]
async fn an_outage_is_told_once_and_once_when_it_is_over() {
    let world = AlertWorld::new().await;
    let receiver = Receiver::start().await;
    world.webhook(&receiver.url()).await;
    world.crm(Some(world.now())).await;
    world.minutes(1).await;
    assert_eq!(receiver.kinds(), [""; 0], "it may be over in a moment");
    world.minutes(60).await;
    assert_eq!(receiver.kinds(), [OPENED]);
    world.crm(None).await;
    world.minutes(1).await;
    assert_eq!(receiver.kinds(), [OPENED], "it may come back");
    world.minutes(60).await;
    assert_eq!(receiver.kinds(), [OPENED, CLOSED]);
    let came = receiver.came();
    let (opened, closed) = (came[0].json(), came[1].json());
    assert_eq!(opened["data"]["outage"], closed["data"]["outage"]);
    assert_eq!(opened["data"]["name"], "crm");
    assert_eq!(opened["data"]["link"], "https://waypost.example.org/connections");
    let headline = opened["data"]["headline"].as_str().unwrap();
    assert!(headline.starts_with("Our CRM Bcc: thief@example.org has not answered since "), "{headline}");
    assert!(closed["data"]["text"].as_str().unwrap().ends_with("What waited goes out by itself."));
    for came in &came {
        let id = came.header("webhook-id");
        assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')), "{id}");
        let signed = signature_of(KEY, id, came.header("webhook-timestamp"), &came.body);
        assert_eq!(came.header("webhook-signature"), signed);
    }
}

#[actix_web::test]
async fn what_comes_and_goes_within_the_delay_is_not_told_and_flapping_is_one_outage() {
    let world = AlertWorld::new().await;
    let receiver = Receiver::start().await;
    world.webhook(&receiver.url()).await;
    for _ in 0..5 {
        world.crm(Some(world.now())).await;
        world.minutes(1).await;
        world.crm(None).await;
        world.minutes(10).await;
    }
    assert_eq!(receiver.kinds(), [""; 0]);
    for _ in 0..20 {
        world.crm(Some(world.now())).await;
        world.minutes(3).await;
        world.crm(None).await;
        world.site.clock.on(30_000);
        world.turn().await;
    }
    assert_eq!(receiver.kinds(), [OPENED]);
    world.minutes(3).await;
    assert_eq!(receiver.kinds(), [OPENED, CLOSED]);
}

#[actix_web::test]
async fn a_receiver_that_fails_gets_each_letter_later_under_one_id_and_what_is_over_is_told_as_over() {
    let world = AlertWorld::new().await;
    let receiver = Receiver::start().await;
    let id = world.webhook(&receiver.url()).await;
    receiver.answers(503);
    world.crm(Some(world.now())).await;
    world.minutes(30).await;
    let tries = receiver.came().len();
    assert!((4..12).contains(&tries), "{tries} tries in half an hour");
    let ids: std::collections::BTreeSet<String> =
        receiver.came().iter().map(|came| came.header("webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), 1);
    let bodies: std::collections::BTreeSet<String> =
        receiver.came().into_iter().map(|came| came.body).collect();
    assert_eq!(bodies.len(), 1, "the same letter each time");
    let channels = world.site.app.store.alerts().alert_channels().await.unwrap();
    let last = channels.iter().find(|channel| channel.id == id).unwrap().last.clone().unwrap();
    assert!(!last.good && last.text.contains("did not take it (it answered 503)"), "{}", last.text);
    assert!(!last.text.contains("hush-hush"), "{}", last.text);
    world.crm(None).await;
    receiver.answers(200);
    world.minutes(30).await;
    assert_eq!(receiver.kinds()[tries..], [CLOSED], "one letter stands for both");
}

#[actix_web::test]
async fn a_letter_is_given_up_after_a_day_and_tries_are_few() {
    let world = AlertWorld::new().await;
    let receiver = Receiver::start().await;
    world.webhook(&receiver.url()).await;
    receiver.answers(500);
    world.crm(Some(world.now())).await;
    for _ in 0..60 * 4 {
        world.site.clock.on(10 * 60_000);
        world.turn().await;
    }
    let tries = receiver.came().len();
    assert!((20..40).contains(&tries), "{tries} tries in forty hours");
    assert!(world.site.app.store.alerts().due_letters(i64::MAX, 9).await.unwrap().is_empty());
}

#[actix_web::test]
async fn killed_at_any_point_one_outage_stays_one_and_nothing_is_lost() {
    let mut world = AlertWorld::new().await;
    let receiver = Receiver::start().await;
    world.webhook(&receiver.url()).await;
    world.crm(Some(world.now())).await;
    // Between seeing it and telling it, between writing the letter and sending it.
    for _ in 0..6 {
        world.look().await;
        world.restart();
        world.site.clock.on(30_000);
    }
    // In the middle of sending: the receiver has it, and its answer is lost.
    receiver.answers(0);
    let now = world.now();
    {
        let sending = world.watcher.send(now);
        tokio::pin!(sending);
        while receiver.came().is_empty() {
            tokio::select! {
                _ = &mut sending => panic!("nobody answers"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    world.restart();
    receiver.answers(200);
    world.minutes(10).await;
    let came = receiver.came();
    assert_eq!(receiver.kinds(), [OPENED, OPENED], "it is sent again");
    assert_eq!(came[0].header("webhook-id"), came[1].header("webhook-id"), "as the same letter");
    assert_eq!(came[0].body, came[1].body);
    world.crm(None).await;
    for _ in 0..6 {
        world.look().await;
        world.restart();
        world.site.clock.on(30_000);
    }
    world.minutes(10).await;
    assert_eq!(receiver.kinds(), [OPENED, OPENED, CLOSED]);
}

#[actix_web::test]
async fn reminders_come_where_they_are_asked_for_and_a_paused_connection_changes_nothing() {
    let world = AlertWorld::new().await;
    let receiver = Receiver::start().await;
    world.webhook(&receiver.url()).await;
    let options = AlertOptions { delay_minutes: 0, remind_hours: 4, zone: "Europe/Dublin".into() };
    world.site.app.set_alert_options(&Who::command_line(), &options).await.unwrap();
    world.crm(Some(world.now())).await;
    world.turn().await;
    assert_eq!(receiver.kinds(), [OPENED], "at once");
    world.minutes(9 * 60).await;
    assert_eq!(receiver.kinds(), [OPENED, LASTS, LASTS]);
    world.site.app.store.set_paused("crm", true, world.now()).await.unwrap();
    world.minutes(9 * 60).await;
    assert_eq!(receiver.kinds(), [OPENED, LASTS, LASTS]);
    world.site.app.store.set_paused("crm", false, world.now()).await.unwrap();
    world.crm(None).await;
    world.minutes(5).await;
    assert_eq!(receiver.kinds()[3..], [CLOSED]);
}

#[actix_web::test]
async fn a_channel_that_is_off_gets_nothing_and_one_that_comes_later_hears_of_what_lasts() {
    let world = AlertWorld::new().await;
    let receiver = Receiver::start().await;
    world.crm(Some(world.now())).await;
    world.minutes(10).await;
    let id = world.webhook(&receiver.url()).await;
    world.minutes(1).await;
    assert_eq!(receiver.kinds(), [OPENED]);
    world.site.app.remove_alert_channel(&Who::command_line(), &id).await.unwrap();
    world.crm(None).await;
    world.minutes(10).await;
    assert_eq!(receiver.kinds(), [OPENED]);
    let names: Vec<String> =
        world.site.app.store.secrets().await.unwrap().into_iter().map(|secret| secret.name).collect();
    assert_eq!(names, [""; 0], "its secrets are gone with it");
}

#[actix_web::test]
async fn mail_says_it_in_one_subject_to_those_it_is_for() {
    let world = AlertWorld::new().await;
    let server = MailServer::start(&["8BITMIME"]).await;
    world.mail(&server).await;
    world.crm(Some(world.now())).await;
    world.minutes(3).await;
    world.crm(None).await;
    world.minutes(3).await;
    let came = server.came();
    assert_eq!(came.len(), 2);
    let said: Vec<&str> =
        came[0].said.iter().map(String::as_str).filter(|line| !line.starts_with("EHLO")).collect();
    assert_eq!(
        said,
        [
            "MAIL FROM:<alerts@example.org>",
            "RCPT TO:<desk@example.org>",
            "RCPT TO:<olafur@example.org>",
            "DATA",
            "QUIT"
        ]
    );
    let head = came[0].text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
    let names: Vec<&str> = head.split("\r\n").filter_map(|line| line.split(':').next()).collect();
    assert!(!names.contains(&"Bcc"), "{head}");
    assert!(
        head.contains("Subject: [Waypost] Our CRM Bcc: thief@example.org has not answered since"),
        "{head}"
    );
    assert!(head.contains("Auto-Submitted: auto-generated"), "{head}");
    assert!(came[0].text.contains("https://waypost.example.org/connections"), "{}", came[0].text);
    assert!(came[1].text.contains("answers again"), "{}", came[1].text);
}

#[actix_web::test]
async fn a_mail_server_without_starttls_gets_no_mail_where_it_is_asked_for() {
    let world = AlertWorld::new().await;
    let server = MailServer::start(&["8BITMIME", "AUTH PLAIN LOGIN"]).await;
    let id = world.mail(&server).await;
    let draft = waypost::app::ChannelDraft {
        name: "Front desk".into(),
        enabled: true,
        host: "127.0.0.1".into(),
        port: server.address.port().to_string(),
        tls: "starttls".into(),
        user: "alerts@example.org".into(),
        password: "hush-hush-password".into(),
        from: "alerts@example.org".into(),
        to: "desk@example.org".into(),
        allow_private: true,
        ..waypost::app::ChannelDraft::default()
    };
    world.site.app.keep_alert_channel(&Who::command_line(), Some(&id), &draft).await.unwrap();
    let sending = world.site.app.test_alert_channel(&Who::command_line(), &id, "").await.unwrap();
    assert!(!sending.good && sending.text.contains("offers no STARTTLS"), "{}", sending.text);
    let draft = waypost::app::ChannelDraft { allow_private: false, ..draft };
    let kept = world.site.app.keep_alert_channel(&Who::command_line(), Some(&id), &draft).await;
    let Err(waypost::app::ChannelError::Wrong(wrong)) = kept else { panic!("{kept:?}") };
    assert_eq!(wrong[0].0, "allow_private");
    assert!(wrong[0].1.contains("private network"), "{wrong:?}");
    let said: Vec<String> = server.came().into_iter().flat_map(|came| came.said).collect();
    assert!(said.iter().all(|line| line.starts_with("EHLO") || line == "QUIT"), "{said:?}");
}

#[actix_web::test]
async fn guests_that_need_somebody_are_one_outage_by_their_cause_and_the_letter_has_none_of_them() {
    let world = AlertWorld::over(Site::filled().await);
    let receiver = Receiver::start().await;
    world.webhook(&receiver.url()).await;
    let store = &world.site.app.store;
    let groups = store.open_causes(None, 100).await.unwrap();
    let wanted: Vec<_> = groups.iter().filter(|group| group.cause.code != VerdictCode::ByHand).collect();
    assert!(wanted.len() > 1);
    world.minutes(10).await;
    let about = |kind: &str| -> Vec<serde_json::Value> {
        let letters = receiver.came().into_iter().map(|came| came.json());
        let ours = |letter: &serde_json::Value| {
            letter["type"] == kind && letter["data"]["about"] == OutageKind::NeedsYou.as_str()
        };
        letters.filter(ours).collect()
    };
    assert_eq!(about(OPENED).len(), wanted.len());
    for group in wanted {
        let letters = about(OPENED);
        let letter = letters.iter().find(|letter| letter["data"]["name"] == group.key).expect("a letter");
        assert_eq!(letter["data"]["link"], format!("https://waypost.example.org/needs-you/{}", group.key));
        assert_eq!(letter["data"]["waiting"], group.needs + group.under_way);
    }
    for came in receiver.came() {
        for of_a_guest in ["guest1", "guest5", "Bhriain", "Okonkwo", "example.org\"", HOSTILE] {
            let letter = came.json();
            let text = format!("{} {}", letter["data"]["text"], letter["data"]["headline"]);
            assert!(!text.contains(of_a_guest), "{of_a_guest}: {text}");
        }
    }
    let runs: Vec<_> = store.list_runs(&ListFilter { limit: 500, ..ListFilter::default() }).await.unwrap();
    let ids: Vec<_> = runs.into_iter().map(|run| run.id).collect();
    store.cancel_runs(&ids, &Verdict::new(VerdictCode::ByHand, "enough"), world.now()).await.unwrap();
    world.minutes(10).await;
    assert_eq!(about(CLOSED).len(), about(OPENED).len());
}

#[actix_web::test]
async fn a_disk_that_is_nearly_full_is_told_and_said_well_when_there_is_room() {
    let world = AlertWorld::new().await;
    let receiver = Receiver::start().await;
    world.webhook(&receiver.url()).await;
    for (free, kinds) in [
        (Some(900 << 20), vec![OPENED]),
        // A little more than too little is neither.
        (Some(1_100 << 20), vec![OPENED]),
        (None, vec![OPENED]),
        (Some(9 << 30), vec![OPENED, CLOSED]),
    ] {
        for _ in 0..10 {
            world.site.clock.on(30_000);
            let seen = World { ruleset: None, disk_free: free, certificate: None };
            world.watcher.look(&seen, world.now()).await.unwrap();
            world.watcher.send(world.now()).await.unwrap();
        }
        assert_eq!(receiver.kinds(), kinds, "{free:?}");
    }
}

#[actix_web::test]
async fn that_webhooks_cannot_be_stored_is_told_without_the_database() {
    let world = AlertWorld::new().await;
    let receiver = Receiver::start().await;
    world.webhook(&receiver.url()).await;
    world.watcher.remember().await.expect("the channels");
    world.site.app.store.close().await;
    let minutes = async |minutes: i64| {
        for _ in 0..minutes * 2 {
            world.site.clock.on(30_000);
            world.watcher.tell_of_storing(world.now()).await;
        }
    };
    let storing = world.watcher.storing();
    storing.committed(0, 3, world.now());
    minutes(1).await;
    storing.committed(1, 0, world.now());
    minutes(30).await;
    assert_eq!(receiver.kinds(), [""; 0], "it was over before its time");
    storing.committed(0, 2, world.now());
    receiver.answers(503);
    minutes(10).await;
    let tries = receiver.came().len();
    assert!((2..8).contains(&tries), "{tries} tries in ten minutes");
    receiver.answers(200);
    storing.committed(0, 1, world.now());
    minutes(30).await;
    let came = receiver.came();
    assert_eq!(came.len(), tries + 1, "once taken, it is told");
    let ids: std::collections::BTreeSet<&str> = came.iter().map(|came| came.header("webhook-id")).collect();
    assert_eq!(ids.len(), 1);
    let told = came[0].json();
    assert_eq!((&told["type"], &told["data"]["about"]), (&OPENED.into(), &"storing".into()), "{told}");
    let headline = told["data"]["headline"].as_str().unwrap();
    assert!(headline.starts_with("Webhooks can't be stored since "), "{headline}");
    let text = told["data"]["text"].as_str().unwrap();
    assert!(text.starts_with("2 webhooks were refused with 503"), "{text}");
    // Well for a moment is not well.
    storing.committed(4, 0, world.now());
    world.site.clock.on(30_000);
    world.watcher.tell_of_storing(world.now()).await;
    storing.committed(0, 1, world.now());
    minutes(5).await;
    assert_eq!(receiver.came().len(), tries + 1);
    storing.committed(4, 0, world.now());
    minutes(10).await;
    let kinds = receiver.kinds();
    assert_eq!(kinds[kinds.len() - 1], CLOSED);
    assert_eq!(kinds.len(), tries + 2);
    let closed = receiver.came().pop().unwrap().json();
    assert_eq!(closed["data"]["outage"], told["data"]["outage"]);
    let text = closed["data"]["text"].as_str().unwrap();
    assert!(text.contains("3 webhooks were refused meanwhile"), "{text}");
}

#[actix_web::test]
async fn where_nobody_is_to_be_told_nothing_is_kept_to_be_sent() {
    let world = AlertWorld::new().await;
    world.watcher.remember().await.expect("the channels");
    world.watcher.storing().committed(0, 1, world.now());
    for _ in 0..100 {
        world.site.clock.on(60_000);
        assert_eq!(world.watcher.tell_of_storing(world.now()).await, waypost::alerts::Sent::default());
    }
}
