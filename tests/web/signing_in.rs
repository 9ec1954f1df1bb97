//! A source's page says how its webhooks sign in, and takes the secret of the other system: sealed, named by the file,
//! never shown.

use crate::workshop::Workshop;
use actix_web::http::StatusCode;
use waypost::connectors::SecretRef;
use waypost::domain::Role;

const SECRET: &str = "whsec_never_shown_again";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secret_of_a_vendor_is_entered_on_the_page_and_asked_for_from_then_on() {
    let shop = Workshop::open(0).await.with_git();
    let form = [("title", "Our Stripe"), ("name", "pay")];
    let seen = shop.post("/sources/new/stripe", &form).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.text);
    let page = shop.get("/sources/pay").await.text;
    assert!(page.contains("A webhook is let in that shows the secret in its address."), "{page}");
    assert!(page.contains("Ask for it too: Signing secret") && page.contains("begins with whsec_"), "{page}");
    let path = shop.app.source_paths(&shop.app.active().unwrap().sources["pay"])[0].clone();
    assert_eq!(shop.hook(&path).await, StatusCode::OK);

    for wrong in ["", " ", "two\nlines"] {
        let seen = shop.post("/sources/pay/sign-in", &[("way", "signature"), ("value", wrong)]).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
        assert!(seen.text.contains("id=\"value-wrong\""), "{}", seen.text);
    }
    let seen = shop.post("/sources/pay/sign-in", &[("way", "nothing"), ("value", SECRET)]).await;
    assert_eq!(seen.status, StatusCode::NOT_FOUND, "no such way");
    let seen = shop.post("/sources/pay/sign-in", &[("way", "signature"), ("value", SECRET)]).await;
    assert_eq!(seen.header("location"), "/sources/pay?said=signs-in", "{}", seen.text);

    let file = shop.read("sources/pay.yaml");
    assert!(file.contains("sign_in: [address, { signature: { secret: source.pay.signature } }]"), "{file}");
    assert!(!file.contains(SECRET));
    assert!(shop.app.has_secret(&SecretRef::Vault("source.pay.signature".into())));
    assert_eq!(shop.hook(&path).await, StatusCode::UNAUTHORIZED, "it is not signed");
    let page = shop.get("/sources/pay").await.text;
    assert!(
        page.contains("the secret in its address and a signature in the header stripe-signature"),
        "{page}"
    );
    assert!(
        page.contains("Replace: Signing secret") && page.contains("with a wrong or missing signature"),
        "{page}"
    );
    assert!(!page.contains(SECRET));
    // Another one takes its place; the file stays.
    let seen = shop.post("/sources/pay/sign-in", &[("way", "signature"), ("value", "whsec_other")]).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER);
    assert_eq!(shop.read("sources/pay.yaml"), file);
    let viewer = shop.get_as(Role::Viewer, "/sources/pay").await.text;
    assert!(!viewer.contains("sign-in-signature"), "only who may connect is asked for it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_other_system_is_connected_first_and_described_later() {
    let shop = Workshop::open(0).await;
    let form = [("title", "Our form"), ("name", "form"), ("account", "")];
    assert_eq!(shop.post("/sources/new/webhook", &form).await.status, StatusCode::SEE_OTHER);
    let path = shop.app.source_paths(&shop.app.active().unwrap().sources["form"])[0].clone();
    assert_eq!(shop.hook(&path).await, StatusCode::OK);
    let catalogue = shop.get("/connections/new").await.text;
    for title in ["Stripe", "Calendly", "Cal.com", "Square", "pretix", "Bókun", "Webhook"] {
        assert!(catalogue.contains(title), "{title}");
    }
    assert!(!catalogue.contains("webhook/form"), "what one source describes is no connector to choose");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_at_hand_is_given_with_the_first_form_and_kept_in_the_vault() {
    let shop = Workshop::open(0).await;
    let asked = shop.get("/sources/new/pretix").await.text;
    assert!(asked.contains("name=\"key.token\" type=\"password\""), "{asked}");
    assert!(asked.contains("name=\"sign.password\" type=\"password\""), "{asked}");
    let form = |name: &'static str, token: &'static str| {
        [
            ("title", "Demo Con"),
            ("name", name),
            ("account", ""),
            ("key.token", token),
            ("sign.password", SECRET),
        ]
    };
    let seen = shop.post("/sources/new/pretix", &form("con", "a\u{1}b")).await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(seen.text.contains("id=\"key.token-wrong\"") && !seen.text.contains(SECRET), "{}", seen.text);
    assert!(!shop.app.has_secret(&SecretRef::Vault("source.con.password".into())));
    let seen = shop.post("/sources/new/pretix", &form("con", "pretix-token-1")).await;
    assert_eq!(seen.header("location"), "/sources/con?said=connected", "{}", seen.text);
    let file = shop.read("sources/con.yaml");
    assert!(!file.contains(SECRET) && !file.contains("pretix-token-1"), "{file}");
    assert!(file.contains("source.con.api.token") && file.contains("source.con.password"), "{file}");
    for name in ["source.con.api.token", "source.con.password"] {
        assert!(shop.app.has_secret(&SecretRef::Vault(name.into())), "{name}");
    }
    let page = shop.get("/sources/con").await.text;
    assert!(!page.contains(SECRET) && !page.contains("pretix-token-1"));
    // One of that name is there: its secrets stay as they are.
    let seen = shop.post("/sources/new/pretix", &form("con", "pretix-token-2")).await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shop.app.has_secret(&SecretRef::Vault("source.con.api.token".into())));
}
