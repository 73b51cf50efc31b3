//! What must hold of each single step.

use resilience::machine::{EventKind, Overlay, Phase, Ticket};
use support::compare::Comparison;
use support::model::Nanos;
use support::script::Step;

use super::World;
use crate::real::RealMachine;

/// Checks what a step has done.
pub(super) fn check(before: &World, step: &Step, after: &mut World) {
    let events = after.subject_mut().take_events();
    epochs_only_grow(before, after, events.iter().map(|event| event.kind));
    instants_do_not_go_back(before, after);
    reading_is_settling(after);
    no_late_outcome_has_an_effect(before, step, after);
    nobody_passes_an_open_breaker(before, step, after);
    probes_are_bounded(after);
}

fn instant(world: &World) -> u64 {
    world.subject().context().now().as_nanos()
}

/// An epoch begins with each change of phase or overlay and with nothing else; stages and policies begin none.
fn epochs_only_grow(before: &World, after: &World, events: impl Iterator<Item = EventKind>) {
    let began = events
        .filter(|kind| {
            matches!(
                kind,
                EventKind::Tripped(_)
                    | EventKind::HalfOpened
                    | EventKind::Closed
                    | EventKind::Reset
                    | EventKind::OverlayChanged { .. }
            )
        })
        .count() as u64;
    let (earlier, later) = (before.subject().machine().epoch(), after.subject().machine().epoch());
    assert_eq!(later, earlier + began, "epochs after\n{}", after.script());
}

/// What has been committed is not of the future, and what was seen to be open is not open for longer later.
fn instants_do_not_go_back(before: &World, after: &World) {
    let (earlier, later) = (view(before), view(after));
    if let (Phase::Open { until }, Phase::Open { until: still }) = (earlier.phase, later.phase) {
        let same = earlier.epoch == later.epoch && earlier.overlay == later.overlay;
        assert!(!same || until == still, "the deadline moved\n{}", after.script());
    }
}

fn view(world: &World) -> resilience::machine::View {
    world.subject().machine().view(&world.subject().context())
}

/// To settle changes nothing that can be seen, and once is enough.
fn reading_is_settling(world: &World) {
    let context = world.subject().context();
    let mut settled = world.subject().machine().clone();
    settled.settle(&context, &mut Vec::new());
    assert_eq!(settled.view(&context), view(world), "settling shows\n{}", world.script());
    let once = settled.clone();
    settled.settle(&context, &mut Vec::new());
    assert_eq!(settled, once, "settling twice\n{}", world.script());
}

/// But for the count of late ones.
fn no_late_outcome_has_an_effect(before: &World, step: &Step, after: &World) {
    let Step::Outcome { call, .. } = step else { return };
    let mut settled = before.subject().machine().clone();
    settled.settle(&before.subject().context(), &mut Vec::new());
    let stale = match before.subject().ticket(*call).0 {
        Ticket::Call { epoch, .. } | Ticket::Watched { epoch, .. } | Ticket::Probe { epoch, .. } => {
            epoch != settled.epoch()
        }
        Ticket::Untracked => true,
    };
    if stale {
        let (mut earlier, later) = (settled.view(&before.subject().context()), view(after));
        earlier.counts.late = later.counts.late;
        assert_eq!(earlier, later, "a late outcome changed something\n{}", after.script());
    }
}

/// Not before the deadline of the trip, unless the operator wants it.
fn nobody_passes_an_open_breaker(before: &World, step: &Step, after: &World) {
    let admitted = after.out().len() > before.out().len();
    if !(matches!(step, Step::Admit { .. }) && admitted) {
        return;
    }
    let view = view(after);
    let passed = match view.phase {
        Phase::Open { .. } => true,
        Phase::Closed | Phase::HalfOpen { .. } => view.trip.is_some_and(|trip| instant(after) < trip.until.as_nanos()),
    };
    let meant = matches!(view.overlay, Overlay::Shadow | Overlay::ForcedClosed);
    assert!(!passed || meant, "admitted before the deadline\n{}", after.script());
}

/// Those that take up a slot are no more than the stage has slots; all that are out no more than patience lets in.
fn probes_are_bounded(world: &Comparison<RealMachine>) {
    let Phase::HalfOpen { stage, in_flight } = view(world).phase else { return };
    let policy = world.model().policy();
    let slots = policy.slots(stage);
    let epoch = world.subject().machine().epoch();
    let ages = world.out().iter().filter_map(|call| match world.subject().ticket(*call) {
        (Ticket::Probe { epoch: of, .. }, admitted) if of == epoch => Some(Nanos::from(instant(world) - admitted)),
        _ => None,
    });
    let live: Vec<_> = ages.filter(|age| *age < policy.deadline).collect();
    let patient = live.iter().filter(|age| **age < policy.patience()).count();
    assert_eq!(patient, in_flight as usize, "probes that take up slots\n{}", world.script());
    assert!(patient <= slots, "more probes than slots\n{}", world.script());
    let generations = 1 + usize::try_from(policy.deadline.div_ceil(policy.patience())).unwrap();
    assert!(live.len() <= slots * generations, "more probes than patience lets in\n{}", world.script());
}
