//! The real things as subjects of the comparison.

mod breaker;
mod machine;

pub(crate) use breaker::RealBreaker;
pub(crate) use machine::RealMachine;

use std::time::Duration;

use resilience::machine::{Counts, Event, EventKind, Overlay, Reason, Rule};
use resilience::policy::{CoolDown, FailureRate, FailureWindow, Forgive, Hints, OnSuccess, SlowCalls, Stall};
use resilience::{Hint, Policy, Verdict};
use support::model::{self, Cause, Nanos, Totals, What, Why};

/// A policy of the model in the words of the crate.
pub(crate) fn policy(policy: &model::Policy) -> Policy {
    let rate =
        |rate: &model::Rate| FailureRate { ratio: rate.ratio, over: duration(rate.over), min_calls: rate.min_calls };
    Policy {
        window: policy.window.map(|window| FailureWindow {
            failures: window.failures,
            within: duration(window.within),
            on_success: if window.keep { OnSuccess::Keep } else { OnSuccess::Clear },
        }),
        in_a_row: policy.in_a_row,
        failure_rate: policy.failure_rate.as_ref().map(rate),
        slow_calls: policy.slow_calls.map(|slow| SlowCalls {
            ratio: slow.rate.ratio,
            slower_than: duration(slow.limit),
            over: duration(slow.rate.over),
            min_calls: slow.rate.min_calls,
        }),
        stall: policy.stall.map(|stall| Stall { calls: stall.calls, longer_than: duration(stall.after) }),
        // The model knows of health only; a quota has properties of its own to be held against.
        quota: None,
        cool_down: match &policy.cool_down {
            model::CoolDown::Exponential { base, num, den, max } => CoolDown::Exponential {
                delay: duration(*base),
                factor: f64::from(*num) / f64::from(*den),
                max_delay: duration(*max),
            },
            model::CoolDown::Constant(length) => CoolDown::Constant(duration(*length)),
            model::CoolDown::ByLevel(lengths) => CoolDown::ByLevel(lengths.iter().copied().map(duration).collect()),
        },
        jitter: policy.jitter,
        forgive: match policy.forgive {
            model::Forgive::AtOnce => Forgive::AtOnce,
            model::Forgive::Each(interval) => Forgive::Each(duration(interval)),
        },
        hints: match policy.hints {
            model::Hints::Extend => Hints::Extend,
            model::Hints::Ignore => Hints::Ignore,
            model::Hints::Obey => Hints::Obey,
        },
        max_hint: duration(policy.max_hint),
        probes: policy.probes,
        stages: policy.stages,
        stage_time: duration(policy.stage_time),
        probe_deadline: duration(policy.deadline),
        probe_patience: policy.patience.map(duration),
        abandon_after: duration(policy.abandon_after),
    }
}

pub(crate) fn verdict(verdict: model::Verdict) -> Verdict {
    match verdict {
        model::Verdict::Success => Verdict::Success,
        model::Verdict::Failure(hint) => Verdict::Failure(hint.map(|hint| {
            if hint.limiting { Hint::limiting(duration(hint.after)) } else { Hint::after(duration(hint.after)) }
        })),
        model::Verdict::Reachable => Verdict::Reachable,
        model::Verdict::Ignore => Verdict::Ignore,
        model::Verdict::Limited(wait) => Verdict::Limited(duration(wait)),
        model::Verdict::Relayed(wait) => Verdict::Relayed(wait.map(duration)),
    }
}

fn why(reason: Reason) -> Why {
    match reason {
        Reason::Open => Why::Open,
        Reason::ProbesOut => Why::SlotsTaken,
        Reason::MayNotProbe => Why::MayNotProbe,
        Reason::ForcedOpen => Why::Forced,
        other => panic!("nothing here refuses because of {other:?}"),
    }
}

/// What a trip tells, with the age of the first and the last failure that it counted.
fn cause(rule: Rule, failures: u32, first: Nanos, last: Nanos) -> Cause {
    let rule = match rule {
        Rule::FailureWindow => model::Rule::Window,
        Rule::InARow => model::Rule::InARow,
        Rule::FailureRate => model::Rule::FailureRate,
        Rule::SlowCalls => model::Rule::SlowCalls,
        Rule::Stall => model::Rule::Stall,
        Rule::Hint => model::Rule::Limited,
        Rule::Probe => model::Rule::Probe,
        Rule::ProbeDeadline => model::Rule::ProbeDeadline,
        other => panic!("there is no rule {other:?}"),
    };
    Cause { rule, counted: Some((failures, first, last)) }
}

fn overlay(overlay: Overlay, expiry: Option<Nanos>) -> model::Overlay {
    match overlay {
        Overlay::Automatic => model::Overlay::Automatic,
        Overlay::ForcedOpen => model::Overlay::ForcedOpen { expiry },
        Overlay::ForcedClosed => model::Overlay::ForcedClosed { expiry },
        Overlay::Shadow => model::Overlay::Shadow { expiry },
    }
}

/// An event; `None` if it is none that the model knows.
fn event(event: Event) -> Option<model::Event> {
    let what = match event.kind {
        EventKind::Tripped(trip) => What::Tripped(trip.level),
        EventKind::HalfOpened => What::HalfOpened,
        EventKind::StageReached(stage) => What::StageReached(stage),
        EventKind::Closed => What::Closed,
        EventKind::OverlayChanged { from, to } => What::OverlayChanged(overlay(from, None), overlay(to, None)),
        EventKind::Reset => What::Reset,
        EventKind::PolicyChanged => What::PolicyChanged,
        _ => return None,
    };
    Some(model::Event { at: event.at.as_nanos().into(), shadow: event.shadow, what })
}

fn totals(counts: Counts) -> Totals {
    let Counts { failures, trips, late, probes, shadow_refused, .. } = counts;
    Totals { failures, trips, late, probes, shadow_refused }
}

fn duration(nanos: Nanos) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap())
}
