//! Random policies and scripts, with a liking for instants at which something changes.

use proptest::prelude::*;
use proptest::sample::select;

use crate::model::{CoolDown, Forgive, Hint, Hints, Model, Nanos, Overlay, Policy, Rate, Slow, Stall, Verdict, Window};

const SECOND: Nanos = 1_000_000_000;

/// A step before it is known which calls are out and what is about to happen.
#[derive(Clone, Debug)]
pub enum Draft {
    /// A call comes.
    Admit {
        /// Whether its request may probe.
        may_probe: bool,
    },
    /// One of the calls that are out comes back.
    Outcome {
        /// Which of those that are out.
        pick: usize,
        /// What it says.
        verdict: Verdict,
    },
    /// One of the calls that are out is dropped.
    Drop {
        /// Which of those that are out.
        pick: usize,
    },
    /// Calls come and are answered at once, one after another.
    Calls {
        /// How many.
        count: usize,
        /// What they say.
        verdict: Verdict,
    },
    /// Time passes.
    Wait(Leap),
    /// The operator changes the overlay; the expiry is counted from now.
    Overlay(Overlay),
    /// The operator resets.
    Reset,
    /// The operator sets a new policy.
    SetPolicy(Box<Policy>),
    /// Somebody looks.
    Read,
}

/// How much time passes.
#[derive(Clone, Debug)]
pub enum Leap {
    /// This much.
    By(Nanos),
    /// To an instant that matters, one nanosecond before or after it, or to it.
    To {
        /// Which one.
        pick: usize,
        /// 0 for just before, 1 for at, 2 for just after.
        side: Nanos,
    },
}

impl Leap {
    /// The length of time from `now`.
    #[must_use]
    pub fn length(&self, model: &Model, now: Nanos) -> Nanos {
        match self {
            Self::By(length) => *length,
            Self::To { pick, side } => {
                let landmarks = model.landmarks(now);
                // The near ones are the ones that decide something.
                let near = landmarks.len().min(4);
                if near == 0 { SECOND } else { landmarks[pick % near] + side - 1 - now }
            }
        }
    }
}

fn lengths() -> impl Strategy<Value = Nanos> {
    select(vec![SECOND / 2, SECOND, 2 * SECOND, 3 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND])
}

fn rates() -> impl Strategy<Value = Rate> {
    (select(vec![0.1, 0.3, 0.5, 0.6, 2.0 / 3.0, 0.7, 1.0]), lengths(), 1_u32..12)
        .prop_map(|(ratio, over, min_calls)| Rate { ratio, over, min_calls })
}

fn windows() -> impl Strategy<Value = Window> {
    (1_u32..6, lengths(), any::<bool>()).prop_map(|(failures, within, keep)| Window { failures, within, keep })
}

/// Rules; at least one of them.
fn rules() -> impl Strategy<Value = Policy> {
    let slow = (lengths(), rates()).prop_map(|(limit, rate)| Slow { limit, rate });
    let stall = (1_u32..4, lengths()).prop_map(|(calls, after)| Stall { calls, after });
    let rules = (
        proptest::option::weighted(0.7, windows()),
        proptest::option::weighted(0.3, 1_u32..6),
        proptest::option::weighted(0.25, rates()),
        proptest::option::weighted(0.25, slow),
        proptest::option::weighted(0.25, stall),
    );
    rules.prop_map(|(window, in_a_row, failure_rate, slow_calls, stall)| {
        let any = window.is_some() || in_a_row.is_some() || failure_rate.is_some() || slow_calls.is_some();
        let plain = Policy::plain();
        let window = if any || stall.is_some() { window } else { plain.window };
        Policy { window, in_a_row, failure_rate, slow_calls, stall, ..plain }
    })
}

fn cool_downs() -> impl Strategy<Value = CoolDown> {
    let exponential = (lengths(), select(vec![(1, 1), (3, 2), (2, 1), (3, 1)]), lengths())
        .prop_map(|(base, (num, den), more)| CoolDown::Exponential { base, num, den, max: base + more });
    let by_level = proptest::collection::vec(lengths(), 1..4).prop_map(CoolDown::ByLevel);
    prop_oneof![4 => exponential, 1 => lengths().prop_map(CoolDown::Constant), 1 => by_level]
}

/// Random policies, without jitter.
pub fn policies() -> impl Strategy<Value = Policy> {
    let forgive = prop_oneof![Just(Forgive::AtOnce), lengths().prop_map(Forgive::Each)];
    let closing = (cool_downs(), forgive, select(vec![Hints::Extend, Hints::Ignore, Hints::Obey]), lengths());
    let probing = (
        1_u32..4,
        1_u32..4,
        prop_oneof![Just(0), lengths()],
        lengths(),
        proptest::option::weighted(0.5, lengths()),
        prop_oneof![Just(0), lengths()],
    );
    (rules(), closing, probing).prop_map(|(rules, (cool_down, forgive, hints, max_hint), probing)| {
        let (probes, stages, stage_time, deadline, patience, abandon_after) = probing;
        let rest = Policy { cool_down, forgive, hints, max_hint, ..rules };
        Policy { probes, stages, stage_time, deadline, patience, abandon_after, ..rest }
    })
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    let hint = (prop_oneof![Just(0), lengths()], any::<bool>()).prop_map(|(after, limiting)| Hint { after, limiting });
    let wait = prop_oneof![Just(0), lengths()];
    prop_oneof![
        30 => Just(Verdict::Failure(None)),
        30 => Just(Verdict::Success),
        6 => hint.prop_map(|hint| Verdict::Failure(Some(hint))),
        4 => Just(Verdict::Reachable),
        3 => Just(Verdict::Ignore),
        3 => wait.clone().prop_map(Verdict::Limited),
        3 => proptest::option::of(wait).prop_map(Verdict::Relayed),
    ]
}

fn leaps() -> impl Strategy<Value = Leap> {
    let to = (0_usize..4, 0_u128..3).prop_map(|(pick, side)| Leap::To { pick, side });
    prop_oneof![6 => to, 1 => (0_u128..40).prop_map(|tenths| Leap::By(tenths * SECOND / 10)), 1 => lengths().prop_map(Leap::By)]
}

fn overlays() -> impl Strategy<Value = Overlay> {
    let expiry = || proptest::option::of(lengths());
    prop_oneof![
        4 => Just(Overlay::Automatic),
        3 => expiry().prop_map(|expiry| Overlay::ForcedOpen { expiry }),
        2 => expiry().prop_map(|expiry| Overlay::ForcedClosed { expiry }),
        3 => expiry().prop_map(|expiry| Overlay::Shadow { expiry }),
    ]
}

/// A random step; the operator acts rarely.
pub fn drafts() -> impl Strategy<Value = Draft> {
    prop_oneof![
        24 => prop::bool::weighted(0.8).prop_map(|may_probe| Draft::Admit { may_probe }),
        20 => (any::<usize>(), verdicts()).prop_map(|(pick, verdict)| Draft::Outcome { pick, verdict }),
        3 => any::<usize>().prop_map(|pick| Draft::Drop { pick }),
        6 => (1_usize..5, verdicts()).prop_map(|(count, verdict)| Draft::Calls { count, verdict }),
        24 => leaps().prop_map(Draft::Wait),
        3 => overlays().prop_map(Draft::Overlay),
        1 => policies().prop_map(|policy| Draft::SetPolicy(Box::new(policy))),
        1 => Just(Draft::Reset),
        1 => Just(Draft::Read),
    ]
}
