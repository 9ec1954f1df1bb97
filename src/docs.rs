//! Three walks through the code, for whoever changes it.
//!
//! # A booking arrives
//!
//! 1. `ingest::http` takes `POST /hooks/{source}/{token}`. `ingest::doors` says whether the token opens that door; the body
//!    is read within its limits; [`crate::ingest::Intake::store`] puts it into the batch that is being filled.
//! 2. `runner` calls [`crate::ingest::Batches::commit_next`]: one commit for all requests that arrived together. Only then
//!    each of them is answered `200`. Nothing after this line can change that answer.
//! 3. `runner` is hinted and calls [`crate::bookings::Applier::step`]: unapplied events are read, their connector says what
//!    they tell (`connectors::source`), that is compared with the booking's present state (`connectors::records`), and the
//!    rules are asked what is to be done (`rules::plan`). Change, new state and runs are written in one transaction.
//! 4. `runner` calls [`crate::delivery::Delivery::claim`]: due runs are mapped (`rules::map`), compared with the links of the
//!    records that they write (`delivery::links`), rendered (`connectors::request`), and written down as `sending`.
//! 5. The calls go out (`outbound`); what comes back is understood (`connectors::answer`) and written down with link,
//!    outputs and the run's next state by [`crate::delivery::Delivery::settle`].
//!
//! # A CRM is down
//!
//! A call that was not answered, or answered 5xx, is a failure of its connection: after five in a row `delivery::gate`
//! trips, and one run's call is the probe, after 5 s, doubling to 30 s. The run itself waits by `delivery::schedule`. The
//! clock of giving up stands still meanwhile. Changes of bookings go on being applied and planned: of a rule whose steps
//! are all upserts the newest run takes the place of the older ones, so that the backlog is one run per booking. When a
//! probe is answered, all waiting runs become due under the connection's limits.
//!
//! A call whose outcome is unknown (time-out, 5xx, a kill) leaves its run `uncertain`: an upsert is repeated, a create is
//! looked up first by its action's `find:`, and held for a person where there is none.
//!
//! # Add a connector
//!
//! Write `rules/connectors/NAME.yaml`: no Rust. Look at `hubspot.yaml` for a destination and at `fareharbor.yaml` for a
//! source; `waypost check` tells what is wrong, with did-you-mean. Say for each part how sure you are
//! (`verified: specification | documentation | unverified`) and never invent an API. To ship it with the binary, name it in
//! `src/connectors/builtin.rs`, and write a rule with its test that uses it. If the manifest language lacks a word, teach it
//! one in `src/connectors`; a special case in Rust for one vendor is the wrong way.
