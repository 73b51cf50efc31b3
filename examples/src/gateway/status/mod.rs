//! What the status page shows, and what an operator may do there.
//!
//! | route | |
//! |---|---|
//! | `GET /status` | the [report](report::Report) as JSON |
//! | `GET /status/stream` | the same as server-sent events: at once, on every change, and each second; before that, the last minutes |
//! | `POST /status/force-open` | `{}`, or `{"for": "30s"}`: refuse everything |
//! | `POST /status/force-closed` | `{}`, or `{"for": "30s"}`: let everything through |
//! | `POST /status/auto` | `{}`: let the breaker decide again |
//! | `POST /status/reset` | `{}`: back to closed at level zero |
//! | `POST /status/faults` | `{"plan": "…"}`: another fault plan for the built-in upstream |
//!
//! All but the first two change something. They are for an operator and for the gateway's own page: see [`origin`].

mod history;
mod journal;
mod origin;
mod report;
mod stream;

pub(crate) use journal::Journal;
pub(crate) use report::Report;
pub(crate) use stream::Streams;

use super::app::App;
use super::metrics::Calls;
use crate::event_api::faults::{FaultPlan, Faults};
use crate::http::{Answer, Call, Problem, json};
use bytes::Bytes;
use history::{History, Totals};
use http::StatusCode;
use report::{Plan, UpstreamReport};
use resilience::Breaker;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// Fault plans that the page offers.
const PLANS: &[Plan] = &[
    Plan { title: "healthy", plan: "healthy" },
    Plan { title: "outage", plan: "addEvent=outage" },
    Plan { title: "5 good, 10 bad, …", plan: "default" },
    Plan { title: "outage for 20 s", plan: "addEvent=outage(20s)" },
    Plan { title: "outage, Retry-After 15 s", plan: "addEvent=outage(-,503,15s)" },
    Plan { title: "brown-out, 40 % fail", plan: "addEvent=brown-out(40%)" },
    Plan { title: "hangs", plan: "addEvent=hang" },
    Plan { title: "slow, 1.5 s", plan: "addEvent=slow(1500ms)" },
    Plan { title: "rate limit, 5/s", plan: "addEvent=rate-limit(5)" },
    Plan { title: "flapping, 5 s each", plan: "addEvent=flapping(5s,5s)" },
    Plan { title: "resets connections", plan: "addEvent=reset" },
    Plan { title: "answers garbage", plan: "addEvent=garbage" },
    Plan { title: "cuts answers short", plan: "addEvent=cut-body" },
];

/// Everything that the status routes need.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) breaker: Breaker,
    pub(crate) calls: Calls,
    pub(crate) journal: Journal,
    pub(crate) streams: Streams,
    /// The fault plan of the built-in upstream.
    pub(crate) faults: Option<Arc<FaultPlan>>,
    pub(crate) started_at_ms: u64,
    history: History,
}

impl Status {
    pub(crate) fn new(
        breaker: Breaker,
        calls: Calls,
        journal: Journal,
        streams: Streams,
        faults: Option<Arc<FaultPlan>>,
    ) -> Self {
        Self {
            breaker,
            calls,
            journal,
            streams,
            faults,
            started_at_ms: journal::millis_since_1970(),
            history: History::default(),
        }
    }

    /// A second is over.
    fn remember(&self) {
        let (admitted, failed) = (self.calls.admitted.get(), self.calls.failed.get());
        let refused = self.calls.refused.get();
        let upstream = self.faults.as_ref().map_or(0, |faults| faults.received().values().sum());
        self.history.second(self.breaker.state().name(), Totals { admitted, failed, refused, upstream });
    }

    fn report(&self) -> Report {
        let upstream = self.faults.as_ref().map_or_else(UpstreamReport::default, |faults| {
            let current = faults.current();
            let chosen = PLANS.iter().find(|plan| plan.plan.parse().is_ok_and(|plan: Faults| plan == current));
            UpstreamReport {
                built_in: true,
                requests: Some(faults.received().values().sum()),
                faults: Some(current.to_string()),
                plan: chosen.map(|plan| plan.title),
                plans: PLANS,
            }
        });
        Report::new(&self.breaker, &self.calls, &self.journal, upstream, self.started_at_ms)
    }
}

/// Keeps the last minutes, second by second, until the gateway ends.
pub(crate) async fn remember(app: App, mut ending: watch::Receiver<bool>) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // The first tick is at once, and nothing has happened by then.
    ticks.tick().await;
    loop {
        tokio::select! {
            // The sender being gone is the end, too.
            _ = ending.wait_for(|ending| *ending) => return,
            _ = ticks.tick() => app.status.remember(),
        }
    }
}

/// `GET /status`
pub(crate) async fn now(app: App, call: Call) -> Answer {
    call.query(&[])?;
    json::response(StatusCode::OK, &app.status.report())
}

/// `GET /status/stream`
pub(crate) async fn stream(app: App, _: Call) -> Answer {
    let watched = app.clone();
    // Plain data always serialises; should that change, an empty document shows it.
    let status = move || serde_json::to_vec(&watched.status.report()).map(Bytes::from).unwrap_or_default();
    let before = serde_json::to_vec(&app.status.history.seconds()).unwrap_or_default();
    app.status.streams.open(before, status, app.status.journal.bell())
}

/// The body of what takes a time or none.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForSoLong {
    /// For how long, like `30s`; until further notice if it is missing.
    #[serde(default, rename = "for", with = "crate::config::duration_text::option")]
    #[schemars(with = "Option<String>")]
    time: Option<Duration>,
}

/// The body of what takes nothing. It is asked for all the same, so that only JSON gets here.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// The body that names another fault plan.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPlan {
    /// As the variable `FAULTS` takes it, like `addEvent=outage(20s)`.
    plan: String,
}

/// `POST /status/force-open`
pub(crate) async fn force_open(app: App, call: Call) -> Answer {
    let ForSoLong { time } = operator(call).await?;
    match time {
        Some(time) => app.status.breaker.force_open_for(time),
        None => app.status.breaker.force_open(),
    }
    done(&app)
}

/// `POST /status/force-closed`
pub(crate) async fn force_closed(app: App, call: Call) -> Answer {
    let ForSoLong { time } = operator(call).await?;
    match time {
        Some(time) => app.status.breaker.force_closed_for(time),
        None => app.status.breaker.force_closed(),
    }
    done(&app)
}

/// `POST /status/auto`
pub(crate) async fn auto(app: App, call: Call) -> Answer {
    let Nothing {} = operator(call).await?;
    app.status.breaker.auto();
    done(&app)
}

/// `POST /status/reset`
pub(crate) async fn reset(app: App, call: Call) -> Answer {
    let Nothing {} = operator(call).await?;
    app.status.breaker.reset();
    done(&app)
}

/// `POST /status/faults`
pub(crate) async fn faults(app: App, call: Call) -> Answer {
    let NewPlan { plan } = operator(call).await?;
    let Some(faults) = &app.status.faults else {
        return Err(Problem::new(StatusCode::CONFLICT).detail("The upstream is not this gateway's own."));
    };
    let parsed: Faults = plan.parse().map_err(|error| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
            .detail("The fault plan is not acceptable.")
            .field("plan", format!("{error}"))
    })?;
    let text = parsed.to_string();
    tracing::info!(plan = text, "the fault plan was changed");
    faults.set(parsed);
    app.status.journal.note("faults", "fault plan changed", Some(text));
    done(&app)
}

/// The body of an operator's request, if it may have come from one.
async fn operator<T: DeserializeOwned>(mut call: Call) -> Result<T, Problem> {
    call.query(&[])?;
    origin::check(call.headers())?;
    call.json_unchecked().await
}

/// Where things stand after the change.
fn done(app: &App) -> Answer {
    app.status.journal.ring();
    json::response(StatusCode::OK, &app.status.report())
}
