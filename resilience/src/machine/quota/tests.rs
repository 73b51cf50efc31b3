use super::*;
use crate::machine::{Command, Event, Overlay, Phase, Reason, Refusal, Report};
use crate::policy::{Hints, Policy, Quota};
use crate::{Hint, Verdict};

mod properties;
mod server;

const SECOND: u64 = 1_000_000_000;

fn quota(calls: u32, per: u64, burst: u32) -> Quota {
    Quota { calls, per: Duration::from_nanos(per), burst }
}

/// A machine with a clock, and what it was told.
struct Scene {
    rules: Rules,
    machine: Machine,
    now: u64,
    events: Vec<Event>,
}

impl Scene {
    fn new(quota: Quota) -> Self {
        Self::of(Policy { quota: Some(quota), jitter: 0.0, ..Policy::default() })
    }

    fn of(policy: Policy) -> Self {
        let rules = Rules::new(policy).unwrap();
        let machine = Machine::new(&rules);
        Self { rules, machine, now: 1000 * SECOND, events: Vec::new() }
    }

    fn cx(&self) -> Context<'_> {
        Context::new(&self.rules, Instant::from_nanos(self.now))
    }

    fn admit(&mut self) -> Result<Ticket, Refusal> {
        let cx = Context::new(&self.rules, Instant::from_nanos(self.now));
        let expected = self.machine.would_refuse(&cx, true);
        let result = self.machine.admit(&cx, true, &mut self.events);
        assert_eq!(result.err(), expected, "what is asked beforehand is what happens");
        result
    }

    fn record(&mut self, ticket: Ticket, verdict: Verdict) {
        let cx = Context::new(&self.rules, Instant::from_nanos(self.now));
        self.machine.record(&cx, ticket, Report::new(verdict), &mut self.events);
    }

    fn call(&mut self, verdict: Verdict) {
        let ticket = self.admit().unwrap();
        self.record(ticket, verdict);
    }

    fn learn(&mut self, remaining: u64, seconds: u64) {
        let cx = Context::new(&self.rules, Instant::from_nanos(self.now));
        self.machine.learn_quota(&cx, remaining, Duration::from_secs(seconds));
    }

    /// A call comes back with what the server said.
    fn answer(&mut self, ticket: Ticket, remaining: u64, seconds: u64) {
        self.record(ticket, Verdict::Success);
        self.learn(remaining, seconds);
    }

    fn command(&mut self, command: Command) {
        let cx = Context::new(&self.rules, Instant::from_nanos(self.now));
        self.machine.command(&cx, command, &mut self.events);
    }

    fn left(&self) -> QuotaLeft {
        self.machine.view(&self.cx()).quota.unwrap()
    }

    fn remaining(&self) -> Option<u64> {
        self.left().server.map(|(remaining, _)| remaining)
    }

    /// The wait, if the quota is what refuses.
    fn refused_for(&mut self) -> u64 {
        let refusal = self.admit().unwrap_err();
        assert_eq!(refusal.reason, Reason::Quota);
        nanos(refusal.wait)
    }

    /// Three failures, and the cool-down.
    fn trip(&mut self) {
        (0..3).for_each(|_| self.call(Verdict::Failure(None)));
        assert!(self.machine.is_open());
    }
}

#[test]
fn a_full_bucket_gives_its_burst_at_once_and_then_one_token_after_another() {
    let mut scene = Scene::new(quota(10, 70, 4));
    (0..4).for_each(|_| scene.call(Verdict::Success));
    // Seven more within 70 ns would be one too many.
    assert_eq!(scene.refused_for(), 11);
    scene.now += 10;
    assert_eq!(scene.refused_for(), 1);
    scene.now += 1;
    scene.call(Verdict::Success);
    assert_eq!(scene.refused_for(), 11);
    scene.now += 1_000_000;
    assert_eq!(scene.left().tokens, 4, "no more than full");
}

#[test]
fn one_call_a_second_is_one_call_a_second() {
    let mut scene = Scene::new(quota(1, SECOND, 1));
    scene.call(Verdict::Success);
    scene.now += SECOND;
    assert_eq!(scene.refused_for(), 1, "both ends of a second are in it");
    scene.now += 1;
    scene.call(Verdict::Success);
}

#[test]
fn a_refusal_by_quota_is_no_failure_and_trips_nothing() {
    let mut scene = Scene::new(quota(1, SECOND, 1));
    scene.call(Verdict::Success);
    (0..100).for_each(|_| assert!(scene.refused_for() > 0));
    let view = scene.machine.view(&scene.cx());
    assert_eq!((view.phase, view.failures.len(), view.counts.failures), (Phase::Closed, 0, 0));
    assert_eq!(scene.events, []);
}

#[test]
fn a_call_that_the_quota_refuses_takes_no_slot_of_half_open() {
    let mut scene = Scene::new(quota(3, 10 * SECOND, 3));
    scene.trip();
    scene.now += SECOND;
    assert!(scene.refused_for() > 8 * SECOND);
    let view = scene.machine.view(&scene.cx());
    assert_eq!((view.phase, view.counts.probes), (Phase::HalfOpen { stage: 0, in_flight: 0 }, 0));
    scene.now += 10 * SECOND;
    assert!(matches!(scene.admit(), Ok(Ticket::Probe { .. })));
}

#[test]
fn a_call_that_the_breaker_refuses_takes_no_token() {
    let mut scene = Scene::new(quota(100, 60 * SECOND, 10));
    scene.trip();
    let before = scene.left();
    for _ in 0..50 {
        assert_eq!(scene.admit().unwrap_err().reason, Reason::Open);
    }
    scene.now += SECOND;
    scene.admit().unwrap();
    let probing = scene.left();
    for _ in 0..50 {
        assert_eq!(scene.admit().unwrap_err().reason, Reason::ProbesOut);
    }
    assert_eq!(scene.left(), probing);
    assert_eq!((before.tokens, probing.tokens, probing.in_flight), (7, 7, 1), "one came back, one was taken");
}

#[test]
fn the_quota_outlives_trips_and_closing_and_reset() {
    let mut scene = Scene::new(quota(5, 1000 * SECOND, 5));
    scene.trip();
    scene.now += SECOND;
    scene.call(Verdict::Success);
    scene.command(Command::Reset);
    assert!(scene.machine.is_closed());
    scene.call(Verdict::Success);
    assert!(scene.refused_for() > 900 * SECOND);
}

#[test]
fn late_outcomes_of_any_epoch_give_their_call_back() {
    let mut scene = Scene::new(quota(100, 60 * SECOND, 50));
    let early: Vec<_> = (0..4).map(|_| scene.admit().unwrap()).collect();
    scene.trip();
    scene.command(Command::Reset);
    assert_eq!(scene.left().in_flight, 4);
    early.into_iter().for_each(|ticket| scene.record(ticket, Verdict::Ignore));
    assert_eq!(scene.left().in_flight, 0);
    assert_eq!(scene.machine.view(&scene.cx()).counts.late, 4);
}

#[test]
fn a_ticket_of_an_earlier_owner_gives_nothing_back() {
    let mut scene = Scene::new(quota(100, 60 * SECOND, 50));
    let foreign = scene.admit().unwrap();
    scene.machine = Machine::with_epoch(&scene.rules, scene.machine.epoch() + 1);
    scene.admit().unwrap();
    scene.record(foreign, Verdict::Success);
    assert_eq!(scene.left().in_flight, 1);
}

#[test]
fn forced_closed_admits_past_the_quota_and_counts_nothing() {
    let mut scene = Scene::new(quota(1, SECOND, 1));
    scene.command(Command::Overlay(Overlay::ForcedClosed, None));
    for _ in 0..10 {
        assert_eq!(scene.admit(), Ok(Ticket::Untracked));
    }
    scene.command(Command::Overlay(Overlay::Automatic, None));
    assert_eq!(scene.left().tokens, 1);
}

#[test]
fn shadow_admits_what_the_quota_would_refuse_and_counts_it() {
    let mut scene = Scene::new(quota(1, SECOND, 1));
    scene.command(Command::Overlay(Overlay::Shadow, None));
    assert!(matches!(scene.admit(), Ok(Ticket::Call { .. })));
    assert_eq!(scene.admit(), Ok(Ticket::Untracked));
    assert_eq!(scene.admit(), Ok(Ticket::Untracked));
    assert_eq!(scene.machine.view(&scene.cx()).counts.shadow_refused, 2);
    scene.now += 2 * SECOND;
    assert!(matches!(scene.admit(), Ok(Ticket::Call { .. })), "what shadow let through took no token");
}

#[test]
fn what_the_server_says_remains_is_all_that_is_admitted_until_its_reset() {
    let mut scene = Scene::new(quota(100, 60 * SECOND, 50));
    let ticket = scene.admit().unwrap();
    scene.answer(ticket, 2, 30);
    scene.call(Verdict::Success);
    scene.call(Verdict::Success);
    assert_eq!(scene.refused_for(), 30 * SECOND);
    scene.now += 30 * SECOND;
    scene.call(Verdict::Success);
    assert_eq!(scene.left().server, None);
}

#[test]
fn calls_in_flight_are_taken_off_what_remains() {
    let mut scene = Scene::new(quota(100, 60 * SECOND, 50));
    let first = scene.admit().unwrap();
    let out: Vec<_> = (0..3).map(|_| scene.admit().unwrap()).collect();
    scene.answer(first, 5, 30);
    assert_eq!(scene.remaining(), Some(2));
    // They come back in order: each was counted, so nothing changes but who is in which number.
    for (ticket, remaining) in out.into_iter().zip([4, 3, 2]) {
        scene.answer(ticket, remaining, 30);
        assert_eq!(scene.remaining(), Some(2));
    }
}

#[test]
fn answers_that_overtook_one_another_do_not_count_twice_nor_never() {
    let mut scene = Scene::new(quota(100, 60 * SECOND, 50));
    let out: Vec<_> = (0..10).map(|_| scene.admit().unwrap()).collect();
    // The last one counted comes first.
    let mut seen = Vec::new();
    for (ticket, remaining) in out.into_iter().zip(90..) {
        scene.answer(ticket, remaining, 30);
        seen.push(scene.remaining().unwrap());
    }
    assert_eq!(seen, [81, 82, 83, 84, 85, 86, 87, 88, 89, 90]);
}

#[test]
fn calls_that_came_to_no_answer_may_have_been_counted() {
    let mut scene = Scene::new(quota(100, 60 * SECOND, 50));
    let first = scene.admit().unwrap();
    scene.answer(first, 3, 30);
    scene.call(Verdict::Ignore);
    scene.call(Verdict::Success);
    assert_eq!(scene.remaining(), Some(1));
}

#[test]
fn what_other_clients_use_up_is_believed() {
    let mut scene = Scene::new(quota(100, 60 * SECOND, 50));
    let first = scene.admit().unwrap();
    scene.answer(first, 50, 30);
    let (one, _other) = (scene.admit().unwrap(), scene.admit().unwrap());
    scene.answer(one, 10, 29);
    assert_eq!(scene.left().server, Some((9, Instant::from_nanos(scene.now + 29 * SECOND))));
}

#[test]
fn a_server_that_counts_no_more_for_ever_is_asked_again_after_the_longest_hint() {
    let mut scene = Scene::new(quota(100, 60 * SECOND, 50));
    scene.learn(0, u64::MAX);
    assert_eq!(scene.refused_for(), 300 * SECOND);
    scene.now += 300 * SECOND;
    scene.call(Verdict::Success);
}

#[test]
fn a_reset_that_is_now_holds_nobody_up() {
    let mut scene = Scene::new(quota(100, 60 * SECOND, 50));
    scene.learn(0, 0);
    scene.call(Verdict::Success);
}

#[test]
fn a_rising_count_of_a_server_without_windows_never_wedges() {
    let mut scene = Scene::new(quota(1000, 60 * SECOND, 500));
    for round in 0..2000 {
        match scene.admit() {
            Ok(ticket) => scene.answer(ticket, 5 + round % 3, 10),
            Err(refusal) => assert!(refusal.wait <= Duration::from_secs(10)),
        }
        scene.now += SECOND / 10;
    }
    assert!(scene.machine.view(&scene.cx()).counts.failures == 0);
}

#[test]
fn without_a_quota_nothing_is_learnt() {
    let mut scene = Scene::of(Policy { hints: Hints::Extend, ..Policy::default() });
    scene.learn(0, 30);
    scene.call(Verdict::Success);
    assert_eq!(scene.machine.view(&scene.cx()).quota, None);
    assert_eq!(scene.machine, Machine::new(&scene.rules), "not even kept");
}

#[test]
fn new_rules_keep_the_account_and_cut_what_nobody_would_wait_for() {
    let mut scene = Scene::new(quota(1, 3600 * SECOND, 1));
    let out = scene.admit().unwrap();
    assert_eq!(scene.refused_for(), 3600 * SECOND + 1);
    let quick = Policy { quota: Some(quota(10, SECOND, 2)), ..Policy::default() };
    let old = std::mem::replace(&mut scene.rules, Rules::new(quick).unwrap());
    let cx = Context::new(&scene.rules, Instant::from_nanos(scene.now));
    scene.machine.change_rules(&old, &cx, &mut scene.events);
    assert_eq!(scene.refused_for(), SECOND / 9 + 1, "an empty bucket, no emptier");
    assert_eq!(scene.left().in_flight, 1);
    scene.record(out, Verdict::Success);
    assert_eq!(scene.left().in_flight, 0);
}

#[test]
fn a_hint_that_trips_leaves_the_account_alone() {
    let mut scene = Scene::of(Policy {
        quota: Some(quota(100, 60 * SECOND, 10)),
        hints: Hints::Obey,
        jitter: 0.0,
        ..Policy::default()
    });
    let ticket = scene.admit().unwrap();
    scene.record(ticket, Verdict::Failure(Some(Hint::limiting(Duration::from_secs(20)))));
    scene.learn(0, 30);
    assert_eq!(scene.admit().unwrap_err().reason, Reason::Open);
    scene.now += 20 * SECOND;
    assert_eq!(scene.refused_for(), 10 * SECOND, "half-open, and the server's window is not over");
}

#[test]
fn what_was_left_before_a_restart_is_left_after_it() {
    // A token comes back in a second, and a nanosecond more.
    let mut scene = Scene::new(quota(19, 10 * SECOND, 10));
    let as_of = Instant::from_nanos(scene.now);
    let left = QuotaLeft { tokens: 7, in_flight: 3, server: None };
    let cx = Context::new(&scene.rules, as_of);
    scene.machine.restore_quota(&cx, left, as_of);
    assert_eq!((scene.left().tokens, scene.left().in_flight), (7, 0));
    scene.now += 2 * SECOND + 2;
    assert_eq!(scene.left().tokens, 9);
    scene.now += SECOND + 1;
    assert_eq!(scene.left().tokens, 10);
}
