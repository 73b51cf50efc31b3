//! The breakers under test, and what each of them is set to.

use std::task::Waker;
use std::time::Duration;

use failsafe::futures::CircuitBreaker as _;
use failsafe::{backoff, failure_policy::consecutive_failures};
use recloser::AsyncRecloser;
use seatbelt::breaker::{Breaker as Seatbelt, HalfOpenMode};
use seatbelt::{RecoveryInfo, ResilienceContext};
use subjects::poll_now;
use tick::runtime::InactiveClock;
use tower_layer::Layer;
use tower_resilience_circuitbreaker::{CircuitBreakerConfigBuilder, CircuitBreakerError, CircuitBreakerLayer};
use tower_service::Service;

use crate::call::{Call, Caller, Fault, Upstream, Wire, end, reply};
use crate::ours;
use crate::time::{FAST, Pace, SLOW};

/// How a subject is told the time.
pub(crate) enum Kind {
    /// It does not look at it.
    None,
    /// This crate, by hand.
    Ours(fn(resilience::breaker::Builder) -> resilience::breaker::Builder),
    /// Failsafe, by its own frozen clock.
    Frozen(fn() -> Caller),
    /// By the system's clock, faster.
    Real(Pace, fn(Pace) -> Caller),
}

/// A breaker with its settings.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) settings: &'static str,
    pub(crate) kind: Kind,
    /// The only cases in which it differs from another one of these; none: it differs in all.
    pub(crate) only: &'static [&'static str],
    /// Not a subject of its own: shows that what is found by hand is found by the system's clock too.
    pub(crate) control: bool,
}

impl Subject {
    fn new(name: &'static str, kind: Kind, settings: &'static str) -> Self {
        Self { name, settings, kind, only: &[], control: false }
    }

    /// How fast its time runs, if it is the system's.
    pub(crate) fn pace(&self) -> Option<Pace> {
        match self.kind {
            Kind::Real(pace, _) => Some(pace),
            Kind::None | Kind::Ours(_) | Kind::Frozen(_) => None,
        }
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.name.starts_with("resilience")
    }

    pub(crate) fn all() -> Vec<Self> {
        vec![
            Self::new("no breaker", Kind::None, "–"),
            Self::new(
                "resilience",
                Kind::Ours(|policy| policy),
                "3 failures within 30 s, a success clears; 1 s, then 1.5 times as long up to 60 s, and up to 10 % more; stages of 1, 2, 4 probes",
            ),
            Self::new("resilience, constant", Kind::Ours(ours::constant), "the same, but always 5 s, without jitter"),
            Self::new(
                "resilience, by rate",
                Kind::Ours(ours::by_rate),
                "half of at least 20 calls within 10 s, and nothing else; open times as it comes",
            ),
            Self {
                only: &["hanging", "dropped"],
                ..Self::new(
                    "resilience, stalled",
                    Kind::Ours(ours::stalled),
                    "as it comes, and trips while 10 calls are out for longer than 500 ms and nobody is answered",
                )
            },
            Self {
                only: &["limited"],
                ..Self::new(
                    "resilience, obeying",
                    Kind::Ours(ours::obeying),
                    "as it comes, but a `Retry-After` trips at once (`Hints::Obey`); no other case has one",
                )
            },
            Self { control: true, ..Self::new(ours::CONTROL, Kind::Real(FAST, ours::constant_in_real_time), "") },
            Self::new(
                "nobreak",
                Kind::Real(FAST, |pace| nobreak(pace, 5, 30)),
                "as it comes: 5 in a row; 30 s; closes after 2 successes",
            ),
            Self::new("nobreak, set alike", Kind::Real(FAST, |pace| nobreak(pace, 3, 5)), "3 in a row; 5 s"),
            Self::new(
                "recloser",
                Kind::Real(FAST, |pace| recloser(pace, recloser::Recloser::custom(), 30)),
                "as it comes: half of the last 100 calls; 30 s; closes when less than half of 10 fail",
            ),
            Self::new(
                "recloser, set alike",
                Kind::Real(FAST, |pace| {
                    recloser(pace, recloser::Recloser::custom().error_rate(1.0).closed_len(3).half_open_len(1), 5)
                }),
                "all of the last 3 calls; 5 s; a ring of 1 in half-open",
            ),
            Self::new(
                "failsafe",
                Kind::Frozen(failsafe_default),
                "as it comes: 5 in a row, or below 80 % within 30 s; 5 to 10 s at random, doubling up to 300 s; closes after a success",
            ),
            Self::new("failsafe, set alike", Kind::Frozen(failsafe_alike), "3 in a row; always 5 s"),
            Self::new(
                "circuitbreaker-rs",
                Kind::Real(FAST, |pace| circuitbreaker_rs(pace, circuitbreaker_rs::BreakerBuilder::new(), 30)),
                "as it comes: 5 in a row, or half of at least 10 calls since it last closed; 30 s; closes after 3 successes in a row",
            ),
            Self::new(
                "circuitbreaker-rs, set alike",
                Kind::Real(FAST, |pace| {
                    circuitbreaker_rs(
                        pace,
                        circuitbreaker_rs::BreakerBuilder::new().failure_threshold(2.0).consecutive_failures(3),
                        5,
                    )
                }),
                "3 in a row; 5 s",
            ),
            Self::new(
                "seatbelt",
                Kind::Real(SLOW, |pace| seatbelt(pace, None)),
                "as it comes: 10 % of at least 100 calls within 30 s; 5 s; then 7 stages of 5 s with growing shares of the traffic",
            ),
            Self::new(
                "seatbelt, set alike",
                Kind::Real(FAST, |pace| seatbelt(pace, Some((0.002, 3)))),
                "0.2 % of at least 3 calls within 30 s, which is 3 of the 1500 that there are; 5 s; closes after one probe (`quick`)",
            ),
            Self::new(
                "tower-resilience",
                Kind::Real(FAST, |pace| tower_resilience(pace, CircuitBreakerLayer::builder(), 30)),
                "as it comes: half of at least 100 calls, counted since it last closed; 30 s; closes after one probe",
            ),
            Self::new(
                "tower-resilience, set alike",
                Kind::Real(FAST, |pace| {
                    tower_resilience(pace, CircuitBreakerLayer::builder().consecutive_failures(3), 5)
                }),
                "3 in a row; 5 s",
            ),
        ]
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Straight to the upstream.
pub(crate) fn none() -> Caller {
    Box::new(|wire| Box::pin(async move { end(reply(wire).await, |_| false) }))
}

fn nobreak(pace: Pace, failures: usize, open: u64) -> Caller {
    let breaker =
        nobreak::builder().with_failure_threshold(failures).with_open_duration(pace.of(seconds(open))).build();
    let breaker = std::sync::Arc::new(breaker);
    Box::new(move |wire| {
        let breaker = breaker.clone();
        Box::pin(async move {
            let result = breaker.call_async(|| reply(wire)).await;
            end(result, |error| matches!(error, nobreak::CircuitError::Open))
        })
    })
}

fn recloser(pace: Pace, settings: recloser::RecloserBuilder, open: u64) -> Caller {
    use recloser::AsyncRecloser as Breaker;
    let breaker: Breaker = AsyncRecloser::from(settings.open_wait(pace.of(seconds(open))).build());
    Box::new(move |wire| {
        // A future that only a poll makes begin: recloser asks when it is polled.
        let call = breaker.call(Box::pin(reply(wire)));
        Box::pin(async move { end(call.await, |error| matches!(error, recloser::Error::Rejected)) })
    })
}

fn failsafe<P>(breaker: failsafe::StateMachine<P, ()>) -> Caller
where
    P: failsafe::FailurePolicy + Send + Sync + 'static,
{
    Box::new(move |wire| {
        let call = breaker.call(Box::pin(reply(wire)));
        Box::pin(async move { end(call.await, |error| matches!(error, failsafe::Error::Rejected)) })
    })
}

fn failsafe_default() -> Caller {
    failsafe(failsafe::Config::new().build())
}

fn failsafe_alike() -> Caller {
    let policy = consecutive_failures(3, backoff::constant(seconds(5)));
    failsafe(failsafe::Config::new().failure_policy(policy).build())
}

fn circuitbreaker_rs(
    pace: Pace,
    settings: circuitbreaker_rs::BreakerBuilder<circuitbreaker_rs::DefaultPolicy, Fault>,
    open: u64,
) -> Caller {
    let breaker = settings.cooldown(pace.of(seconds(open))).build();
    Box::new(move |wire| {
        let breaker = breaker.clone();
        Box::pin(async move {
            let result = breaker.call_async(|| reply(wire)).await;
            end(result, |error| matches!(error, circuitbreaker_rs::BreakerError::Open))
        })
    })
}

/// A tower service, called as a server calls it.
fn tower<S>(mut service: S, refused: fn(&S::Error) -> bool) -> Caller
where
    S: Service<Wire, Response = ()>,
    S: 'static,
    S::Future: 'static,
    S::Error: 'static,
{
    Box::new(move |wire| -> Call {
        // Its readiness is that of the upstream, which is always ready.
        let ready = poll_now(std::future::poll_fn(|context| service.poll_ready(context)));
        match ready {
            Ok(()) => {
                let call = service.call(wire);
                Box::pin(async move { end(call.await, refused) })
            }
            Err(error) => Box::pin(async move { end(Err(error), refused) }),
        }
    })
}

fn seatbelt(pace: Pace, alike: Option<(f32, u32)>) -> Caller {
    let clock = InactiveClock::default().activate(Waker::noop().clone()).0;
    let layer = Seatbelt::layer("protection", &ResilienceContext::new(&clock))
        .recovery_with(|answer: &Result<(), Fault>, _| match answer {
            Ok(()) => RecoveryInfo::never(),
            Err(_) => RecoveryInfo::retry(),
        })
        .rejected_input_error(|_, _| Fault::Refused)
        .sampling_duration(pace.of(seconds(30)))
        .break_duration(pace.of(seconds(5)));
    let layer = match alike {
        Some((share, least)) => {
            layer.failure_threshold(share).min_throughput(least).half_open_mode(HalfOpenMode::quick())
        }
        None => layer,
    };
    tower(layer.layer(Upstream), |error| *error == Fault::Refused)
}

fn tower_resilience(pace: Pace, settings: CircuitBreakerConfigBuilder, open: u64) -> Caller {
    let layer = settings.wait_duration_in_open(pace.of(seconds(open))).build().expect("its defaults and two numbers");
    tower(layer.layer(Upstream), |error| matches!(error, CircuitBreakerError::OpenCircuit))
}
