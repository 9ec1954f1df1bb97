//! Somebody who is signed in to the pages of an app: the way in for tests that look at pages.

use waypost::app::{App, NewPerson, Origin, Who};
use waypost::domain::Role;

/// The password of everybody here.
pub const PASSWORD: &str = "whale and harbour";

/// Makes an account and signs it in; gives the session's token.
pub async fn session_of(app: &App, email: &str, role: Role) -> String {
    let new =
        NewPerson { email: email.into(), name: "Ciara Byrne".into(), role, password: Some(PASSWORD.into()) };
    app.add_person(&Who::command_line(), new).await.expect("an account");
    let begun = app.sign_in(email, PASSWORD.into(), &Origin::default()).await;
    begun.expect("the sign-in is answered").expect("the password is right").token
}
