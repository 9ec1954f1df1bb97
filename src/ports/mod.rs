//! What the engine may ask of the world: time, chance, HTTP, the store, secrets. Nothing else. Adapters implement these
//! and the simulator replaces them.

mod alerts;
mod certificates;
mod cleaning;
mod clock;
mod mail;
mod outbound;
mod people;
mod secrets;
mod store;
mod store_causes;
mod store_chains;
mod store_fetches;
mod store_keeping;
mod store_pulse;
mod store_rows;
mod store_rules;
mod store_search;
mod store_views;
mod store_walks;
mod think;

pub use alerts::*;
pub use certificates::{Certificates, NoCertificate};
pub use cleaning::{Cleaned, Cleaner};
pub use clock::{Clock, Entropy};
pub use mail::{Mail, MailFailure, Mailer};
pub use outbound::{Answer, Outbound, OutboundFailure, OutboundRequest};
pub use people::*;
pub use secrets::Secrets;
pub use store::{Store, StoreError};
pub use store_causes::*;
pub use store_chains::*;
pub use store_fetches::*;
pub use store_keeping::*;
pub use store_pulse::*;
pub use store_rows::*;
pub use store_rules::*;
pub use store_search::*;
pub use store_views::*;
pub use store_walks::*;
pub use think::Think;
