//! The breaker as a handle that many threads share.

mod builder;
mod called;
pub(crate) mod foreign;
mod gate;
mod hold;
mod keys;
#[cfg(all(test, loom))]
pub(crate) mod loom_tests;
mod permit;
mod rejected;
mod setup;
mod sight;
mod since;
mod slot;
mod snapshot;
mod steps;
#[cfg(test)]
mod success_counts;
pub(crate) mod sync;
mod tally;
mod waiting;
#[cfg(feature = "tokio")]
mod weak;
mod window;
mod word;

pub use builder::Builder;
pub use called::{ByResult, Called};
pub use permit::Permit;
pub use rejected::{Rejected, TripSummary};
pub use snapshot::{QuotaSnapshot, Refusals, Snapshot, State};
pub use steps::{FailureRateStep, FailuresStep, QuotaStep, SlowCallsStep, StallStep};

pub(crate) use hold::Hold;
#[cfg(feature = "http")]
pub(crate) use hold::{BodyHold, HoldBody};
pub(crate) use keys::Keys;
pub(crate) use permit::CallPermit;
pub(crate) use rejected::{PLACE_BITS, Told};
pub(crate) use setup::UNNAMED;
pub(crate) use sight::WeakSight;
pub(crate) use since::Since;
pub(crate) use slot::Slot;
pub(crate) use waiting::Seat;
#[cfg(feature = "tokio")]
pub(crate) use weak::{Outpost, Turn};

use crate::machine::{Command, Context, Machine, Overlay};
use crate::observe::{Outbox, Transitions};
use crate::policy::{Policy, PolicyError, Rules};
use setup::Setup;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tally::Tally;

/// A circuit breaker with a failure window and growing cool-downs: the handle to one upstream's state.
///
/// Clones share the state. A handle is 8 bytes; a clone costs one count and allocates nothing. Use it as it is, or give
/// it to a [`BreakerLayer`](crate::BreakerLayer).
///
/// ```
/// use resilience::Breaker;
///
/// let breaker = Breaker::new();
/// let answer = breaker.call(|| std::str::from_utf8(b"pong"));
/// assert_eq!(answer.expect("admitted"), Ok("pong"));
/// ```
#[doc(alias = "circuit breaker")]
pub struct Breaker {
    slot: &'static Slot,
}

impl Breaker {
    /// A breaker by the default [`Policy`]: 3 failures within 30 s trip it; it stays open for 1 s and half as long again
    /// each time, up to 60 s; 1, 2 and 4 probes bring it back.
    ///
    /// ```
    /// use resilience::{Breaker, State};
    ///
    /// let breaker = Breaker::new();
    /// for _ in 0..3 {
    ///     assert_eq!(breaker.state(), State::Closed);
    ///     breaker.try_acquire()?.failure();
    /// }
    /// assert_eq!(breaker.state(), State::Open);
    /// # Ok::<(), resilience::Rejected>(())
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::of(Setup::idle())
    }

    /// A breaker by a policy of your own.
    ///
    /// ```
    /// use std::time::Duration;
    /// use resilience::Breaker;
    ///
    /// let breaker = Breaker::builder()
    ///     .name("addEvent")
    ///     .failures(5).within(Duration::from_secs(60))
    ///     .failure_rate(0.5).over(Duration::from_secs(60)).min_calls(20)
    ///     .delay(Duration::from_millis(500)).max_delay(Duration::from_secs(30))
    ///     .build()?;
    /// assert_eq!(breaker.name().as_ref(), "addEvent");
    /// # Ok::<(), resilience::PolicyError>(())
    /// ```
    pub fn builder() -> Builder {
        Builder::new()
    }

    fn of(setup: Arc<Setup>) -> Self {
        Self { slot: Slot::claim(setup) }
    }

    #[inline]
    pub(crate) fn slot(&self) -> &'static Slot {
        self.slot
    }

    /// Asks for leave to make a call.
    ///
    /// # Errors
    ///
    /// The refusal: why, and how long to wait.
    ///
    /// ```
    /// use resilience::Breaker;
    ///
    /// fn send() -> Result<u16, std::io::Error> {
    ///     Ok(200)
    /// }
    ///
    /// let breaker = Breaker::new();
    /// let permit = breaker.try_acquire()?;
    /// match send() {
    ///     Ok(status) if status < 500 => permit.success(),
    ///     _ => permit.failure(),
    /// }
    /// # Ok::<(), resilience::Rejected>(())
    /// ```
    pub fn try_acquire(&self) -> Result<Permit, Rejected> {
        self.slot.admit(|| true).map(|ticket| Permit::new(self.slot, ticket))
    }

    /// As [`try_acquire`](Self::try_acquire), for a call that makes a poor guinea pig (one that must not be repeated,
    /// say): in the first stage of half-open it is refused, as long as calls that may probe come.
    ///
    /// # Errors
    ///
    /// The refusal: why, and how long to wait.
    pub fn try_acquire_no_probe(&self) -> Result<Permit, Rejected> {
        self.slot.admit(|| false).map(|ticket| Permit::new(self.slot, ticket))
    }

    /// Makes a call, if the breaker lets it through; `Err` of its result is a failure, a panic too.
    ///
    /// # Errors
    ///
    /// The refusal, if it does not. The call's own error stays inside, so the two never mix.
    pub fn call<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<Result<T, E>, Rejected> {
        let permit = self.try_acquire()?;
        let result = call();
        permit.record(crate::Verdict::failure_if(result.is_err()));
        Ok(result)
    }

    /// What callers meet now. Computed: an open whose time is over reads half-open although no call came.
    #[must_use]
    pub fn state(&self) -> State {
        if self.slot.is_plainly_closed() {
            State::Closed
        } else {
            self.slot.read(|cell, cx| State::of(&cell.machine.view(cx)))
        }
    }

    /// The breaker's name.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        self.slot.read(|cell, _| Arc::clone(&cell.setup.name))
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.slot.read(|cell, _| cell.setup.rules.policy().clone())
    }

    /// The upstream said how many more calls it takes within this time: none that would exceed it are admitted. Calls that
    /// are out meanwhile are taken off, as the upstream may not have counted them yet. Of several such words on the same
    /// period the least one holds, as answers may overtake one another.
    ///
    /// For breakers with a [quota](Builder::quota); without one it changes nothing. Layers for HTTP learn from the headers
    /// of answers by themselves. `reset_in` is cut at the policy's `max_hint`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use resilience::{Breaker, Reason};
    ///
    /// let breaker = Breaker::builder().quota(100).per(Duration::from_secs(60)).build()?;
    /// breaker.learn_quota(1, Duration::from_secs(20));
    /// breaker.try_acquire()?.success();
    /// assert_eq!(breaker.try_acquire().unwrap_err().reason(), Reason::Quota);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn learn_quota(&self, remaining: u64, reset_in: Duration) {
        self.slot.learn_quota(remaining, Some(reset_in));
    }

    /// Where the breaker stands. Changes nothing.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let successes = self.slot.tally().and_then(Tally::successes);
        let refusals = self.slot.tally().and_then(Tally::refusals);
        self.slot.read(|cell, cx| {
            let mut view = cell.machine.view(cx);
            // The machine hands on those of before a restart.
            let before = view.counts.successes.unwrap_or(0);
            view.counts.successes = successes.map(|counted| counted.saturating_add(before));
            let history = cell.setup.ledger.as_ref().map(|ledger| ledger.with(&cell.machine.due(cx)));
            Snapshot::of(view, &cell.setup.name, cx.now()).counted(refusals, history.as_ref(), cx.now())
        })
    }

    /// Refuses every call until told otherwise; nothing is recorded meanwhile.
    pub fn force_open(&self) {
        self.overlay(Overlay::ForcedOpen, None);
    }

    /// Refuses every call for this long.
    pub fn force_open_for(&self, time: Duration) {
        self.overlay(Overlay::ForcedOpen, Some(time));
    }

    /// Admits every call until told otherwise; nothing is recorded meanwhile.
    pub fn force_closed(&self) {
        self.overlay(Overlay::ForcedClosed, None);
    }

    /// Admits every call for this long.
    pub fn force_closed_for(&self, time: Duration) {
        self.overlay(Overlay::ForcedClosed, Some(time));
    }

    /// Runs on, but refuses nothing: events and snapshots tell what it would do.
    ///
    /// ```
    /// use resilience::{Breaker, State};
    ///
    /// let breaker = Breaker::new();
    /// breaker.shadow();
    /// for _ in 0..5 {
    ///     breaker.try_acquire()?.failure();
    /// }
    /// assert_eq!(breaker.state(), State::Open);
    /// assert_eq!(breaker.snapshot().counts.shadow_refused, 2);
    /// # Ok::<(), resilience::Rejected>(())
    /// ```
    pub fn shadow(&self) {
        self.overlay(Overlay::Shadow, None);
    }

    /// Runs on in shadow for this long.
    pub fn shadow_for(&self, time: Duration) {
        self.overlay(Overlay::Shadow, Some(time));
    }

    /// Lifts whatever an operator laid over the breaker: it decides by itself again. What was open goes on to its
    /// deadline, closed starts clean, half-open starts with its first stage.
    pub fn auto(&self) {
        self.overlay(Overlay::Automatic, None);
    }

    /// Back to closed at level zero, without an overlay.
    pub fn reset(&self) {
        self.command(|_| Command::Reset);
    }

    /// Puts a new policy in force. The state stays: what is open stays open, its deadline at most the new maximum away.
    ///
    /// # Errors
    ///
    /// The first field that is out of its range, by name. The old policy stays in force then.
    pub fn set_policy(&self, policy: Policy) -> Result<(), PolicyError> {
        let rules = Rules::new(policy)?;
        let old = self.slot.step_cell(|cell, now, salt, events| {
            let setup = Arc::new(Setup { rules, ..Setup::clone(&cell.setup) });
            self.slot.prepare_tally(&setup);
            let old = std::mem::replace(&mut cell.setup, setup);
            let cx = Context::new(&cell.setup.rules, now).salted(salt);
            cell.machine.change_rules(&old.rules, &cx, events);
            old
        });
        // What it may be the last to hold is dropped outside the lock.
        drop(old);
        Ok(())
    }

    /// The events from now on, to be read at one's own pace. See [`observe`](crate::observe).
    #[must_use]
    pub fn subscribe(&self) -> Transitions {
        let (transitions, mailbox) = Transitions::new();
        self.slot.step_cell(|cell, _, _, _| {
            if cell.setup.outbox.is_none() {
                let outbox = Arc::new(Outbox::new(Arc::clone(&cell.setup.name), Vec::new()));
                cell.setup = Arc::new(Setup { outbox: Some(outbox), ..Setup::clone(&cell.setup) });
            }
            if let Some(outbox) = &cell.setup.outbox {
                outbox.subscribe(&mailbox);
            }
        });
        transitions
    }

    fn restore(&self, snapshot: &Snapshot) {
        self.slot.step_cell(|cell, now, salt, _| {
            let cx = Context::new(&cell.setup.rules, now).salted(salt);
            cell.machine = Machine::restored(&cx, cell.machine.epoch(), snapshot.saved(now));
        });
    }

    /// Lays this over the phase, for so long.
    pub(crate) fn lay(&self, overlay: Overlay, time: Option<Duration>) {
        self.overlay(overlay, time);
    }

    fn overlay(&self, overlay: Overlay, time: Option<Duration>) {
        self.command(|cx| Command::Overlay(overlay, time.map(|time| cx.now().saturating_add(time))));
    }

    fn command(&self, command: impl FnOnce(&Context<'_>) -> Command) {
        self.slot.step(|machine, cx, _, events| machine.command(cx, command(cx), events));
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for Breaker {
    fn clone(&self) -> Self {
        self.slot.share();
        Self { slot: self.slot }
    }
}

impl Drop for Breaker {
    fn drop(&mut self) {
        self.slot.release();
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot } = self;
        // Written after the lock is released: where it is written to is the user's, and may ask the breaker.
        let (name, view) = slot.read(|cell, cx| (Arc::clone(&cell.setup.name), cell.machine.view(cx)));
        f.debug_struct("Breaker")
            .field("name", &name)
            .field("phase", &view.phase)
            .field("overlay", &view.overlay)
            .field("level", &view.level)
            .finish_non_exhaustive()
    }
}
