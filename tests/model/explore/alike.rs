//! What a machine will do: what it would show and answer in the next ticks, now and after each outcome of each call.
//!
//! Nothing of it may depend on how the machine came to its state.

use std::hash::{DefaultHasher, Hash, Hasher};

use resilience::clock::Instant;
use resilience::machine::{Context, Machine, Phase, Report};

use super::{Limits, World};

/// Beyond all lengths of the policies here.
const TICKS: u64 = 7;

/// A digest of what will be.
pub(super) fn future(world: &World, limits: &Limits) -> u64 {
    let subject = world.subject();
    let now = subject.context().now().as_nanos();
    let mut digest = DefaultHasher::new();
    quiet(subject.machine(), world, now, &mut digest);
    for call in world.out() {
        let (ticket, _) = subject.ticket(*call);
        for verdict in &limits.verdicts {
            let mut machine = subject.machine().clone();
            let report = Report::new(crate::real::verdict(*verdict));
            machine.record(&subject.context(), ticket, report, &mut Vec::new());
            quiet(&machine, world, now, &mut digest);
        }
    }
    digest.finish()
}

/// If nothing comes but the ticks of the clock. The level and the totals depend on the past, as they should.
fn quiet(machine: &Machine, world: &World, now: u64, digest: &mut DefaultHasher) {
    for tick in 0..TICKS {
        let context = Context::new(world.subject().rules(), Instant::from_nanos(now + tick));
        let view = machine.view(&context);
        match view.phase {
            Phase::Closed => 0_u64.hash(digest),
            Phase::Open { until } => (1_u64, until.as_nanos().wrapping_sub(now)).hash(digest),
            Phase::HalfOpen { stage, in_flight } => (2_u64, stage, in_flight).hash(digest),
        }
        view.overlay.hash(digest);
        for may_probe in [true, false] {
            let refusal = machine.would_refuse(&context, may_probe);
            let wait = refusal.map(|refusal| (refusal.reason, refusal.wait));
            wait.hash(digest);
        }
    }
}
