//! Admission and outcomes: the paths that calls take through a [`Slot`].
//!
//! The inlined ones are for a breaker in good health: one word is read on the way in, one on the way out, nothing is
//! written. Everything else goes to a cold function, and most of that behind one short lock.

use super::rejected::{Rejected, Told};
use super::setup::Setup;
use super::since::Since;
use super::slot::Slot;
use super::tally::Tally;
use super::word::{self, COUNTED_NOISY, CUSTOM_CLOCK, GUARDED, LOCKED, NOISY, OPEN, PROBE, Present, QUIET, UNTRACKED};
use crate::Verdict;
use crate::clock::{self, Instant};
use crate::machine::{Context, Event, EventKind, Machine, Reason, Refusal, Report};
use std::time::Duration;

impl Slot {
    /// Whether a call would be refused: asked before the inner service is polled for readiness.
    #[inline]
    pub(crate) fn would_refuse(&'static self) -> bool {
        let gate = self.gate();
        !word::admits_all(gate) && self.would_refuse_guarded(gate)
    }

    #[cold]
    #[inline(never)]
    fn would_refuse_guarded(&'static self, gate: u64) -> bool {
        if word::tag(gate) == OPEN {
            let now = clock::coarse();
            if is_well_before(now, self.until()) && self.gate() == gate {
                return true;
            }
        }
        self.would_refuse_now()
    }

    #[inline(never)]
    fn would_refuse_now(&self) -> bool {
        // Whether this request may probe is not known before there is one.
        self.read(|cell, cx| cell.machine.would_refuse(cx, true).is_some())
    }

    /// How long a call would be told to wait; `None` if it would not be refused.
    #[cfg(feature = "tokio")]
    pub(crate) fn refusal(&self) -> Option<Duration> {
        self.read(|cell, cx| cell.machine.would_refuse(cx, true).map(|refusal| refusal.wait))
    }

    /// Admits a call: its packed ticket, or the refusal.
    #[inline]
    pub(crate) fn admit(&'static self, may_probe: impl FnOnce() -> bool) -> Result<u64, Rejected> {
        let gate = self.gate();
        if word::tag(gate) == QUIET {
            Ok(gate)
        } else if word::admits_all(gate) {
            Ok(gate | GUARDED)
        } else {
            match self.refuse_at_once(gate) {
                Some(rejected) => Err(rejected),
                // The user's predicate runs before the lock is taken.
                None => self.admit_now(gate, may_probe()),
            }
        }
    }

    // What follows takes no closure, so that it is compiled once, here, and its parts are inlined.

    #[cold]
    #[inline(never)]
    fn admit_now(&'static self, gate: u64, may_probe: bool) -> Result<u64, Rejected> {
        self.step(|machine, cx, setup, events| match machine.admit(cx, may_probe, events) {
            Ok(ticket) => Ok(word::of_ticket(ticket) | gate & CUSTOM_CLOCK),
            Err(refusal) => Err(self.refuse(machine, cx, setup, refusal, events)),
        })
    }

    /// A refusal without the lock, where the gate says open.
    #[cold]
    #[inline(never)]
    fn refuse_at_once(&'static self, gate: u64) -> Option<Rejected> {
        if word::tag(gate) != OPEN {
            return None;
        }
        // First of all, so that there is little to keep meanwhile.
        let now = clock::coarse();
        let told = self.told();
        if !is_well_before(now, told.until) || !self.still_tells(gate, told.edition) {
            return None;
        }
        let rejected = told.reject_plainly(self, now).unwrap_or_else(|| self.reject_otherwise(told, now));
        self.count_refusal(rejected.reason());
        Some(rejected)
    }

    #[cold]
    #[inline(never)]
    fn reject_otherwise(&'static self, told: Told, now: Instant) -> Rejected {
        // A clock that lags behind the trip itself would tell to wait for longer than the breaker is open.
        told.reject(self, if told.is_fresh(now) { clock::exact() } else { now })
    }

    /// Counts a refusal, if somebody wants to know how many there are.
    #[inline]
    fn count_refusal(&self, reason: Reason) {
        if let Some(tally) = self.tally() {
            tally.count_refusal(reason);
        }
    }

    /// A call that comes after the service was found refusing: it is refused, whatever has happened since.
    #[inline(always)]
    pub(crate) fn refuse_unready(&'static self, may_probe: impl FnOnce() -> bool) -> Rejected {
        match self.refuse_at_once(self.gate()) {
            Some(rejected) => rejected,
            None => self.refuse_now(may_probe()),
        }
    }

    #[cold]
    #[inline(never)]
    fn refuse_now(&'static self, may_probe: bool) -> Rejected {
        self.step(|machine, cx, setup, events| {
            let stale = Refusal { reason: Reason::StaleReadiness, wait: Duration::ZERO };
            let refusal = machine.turn_away(cx, may_probe, events).unwrap_or(stale);
            self.refuse(machine, cx, setup, refusal, events)
        })
    }

    /// Takes an admitted call's packed ticket back with its outcome. `since`: when it was first found waiting, if it was.
    /// Whether it matters what the answer says of the server's own count.
    #[inline]
    pub(crate) fn record(&self, ticket: u64, verdict: Verdict, since: Since) -> bool {
        match verdict {
            Verdict::Success => {
                let gate = self.gate();
                gate != ticket && self.succeed_unquiet(gate, ticket, since)
            }
            verdict => self.record_unquiet(ticket, verdict, since, true),
        }
    }

    /// Apart, so that the healthy path has no verdict to lay out.
    #[inline(never)]
    fn succeed_unquiet(&self, gate: u64, ticket: u64, since: Since) -> bool {
        if is_only_counted(gate, ticket) {
            if let Some(plain) = self.tally().and_then(Tally::plain) {
                plain.count();
                return false;
            }
        }
        self.succeed_guarded(gate, ticket, since)
    }

    #[inline(never)]
    fn succeed_guarded(&self, gate: u64, ticket: u64, since: Since) -> bool {
        if is_only_counted(gate, ticket) && self.tally().is_some_and(Tally::count_only_totals) {
            return false;
        }
        self.record_unquiet(ticket, Verdict::Success, since, true)
    }

    #[cold]
    #[inline(never)]
    fn record_unquiet(&self, ticket: u64, verdict: Verdict, since: Since, answered: bool) -> bool {
        let gate = self.gate();
        let (is, same_epoch) = (word::tag(gate), word::epoch(gate) == word::epoch(ticket));
        let failed = matches!(verdict, Verdict::Failure(_) | Verdict::Limited(_));
        let mut slow = false;
        match word::tag(ticket) {
            UNTRACKED | word::NONE => return false,
            // Admitted when there was nothing to clear, so it clears nothing.
            QUIET if same_epoch && !failed && is != LOCKED => return false,
            _ if word::is_call(ticket) && same_epoch && is != LOCKED => {
                slow = self.count(ticket, verdict, since);
                let clears = matches!(verdict, Verdict::Success) && matches!(is, NOISY | COUNTED_NOISY);
                if !(failed || slow || clears) {
                    return false;
                }
            }
            _ => {}
        }
        self.step(|machine, cx, _, events| {
            // Time may have ended the epoch that the gate still tells.
            machine.settle(cx, events);
            let mine = word::to_ticket(ticket, present(machine));
            let tally = self.tally();
            if let Some(tally) = tally.filter(|_| mine.epoch() == Some(machine.epoch())) {
                if word::tag(ticket) == PROBE {
                    slow = tally.is_slow(since.get(), || cx.now());
                    if matches!(verdict, Verdict::Success) {
                        tally.count_success();
                    }
                } else if is == LOCKED {
                    slow = tally.count(verdict, since.get(), |_| cx.now());
                }
            }
            let tally = tally.map(|tally| tally.totals(cx.now())).unwrap_or_default();
            machine.record_settled(cx, mine, &Report { verdict, slow, answered, tally }, events);
            cx.rules().learns_quota()
        })
    }

    /// The upstream said how many more calls it takes within this time.
    #[cold]
    #[inline(never)]
    pub(crate) fn learn_quota(&self, remaining: u64, reset_in: Option<Duration>) {
        self.step(|machine, cx, _, events| {
            machine.settle(cx, events);
            // A server that does not say when its count starts anew has the period that it was said to have.
            let per = cx.rules().policy().quota.map_or(Duration::ZERO, |quota| quota.per);
            machine.learn_quota(cx, remaining, reset_in.unwrap_or(per));
        });
    }

    /// The answer to a call has come, its outcome has not. Whether it matters what the answer says of the server's own count.
    #[cfg(feature = "http")]
    pub(crate) fn answered(&self, ticket: u64) -> bool {
        self.may_count(ticket)
            && self.step(|machine, cx, _, _| {
                machine.answered(word::to_ticket(ticket, present(machine)));
                cx.rules().learns_quota()
            })
    }

    /// The outcome of a call that was [answered](Self::answered) before is recorded next.
    #[cfg(feature = "http")]
    pub(crate) fn ends_after_answer(&self, ticket: u64) {
        if self.may_count(ticket) {
            self.step(|machine, _, _, _| machine.ends_after_answer(word::to_ticket(ticket, present(machine))));
        }
    }

    /// Whether there may be a quota that has counted this call. With a quota no gate admits all but the forced one.
    #[cfg(feature = "http")]
    fn may_count(&self, ticket: u64) -> bool {
        let gate = self.gate();
        (word::is_call(ticket) || word::tag(ticket) == PROBE)
            && (!word::admits_all(gate) || word::tag(gate) == word::FREE)
    }

    /// Counts a call for the rules that want it; whether it was slow.
    fn count(&self, ticket: u64, verdict: Verdict, since: Since) -> bool {
        self.tally().is_some_and(|tally| {
            tally.count(verdict, since.get(), |precise| {
                if ticket & CUSTOM_CLOCK != 0 || precise { self.now(ticket) } else { clock::coarse() }
            })
        })
    }

    /// A call that was dropped before its outcome is judged by its age.
    #[cold]
    #[inline(never)]
    pub(crate) fn abandon(&self, ticket: u64, since: Since) {
        if matches!(word::tag(ticket), UNTRACKED | word::NONE) {
            return;
        }
        let now = self.now(ticket);
        let age = since.get().map_or(0, |since| now.since(since));
        let limit = self.read(|cell, _| cell.setup.rules.abandon_after);
        let verdict = if age >= limit { Verdict::Failure(None) } else { Verdict::Ignore };
        self.record_unquiet(ticket, verdict, since, false);
    }

    /// A call that says nothing: it was never made, or nobody knows how it went.
    pub(crate) fn give_back(&self, ticket: u64) {
        self.record_unquiet(ticket, Verdict::Ignore, Since::NEVER, false);
    }

    /// A panic unwinds out of the call.
    #[cold]
    #[inline(never)]
    pub(crate) fn panicked(&self, ticket: u64, since: Since) {
        self.record_unquiet(ticket, Verdict::Failure(None), since, false);
    }

    /// The present instant on the clock of the breaker that gave this ticket out.
    #[cold]
    #[inline(never)]
    pub(crate) fn now(&self, ticket: u64) -> Instant {
        if ticket & CUSTOM_CLOCK == 0 { clock::exact() } else { self.read(|_, cx| cx.now()) }
    }

    /// Makes the refusal that a caller gets, and tells those who asked to hear of refusals.
    fn refuse(
        &'static self,
        machine: &Machine,
        cx: &Context<'_>,
        setup: &Setup,
        refusal: Refusal,
        events: &mut Vec<Event>,
    ) -> Rejected {
        if setup.tells_refusals() {
            let kind = EventKind::Refused(refusal.reason);
            events.push(Event { at: cx.now(), epoch: machine.epoch(), shadow: false, kind });
        }
        self.count_refusal(refusal.reason);
        // The step may have changed what refusals tell; it is needed now.
        self.tell(machine, &setup.rules);
        Rejected::new(self, refusal.reason, crate::clock::nanos(refusal.wait), self.told().edition)
    }
}

/// Whether nothing has changed since a call was admitted and there is nothing to clear, only to count: by far the most
/// frequent under a rule about shares.
#[inline]
fn is_only_counted(gate: u64, ticket: u64) -> bool {
    ticket == gate ^ GUARDED && gate & (word::TAG_MASK | CUSTOM_CLOCK) == word::COUNTED
}

/// Whether the deadline lies further ahead than the cheap clock, which said `now`, can be wrong.
#[inline]
fn is_well_before(now: Instant, deadline: Instant) -> bool {
    deadline.since(now) > clock::COARSE_SLACK
}

/// What it takes to read a packed ticket.
fn present(machine: &Machine) -> Present {
    Present { epoch: machine.epoch(), seq: machine.seq(), next_watched: machine.next_watched() }
}

#[cfg(all(test, not(loom)))]
mod tests;
