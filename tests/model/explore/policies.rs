//! Small policies: a tick of the clock is a nanosecond, and all lengths are a few of them.

use support::model::{CoolDown, Hint, Overlay, Policy, Stall, Verdict, Window};

use super::{Limits, explore};

fn small() -> Policy {
    Policy {
        window: Some(Window { failures: 1, within: 2, keep: false }),
        cool_down: CoolDown::Constant(2),
        max_hint: 1,
        stages: 2,
        deadline: 3,
        patience: Some(1),
        ..Policy::plain()
    }
}

fn calls(calls_out: usize) -> Limits {
    let verdicts = vec![Verdict::Success, Verdict::Failure(None), Verdict::Ignore];
    Limits { calls_out, verdicts, overlays: Vec::new(), choosy: false }
}

/// As many more calls in flight as `EXPLORE_MORE` says: each multiplies the states by five or so.
fn report(name: &str, policy: &Policy, limits: &Limits) {
    let more = std::env::var("EXPLORE_MORE").map_or(0, |more| more.parse().unwrap());
    let limits = Limits { calls_out: limits.calls_out + more, ..limits.clone() };
    let (states, steps) = explore(policy, &limits);
    println!("{name}: {states} states, {steps} steps");
}

#[test]
fn two_stages_with_impatience() {
    report("two stages", &small(), &calls(3));
}

#[test]
fn patience_beyond_the_deadline() {
    let policy = Policy { patience: Some(5), probes: 2, stages: 1, ..small() };
    report("patience beyond the deadline", &policy, &calls(3));
}

#[test]
fn requests_that_may_not_probe() {
    let policy = Policy { patience: Some(2), ..small() };
    report("requests that may not probe", &policy, &Limits { choosy: true, ..calls(3) });
}

#[test]
fn stages_that_last() {
    report("stages that last", &Policy { stage_time: 2, ..small() }, &calls(3));
}

#[test]
fn a_window_of_two_and_a_run_of_three() {
    let window = Some(Window { failures: 2, within: 2, keep: true });
    report("a window and a run", &Policy { window, in_a_row: Some(3), stages: 1, ..small() }, &calls(2));
}

#[test]
fn a_stall_of_two() {
    let policy = Policy { stall: Some(Stall { calls: 2, after: 2 }), stages: 1, ..small() };
    report("a stall", &policy, &calls(3));
}

#[test]
fn hints_that_last() {
    let verdicts = vec![
        Verdict::Success,
        Verdict::Failure(Some(Hint { after: 5, limiting: false })),
        Verdict::Failure(None),
        Verdict::Relayed(Some(5)),
        Verdict::Limited(3),
    ];
    let window = Some(Window { failures: 2, within: 2, keep: false });
    let policy = Policy { max_hint: 4, window, stages: 1, ..small() };
    report("hints", &policy, &Limits { verdicts, ..calls(2) });
}

#[test]
fn an_operator_who_cannot_decide() {
    let overlays = vec![
        Overlay::Automatic,
        Overlay::ForcedOpen { expiry: None },
        Overlay::ForcedOpen { expiry: Some(2) },
        Overlay::ForcedClosed { expiry: None },
        Overlay::Shadow { expiry: None },
        Overlay::Shadow { expiry: Some(3) },
    ];
    report("an operator", &small(), &Limits { overlays, ..calls(2) });
}
