//! Starts the router and stops it in order.

use super::listener::{connections_max, listen};
use super::{App, Places};
use crate::alerts::{Postman, Watcher};
use crate::bookings::Applier;
use crate::clock::{OsEntropy, SystemClock};
use crate::delivery::Delivery;
use crate::fetch::Fetcher;
use crate::ingest::{HookLimits, Hooks, Intake, Reached, hooks, intake};
use crate::outbound::{HttpOutbound, SmtpMailer};
use crate::ports::{Clock, Entropy, Outbound, StoreError};
use crate::runner::Runner;
use crate::web;
use actix_web::dev::ServerHandle;
use actix_web::{App as HttpApp, HttpServer};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Threads that answer HTTP.
const HTTP_WORKERS: usize = 2;
/// Connections to the pages; they are for few people.
const PAGE_CONNECTIONS_MAX: usize = 128;
/// Time for a request's head.
const HTTP_HEAD_MAX: Duration = Duration::from_secs(10);
/// Requests in hand get so long at a stop.
const HTTP_STOP_SECONDS: u64 = 10;

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Data folder and database.
    pub places: Places,
    /// The rules folder.
    pub rules: PathBuf,
    /// Address of hooks, `/healthz` and `/readyz`.
    pub listen: SocketAddr,
    /// Address of pages; the same as `listen` serves both.
    pub ui_listen: SocketAddr,
    /// Limits of one webhook.
    pub limits: HookLimits,
    /// How webhooks reach it from outside.
    pub reached: Reached,
    /// Who comes in at the pages, and under which name a proxy shows them.
    pub access: web::Access,
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The database or the data folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address.
    #[error("{address} can't be listened at: {source}. Give another address, or stop what listens there")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Pages on an address that others can reach, without a proxy that speaks TLS.
    #[error(
        "the pages are not served to other machines without TLS: put a TLS proxy in front and say its address with \
         --ui-url https://NAME, or give --ui-listen a loopback address such as 127.0.0.1:8081 and reach it through an \
         SSH tunnel"
    )]
    NotLoopback,
}

/// A router at work.
pub struct Served {
    /// What is wired.
    pub app: Arc<App>,
    /// Where hooks are taken.
    pub listen: SocketAddr,
    /// Where pages are.
    pub ui_listen: SocketAddr,
    stop: watch::Sender<bool>,
    servers: Vec<ServerHandle>,
    running: Vec<JoinHandle<()>>,
}

/// Starts with the machine's clock, chance and network.
pub async fn serve(options: ServeOptions) -> Result<Served, ServeError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let outbound: Arc<dyn Outbound> = Arc::new(HttpOutbound::new());
    start(options, clock, entropy, outbound).await
}

/// Starts over these ports.
pub async fn start(
    options: ServeOptions,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    outbound: Arc<dyn Outbound>,
) -> Result<Served, ServeError> {
    let behind_tls = options.access.url.is_some() && matches!(options.access.doors, web::Doors::SignIn);
    if !options.ui_listen.ip().is_loopback() && !behind_tls {
        return Err(ServeError::NotLoopback);
    }
    let same = options.listen == options.ui_listen && options.listen.port() != 0;
    let hooks_listener = listen(options.listen)?;
    let ui_listener = if same { None } else { Some(listen(options.ui_listen)?) };
    let app = App::open(options.places.clone(), clock.clone(), entropy.clone()).await?;
    app.forget_unfinished_backup();
    let (intake, batches) = intake(app.store.clone());
    let _ = app.outbound.set(outbound.clone());
    if let Some(url) = &options.access.hooks_url {
        app.come_in_at(url.base());
    }
    app.keep_hooks_url().await?;
    app.watch(&options.rules).await;

    let (stop, stopped) = watch::channel(false);
    let delivery = Arc::new(Delivery::new(
        app.store.clone(),
        entropy.clone(),
        app.secrets.clone(),
        app.rulesets.clone(),
        app.node.clone(),
    ));
    let postman = Arc::new(Postman::new(outbound.clone(), Arc::new(SmtpMailer::new()), app.secrets.clone()));
    app.send_letters_by(postman.clone());
    let ui_at = ui_listener.as_ref().map_or_else(
        || address_of(&hooks_listener, options.listen),
        |listener| address_of(listener, options.ui_listen),
    );
    let base = options.access.url.as_ref().map_or_else(|| format!("http://{ui_at}"), web::UiUrl::base);
    let runner = Runner {
        watcher: Watcher::new(app.store.clone(), entropy.clone(), postman, base),
        app: app.clone(),
        applier: Applier::new(app.store.clone(), entropy.clone()),
        fetcher: Arc::new(Fetcher::new(app.store.clone(), entropy.clone(), app.secrets.clone())),
        delivery,
        outbound,
        stop: stopped,
        crowd: Arc::default(),
    };
    let mut running = vec![tokio::spawn(runner.run(batches))];
    let mut servers = Vec::new();
    let listen = address_of(&hooks_listener, options.listen);
    let ui_listen = ui_at;
    let access = Arc::new(web::Access { hooks_listen: Some(listen), ..options.access.clone() });
    let pages = same.then(|| access.clone());
    let hooking = (options.limits, Arc::new(options.reached));
    let server = http_server(&app, intake.clone(), hooking, hooks_listener, pages)?;
    servers.push(server.handle());
    running.push(tokio::spawn(async move {
        let _ = server.await;
    }));
    if let Some(listener) = ui_listener {
        let server = page_server(&app, access, listener)?;
        servers.push(server.handle());
        running.push(tokio::spawn(async move {
            let _ = server.await;
        }));
    }
    Ok(Served { app, listen, ui_listen, stop, servers, running })
}

fn http_server(
    app: &Arc<App>,
    intake: Intake,
    (limits, reached): (HookLimits, Arc<Reached>),
    listener: TcpListener,
    pages: Option<Arc<web::Access>>,
) -> Result<actix_web::dev::Server, ServeError> {
    let address = address_of(&listener, SocketAddr::from(([0, 0, 0, 0], 0)));
    let app = app.clone();
    let probe = web::Readiness::new(intake.clone(), app.clock.clone(), app.entropy.clone());
    let server = HttpServer::new(move || {
        let mut http = HttpApp::new().configure(hooks(Hooks {
            doors: app.doors.clone(),
            intake: intake.clone(),
            clock: app.clock.clone(),
            entropy: app.entropy.clone(),
            limits,
            metrics: app.metrics.clone(),
            reached: reached.clone(),
            refusals: app.refusals.clone(),
        }));
        http = http.configure(web::health(probe.clone()));
        if let Some(access) = &pages {
            http = http.configure(web::pages(app.clone(), access.clone()));
        }
        http.default_service(actix_web::web::to(web::nothing_here))
    })
    .workers(HTTP_WORKERS)
    .max_connections(connections_max() / HTTP_WORKERS)
    .client_request_timeout(HTTP_HEAD_MAX)
    .shutdown_timeout(HTTP_STOP_SECONDS)
    .disable_signals()
    .listen(listener)
    .map_err(|source| ServeError::Listen { address, source })?
    .run();
    Ok(server)
}

fn page_server(
    app: &Arc<App>,
    access: Arc<web::Access>,
    listener: TcpListener,
) -> Result<actix_web::dev::Server, ServeError> {
    let address = address_of(&listener, SocketAddr::from(([0, 0, 0, 0], 0)));
    let app = app.clone();
    let server = HttpServer::new(move || {
        HttpApp::new()
            .configure(web::pages(app.clone(), access.clone()))
            .default_service(actix_web::web::to(web::nothing_here))
    })
    .workers(1)
    .max_connections(PAGE_CONNECTIONS_MAX)
    .client_request_timeout(HTTP_HEAD_MAX)
    .shutdown_timeout(HTTP_STOP_SECONDS)
    .disable_signals()
    .listen(listener)
    .map_err(|source| ServeError::Listen { address, source })?
    .run();
    Ok(server)
}

fn address_of(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

impl Served {
    /// Stops in order: no new requests, those in hand are answered, calls in flight end within a limit, all is written.
    pub async fn stop(self) {
        // At once for the stages, so that their limit and that of the requests in hand don't add up. What those requests
        // bring is still committed: that part ends with the last of them.
        let _ = self.stop.send(true);
        for server in &self.servers {
            server.stop(true).await;
        }
        for task in self.running {
            let _ = task.await;
        }
        self.app.store.close().await;
    }
}
