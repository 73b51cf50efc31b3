//! Playing: a real breaker, on a clock that goes from one event of the log to the next.

use super::traffic::{Count, Entry, Outcome, Traffic};
use resilience::clock::{Clock, Instant, Manual};
use resilience::machine::{EventKind, Trip};
use resilience::observe::Transitions;
use resilience::{Breaker, Permit, Policy, PolicyError, Reason, State, Verdict as Says};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

/// What a policy would have done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The calls that it would have let through, by how they ended in the log.
    pub admitted: Count,
    /// The calls that it would have refused: those that failed in the log rightly, those that were answered in vain.
    pub refused: Count,
    /// The refused ones by [reason](Reason::name).
    pub reasons: BTreeMap<&'static str, u64>,
    /// Each time that it would have opened.
    pub trips: Vec<Tripped>,
    /// How long it would have been open, cut where the log ends.
    pub open: Duration,
    /// How long it would not have been closed: open, or half-open.
    pub not_closed: Duration,
    /// Where it would stand when the log ends.
    pub state: Option<State>,
}

/// One time that a breaker opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tripped {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// The breaker's own word on it.
    pub trip: Trip,
    /// What it refused from then on until it tripped again or closed.
    pub refused: Count,
    /// How long after it tripped it was closed again; `None` if it tripped again before, or the log ended.
    pub closed_after: Option<Duration>,
}

impl Traffic {
    /// Plays the calls to a breaker with this policy: each is admitted or refused when it begins, and if it is admitted, its
    /// outcome in the log is recorded when it ended there. A probe is such a call, too.
    ///
    /// Without jitter, so that the same log gives the same answer.
    ///
    /// # Errors
    ///
    /// The policy's, if it is out of its range.
    pub fn play(&self, policy: &Policy) -> Result<Verdict, PolicyError> {
        let clock = Manual::new();
        let exact = Policy { jitter: 0.0, ..policy.clone() };
        let breaker = Breaker::builder().policy(exact).clock(clock.clone()).build()?;
        let (first, last) = self.span();
        let mut player = Player {
            transitions: breaker.subscribe(),
            origin: clock.now(),
            clock,
            breaker,
            abandon_after: policy.abandon_after,
            first,
            last,
            out: BinaryHeap::new(),
            not_closed_since: None,
            verdict: Verdict::default(),
        };
        for (number, call) in self.calls().iter().enumerate() {
            player.begin(number, *call);
        }
        Ok(player.end())
    }
}

/// A call that is out.
struct Out {
    end: i64,
    number: usize,
    entry: Entry,
    permit: Permit,
}

struct Player {
    breaker: Breaker,
    transitions: Transitions,
    clock: Manual,
    /// What the clock says when the log begins.
    origin: Instant,
    /// When the log begins and ends, in microseconds since 1970.
    first: i64,
    last: i64,
    abandon_after: Duration,
    out: BinaryHeap<Out>,
    /// When the spell began in which it is not closed.
    not_closed_since: Option<Instant>,
    verdict: Verdict,
}

impl Player {
    /// A call begins. What has ended until then, or ends at this very instant, ends first: an answer is recorded before the
    /// next call asks.
    fn begin(&mut self, number: usize, entry: Entry) {
        self.finish(entry.start);
        self.go_to(entry.start);
        let asked = self.breaker.try_acquire();
        // Before the call is counted: it may have been the first to see that something has changed.
        self.listen();
        match asked {
            Ok(permit) => {
                self.verdict.admitted.add(entry.outcome);
                self.out.push(Out { end: entry.end(), number, entry, permit });
            }
            Err(rejected) => {
                self.verdict.refused.add(entry.outcome);
                *self.verdict.reasons.entry(rejected.reason().name()).or_default() += 1;
                if let Some(tripped) = self.verdict.trips.last_mut().filter(|_| rejected.reason() != Reason::Quota) {
                    tripped.refused.add(entry.outcome);
                }
            }
        }
    }

    /// Whatever is out until then comes back.
    fn finish(&mut self, until: i64) {
        while self.out.peek().is_some_and(|out| out.end <= until) {
            let Some(Out { end, entry, permit, .. }) = self.out.pop() else { break };
            self.go_to(end);
            permit.record(self.says(entry));
            self.listen();
        }
    }

    /// What a call says about the upstream, as a layer would have found.
    fn says(&self, entry: Entry) -> Says {
        match entry.outcome {
            Outcome::Success => Says::Success,
            Outcome::Reachable => Says::Reachable,
            Outcome::Failure => Says::Failure(None),
            Outcome::GivenUp if Duration::from_micros(entry.took) >= self.abandon_after => Says::Failure(None),
            Outcome::GivenUp | Outcome::Ignored => Says::Ignore,
        }
    }

    /// Moves the clock; times come in order, so it never has to go back.
    fn go_to(&self, micros: i64) {
        let now = self.clock.now();
        self.clock.advance(self.instant(micros).saturating_since(now));
    }

    fn instant(&self, micros: i64) -> Instant {
        self.origin.saturating_add(Duration::from_micros(micros.abs_diff(self.first)))
    }

    /// What the breaker has told since it was listened to.
    fn listen(&mut self) {
        while let Some(event) = self.transitions.try_next() {
            match event.kind {
                EventKind::Tripped(trip) => {
                    self.not_closed_since.get_or_insert(trip.at);
                    let after = trip.at.saturating_since(self.origin).as_micros();
                    let at = self.first.saturating_add_unsigned(u64::try_from(after).unwrap_or(u64::MAX));
                    self.verdict.trips.push(Tripped { at, trip, refused: Count::default(), closed_after: None });
                }
                EventKind::Closed => {
                    if let Some(since) = self.not_closed_since.take() {
                        self.verdict.not_closed += event.at.saturating_since(since);
                    }
                    if let Some(tripped) = self.verdict.trips.last_mut() {
                        tripped.closed_after = Some(event.at.saturating_since(tripped.trip.at));
                    }
                }
                _ => {}
            }
        }
    }

    fn end(mut self) -> Verdict {
        self.finish(self.last);
        self.go_to(self.last);
        let last = self.clock.now();
        if let Some(since) = self.not_closed_since {
            self.verdict.not_closed += last.saturating_since(since);
        }
        // An open ends when its time is over, whether or not a call came to see it.
        let opens =
            self.verdict.trips.iter().map(|Tripped { trip, .. }| trip.until.min(last).saturating_since(trip.at));
        self.verdict.open = opens.sum();
        self.verdict.state = Some(self.breaker.state());
        self.verdict
    }
}

// The call that ends first is the greatest: a heap gives out the greatest one. Of two that end together the one that began
// first.

impl Ord for Out {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.end, other.number).cmp(&(self.end, self.number))
    }
}

impl PartialOrd for Out {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Out {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Out {}

#[cfg(test)]
mod tests;
