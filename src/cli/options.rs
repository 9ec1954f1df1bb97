//! What several commands take: where the data is, where the rules are, in which form to answer.

use super::output::note;
use crate::app::{App, Machine, Places};
use clap::Args;
use clap::builder::FalseyValueParser;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;

/// Where the data is.
#[derive(Args, Clone, Debug)]
pub(super) struct StoreOptions {
    /// Folder of the built-in database, the key and this node's id. Made when absent
    #[arg(long, env = "WAYPOST_DATA", value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// A postgres:// URL, to use that database instead of the built-in one
    #[arg(long, env = "WAYPOST_DATABASE", value_name = "URL", hide_env_values = true)]
    pub database: Option<String>,
}

/// Where the rules are.
#[derive(Args, Clone, Debug)]
pub(super) struct RulesOptions {
    /// Folder of the rules
    #[arg(long, env = "WAYPOST_RULES", value_name = "DIR", default_value = "rules")]
    pub rules: PathBuf,
}

/// In which form to answer.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct FormOptions {
    /// One JSON object a line
    #[arg(long, env = "WAYPOST_JSON", value_parser = FalseyValueParser::new())]
    pub json: bool,
}

impl StoreOptions {
    /// Where things are, as the app takes it.
    pub fn places(&self, exclusive: bool) -> Places {
        Places { data: self.data.clone(), database: self.database(), exclusive }
    }

    fn database(&self) -> Option<String> {
        self.database.clone().filter(|url| !url.is_empty())
    }

    /// Whether there is a database already: looking for something in one that was made just now is in vain.
    pub fn holds_something(&self) -> bool {
        self.database().is_some() || self.data.join("waypost.db").exists()
    }

    /// Opens what a command needs that works beside a running node.
    pub async fn open(&self) -> anyhow::Result<Arc<App>> {
        let machine = Machine::new();
        Ok(App::open(self.places(false), machine.clock, machine.entropy).await?)
    }

    /// The same for commands that look for what should be there already, and say so where it isn't.
    pub async fn open_existing(&self) -> anyhow::Result<Arc<App>> {
        if !self.holds_something() {
            note(format!(
                "There was no Waypost data in {}, so an empty database is made there. If you meant another folder, name \
                 it with --data.",
                self.data.display()
            ));
        }
        self.open().await
    }
}

/// Reads an address to listen at: `127.0.0.1:8080`, `localhost:8080`, `[::1]:8080`.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let why = "an address is a host and a port, as in 127.0.0.1:8080";
    let found = text.to_socket_addrs().map_err(|_| why.to_owned())?;
    let found: Vec<SocketAddr> = found.collect();
    found.iter().find(|address| address.is_ipv4()).or(found.first()).copied().ok_or_else(|| why.to_owned())
}
