//! What must come about from each state, if the upstream is well from then on.

use resilience::Verdict;
use resilience::clock::Instant;
use resilience::machine::{Command, Context, Overlay, Phase, Report};

use super::World;

/// The calls that are out hang for ever or say nothing; a call comes with each tick and is answered at once. It closes
/// within a bounded time, whichever requests come.
pub(super) fn check(world: &World) {
    for may_probe in [true, false] {
        for hung in [true, false] {
            recovers(world, may_probe, hung);
        }
    }
}

fn recovers(world: &World, may_probe: bool, hung: bool) {
    let subject = world.subject();
    let mut machine = subject.machine().clone();
    let mut events = Vec::new();
    let mut now = subject.context().now().as_nanos();
    let context = Context::new(subject.rules(), Instant::from_nanos(now));
    // The operator lets it be.
    machine.command(&context, Command::Overlay(Overlay::Automatic, None), &mut events);
    if !hung {
        for call in world.out() {
            machine.record(&context, subject.ticket(*call).0, Report::new(Verdict::Ignore), &mut events);
        }
    }
    let end = now + bound(world);
    loop {
        let context = Context::new(subject.rules(), Instant::from_nanos(now));
        if machine.view(&context).phase == Phase::Closed {
            return;
        }
        assert!(now < end, "no recovery in time (may probe: {may_probe}, hung: {hung})\n{}", world.script());
        // As many as a stage may want.
        for _ in 0..8 {
            if let Ok(ticket) = machine.admit(&context, may_probe, &mut events) {
                machine.record(&context, ticket, Report::new(Verdict::Success), &mut events);
            }
        }
        now += 1;
    }
}

/// The longest way: it is open for the longest time there is, a hung probe is waited for until its deadline and
/// reopens, nobody comes who may probe for a cool-down, and each stage lasts its time.
fn bound(world: &World) -> u64 {
    let policy = world.model().policy();
    let open = policy.cool_down.longest().max(policy.max_hint);
    let stages = policy.stage_time * u128::from(policy.stages);
    u64::try_from(2 * (open + open) + policy.deadline + policy.patience() + stages + 3).unwrap()
}
