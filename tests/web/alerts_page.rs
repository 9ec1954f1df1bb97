//! The page of alerts: channels are made, tried, changed and removed there; secrets go in and never come out.

use crate::alerts_world::{AlertWorld, KEY, MailServer, Receiver};
use actix_web::http::StatusCode;
use waypost::domain::ChannelTo;
use waypost::ports::{NewAudit, Secrets as _};

const HOOK: [(&str, &str); 4] =
    [("name", "Pager"), ("enabled", "yes"), ("allow_private", "yes"), ("signed", "yes")];

/// The id of the only channel.
async fn only(world: &AlertWorld) -> String {
    world.site.app.store.alerts().alert_channels().await.unwrap()[0].id.clone()
}

#[actix_web::test]
async fn a_webhook_is_made_tried_changed_and_removed_and_its_secrets_are_on_no_page() {
    let world = AlertWorld::new().await;
    let site = &world.site;
    let receiver = Receiver::start().await;
    let url = receiver.url();
    let first = site.get("/settings/alerts").await;
    assert!(first.text.contains("Nobody is told when something is wrong"), "{}", first.text);
    let form: Vec<_> = HOOK.into_iter().chain([("address", url.as_str()), ("signing", KEY)]).collect();
    let made = site.post("/settings/alerts/new/webhook", &form).await;
    assert_eq!(
        (made.status, made.header("location")),
        (StatusCode::SEE_OTHER, "/settings/alerts?said=channel")
    );
    let id = only(&world).await;
    let tried = site.post(&format!("/settings/alerts/{id}/test"), &[]).await;
    assert_eq!(tried.header("location"), "/settings/alerts?said=test-sent");
    assert_eq!(receiver.kinds(), ["test"]);
    receiver.answers(404);
    let tried = site.post(&format!("/settings/alerts/{id}/test"), &[]).await;
    assert_eq!(tried.header("location"), "/settings/alerts?said=test-failed");
    let mut pages = vec![
        site.get("/settings/alerts").await.text,
        site.get(&format!("/settings/alerts/{id}")).await.text,
        site.get("/settings/audit").await.text,
    ];
    assert!(pages[0].contains("did not take it (it answered 404)"), "{}", pages[0]);
    // A mistake brings the form back, without what was secret in it.
    let wrong: Vec<_> =
        HOOK.into_iter().chain([("address", "ftp://hush-hush-address"), ("signing", KEY)]).collect();
    let wrong = site.post(&format!("/settings/alerts/{id}"), &wrong).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    pages.push(wrong.text);
    for page in &pages {
        assert!(!page.contains("hush-hush") && !page.contains("MfKQ9r8"), "{page}");
    }
    // Nothing typed keeps what is there.
    let kept = site.post(&format!("/settings/alerts/{id}"), &HOOK).await;
    assert_eq!(kept.status, StatusCode::SEE_OTHER, "{}", kept.text);
    receiver.answers(200);
    site.post(&format!("/settings/alerts/{id}/test"), &[]).await;
    assert_eq!(receiver.kinds().len(), 3);
    assert!(!receiver.came()[2].header("webhook-signature").is_empty());
    let removed = site.post(&format!("/settings/alerts/{id}/remove"), &[]).await;
    assert_eq!(removed.header("location"), "/settings/alerts?said=channel-removed");
    assert_eq!(site.post(&format!("/settings/alerts/{id}/test"), &[]).await.status, StatusCode::NOT_FOUND);
    let audit = site.get("/settings/audit").await.text;
    for act in ["made a channel for alerts", "changed a channel", "removed a channel", "sent a test alert"] {
        assert!(audit.contains(act), "{act}");
    }
}

#[actix_web::test]
async fn a_private_address_and_a_name_that_is_there_are_told_at_once() {
    let world = AlertWorld::new().await;
    let site = &world.site;
    let form = |name, address, private: Option<&'static str>| {
        let box_of = private.map(|yes| ("allow_private", yes));
        [("name", name), ("address", address)].into_iter().chain(box_of).collect::<Vec<_>>()
    };
    for address in
        ["https://127.0.0.1:9/x", "https://169.254.169.254/", "https://[::1]/", "https://localhost/x"]
    {
        let wrong = site.post("/settings/alerts/new/webhook", &form("Pager", address, None)).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{address}");
        assert!(
            wrong.text.contains("<a href=\"#allow_private\">This address is in a private network: tick this"),
            "{}",
            wrong.text
        );
    }
    let made =
        site.post("/settings/alerts/new/webhook", &form("Pager", "https://127.0.0.1:9/x", Some("yes"))).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
    let twice =
        site.post("/settings/alerts/new/webhook", &form(" pager", "https://example.org/x", None)).await;
    assert!(twice.text.contains("Another channel is called so already"), "{}", twice.text);
    let id = only(&world).await;
    let same = site.post(&format!("/settings/alerts/{id}"), &form("Pager", "", Some("yes"))).await;
    assert_eq!(same.status, StatusCode::SEE_OTHER, "{}", same.text);
}

#[actix_web::test]
async fn a_secret_of_the_vault_is_taken_by_its_name_and_stays_when_the_channel_goes() {
    let world = AlertWorld::new().await;
    let site = &world.site;
    let receiver = Receiver::start().await;
    site.app.set_secret("pager-address", &receiver.url()).await.unwrap();
    let named = |name: &'static str| HOOK.into_iter().take(3).chain([("address", name)]).collect::<Vec<_>>();
    let wrong = site.post("/settings/alerts/new/slack", &named("secret:nobody")).await;
    assert!(wrong.text.contains("The vault has no such secret"), "{}", wrong.text);
    let made = site.post("/settings/alerts/new/slack", &named("secret:pager-address")).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
    let id = only(&world).await;
    site.post(&format!("/settings/alerts/{id}/test"), &[]).await;
    let text = receiver.came()[0].json()["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("*A test from Waypost*\n"), "{text}");
    let states = site.app.secret_states().await.unwrap();
    assert_eq!(states[0].needed_by, ["alert channel Pager"]);
    site.post(&format!("/settings/alerts/{id}/remove"), &[]).await;
    assert!(site.app.secrets.vault("pager-address").is_some());
}

#[actix_web::test]
async fn what_can_be_no_channel_is_told_at_its_field() {
    let world = AlertWorld::new().await;
    let site = &world.site;
    let good = [
        ("name", "Desk"),
        ("host", "smtp.example.org"),
        ("port", "587"),
        ("tls", "starttls"),
        ("from", "alerts@example.org"),
        ("to", "desk@example.org"),
    ];
    let cases = [
        ("name", "Desk\r\nBcc: x", "name"),
        ("host", "smtp.example.org\r\nRCPT", "host"),
        ("host", "smtp.example.org/x", "host"),
        ("port", "0", "port"),
        ("port", "99999", "port"),
        ("tls", "perhaps", "tls"),
        ("from", "alerts@example.org\r\nBcc: x@example.org", "from"),
        ("from", "alerts", "from"),
        ("to", "", "to"),
        ("to", "desk@example.org, nobody", "to"),
        ("to", "desk@example.org>\u{0}", "to"),
        ("user", "alerts", "password"),
        ("password", "secret", "user"),
    ];
    for (field, value, at) in cases {
        let form: Vec<_> =
            good.into_iter().filter(|(name, _)| *name != field).chain([(field, value)]).collect();
        let seen = site.post("/settings/alerts/new/email", &form).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{field} {value:?}");
        assert!(seen.text.contains(&format!("href=\"#{at}\"")), "{field} {value:?}: {}", seen.text);
    }
    for (address, private) in [
        ("http://pager.example.org/x", None),
        ("https://user:word@pager.example.org/x", None),
        ("javascript:alert(1)", Some("yes")),
        ("file:///etc/passwd", Some("yes")),
        ("", None),
    ] {
        let form: Vec<_> = [("name", "Pager"), ("address", address)]
            .into_iter()
            .chain(private.map(|yes| ("allow_private", yes)))
            .collect();
        let seen = site.post("/settings/alerts/new/webhook", &form).await;
        assert!(seen.text.contains("href=\"#address\""), "{address}: {}", seen.text);
    }
    assert_eq!(world.site.app.store.alerts().alert_channels().await.unwrap(), []);
    assert_eq!(site.get("/settings/alerts/new/pigeon").await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.app.store.secrets().await.unwrap().len(), 0, "nothing was sealed for them");
}

#[actix_web::test]
async fn a_private_address_is_called_only_where_the_channel_says_so() {
    let world = AlertWorld::new().await;
    let site = &world.site;
    let receiver = Receiver::start().await;
    let url = receiver.url().replace("http://", "https://");
    let form = [("name", "Pager"), ("address", url.as_str()), ("enabled", "yes"), ("allow_private", "yes")];
    let made = site.post("/settings/alerts/new/webhook", &form).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
    let id = only(&world).await;
    // Kept by a version that looked only when it was called.
    let mut channel = site.app.store.alerts().alert_channels().await.unwrap().remove(0);
    if let ChannelTo::Webhook(hook) = &mut channel.to {
        hook.allow_private = false;
    }
    let audit = NewAudit {
        at: site.now,
        who: String::new(),
        who_name: String::new(),
        act: "alerts.channel-changed",
        object: "Pager".into(),
        details: String::new(),
    };
    site.app.store.alerts().put_alert_channel(&channel, &audit).await.unwrap();
    site.post(&format!("/settings/alerts/{id}/test"), &[]).await;
    let text = site.get("/settings/alerts").await.text;
    assert!(text.contains("private network") && !text.contains("in a file"), "{text}");
    assert_eq!(receiver.came().len(), 0);
}

#[actix_web::test]
async fn mail_is_tried_by_the_button_and_the_options_are_kept() {
    let world = AlertWorld::new().await;
    let site = &world.site;
    let server = MailServer::start(&["8BITMIME"]).await;
    let id = world.mail(&server).await;
    let tried = site.post(&format!("/settings/alerts/{id}/test"), &[]).await;
    assert_eq!(tried.header("location"), "/settings/alerts?said=test-sent");
    let text = site.get("/settings/alerts").await.text;
    assert!(text.contains("Handed to 127.0.0.1 for 2 people."), "{text}");
    assert!(server.came()[0].text.contains("Subject: [Waypost] A test from Waypost"));
    let zone = |zone: &'static str| [("delay", "15"), ("remind", "4"), ("zone", zone)];
    assert_eq!(
        site.post("/settings/alerts", &zone("Nowhere/Town")).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        site.post("/settings/alerts", &zone("../../etc/passwd")).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(site.post("/settings/alerts", &zone("Europe/Dublin")).await.status, StatusCode::SEE_OTHER);
    let kept = site.app.alert_options().await.unwrap().unwrap();
    assert_eq!((kept.delay_minutes, kept.remind_hours, kept.zone.as_str()), (15, 4, "Europe/Dublin"));
    let strange = site.post("/settings/alerts", &[("delay", "-5"), ("remind", "4"), ("zone", "UTC")]).await;
    assert_eq!(strange.status, StatusCode::BAD_REQUEST);
}
