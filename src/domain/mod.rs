//! PURE: the words of the design. Ids, time, changes, runs, verdicts. Uses nobody; everybody uses it.

mod access;
mod alert;
mod cause;
mod certificate;
mod chain;
mod change;
mod downtime;
mod event;
mod ids;
mod link;
mod mask;
mod person;
mod public_address;
mod refused;
mod run;
mod scrub;
mod search;
mod sentence;
mod signing;
mod silence;
mod standing;
mod time;
mod verdict;

pub use access::{Right, Role, Scope};
pub use alert::{AlertOptions, ChannelTo, HookTo, Letter, LetterKind, MailTo, OutageKind, SmtpTls};
pub use cause::{Cause, CausePlace, is_cause_key, waits_key, without_values};
pub use certificate::{
    CertificateGrade, CertificateSeen, CertificateState, CertificateTold, CertificateWatch, NOT_SHOWN_WAY_OUT,
};
pub use chain::{CHAIN_MAX, Chains, Rebooking};
pub use change::{Account, BookingKey, ChangeKind, View};
pub use downtime::{DOWN_MS_MIN, Stretch, downtimes};
pub use event::{
    BEHIND, BODY_NOTE, DocumentHead, EventKey, KNOWS_NO_SUCH, ORIGIN_AGAIN, ORIGIN_BACKFILL, ORIGIN_DEMO,
    ORIGIN_FETCH, ORIGIN_PROBE, ORIGIN_RECONCILE, ORIGIN_WEBHOOK, READ_AGAIN_OF, SIGNED_ACCOUNT, fetch_id,
    is_document,
};
pub use ids::{AttemptId, BookingId, ChangeRef, EventId, Position, RunId, Seq};
pub use link::{LinkKey, RecordKey};
pub use mask::{
    MASK, has_odd_letters, mask_document, mask_email, mask_name, mask_path, mask_phone, mask_view, tells_of,
};
pub use person::{NameParts, language, phone_e164, split_name};
pub use public_address::{is_private_host, is_public};
pub use refused::refused_in_words;
pub use run::{BY_REBOOKING, RunEvent, RunState, StepProgress, StepState, transition};
pub use scrub::Scrub;
pub use search::{TERM_CHARS_MAX, TERMS_MAX, fold, search_terms, search_words};
pub use sentence::{begin_sentence, counted};
pub use signing::{
    AddressRange, BytesAs, HashName, SignatureScheme, SignedPart, TokenAlgorithm, TokenScheme,
};
pub use silence::{Profile, RATE_WEEKS, Rhythm, Silence};
pub use standing::Standing;
pub use time::{Millis, moment_of_number, parse_datetime, read_moment};
pub use verdict::{Verdict, VerdictCode};
