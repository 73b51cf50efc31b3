//! A plan at work: what it has counted, and what it makes of the next request.

use std::array;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Fault, Faults, RouteName};
use crate::http::serve::Sever;

/// How many requests each route has received since the start, whatever became of them.
pub type Received = BTreeMap<&'static str, u64>;

/// A fault plan at work. It can be changed at any time; requests that it holds up already stay held up.
#[derive(Debug)]
pub struct FaultPlan {
    state: Mutex<State>,
    received: [AtomicU64; RouteName::ALL.len()],
    released: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    faults: Faults,
    since: Instant,
    routes: [RouteState; RouteName::ALL.len()],
}

#[derive(Debug)]
struct RouteState {
    /// Requests to the route since the plan was set.
    seen: u64,
    dice: Dice,
    /// For the rate limit: which second it is, and how many were served in it.
    second: u64,
    served: u32,
}

/// What is to be done with a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) delay: Duration,
    pub(super) act: Act,
}

/// See [`Decision`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act {
    Serve,
    Refuse { status: StatusCode, retry_after: Option<Duration> },
    Hang,
    Sever(Sever),
    CutBody,
}

impl FaultPlan {
    /// Puts a plan to work.
    #[must_use]
    pub fn new(faults: Faults) -> Self {
        Self {
            state: Mutex::new(State::new(faults)),
            received: array::from_fn(|_| AtomicU64::new(0)),
            released: watch::Sender::new(false),
        }
    }

    /// Puts another plan to work. It begins at its beginning; the counts of what was received go on.
    pub fn set(&self, faults: Faults) {
        *self.state() = State::new(faults);
    }

    /// The plan.
    #[must_use]
    pub fn current(&self) -> Faults {
        self.state().faults.clone()
    }

    /// How many requests each route has received.
    #[must_use]
    pub fn received(&self) -> Received {
        RouteName::ALL.into_iter().map(|route| (route.as_str(), self.received_by(route))).collect()
    }

    /// How many requests a route has received.
    #[must_use]
    pub fn received_by(&self, route: RouteName) -> u64 {
        self.received[route as usize].load(Ordering::Relaxed)
    }

    /// Lets go of the requests that hang: the service is about to end.
    pub(in crate::event_api) fn release(&self) {
        self.released.send_replace(true);
    }

    /// Waits until requests that hang are let go of.
    pub(super) async fn released(&self) {
        // The sender is this plan, so the wait cannot end by its being gone.
        self.released.subscribe().wait_for(|released| *released).await.ok();
    }

    /// Counts a request and says what is to be done with it.
    pub(super) fn decide(&self, route: RouteName) -> Decision {
        self.received[route as usize].fetch_add(1, Ordering::Relaxed);
        let mut state = self.state();
        let State { faults, since, routes } = &mut *state;
        let elapsed = since.elapsed();
        let own = &mut routes[route as usize];
        let place = own.seen;
        own.seen += 1;
        let mut delay = Duration::ZERO;
        for fault in faults.of(route) {
            let (more, act) = own.ask(fault, place, elapsed);
            delay = delay.saturating_add(more);
            if act != Act::Serve {
                return Decision { delay, act };
            }
        }
        Decision { delay, act: Act::Serve }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whatever a panic may leave half counted is only ever counted on from.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(faults: Faults) -> Self {
        let seed = faults.seed;
        let routes =
            array::from_fn(|route| RouteState { seen: 0, dice: Dice::new(seed, route as u64), second: 0, served: 0 });
        Self { faults, since: Instant::now(), routes }
    }
}

impl RouteState {
    fn ask(&mut self, fault: &Fault, place: u64, elapsed: Duration) -> (Duration, Act) {
        let at_once = |act| (Duration::ZERO, act);
        match fault {
            Fault::Cycle { serve, fail, delay, status } => {
                if place % serve.saturating_add(*fail) < *serve {
                    at_once(Act::Serve)
                } else {
                    (*delay, refuse(*status, None))
                }
            }
            Fault::Outage { lasts, status, retry_after } => {
                let over = lasts.is_some_and(|lasts| elapsed >= lasts);
                at_once(if over { Act::Serve } else { refuse(*status, *retry_after) })
            }
            Fault::BrownOut { share, status } => at_once(self.throw(*share, || refuse(*status, None))),
            Fault::Flapping { up, down, status } => {
                let cycle = up.saturating_add(*down).as_nanos().max(1);
                let well = elapsed.as_nanos() % cycle < up.as_nanos();
                at_once(if well { Act::Serve } else { refuse(*status, None) })
            }
            Fault::RateLimit { per_second, status, retry_after } => {
                if self.second != elapsed.as_secs() {
                    (self.second, self.served) = (elapsed.as_secs(), 0);
                }
                if self.served < *per_second {
                    self.served += 1;
                    return at_once(Act::Serve);
                }
                let rest = Duration::from_secs(1).saturating_sub(Duration::from_nanos(elapsed.subsec_nanos().into()));
                at_once(refuse(*status, Some(retry_after.unwrap_or(rest))))
            }
            Fault::Slow { by } => (*by, Act::Serve),
            Fault::Hang { share } => at_once(self.throw(*share, || Act::Hang)),
            Fault::Close { share } => at_once(self.throw(*share, || Act::Sever(Sever::Close))),
            Fault::Reset { share } => at_once(self.throw(*share, || Act::Sever(Sever::Reset))),
            Fault::Garbage { share } => at_once(self.throw(*share, || Act::Sever(Sever::Garbage(GARBAGE)))),
            Fault::CutBody { share } => at_once(self.throw(*share, || Act::CutBody)),
        }
    }

    fn throw(&mut self, share: f64, act: impl FnOnce() -> Act) -> Act {
        if self.dice.next() < share { act() } else { Act::Serve }
    }
}

fn refuse(status: u16, retry_after: Option<Duration>) -> Act {
    // The plan was checked; a status that is none would be one that no plan can hold.
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    Act::Refuse { status, retry_after }
}

/// The beginning of a TLS alert, which is what one gets from a port where something else listens.
const GARBAGE: Bytes = Bytes::from_static(b"\x15\x03\x01\x00\x02\x02\x16 this is not HTTP\r\n\r\n");

/// A small random generator (splitmix64): the same seed throws the same sequence on every machine.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn new(seed: u64, route: u64) -> Self {
        // Neighbouring seeds and routes are far apart after the first step.
        Self(seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(route.wrapping_mul(0x9e6c_63d0_876a_68ad)))
    }

    /// A number from 0 to below 1.
    #[allow(clippy::cast_precision_loss, reason = "53 bits are what a double holds exactly")]
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}
