//! Wires all of it: store, vault, rulesets, doors, hints. The faces go through it; `serve` starts and stops what runs.

mod about;
mod activate;
mod acts;
mod acts_plan;
mod alert_channels;
mod alerts;
mod apply;
mod ask;
mod backup;
mod booking_test;
mod certificate;
mod chains;
mod connect;
mod disk;
mod doctor;
mod doctor_connections;
mod doctor_fetching;
mod doctor_sources;
mod door_ways;
mod existing;
mod fetching;
mod gaps;
mod guest;
mod guest_export;
mod lately;
mod listener;
mod live;
mod look;
mod machine;
mod masking;
mod masking_asked;
mod people;
mod people_code;
mod people_links;
mod people_password;
mod people_refused;
mod people_sign_in;
mod people_throttle;
mod people_tokens;
mod publish;
mod pulse;
mod read_again;
mod retention;
mod rotate;
mod rule_history;
mod rule_moves;
mod rulesets;
mod secrets;
mod serve;
mod source_keys;
mod source_sign_in;
mod subscriptions;
mod subscriptions_removed;
mod subscriptions_seen;
mod turns;
mod unread;
mod walk_account;
mod walks;

pub use crate::delivery::{
    DoneByHand, Explained, Foreseen, ForeseenEnd, ForeseenStep, MarkError, Marked, StepOutlook,
};
pub use crate::rehearsal::Report;
pub use about::About;
pub use activate::FolderState;
pub use acts::{NewAct, is_act_id};
pub use acts_plan::{ActPlan, WhyNot, why_not};
pub use alert_channels::{ChannelDraft, ChannelError};
pub use apply::{Example, Foresight};
pub use ask::{AskError, Replayed, SecretState};
pub use backup::{BackupError, BackupMade};
pub use booking_test::TestDraft;
pub use chains::{ChainAround, ChainedBooking, NeighbourKeys};
pub use connect::{ConnectError, PartKind, PartNew, SecretHeld, first_mistakes, values_of};
pub use disk::Space;
pub use doctor::{Finding, Health};
pub use doctor_connections::InputChoices;
pub use existing::{BookingOutlook, Days, Fate, is_day};
pub use fetching::{FetchWait, Fetching};
pub use guest::{Guest, GuestBooking, GuestErased, GuestError};
pub use live::News;
pub use look::{Preview, RuleTests, Touched, TouchedBooking};
pub use machine::Machine;
pub use masking::{is_masked, masked};
pub use people::{NewPerson, PeopleError, Who};
pub use people_code::CodeSetup;
pub use people_links::{LinkMade, LinkOpened};
pub use people_password::WeakPassword;
pub use people_refused::RefusedSignIn;
pub use people_sign_in::{Begun, Origin, SESSION_MS};
pub use people_tokens::TOKEN_PREFIX;
pub use publish::{Actor, Checked, Draft, FolderTold, PublishError, Published};
pub use pulse::SourcePulse;
pub use read_again::Readable;
pub use retention::{DAYS_MAX, Retention, RetentionPlan};
pub use rotate::{OldAddress, RotateError};
pub use rule_history::{RuleHistory, RuleVersion};
pub use rule_moves::RuleMove;
pub use rulesets::KeptRulesets;
pub use serve::{ServeError, ServeOptions, Served, serve, start};
pub use source_keys::SourceKey;
pub use source_sign_in::OfferedSignIn;
pub use subscriptions::{Subscribing, Subscriptions, SubscriptionsDone};
pub use subscriptions_removed::RemovedSource;
pub use subscriptions_seen::{SubscriptionTold, SubscriptionsSeen};
pub use unread::Unread;
pub use walks::{RepairAhead, WalkProgress, Walkable, check_days, rests_until};

use crate::ingest::{Doors, Refusals};
use crate::metrics::Metrics;
use crate::outbound::HttpOutbound;
use crate::ports::{Certificates, Clock, Entropy, Outbound, Store, StoreError};
use crate::rules::Ruleset;
use crate::runner::Hints;
use crate::source_api::ApiClient;
use crate::store::{OpenOptions, open};
use crate::workspace::{Vault, VaultSecrets};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

/// Where things are.
#[derive(Clone, Debug)]
pub struct Places {
    /// The data folder.
    pub data: PathBuf,
    /// `postgres://…`; `None`: SQLite in the data folder.
    pub database: Option<String>,
    /// True for the one node that serves.
    pub exclusive: bool,
}

/// What the stages and the faces share.
pub struct App {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Ids and chance.
    pub entropy: Arc<dyn Entropy>,
    /// Values of secrets.
    pub secrets: Arc<VaultSecrets>,
    /// Rulesets by hash.
    pub rulesets: Arc<KeptRulesets>,
    /// The doors, as ingest reads them.
    pub doors: Arc<RwLock<Arc<Doors>>>,
    /// Hints that there is work.
    pub hints: Hints,
    /// What this process counts of its own work.
    pub metrics: Arc<Metrics>,
    /// Webhooks that were refused and are not written down yet.
    pub refusals: Arc<Refusals>,
    /// The database is no longer ours (another node took it over): whoever serves must stop.
    pub unfit: tokio::sync::Notify,
    /// Id of this node.
    pub node: String,
    /// When it was started.
    pub started_at: crate::domain::Millis,
    /// Where things are.
    pub places: Places,
    doorkeeper: people::Doorkeeper,
    heart: pulse::Heart,
    /// Who hands out letters; set once, where the ways out are known.
    postman: std::sync::OnceLock<Arc<crate::alerts::Postman>>,
    vault: Result<Vault, String>,
    active: RwLock<Option<Arc<Ruleset>>>,
    folder: tokio::sync::Mutex<FolderState>,
    /// One publishes at a time, its commit included.
    publishing: tokio::sync::Mutex<()>,
    /// Room for looks ahead.
    looking_ahead: tokio::sync::Semaphore,
    lately: tokio::sync::Mutex<Option<lately::Lately>>,
    live: live::Live,
    /// The way out, where faces make calls themselves (tests of a credential).
    outbound: std::sync::OnceLock<Arc<dyn Outbound>>,
    /// Who looks at certificates.
    certificates: std::sync::OnceLock<Arc<dyn Certificates>>,
    /// What they saw of the address for webhooks.
    certificate_sight: certificate::Sight,
    /// Where webhooks come in from outside.
    hooks_url: std::sync::OnceLock<String>,
    /// The way to booking systems: one, so that limits hold for all who go it.
    api_client: std::sync::OnceLock<Arc<ApiClient>>,
    /// One looks after subscriptions at a time.
    subscribing: tokio::sync::Mutex<()>,
    /// One backup at a time is made for downloading.
    backup: Arc<tokio::sync::Mutex<()>>,
    /// Viewers see guests' data masked.
    masking: std::sync::atomic::AtomicBool,
}

impl App {
    /// Opens the data folder and the database, finds the key, and takes the ruleset that was active last.
    pub async fn open(
        places: Places,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Arc<Self>, StoreError> {
        std::fs::create_dir_all(&places.data).map_err(|error| {
            StoreError::Unfit(format!("The data folder {} can't be made: {error}.", places.data.display()))
        })?;
        refuse_read_only(&places.data)?;
        let store = open(&OpenOptions {
            data_dir: places.data.clone(),
            database_url: places.database.clone(),
            exclusive: places.exclusive,
            backup_dir: None,
        })
        .await?;
        Self::over(store, places, clock, entropy).await
    }

    /// The same over a store that is open already.
    pub async fn over(
        store: Arc<dyn Store>,
        places: Places,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Arc<Self>, StoreError> {
        let store: Arc<dyn Store> = Arc::new(masking::MaskedStore::new(store));
        let vault = secrets::open_vault(&*store, &places.data, &*entropy).await?;
        let secrets = Arc::new(VaultSecrets::new());
        secrets.load(vault.as_ref().map_err(Clone::clone), &store.secrets().await?);
        let node = secrets::node_id(&places.data, &*entropy)?;
        let app = Arc::new(Self {
            rulesets: Arc::new(KeptRulesets::new(store.clone())),
            store,
            started_at: clock.now(),
            clock,
            entropy,
            secrets,
            doors: Arc::new(RwLock::new(Arc::new(Doors::default()))),
            hints: Hints::default(),
            metrics: Arc::new(Metrics::new()),
            unfit: tokio::sync::Notify::new(),
            node,
            places,
            refusals: Arc::default(),
            heart: pulse::Heart::default(),
            doorkeeper: people::Doorkeeper::default(),
            postman: std::sync::OnceLock::new(),
            vault,
            active: RwLock::new(None),
            folder: tokio::sync::Mutex::new(FolderState::default()),
            publishing: tokio::sync::Mutex::new(()),
            looking_ahead: tokio::sync::Semaphore::new(look::LOOKS_AT_ONCE),
            lately: tokio::sync::Mutex::new(None),
            live: live::Live::default(),
            outbound: std::sync::OnceLock::new(),
            certificates: std::sync::OnceLock::new(),
            certificate_sight: certificate::Sight::default(),
            hooks_url: std::sync::OnceLock::new(),
            api_client: std::sync::OnceLock::new(),
            subscribing: tokio::sync::Mutex::new(()),
            backup: Arc::default(),
            masking: std::sync::atomic::AtomicBool::default(),
        });
        app.load_masking().await?;
        app.take_last_ruleset().await?;
        Ok(app)
    }

    /// The active ruleset.
    pub fn active(&self) -> Option<Arc<Ruleset>> {
        match self.active.read() {
            Ok(active) => active.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        }
    }

    /// The way out: the one that the router goes, else this machine's.
    pub fn outbound(&self) -> Arc<dyn Outbound> {
        self.outbound.get_or_init(|| Arc::new(HttpOutbound::new())).clone()
    }

    /// The way to booking systems' APIs: one for all that is fetched, walked through, subscribed to and tested.
    pub fn api_client(&self) -> Arc<ApiClient> {
        let new = || {
            let (secrets, clock, store) = (self.secrets.clone(), self.clock.clone(), self.store.clone());
            Arc::new(ApiClient::new(self.outbound(), secrets, clock, store))
        };
        self.api_client.get_or_init(new).clone()
    }

    /// Why the vault's secrets can't be read, where they can't.
    pub fn vault_problem(&self) -> Option<&str> {
        self.vault.as_ref().err().map(String::as_str)
    }
}

/// A data folder that can't be written is told in words, before anything else fails over it.
fn refuse_read_only(data: &Path) -> Result<(), StoreError> {
    let probe = data.join(format!(".can-be-written-{}", std::process::id()));
    let refused = match std::fs::File::create(&probe) {
        Ok(_) => std::fs::remove_file(&probe).err(),
        Err(error) => Some(error),
    };
    // A full disk is none of this: it may have space again.
    match refused
        .filter(|error| matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied))
    {
        Some(error) => Err(StoreError::Unfit(format!(
            "The data folder {} can't be written: {error}. Mount its disk writable, give the user that Waypost runs as the \
             right to write there, or name another folder with --data.",
            data.display()
        ))),
        None => Ok(()),
    }
}
