//! The breaker itself, with a clock that stands still until it is moved.

use std::time::Duration;

use resilience::clock::{Clock, Manual};
use resilience::observe::Transitions;
use resilience::{Breaker, Permit, Rejected, State};
use support::compare::{Seen, SeenPhase, SeenView, Subject};
use support::model::{self, Nanos, Overlay};
use support::script::Step;

/// A breaker and the permits that it gave out.
#[derive(Debug)]
pub(crate) struct RealBreaker {
    breaker: Breaker,
    clock: Manual,
    transitions: Transitions,
    /// What the clock said at the start.
    origin: Nanos,
    now: Nanos,
    permits: Vec<Option<Permit>>,
}

impl RealBreaker {
    pub(crate) fn new(policy: &model::Policy) -> Self {
        let clock = Manual::new();
        let breaker = Breaker::builder().policy(super::policy(policy)).clock(clock.clone()).build().unwrap();
        let transitions = breaker.subscribe();
        let origin = clock.now().as_nanos().into();
        Self { breaker, clock, transitions, origin, now: 0, permits: Vec::new() }
    }

    fn take(&mut self, call: usize) -> Permit {
        self.permits[call].take().unwrap()
    }
}

fn refused(rejected: &Rejected) -> Seen {
    Seen::Refused {
        why: super::why(rejected.reason()),
        wait: rejected.retry_after().as_nanos(),
        level: Some(rejected.level()),
    }
}

impl Subject for RealBreaker {
    fn admit(&mut self, may_probe: bool) -> Seen {
        let answer = if may_probe { self.breaker.try_acquire() } else { self.breaker.try_acquire_no_probe() };
        match answer {
            Ok(permit) => {
                self.permits.push(Some(permit));
                Seen::Admitted
            }
            Err(rejected) => refused(&rejected),
        }
    }

    fn outcome(&mut self, call: usize, verdict: model::Verdict) {
        self.take(call).record(super::verdict(verdict));
    }

    fn drop_call(&mut self, call: usize) {
        drop(self.take(call));
    }

    /// Only futures are.
    fn judges_drops(&self) -> bool {
        false
    }

    fn wait(&mut self, length: Nanos) {
        self.now += length;
        self.clock.advance(super::duration(length));
    }

    fn overlay(&mut self, overlay: Overlay) {
        let breaker = &self.breaker;
        match (overlay, overlay.expiry().map(super::duration)) {
            (Overlay::Automatic, _) => breaker.auto(),
            (Overlay::ForcedOpen { .. }, None) => breaker.force_open(),
            (Overlay::ForcedOpen { .. }, Some(length)) => breaker.force_open_for(length),
            (Overlay::ForcedClosed { .. }, None) => breaker.force_closed(),
            (Overlay::ForcedClosed { .. }, Some(length)) => breaker.force_closed_for(length),
            (Overlay::Shadow { .. }, None) => breaker.shadow(),
            (Overlay::Shadow { .. }, Some(length)) => breaker.shadow_for(length),
        }
    }

    fn reset(&mut self) {
        self.breaker.reset();
    }

    fn set_policy(&mut self, policy: &model::Policy) {
        self.breaker.set_policy(super::policy(policy)).unwrap();
    }

    fn view(&mut self) -> SeenView {
        let snapshot = self.breaker.snapshot();
        let phase = match snapshot.phase {
            State::Closed => SeenPhase::Closed,
            State::Open => SeenPhase::Open,
            State::HalfOpen => SeenPhase::HalfOpen { stage: snapshot.stage },
        };
        let expiry = snapshot.overlay_remaining.map(|left| self.now + left.as_nanos());
        let overlay = super::overlay(snapshot.overlay, expiry);
        SeenView {
            phase,
            overlay,
            remaining: snapshot.remaining.map(|left| left.as_nanos()),
            level: snapshot.level,
            failures: snapshot.failures.len(),
            cause: snapshot.trip.map(|trip| {
                let ago = |age: Duration| self.now - age.as_nanos();
                super::cause(trip.rule, trip.failures, ago(trip.first_ago), ago(trip.last_ago))
            }),
            totals: super::totals(snapshot.counts),
        }
    }

    fn events(&mut self) -> Vec<model::Event> {
        let news = std::iter::from_fn(|| self.transitions.try_next()).filter_map(super::event);
        news.map(|event| model::Event { at: event.at - self.origin, ..event }).collect()
    }

    /// What an outcome finds, it need not look at where nothing depends on it.
    fn tells_all_with(&self, step: &Step) -> bool {
        matches!(step, Step::Admit { .. })
    }
}
