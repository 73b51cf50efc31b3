//! The gateway: what clients talk to, with a circuit breaker on the one route whose upstream is known to falter.
//!
//! | module | answers the question |
//! |---|---|
//! | `config`, `limits`, `policy` | what can be set? |
//! | `start`, `run` | how does it come up, and how does it end? |
//! | `routes` | who answers what, and whom? |
//! | `auth` | who may? |
//! | `openapi` | what does the interface look like, for programs? |
//! | `add_event` | what does a request to the guarded route go through? |
//! | `upstream` | how is the event API asked, and what can go wrong? |
//! | `cache`, `lookups` | what is remembered? |
//! | `status`, `page`, `metrics`, `observed` | what can be seen, and what can an operator do? |
//!
//! A request to `POST /addEvent` goes through authentication, the limits of its body, validation, the check of its
//! `Idempotency-Key`, and then the breaker. Behind that stand the look-up of the user (remembered for a while), one try
//! with one deadline, and a pooled client. A refusal is a `503` with `Retry-After`, at once, without a byte to the
//! upstream. All other routes go around the breaker and keep working while `/addEvent` is refused.
//!
//! A `POST` is never repeated by the gateway. Where an answer is missing (`502`, `504`) the event may have been added;
//! a client that repeats its request with the same `Idempotency-Key` gets one event.
//!
//! ```no_run
//! # async fn example() -> Result<(), examples::gateway::StartError> {
//! use examples::gateway::{self, Config};
//!
//! let config = Config { gateway_addr: ([127, 0, 0, 1], 0).into(), ..Config::default() };
//! let gateway = gateway::start(config).await?;
//! println!("{} is {}", gateway.addr(), gateway.breaker().state().name());
//! gateway.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod add_event;
mod app;
mod auth;
mod cache;
mod config;
mod limits;
mod lookups;
mod metrics;
mod observed;
mod openapi;
mod page;
mod policy;
mod routes;
mod run;
mod start;
mod status;
mod upstream;

pub use auth::OauthArgs;
pub use config::{Config, ConfigError};
pub use limits::Bounds;
pub use policy::{PolicyArgs, PolicyProblem};
pub use run::run;
pub use start::{Running, StartError, start, start_on};
