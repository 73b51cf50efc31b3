//! The fault plan: how the event API misbehaves, as data that can be changed while it runs.
//!
//! A plan gives each route any number of [faults](Fault). For a request they are asked in turn: one that slows down lets the
//! others have their say, the first that breaks the request ends it. A route without faults is healthy.
//!
//! As text (the variable `FAULTS`, and `plan` in the body of `PUT /faults`) a plan is a list of entries with semicolons
//! between them:
//!
//! | entry | meaning |
//! |---|---|
//! | `default` | as below; only as the first entry |
//! | `healthy`, or nothing | no faults; only as the first entry |
//! | `addEvent=outage(10s)` | a route and its faults, with `+` between several |
//! | `outage(10s)` | the same for every route |
//! | `seed=7` | what the dice begin with |
//!
//! | fault | meaning (`-` or nothing: the default) |
//! |---|---|
//! | `cycle(5,10,100ms,503)` | of every 15 requests, 5 are served and 10 answered 503 after 100 ms |
//! | `outage(10s,503,30s)` | for 10 s (default: for ever) everything is 503, with `Retry-After: 30` (default: none) |
//! | `brown-out(30%,503)` | three in ten are 503 |
//! | `flapping(5s,2s,503)` | well for 5 s, 503 for 2 s, and so on |
//! | `rate-limit(10,429,30s)` | ten a second are served, the others answered 429 (default 503) with `Retry-After: 30` (default: the rest of the second) |
//! | `slow(500ms)` | served after 500 ms |
//! | `hang(10%)` | one in ten (default: all) is never answered |
//! | `close(5%)`, `reset(5%)` | the connection is closed, or reset, without an answer |
//! | `garbage(5%)` | the answer is not HTTP |
//! | `cut-body(5%)` | the request is carried out, but the answer ends in the middle of its body |
//!
//! The default: `addEvent=cycle(5,10,100ms); getUsers=close(5%); getEvents=close(5%); getEventById=slow(500ms)`.
//!
//! As JSON a plan is `{"seed": 0, "routes": {"addEvent": [{"kind": "outage", "lasts": "10s"}]}}`.
//!
//! Only requests to a route count for its faults; times begin when the plan is set; with one seed the dice fall the same
//! way each time, for each route by itself.

mod acting;
mod plan;
mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::duration_text;

pub(super) use acting::act;
pub use plan::{FaultPlan, Received};

/// The routes that can have faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RouteName {
    /// `GET /getUsers`
    GetUsers,
    /// `GET /getEvents`
    GetEvents,
    /// `GET /getUserById/{id}`
    GetUserById,
    /// `GET /getEventById/{id}`
    GetEventById,
    /// `GET /getEventsByUserId/{id}`
    GetEventsByUserId,
    /// `POST /addUser`
    AddUser,
    /// `POST /addEvent`
    AddEvent,
}

impl RouteName {
    /// Every route.
    pub const ALL: [Self; 7] = [
        Self::GetUsers,
        Self::GetEvents,
        Self::GetUserById,
        Self::GetEventById,
        Self::GetEventsByUserId,
        Self::AddUser,
        Self::AddEvent,
    ];

    /// The name, as it stands in the path.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GetUsers => "getUsers",
            Self::GetEvents => "getEvents",
            Self::GetUserById => "getUserById",
            Self::GetEventById => "getEventById",
            Self::GetEventsByUserId => "getEventsByUserId",
            Self::AddUser => "addUser",
            Self::AddEvent => "addEvent",
        }
    }
}

/// One way to misbehave. See the [module](self) for what each means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
#[allow(missing_docs, reason = "the table of the module says what each field means")]
pub enum Fault {
    Cycle {
        serve: u64,
        fail: u64,
        #[serde(default, with = "duration_text")]
        delay: Duration,
        #[serde(default = "unavailable")]
        status: u16,
    },
    Outage {
        #[serde(default, with = "duration_text::option", skip_serializing_if = "Option::is_none")]
        lasts: Option<Duration>,
        #[serde(default = "unavailable")]
        status: u16,
        #[serde(default, with = "duration_text::option", skip_serializing_if = "Option::is_none")]
        retry_after: Option<Duration>,
    },
    BrownOut {
        share: f64,
        #[serde(default = "unavailable")]
        status: u16,
    },
    Flapping {
        #[serde(with = "duration_text")]
        up: Duration,
        #[serde(with = "duration_text")]
        down: Duration,
        #[serde(default = "unavailable")]
        status: u16,
    },
    RateLimit {
        per_second: u32,
        #[serde(default = "unavailable")]
        status: u16,
        #[serde(default, with = "duration_text::option", skip_serializing_if = "Option::is_none")]
        retry_after: Option<Duration>,
    },
    Slow {
        #[serde(with = "duration_text")]
        by: Duration,
    },
    Hang {
        #[serde(default = "all")]
        share: f64,
    },
    Close {
        #[serde(default = "all")]
        share: f64,
    },
    Reset {
        #[serde(default = "all")]
        share: f64,
    },
    Garbage {
        #[serde(default = "all")]
        share: f64,
    },
    CutBody {
        #[serde(default = "all")]
        share: f64,
    },
}

const fn unavailable() -> u16 {
    503
}

const fn all() -> f64 {
    1.0
}

/// A plan is not acceptable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct FaultsError {
    field: String,
    reason: String,
}

impl FaultsError {
    fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    /// What is not acceptable: a field, or the entry of a text.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl Fault {
    fn check(&self) -> Result<(), FaultsError> {
        let share_is_fine = |share: &f64| *share > 0.0 && *share <= 1.0;
        let status_is_fine = |status: &u16| *status == 429 || (500..=599).contains(status);
        let (share, status, positive): (Option<&f64>, Option<&u16>, Option<(&str, bool)>) = match self {
            Self::Cycle { fail, status, .. } => (None, Some(status), Some(("fail", *fail > 0))),
            Self::Outage { lasts, status, .. } => {
                (None, Some(status), Some(("lasts", lasts.is_none_or(|time| !time.is_zero()))))
            }
            Self::BrownOut { share, status } => (Some(share), Some(status), None),
            Self::Flapping { up, down, status } => {
                let field = if up.is_zero() { "up" } else { "down" };
                (None, Some(status), Some((field, !up.is_zero() && !down.is_zero())))
            }
            Self::RateLimit { per_second, status, .. } => (None, Some(status), Some(("perSecond", *per_second > 0))),
            Self::Slow { by } => (None, None, Some(("by", !by.is_zero()))),
            Self::Hang { share }
            | Self::Close { share }
            | Self::Reset { share }
            | Self::Garbage { share }
            | Self::CutBody { share } => (Some(share), None, None),
        };
        if !share.is_none_or(share_is_fine) {
            return Err(FaultsError::new("share", "must be more than 0 and at most 1 (100%)"));
        }
        if !status.is_none_or(status_is_fine) {
            return Err(FaultsError::new("status", "must be 429 or 500 to 599"));
        }
        match positive {
            Some((field, false)) => Err(FaultsError::new(field, "must be more than zero")),
            _ => Ok(()),
        }
    }
}

/// How the event API misbehaves. The default is that of the [module](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Form")]
pub struct Faults {
    seed: u64,
    routes: BTreeMap<RouteName, Vec<Fault>>,
}

impl Faults {
    /// No faults.
    #[must_use]
    pub fn healthy() -> Self {
        Self { seed: 0, routes: BTreeMap::new() }
    }

    /// Adds a fault to a route, after those that it has.
    ///
    /// # Errors
    ///
    /// [`FaultsError`] if a value of the fault is out of range.
    pub fn with(mut self, route: RouteName, fault: Fault) -> Result<Self, FaultsError> {
        fault.check().map_err(|error| FaultsError::new(format!("{}.{}", route.as_str(), error.field), error.reason))?;
        self.routes.entry(route).or_default().push(fault);
        Ok(self)
    }

    /// Sets what the dice begin with.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The faults of a route.
    #[must_use]
    pub fn of(&self, route: RouteName) -> &[Fault] {
        self.routes.get(&route).map_or(&[], Vec::as_slice)
    }
}

impl Default for Faults {
    fn default() -> Self {
        let fault = |fault| vec![fault];
        let routes = [
            (RouteName::GetUsers, fault(Fault::Close { share: 0.05 })),
            (RouteName::GetEvents, fault(Fault::Close { share: 0.05 })),
            (RouteName::GetEventById, fault(Fault::Slow { by: Duration::from_millis(500) })),
            (
                RouteName::AddEvent,
                fault(Fault::Cycle { serve: 5, fail: 10, delay: Duration::from_millis(100), status: 503 }),
            ),
        ];
        Self { seed: 0, routes: BTreeMap::from(routes) }
    }
}

/// A plan as it is written in JSON, before it is checked: as one line, or in its parts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    plan: Option<String>,
    seed: Option<u64>,
    #[serde(default)]
    routes: BTreeMap<RouteName, Vec<Fault>>,
}

impl TryFrom<Form> for Faults {
    type Error = FaultsError;

    fn try_from(form: Form) -> Result<Self, FaultsError> {
        let mut faults = match form.plan {
            Some(_) if !form.routes.is_empty() => {
                return Err(FaultsError::new("plan", "stands for the routes and cannot stand beside them"));
            }
            Some(plan) => plan.parse()?,
            None => Self::healthy(),
        };
        for (route, list) in form.routes {
            for fault in list {
                faults = faults.with(route, fault)?;
            }
        }
        Ok(match form.seed {
            Some(seed) => faults.seed(seed),
            None => faults,
        })
    }
}

#[cfg(test)]
mod tests;
