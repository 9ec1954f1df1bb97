//! Walks through the code, for whoever changes it.
//!
//! # A booking arrives
//!
//! 1. `ingest::http` takes `POST /hooks/{source}/{token}`. `ingest::doors` says whether the token opens that door; the body
//!    is read within its limits, and without what its connector never stores (`connectors::unstored`, behind `ports::Cleaner`); [`crate::ingest::Intake::store`] puts it into the batch that is being filled.
//! 2. `runner` calls [`crate::ingest::Batches::commit_next`]: one commit for all requests that arrived together. Only then
//!    each of them is answered `200`. Nothing after this line can change that answer.
//! 3. `runner` is hinted and calls [`crate::bookings::Applier::step`]: unapplied events are read, their connector says what
//!    they tell (`connectors::source`), that is compared with the booking's present state (`connectors::records`), and the
//!    rules are asked what is to be done (`rules::plan`). Change, new state and runs are written in one transaction.
//! 4. `runner` calls [`crate::delivery::Delivery::turn`]: due runs are mapped (`rules::map`), compared with the links of the
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
//! A call whose outcome is unknown (time-out, 5xx, a kill) leaves its run `uncertain`: an upsert is repeated (or gives way
//! to a newer one of the same record, where that is known already), a create is looked up first by its action's `find:`, and
//! held for a person where there is none.
//!
//! # A booking is rebooked
//!
//! A body says whose place its booking took, or who took its own (`chain:` of the connector, `connectors::chain`). The steps of
//! chains are kept by keys (`domain::Chains`, `store::chains`), since either booking may be told of first. `bookings::chain` puts
//! what was told into its chain: a new booking's body also tells `rebooked` of the old one, as a change of its own behind those
//! that the body has by itself; the old one's own body, when it comes, adds what it has more, and rules that make something hear
//! of it once only. Delivery asks for the chain of a run's booking (`delivery::chain`): an old booking is older than whatever a
//! newer one sent to the same record, and a rule that moves records goes in the lane of the chain's oldest booking and reads the
//! links of all of it. Links move with the write of the new booking's own call or verdict. Where a chain comes out only after an old
//! and a newer booking of it made a record each, runs planned `by rebooking` end the old one's: one in each lane of the chain, so
//! that the last of them comes behind all that was under way (`bookings::one_event`). `tests/rebooking` tries all orders.
//!
//! # A webhook only hints
//!
//! Where a kind of record has `hint:` (apaleo), or a source says `verify: always`, applying an event writes a fetch instead of a
//! change: the change is `fetching`, and a second hint for the same booking joins it. `runner::fetching` calls
//! [`crate::fetch::Fetcher::claim`], makes the calls through `source_api` (one set of limits and one token for each credential,
//! whoever calls), and hands what came to [`crate::fetch::Fetcher::settle`]. A document goes into the journal as an event of its
//! own, which is applied like any other; in that transaction its hints become `coalesced` and the fetch ends. Its position is
//! the moment at which the request began: a hint that came in since makes another fetch, and a document that is older than what
//! is known changes nothing. Where the API does not know the booking, the hints are `refused`. While it is away they wait, or
//! `fetch::go_by` lets the webhook count, marked as unverified, and the fetch stays. Where the API then does not know a booking
//! that nothing else told of, `fetch::not_there` appends its end. An answer that is as old as what was known before its webhook
//! is asked for again, at most two times (`fetch::behind`); the calls of all processes share the API's limits (`source_api`).
//!
//! # Nothing comes
//!
//! `store::hours` counts webhooks by source and hour; `domain::silence` makes the usual of it and says whether a source is silent
//! for longer than chance makes it. `alerts::signs` looks every now and then and `alerts` tells people once; `app::pulse` says the
//! same to pages and the API, with the hours in which Waypost was away (`domain::downtime`) and the webhooks that it refused. With
//! `on_silence: backfill` a walk over the gap is begun.
//!
//! # A year is brought in
//!
//! `App::begin_walk` writes a row; `runner::walks` finds it and calls [`crate::walk::Walker::step`] again and again. A step asks
//! for some places of the tree that the manifest's `walk:` describes (`connectors::walk`), notes what they lead to, compares
//! documents with the bookings that are here, and appends those that are new or differ to the journal, where they go on like
//! webhooks. Places that are done go in the transaction that notes what they led to, so a kill loses nothing and repeats what
//! was in hand at most. Trouble of the whole API rests the walk; trouble of one place (also what sounds like the whole API's, and
//! comes again while others are answered) puts that aside, and says so at the end. What a repair ends (`walk::gone`) goes into the
//! journal too, as a document that says there is none (`DocumentHead::gone`); where something came in since, it is stale.
//!
//! # Add a connector
//!
//! Write `rules/connectors/NAME.yaml`: no Rust. Look at `hubspot.yaml` for a destination and at `fareharbor.yaml` for a
//! source; `waypost check` tells what is wrong, with did-you-mean. Say for each part how sure you are
//! (`verified: specification | documentation | unverified`) and never invent an API. To ship it with the binary, name it in
//! `src/connectors/builtin.rs`, and write a rule with its test that uses it. One whose webhooks are thin says `hint:` and `fetch:`
//! for its records and `api:` for itself (`apaleo.yaml`, `pretix.yaml`); so does a source of the connector `webhook` in its own
//! file, by the same readers (`connectors::fetch_read`, `connectors::source_api_read`). If the manifest language lacks a word, teach it
//! one in `src/connectors`; a special case in Rust for one vendor is the wrong way.
//!
//! # What may grow, and how far
//!
//! | what | at most | what comes then | where |
//! |---|---|---|---|
//! | connections that wait to be taken | 4,096, or what the system allows | the system lets them try again | `app::listener` |
//! | connections taken | 24,000, less where the process may open fewer files (256 of them are kept back) | they wait in the queue above | `app::listener` |
//! | time of a request's head, of its body | 10 s, 30 s | 408 | `app::serve`, `ingest::http` |
//! | one body | 5 MiB (`--body-bytes-max`) | 413 | `ingest::http` |
//! | a packed body that is looked through for what is never stored | 32 MiB unpacked | stored as it came, with a note | `connectors::payload` |
//! | parts or fields of a form, JSON documents of one body | 2,000, 10,000 | `unreadable`, and said so | `connectors` |
//! | bodies being read or waiting for their commit | 256 MiB together, reserved before the first byte is read | 503 with `Retry-After` | `ingest` |
//! | webhooks that wait for their commit | 16,384 | 503 with `Retry-After` | `ingest` |
//! | one commit of webhooks | 256 events or 16 MiB | the rest is in the next one | `ingest` |
//! | events in hand of apply | 256, or 8 MiB of bodies (but for a single larger one) | the rest is in the next batch | `bookings` |
//! | expressions of one event or run | 1 s, 200,000 operations, 1 MiB of text, 10,000 items | the run fails | `runner`, `expr` |
//! | items of one change (`each:`) | 1,000 | a run that says so | `rules::items` |
//! | bookings of one chain of rebookings | 64, either way | the rest is not looked at | `domain::chain` |
//! | runs of one claim | 128, and no more than calls may be made | the rest is in the next claim | `delivery` |
//! | calls in flight, of one connection | 64, or its `concurrency:`; fewer while it is slow or fails | runs wait in the database | `delivery::gate` |
//! | bookings of the calls in flight | 16 MiB as text (but for a single larger one) | runs wait in the database | `delivery` |
//! | runs set aside until a record is free | 1,024 | they stay in the database | `delivery` |
//! | calls of the last second that a limit remembers | its `per_second:`, 10,000 at most | calls wait | `delivery::gate` |
//! | one call | its `timeout:`, 5 min at most, head and body together | the outcome is unknown | `outbound` |
//! | one answer | 256 KiB read, the rest is left | cut, and said so | `connectors::auth`, `outbound` |
//! | idle connections to one host | 64, for 30 s | closed | `outbound` |
//! | further calls of one fetch (`also:`) | 4 | a mistake that says so | `connectors::fetch_read` |
//! | subscriptions that a booking system tells of | 1,000 | nothing is done, and it is said so | `connectors::subscriptions` |
//! | whoever changes a source's subscriptions | one process at a time; one that was killed, for 10 min | told, and tried again | `app::turns` |
//! | rulesets kept compiled | 8 | read from the database again | `app::rulesets` |
//! | the rules folder | 2,000 files of 1 MiB, 20,000 entries | a mistake that says so | `workspace::folder` |
//! | accounts whose doors are known by heart | 10,000 | asked of the database | `bookings::doors` |
//! | whoever waits for the one writer of a SQLite file | the stages, one commit of webhooks, 128 connections to the pages; 20 s | an error, tried again | `store::gate` |
//! | connections to Postgres | 9; 5 s of waiting for one | an error, tried again | `store::postgres` |
//! | rows of a list | 1,000 | the next page | `store::lists` |
//! | terms that a booking is found by | 24 of 32 characters | further words are not looked for | `domain::search` |
//! | bookings looked through for one page of a search | 4,000, or 2,000 that have its rarest word | the page says so and leads on | `store::finding` |
//! | pages that hear of news | 64, for 10 min each | they look by themselves every few seconds | `app::live`, `web::live` |
//! | looks ahead at the same time (previews, tests, what applying comes to) | 4; 2 s of waiting for room | 429 with `Retry-After` | `app::look` |
//! | fetches at the same time | 16 | further ones wait in the database | `fetch` |
//! | hints at one booking within 300 ms | one fetch | each is told what came of it | `bookings` |
//! | a fetch that fails | again after 2 s, 10 s, 30 s, 2 min, 10 min, 30 min, then every hour; after a refused sign-in every minute | it goes on until it came | `fetch` |
//! | a document that can't be used | asked for again after 1 min; after 1 h where a mistake of Waypost came up | it is shown as `unreadable` | `bookings` |
//! | events of a source that are looked through for what its API did not know | 500, of the last hour; told from 5 in a row | older ones are not counted | `app::fetching` |
//! | a silence | learned from 8 weeks (2 and 10 webhooks at least), 15 min at least, once in ten years by chance | nothing is told | `domain::silence` |
//! | a look at the certificate of the address | 10 s; every hour, every minute while something is wrong | what was seen before stands | `app::certificate` |
//! | what comes in for a source that was removed | 30 days from then | 404 | `app::activate` |
//! | walks over sources' APIs at the same time | 8, one per source | further ones wait | `runner::walks` |
//! | places of a walk that are asked for at once | 32 records, or 8 lists; an answer as large as the API's client takes | the next step | `walk` |
//! | places of a walk that wait | those that a few lists led to: the deepest come first | they stay in the database | `walk` |
//! | what a walk brings in before it is read | 2,000 documents | the walk rests | `app::walks` |
//! | bookings that a repair ends because their system does not know them any more | 10, or a fifth of those that are here | none ends before a person says so | `walk::gone` |
//! | findings of a walk that are kept | 10,000 that tell something, of the last 10 walks of a source | forgotten | `store::walk_places` |
//! | a page of a list of the API | 200 items | `next` leads on | `web::api_paging` |
//! | a body sent to the API | 32 KiB; 4 MiB where it has a rule's text | 413 | `web::routes` |
//! | changes, runs and texts of a booking's page | 15, 24 and 6,000 characters of requests and answers | the next page, the run's page | `web` |
//! | calls and requests in hand at a stop | 10 s | calls are taken up at the next start, requests are not answered | `runner`, `app::serve` |
//!
//! Hints carry no data and don't queue up; nothing is spawned per event. `tests/faults/flood.rs` keeps it so.
