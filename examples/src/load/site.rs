//! What the load goes to: a gateway and its upstream, in this process or elsewhere, and the levers to move them.

use super::LoadError;
use super::client::{Base, Client};
use super::config::Config;
use crate::event_api::faults::{Faults, RouteName};
use crate::{event_api, gateway};
use http::Method;
use resilience::{Breaker, State};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// A gateway with its upstream.
#[derive(Debug)]
pub(super) enum Site {
    /// Both in this process.
    Own { gateway: Box<gateway::Running>, upstream: event_api::Running },
    /// A gateway that runs already.
    Theirs(Box<Theirs>),
}

/// See [`Site`].
#[derive(Debug)]
pub(super) struct Theirs {
    gateway: Client,
    /// The event API, where it is not the gateway's own.
    upstream: Option<Client>,
    /// The fault plan that was found there, to be put back.
    plan: String,
}

/// What callers met from some time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// Since when, from the start of the run.
    pub from: Duration,
    /// What.
    pub state: State,
}

impl Site {
    pub(super) async fn up(config: &Config) -> Result<Self, LoadError> {
        let Some(base) = &config.url else { return Self::own(config).await };
        let client = |base: &Base| Client::new(base.clone(), config.token.as_ref(), config.timeout);
        let (gateway, upstream) = (client(base), config.upstream.as_ref().map(client));
        let status = asked(&gateway, Method::GET, "/status", &Value::Null).await?;
        let plan = match &upstream {
            None => status["upstream"]["faults"].clone(),
            Some(upstream) => asked(upstream, Method::GET, "/faults", &Value::Null).await?["plan"].clone(),
        };
        let Value::String(plan) = plan else { return Err(LoadError::NotItsOwn) };
        Ok(Self::Theirs(Box::new(Theirs { gateway, upstream, plan })))
    }

    async fn own(config: &Config) -> Result<Self, LoadError> {
        let upstream = event_api::start(event_api::Config::in_memory()).await?;
        let gateway = gateway::start(gateway::Config {
            gateway_addr: ([127, 0, 0, 1], 0).into(),
            upstream_url: Some(format!("http://{}", upstream.addr())),
            policy: config.policy.clone(),
            ..gateway::Config::default()
        });
        Ok(Self::Own { gateway: Box::new(gateway.await?), upstream })
    }

    /// Somebody to send requests.
    pub(super) fn client(&self, config: &Config) -> Result<Client, LoadError> {
        match self {
            Self::Own { gateway, .. } => {
                let base = Base::of(gateway.addr()).ok_or(LoadError::Address)?;
                Ok(Client::new(base, None, config.timeout))
            }
            Self::Theirs(theirs) => Ok(theirs.gateway.clone()),
        }
    }

    /// A breaker as new, with effect or without.
    pub(super) async fn layer(&self, on: bool) -> Result<(), LoadError> {
        match self {
            Self::Own { gateway, .. } => {
                gateway.breaker().reset();
                if !on {
                    gateway.breaker().force_closed();
                }
            }
            Self::Theirs(theirs) => {
                asked(&theirs.gateway, Method::POST, "/status/reset", &json!({})).await?;
                if !on {
                    asked(&theirs.gateway, Method::POST, "/status/force-closed", &json!({})).await?;
                }
            }
        }
        Ok(())
    }

    /// Changes how the upstream behaves.
    pub(super) async fn behave(&self, faults: &Faults) -> Result<(), LoadError> {
        match self {
            Self::Own { upstream, .. } => upstream.faults().set(faults.clone()),
            Self::Theirs(theirs) => theirs.plan(&faults.to_string()).await?,
        }
        Ok(())
    }

    /// How many calls of the guarded route have got through to the upstream so far.
    pub(super) async fn reached(&self) -> Result<u64, LoadError> {
        match self {
            Self::Own { upstream, .. } => Ok(upstream.faults().received_by(RouteName::AddEvent)),
            Self::Theirs(theirs) => {
                let status = asked(&theirs.gateway, Method::GET, "/status", &Value::Null).await?;
                Ok(status["counters"]["admitted"].as_u64().unwrap_or_default())
            }
        }
    }

    /// Writes down the states of the breaker, for as long as it is polled. Never ends.
    pub(super) async fn watch(&self, start: Instant, bands: &mut Vec<Band>) -> Infallible {
        let mut note = |state| {
            if bands.last().is_none_or(|band| band.state != state) {
                bands.push(Band { from: start.elapsed(), state });
            }
        };
        match self {
            Self::Own { gateway, .. } => watch_own(gateway.breaker(), note).await,
            Self::Theirs(theirs) => {
                let mut ticks = interval(Duration::from_millis(100));
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    ticks.tick().await;
                    let status = asked(&theirs.gateway, Method::GET, "/status", &Value::Null).await;
                    // A look that fails is none; the next one tells.
                    if let Ok(Ok(state)) = status.map(|mut status| serde_json::from_value(status["state"].take())) {
                        note(state);
                    }
                }
            }
        }
    }

    /// Leaves everything as it was found.
    pub(super) async fn down(self) -> Result<(), LoadError> {
        match self {
            Self::Own { gateway, upstream } => {
                gateway.shutdown().await;
                upstream.shutdown().await;
                Ok(())
            }
            Self::Theirs(theirs) => {
                // Both, whatever becomes of the first.
                let plan = theirs.plan(&theirs.plan).await;
                asked(&theirs.gateway, Method::POST, "/status/reset", &json!({})).await?;
                plan
            }
        }
    }
}

impl Theirs {
    async fn plan(&self, plan: &str) -> Result<(), LoadError> {
        let body = json!({ "plan": plan });
        match &self.upstream {
            Some(upstream) => asked(upstream, Method::PUT, "/faults", &body).await?,
            None => asked(&self.gateway, Method::POST, "/status/faults", &body).await?,
        };
        Ok(())
    }
}

async fn watch_own(breaker: &Breaker, mut note: impl FnMut(State)) -> Infallible {
    let mut events = breaker.subscribe();
    note(breaker.state());
    // The breaker outlives its site's watch, so there is always a next event to wait for.
    while events.next().await.is_some() {
        note(breaker.state());
    }
    std::future::pending().await
}

/// Asks for something that has to be granted.
pub(super) async fn asked(
    client: &Client,
    method: Method,
    path: &'static str,
    body: &Value,
) -> Result<Value, LoadError> {
    match client.send(method, path, body).await {
        Ok(answer) if answer.status.is_success() => Ok(answer.json()),
        Ok(answer) => Err(LoadError::Denied { path, status: answer.status.as_u16() }),
        Err(_) => Err(LoadError::Unreachable { path }),
    }
}
