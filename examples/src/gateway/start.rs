//! Bringing a gateway up, and ending it.

use super::add_event::Guarded;
use super::app::{App, Parts};
use super::auth::Authenticator;
use super::config::{Config, ConfigError};
use super::limits::size;
use super::lookups::Lookups;
use super::metrics::Metrics;
use super::observed::Observed;
use super::policy::PolicyProblem;
use super::routes::routes;
use super::status::{self, Journal, Status, Streams};
use super::upstream::{Base, ClientSettings, HttpClient, Upstream, tcp};
use crate::event_api;
use crate::http::router::RouterError;
use crate::http::serve::{Drained, Listen};
use crate::http::{self, Server};
use ::http::Method;
use hyper_util::client::legacy::connect::Connect;
use resilience::breaker::Builder;
use resilience::observe::{NameTaken, Tracing, Watched};
use resilience::{Breaker, Policy, clock};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;

/// Why a gateway cannot start. Reads as one line that names the variable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting is out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no policy for the breaker.
    #[error(transparent)]
    Policy(#[from] PolicyProblem),
    /// The address cannot be bound.
    #[error("GATEWAY_ADDR: {addr} cannot be bound: {cause}")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// The gateway's own event API cannot start.
    #[error(transparent)]
    EventApi(#[from] event_api::StartError),
    /// The table of routes contradicts itself.
    #[error(transparent)]
    Routes(#[from] RouterError),
    /// Two breakers would share their metrics.
    #[error(transparent)]
    Metrics(#[from] NameTaken),
}

/// A gateway at work. Dropping it shuts it down, without waiting for the end.
#[derive(Debug)]
pub struct Running {
    server: http::Running,
    breaker: Breaker,
    upstream: Option<event_api::Running>,
    ending: watch::Sender<bool>,
    routes: Arc<[(Method, &'static str)]>,
}

impl Running {
    /// The address that was bound.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Every method and path that has an answer of its own. `{id}` stands for an id.
    #[must_use]
    pub fn routes(&self) -> &[(Method, &'static str)] {
        &self.routes
    }

    /// The breaker in front of `POST /addEvent`.
    #[must_use]
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// The gateway's own event API, if it has one.
    #[must_use]
    pub fn upstream(&self) -> Option<&event_api::Running> {
        self.upstream.as_ref()
    }

    /// Stops accepting, finishes what is in flight within the grace period, and then ends the gateway's own event API.
    pub async fn shutdown(self) -> Drained {
        let Self { server, breaker: _, upstream, ending, routes: _ } = self;
        // Status streams end by this; nobody may be listening.
        ending.send_replace(true);
        let drained = server.shutdown().await;
        // After the gateway, whose last requests it has to answer.
        if let Some(upstream) = upstream {
            upstream.shutdown().await;
        }
        drained
    }
}

/// Starts a gateway in the background, and an event API of its own where no upstream is configured.
///
/// # Errors
///
/// [`StartError`].
pub async fn start(config: Config) -> Result<Running, StartError> {
    let auth = Authenticator::new(&config.oauth).await?;
    auth.check_address(config.gateway_addr)?;
    let policy = config.policy.policy()?;
    let addr = config.gateway_addr;
    // Bound before anything is opened: a second instance on the same address should not touch the first one's store.
    let bind = Server::bind(addr, config.limits.into()).await;
    let server = bind.map_err(|cause| StartError::Bind { addr, cause })?;

    let own = match &config.upstream_url {
        Some(_) => None,
        None => Some(event_api::start(own_event_api(&config)).await?),
    };
    let url = match (&config.upstream_url, &own) {
        (Some(url), _) => url.clone(),
        (None, Some(own)) => format!("http://{}", own.addr()),
        // There is one or the other.
        (None, None) => String::new(),
    };
    let base = Base::parse(&url).map_err(|problem| ConfigError::new("UPSTREAM_URL", problem))?;
    if base.is(server.addr()) {
        return Err(ConfigError::new("UPSTREAM_URL", "is the address of this gateway itself").into());
    }
    let connector = tcp(config.bounds.upstream_timeout);
    assemble(&config, Found { auth, policy, base, own, builder: Breaker::builder() }, server, connector)
}

/// Starts a gateway on a network that is brought along, in front of the upstream of its configuration: clients come from
/// the listener, and the upstream is reached by the connector. That is how the gateway runs on a simulated network.
///
/// Whoever has bound the listener knows who can reach it; nothing is checked about its address.
///
/// # Errors
///
/// [`StartError`], also if no upstream is configured.
pub async fn start_on<L, C>(config: Config, listener: L, connector: C) -> Result<Running, StartError>
where
    L: Listen,
    C: Connect + Clone + Send + Sync + 'static,
{
    let auth = Authenticator::new(&config.oauth).await?;
    let policy = config.policy.policy()?;
    let url = config.upstream_url.as_deref().ok_or_else(|| ConfigError::new("UPSTREAM_URL", "is missing"))?;
    let base = Base::parse(url).map_err(|problem| ConfigError::new("UPSTREAM_URL", problem))?;
    let addr = config.gateway_addr;
    let server = Server::on(listener, config.limits.into()).map_err(|cause| StartError::Bind { addr, cause })?;
    // The clock that the gateway's deadlines go by: on a simulated network it stands still, or jumps, as they do.
    let builder = Breaker::builder().clock(clock::Tokio::new());
    assemble(&config, Found { auth, policy, base, own: None, builder }, server, connector)
}

/// What had to be found out before the gateway can be put together.
struct Found {
    auth: Authenticator,
    policy: Policy,
    base: Base,
    own: Option<event_api::Running>,
    builder: Builder,
}

fn assemble<L, C>(config: &Config, found: Found, server: Server<L>, connector: C) -> Result<Running, StartError>
where
    L: Listen,
    C: Connect + Clone + Send + Sync + 'static,
{
    let Found { auth, policy, base, own, builder } = found;
    let journal = Journal::new();
    let breaker = builder
        .name("addEvent")
        .policy(policy)
        .observer(Tracing::new())
        .observer(journal.clone())
        .count_successes()
        .build()
        // Which was checked already, with a better word for what is wrong.
        .map_err(|error| ConfigError::new("RESILIENCE", error.to_string()))?;
    let watched = Watched::new();
    watched.add(&breaker)?;
    let metrics = Arc::new(Metrics::new(&watched));
    let settings = ClientSettings {
        base,
        timeout: config.bounds.upstream_timeout,
        max_answer: size(config.bounds.max_answer_bytes),
        idle_connections: size(config.bounds.upstream_idle_connections),
    };
    let upstream = Upstream::new(HttpClient::new(settings, connector), Arc::clone(&metrics));
    let lookups = Lookups::new(upstream.clone(), config.bounds.cache());
    let (ending, is_ending) = watch::channel(false);
    let calls = metrics.calls.clone();
    let faults = own.as_ref().map(|own| Arc::clone(own.faults()));
    let streams = Streams::new(size(config.bounds.max_streams), is_ending.clone());
    let app = App::new(Parts {
        auth,
        guarded: Guarded::new(breaker.clone(), upstream.clone(), lookups.clone(), calls.clone()),
        upstream,
        lookups,
        status: Status::new(breaker.clone(), calls, journal, streams, faults),
        metrics: Arc::clone(&metrics),
        fan_out: size(config.bounds.fan_out),
        ending: is_ending.clone(),
    });
    let router = routes(app.clone())?;
    let routes = router.routes();
    let service = Observed::new(router, metrics);
    tokio::spawn(status::remember(app, is_ending));
    Ok(Running { server: server.start(service), breaker, upstream: own, ending, routes })
}

/// On a free loopback port: nobody but this gateway is meant to call it.
fn own_event_api(config: &Config) -> event_api::Config {
    event_api::Config {
        faults: config.faults.clone(),
        database_url: config.database_url.clone(),
        ..event_api::Config::durable(&config.data_dir)
    }
}
