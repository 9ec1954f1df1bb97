//! Who asks for a page or calls the API. Handlers take a `Viewer` as an argument (it is there for every route that needs a
//! right); the frame of a page and error pages find the same one by themselves.
//!
//! ```ignore
//! async fn run_retry(app: web::Data<App>, viewer: Viewer, …) { app.audit(&viewer.who(), "run.retried", …).await }
//! ```

use super::errors::PageError;
use crate::app::{Actor, Who};
use crate::domain::{Right, Role};
use crate::ports::{PersonRow, SessionRow, TokenRow};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use sha2::{Digest, Sha256};
use std::future::{Ready, ready};
use std::sync::Arc;

/// Who asks.
#[derive(Clone, Debug)]
pub struct Viewer(Arc<Is>);

#[derive(Debug)]
enum Is {
    Person(SessionRow, PersonRow),
    Program(TokenRow),
    Demo,
}

impl Viewer {
    /// A person who is signed in.
    pub(super) fn person(session: SessionRow, person: PersonRow) -> Self {
        Self(Arc::new(Is::Person(session, person)))
    }

    /// A program with a token.
    pub(super) fn program(token: TokenRow) -> Self {
        Self(Arc::new(Is::Program(token)))
    }

    /// Whoever looks at the demo.
    pub(super) fn demo() -> Self {
        Self(Arc::new(Is::Demo))
    }

    /// As the audit log names them.
    pub fn who(&self) -> Who {
        match &*self.0 {
            Is::Person(_, person) => Who::person(person),
            Is::Program(token) => Who::token(token),
            Is::Demo => Who::demo(),
        }
    }

    /// As commits of rules name them.
    pub fn actor(&self) -> Actor {
        let email = match &*self.0 {
            Is::Person(_, person) => person.email.clone(),
            Is::Program(_) | Is::Demo => "waypost@localhost".to_owned(),
        };
        Actor { name: self.name().to_owned(), email }
    }

    /// What they are called.
    pub fn name(&self) -> &str {
        match &*self.0 {
            Is::Person(_, person) => &person.name,
            Is::Program(token) => &token.name,
            Is::Demo => "demo",
        }
    }

    /// Their role; a program has scopes instead.
    pub fn role(&self) -> Option<Role> {
        match &*self.0 {
            Is::Person(_, person) => Some(person.role),
            Is::Program(_) => None,
            Is::Demo => Some(Role::Admin),
        }
    }

    /// Whether they may do that. Whoever looks at the demo has no account to look after.
    pub fn may(&self, right: Right) -> bool {
        match &*self.0 {
            Is::Person(_, person) => person.role.allows(right),
            Is::Program(token) => token.scopes.iter().any(|scope| scope.allows(right)),
            Is::Demo => right != Right::Own && Role::Admin.allows(right),
        }
    }

    /// IANA name of the zone that they want times in, where they said one.
    pub fn time_zone(&self) -> Option<&str> {
        match &*self.0 {
            Is::Person(_, person) => person.time_zone.as_deref(),
            Is::Program(_) | Is::Demo => None,
        }
    }

    /// Their token, where it is a program.
    pub fn token(&self) -> Option<&TokenRow> {
        match &*self.0 {
            Is::Program(token) => Some(token),
            Is::Person(..) | Is::Demo => None,
        }
    }

    /// Whether it is the demo.
    pub fn is_demo(&self) -> bool {
        matches!(&*self.0, Is::Demo)
    }

    /// Their session and account, for the pages about one's own account.
    pub(super) fn account(&self) -> Result<(&SessionRow, &PersonRow), PageError> {
        match &*self.0 {
            Is::Person(session, person) => Ok((session, person)),
            Is::Program(_) | Is::Demo => Err(PageError::new(
                StatusCode::CONFLICT,
                "There is no account here",
                "Only somebody who is signed in has an account. The demo needs none; with waypost serve there are accounts.",
            )),
        }
    }
}

impl FromRequest for Viewer {
    type Error = PageError;
    type Future = Ready<Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Self>().cloned().ok_or_else(PageError::signed_out))
    }
}

/// Who is present while a request is answered, and the token of the forms that are shown to them.
#[derive(Clone, Debug, Default)]
pub(super) struct Present {
    /// Who.
    pub viewer: Option<Viewer>,
    /// For hidden fields.
    pub form_token: String,
    /// How many runs need somebody, as last known.
    pub needs_you: i64,
}

tokio::task_local! {
    static PRESENT: Present;
}

impl Present {
    /// Answers a request with them present.
    pub async fn during<T>(self, answering: impl Future<Output = T>) -> T {
        PRESENT.scope(self, answering).await
    }

    /// The same for what takes no time.
    pub fn during_this<T>(self, answering: impl FnOnce() -> T) -> T {
        PRESENT.sync_scope(self, answering)
    }

    /// Who is present now; nobody outside of a request.
    pub fn now() -> Self {
        PRESENT.try_with(Clone::clone).unwrap_or_default()
    }
}

/// The token of forms that belongs to a secret of the browser (a session's or a visit's token).
pub(super) fn form_token(secret: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"waypost form\0");
    hash.update(secret.as_bytes());
    hash.finalize().iter().fold(String::with_capacity(64), |text, byte| format!("{text}{byte:02x}"))
}
