use super::Breaker;
use super::setup::Setup;
use super::snapshot::Snapshot;
use super::steps::{FailureRateStep, FailuresStep, QuotaStep, SlowCallsStep, StallStep};
use crate::clock::Clock;
use crate::observe::{Observer, Outbox};
use crate::policy::{CoolDown, Forgive, Hints, OnSuccess, Policy, PolicyError, Rules};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Builds a [`Breaker`]; see [`Breaker::builder`].
///
/// Each rule reads as a sentence: `.failures(3).within(30 s)`, `.in_a_row(5)`,
/// `.failure_rate(0.5).over(60 s).min_calls(20)`, `.slow_calls(0.5).slower_than(2 s).over(60 s).min_calls(20)`,
/// `.stalled(10).for_longer_than(5 s)`, `.quota(100).per(60 s)`. Values are checked by [`build`](Self::build), all of them.
#[must_use = "a builder does nothing until it is built"]
#[derive(Clone)]
pub struct Builder {
    pub(super) policy: Policy,
    name: Option<Arc<str>>,
    clock: Option<Arc<dyn Clock>>,
    observers: Vec<Arc<dyn Observer>>,
    counts_successes: bool,
    counts_refusals: bool,
    counts_transitions: bool,
    restored: Option<Snapshot>,
}

/// Policy, name and clock, and what else was said, how often.
type Parts = (Policy, Option<Arc<str>>, Option<Arc<dyn Clock>>, Option<(&'static str, usize)>);

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            policy: Policy::default(),
            name: None,
            clock: None,
            observers: Vec::new(),
            counts_successes: false,
            counts_refusals: false,
            counts_transitions: false,
            restored: None,
        }
    }

    /// Starts from this policy, in place of all that was said before about rules, cool-downs and probes.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// What the breaker is called in events, metrics and refusals. Default: `resilience`.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The failure window: so many failures … [`within`](FailuresStep::within) so long. Default: 3 within 30 s.
    pub fn failures(self, failures: u32) -> FailuresStep {
        FailuresStep { builder: self, failures }
    }

    /// No failure window: only the other rules trip.
    pub fn without_failure_window(mut self) -> Self {
        self.policy.window = None;
        self
    }

    /// A success leaves the failures in the window to age, if there is a window. Default: it clears those recorded before
    /// its call was admitted.
    pub fn keep_on_success(mut self) -> Self {
        if let Some(window) = &mut self.policy.window {
            window.on_success = OnSuccess::Keep;
        }
        self
    }

    /// Trips after so many failures in a row, however far apart. Default: off.
    pub fn in_a_row(mut self, failures: u32) -> Self {
        self.policy.in_a_row = Some(failures);
        self
    }

    /// Trips at this share of failures … [`over`](FailureRateStep::over) a time. Default: off.
    pub fn failure_rate(self, ratio: f64) -> FailureRateStep {
        FailureRateStep { builder: self, ratio, over: Duration::ZERO }
    }

    /// Trips at this share of calls … [`slower than`](SlowCallsStep::slower_than) a limit. Default: off.
    pub fn slow_calls(self, ratio: f64) -> SlowCallsStep {
        SlowCallsStep { builder: self, ratio, slower_than: Duration::ZERO, over: Duration::ZERO }
    }

    /// Trips when so many calls are out … [`for longer than`](StallStep::for_longer_than) a time, nobody being answered
    /// meanwhile. Default: off.
    pub fn stalled(self, calls: u32) -> StallStep {
        StallStep { builder: self, calls }
    }

    /// The limit of the upstream: at most so many calls … [`per`](QuotaStep::per) time, traffic, probes and recovery taken
    /// together. What would exceed it is refused ([`Reason::Quota`](crate::Reason::Quota)) and trips nothing. Default: off.
    ///
    /// See [`Quota`](crate::policy::Quota) for what is promised, and [`Breaker::learn_quota`] for what the upstream says of it itself.
    ///
    /// ```
    /// use std::time::Duration;
    /// use resilience::{Breaker, Reason, clock::Manual};
    ///
    /// let clock = Manual::new();
    /// let breaker = Breaker::builder()
    ///     .quota(100).with_burst(2).per(Duration::from_secs(60))
    ///     .clock(clock.clone())
    ///     .build()?;
    /// breaker.try_acquire()?.success();
    /// breaker.try_acquire()?.success();
    /// let rejected = breaker.try_acquire().unwrap_err();
    /// assert_eq!(rejected.reason(), Reason::Quota);
    /// clock.advance(rejected.retry_after());
    /// breaker.try_acquire()?.success();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn quota(self, calls: u32) -> QuotaStep {
        QuotaStep { builder: self, calls, burst: None }
    }

    /// The first cool-down. Default: 1 s.
    pub fn delay(self, first: Duration) -> Self {
        self.exponential(|delay, _, _| *delay = first)
    }

    /// By how much each cool-down is longer than the one before. Default: 1.5.
    pub fn factor(self, growth: f64) -> Self {
        self.exponential(|_, factor, _| *factor = growth)
    }

    /// The longest cool-down. Default: 60 s.
    pub fn max_delay(self, longest: Duration) -> Self {
        self.exponential(|_, _, max_delay| *max_delay = longest)
    }

    /// Another form of cool-down: constant, or one for each level.
    pub fn cool_down(mut self, cool_down: CoolDown) -> Self {
        self.policy.cool_down = cool_down;
        self
    }

    /// The largest share added at random on top of each open time. Default: 0.1.
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.policy.jitter = jitter;
        self
    }

    /// Closing sets the level to zero. The default.
    pub fn forgive_at_once(mut self) -> Self {
        self.policy.forgive = Forgive::AtOnce;
        self
    }

    /// One level is forgiven for each such interval spent closed.
    pub fn forgive_each(mut self, interval: Duration) -> Self {
        self.policy.forgive = Forgive::Each(interval);
        self
    }

    /// How the server's hints are taken. Default: they extend the open time.
    pub fn hints(mut self, hints: Hints) -> Self {
        self.policy.hints = hints;
        self
    }

    /// The longest hint that is followed. Default: 5 min.
    pub fn max_hint(mut self, max_hint: Duration) -> Self {
        self.policy.max_hint = max_hint;
        self
    }

    /// Probes in flight in the first stage of half-open; each stage doubles it. Default: 1.
    pub fn probes(mut self, probes: u32) -> Self {
        self.policy.probes = probes;
        self
    }

    /// Stages of half-open. 1 is the classic breaker. Default: 3.
    pub fn stages(mut self, stages: u32) -> Self {
        self.policy.stages = stages;
        self
    }

    /// The least time a stage lasts. Default: 0.
    pub fn stage_time(mut self, stage_time: Duration) -> Self {
        self.policy.stage_time = stage_time;
        self
    }

    /// A probe that is out for this long has failed. Default: 10 s.
    pub fn probe_deadline(mut self, deadline: Duration) -> Self {
        self.policy.probe_deadline = deadline;
        self
    }

    /// A probe that is out for this long makes room for another. Default: the first cool-down.
    pub fn probe_patience(mut self, patience: Duration) -> Self {
        self.policy.probe_patience = Some(patience);
        self
    }

    /// A call that is dropped at this age or older is a failure; younger, it says nothing. Default: 1 s.
    pub fn abandon_after(mut self, age: Duration) -> Self {
        self.policy.abandon_after = age;
        self
    }

    /// Where time comes from. Default: [`Monotonic`](crate::clock::Monotonic).
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Who is told of events; can be called several times. See [`observe`](crate::observe).
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observers.push(Arc::new(observer));
        self
    }

    /// Counts successes, too: [`Snapshot::counts`](Snapshot) then tells them. Default: off, because it costs a write a
    /// call, where a success writes nothing otherwise.
    ///
    /// Each thread counts on a line of its own. Calls under a forced overlay are not counted, nor are outcomes that come
    /// back after the breaker has changed its phase.
    ///
    /// ```
    /// use resilience::Breaker;
    ///
    /// let breaker = Breaker::builder().count_successes().build()?;
    /// breaker.try_acquire()?.success();
    /// assert_eq!(breaker.snapshot().counts.successes, Some(1));
    /// assert_eq!(Breaker::new().snapshot().counts.successes, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count_successes(mut self) -> Self {
        self.counts_successes = true;
        self
    }

    /// Counts refusals by reason, too: [`Snapshot::refusals`](Snapshot) then tells them. Default: off, because it costs a
    /// write a refusal, on a line of the thread's own.
    ///
    /// ```
    /// use resilience::Breaker;
    ///
    /// let breaker = Breaker::builder().count_refusals().build()?;
    /// breaker.force_open();
    /// assert!(breaker.try_acquire().is_err());
    /// assert_eq!(breaker.snapshot().refusals.unwrap().forced_open, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count_refusals(mut self) -> Self {
        self.counts_refusals = true;
        self
    }

    /// Counts the changes of state that callers meet, by reason, and the time that they meet it open:
    /// [`Snapshot::transitions`](Snapshot) and `open_time` then tell them. Default: off. Costs a few hundred bytes, and
    /// nothing while nothing changes.
    ///
    /// ```
    /// use resilience::{Breaker, State, machine::Rule, observe::TransitionReason};
    ///
    /// let breaker = Breaker::builder().count_transitions().build()?;
    /// for _ in 0..3 {
    ///     breaker.try_acquire()?.failure();
    /// }
    /// let transitions = breaker.snapshot().transitions.unwrap();
    /// assert_eq!((transitions[0].to, transitions[0].count), (State::Open, 1));
    /// assert_eq!(transitions[0].reason, TransitionReason::Tripped(Rule::FailureWindow));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count_transitions(mut self) -> Self {
        self.counts_transitions = true;
        self
    }

    /// Starts where a breaker stood when this snapshot was taken, before a restart say: what was open stays open for
    /// the rest of its time, by the wall clock, and at most as long as the policy lets it.
    pub fn restore(mut self, snapshot: Snapshot) -> Self {
        self.restored = Some(snapshot);
        self
    }

    /// What of it is good for the breakers of many keys: policy, name and clock; and the first thing that is not.
    pub(crate) fn into_parts(self) -> Parts {
        let Self { policy, name, clock, observers, counts_successes, counts_refusals, counts_transitions, restored } =
            self;
        let refused = if !observers.is_empty() {
            Some(("observer", observers.len()))
        } else if counts_successes {
            Some(("count_successes", 1))
        } else if counts_refusals {
            Some(("count_refusals", 1))
        } else if counts_transitions {
            Some(("count_transitions", 1))
        } else {
            restored.map(|_| ("restore", 1))
        };
        (policy, name, clock, refused)
    }

    /// Checks the policy and makes the breaker.
    ///
    /// # Errors
    ///
    /// The first field of the policy that is out of its range, by name.
    pub fn build(self) -> Result<Breaker, PolicyError> {
        let mut setup = Setup::new(Rules::new(self.policy)?);
        if let Some(name) = self.name {
            setup.name = name;
        }
        setup.clock = self.clock;
        setup.counts_successes = self.counts_successes;
        setup.counts_refusals = self.counts_refusals;
        if !self.observers.is_empty() {
            setup.outbox = Some(Arc::new(Outbox::new(Arc::clone(&setup.name), self.observers)));
        }
        let breaker = Breaker::of(Arc::new(setup));
        if let Some(snapshot) = &self.restored {
            breaker.restore(snapshot);
        }
        if self.counts_transitions {
            // From where it was restored.
            breaker.count_transitions();
        }
        if let Some(snapshot) = &self.restored {
            breaker.resume_counts(snapshot);
        }
        Ok(breaker)
    }

    /// Changes the exponential cool-down; the default one, where another form was set.
    fn exponential(mut self, change: impl FnOnce(&mut Duration, &mut f64, &mut Duration)) -> Self {
        if !matches!(self.policy.cool_down, CoolDown::Exponential { .. }) {
            self.policy.cool_down = CoolDown::default();
        }
        if let CoolDown::Exponential { delay, factor, max_delay } = &mut self.policy.cool_down {
            change(delay, factor, max_delay);
        }
        self
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, name, clock, observers, counts_successes, counts_refusals, counts_transitions, restored } =
            self;
        f.debug_struct("Builder")
            .field("policy", policy)
            .field("name", name)
            .field("clock", clock)
            .field("observers", &observers.len())
            .field("counts_successes", counts_successes)
            .field("counts_refusals", counts_refusals)
            .field("counts_transitions", counts_transitions)
            .field("restored", restored)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::CoolDown;
    use crate::{Breaker, Policy};

    #[test]
    fn a_first_delay_makes_cool_downs_grow_whatever_form_they_had() {
        let second = std::time::Duration::from_secs(1);
        let builder = Breaker::builder().cool_down(CoolDown::Constant(9 * second)).delay(2 * second);
        let CoolDown::Exponential { delay, factor, max_delay } = builder.build().unwrap().policy().cool_down else {
            panic!("a constant one does not grow");
        };
        assert_eq!((delay, factor, max_delay), (2 * second, 1.5, 60 * second));
    }

    #[test]
    fn keeping_failures_on_success_brings_no_window_back() {
        let window = |policy: Policy| policy.window;
        let builder = Breaker::builder().without_failure_window().keep_on_success();
        assert_eq!(builder.build().unwrap().policy().window, None);
        let kept = Breaker::builder().keep_on_success().failures(5).within(std::time::Duration::from_secs(9));
        assert_eq!(window(kept.build().unwrap().policy()).unwrap().on_success, crate::policy::OnSuccess::Keep);
    }
}
