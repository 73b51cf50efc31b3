//! The stream of transitions.

use resilience::machine::EventKind;
use resilience::{Breaker, Overlay};
use std::task::Poll;
use support::fixture::{classic, half_open, manual, names, succeed, trip};

#[test]
fn a_subscriber_sees_what_happens_from_then_on() {
    let (breaker, clock) = classic(|builder| builder);
    half_open(&breaker, &clock);
    succeed(&breaker, 1);
    let mut transitions = breaker.subscribe();
    assert_eq!(transitions.try_next(), None);
    trip(&breaker);
    breaker.reset();
    assert_eq!(names(&mut transitions), ["tripped", "reset"]);
}

#[test]
fn each_subscriber_reads_at_its_own_pace() {
    let (breaker, _) = manual(|builder| builder);
    let (mut slow, mut quick) = (breaker.subscribe(), breaker.subscribe());
    trip(&breaker);
    assert_eq!(names(&mut quick), ["tripped"]);
    breaker.reset();
    assert_eq!((names(&mut quick), names(&mut slow)), (vec!["reset"], vec!["tripped", "reset"]));
}

#[test]
fn a_reader_that_waits_is_woken() {
    let (breaker, _) = manual(|builder| builder);
    let mut transitions = breaker.subscribe();
    let mut next = tokio_test::task::spawn(async move { (transitions.next().await, transitions) });
    assert!(next.poll().is_pending());
    assert!(!next.is_woken());
    breaker.force_open();
    assert!(next.is_woken());
    let Poll::Ready((Some(event), _)) = next.poll() else { panic!("an event") };
    let expected = EventKind::OverlayChanged { from: Overlay::Automatic, to: Overlay::ForcedOpen };
    assert_eq!(event.kind, expected);
}

#[test]
fn it_ends_with_the_last_handle_but_not_before_everything_is_read() {
    let (breaker, _) = manual(|builder| builder);
    let mut transitions = breaker.subscribe();
    breaker.force_open();
    let other = breaker.clone();
    drop(breaker);
    let mut reader = tokio_test::task::spawn(async move {
        let first = transitions.next().await;
        (first, transitions.next().await, transitions.next().await)
    });
    assert!(reader.poll().is_pending(), "another handle is left");
    other.auto();
    drop(other);
    assert!(reader.is_woken());
    let Poll::Ready((first, second, end)) = reader.poll() else { panic!("over") };
    assert!(first.is_some() && second.is_some());
    assert_eq!(end, None);
}

#[test]
fn too_many_unread_ones_make_room_and_are_counted() {
    let (breaker, _) = manual(|builder| builder);
    let mut transitions = breaker.subscribe();
    assert_eq!(transitions.lost(), 0);
    for _ in 0..1000 {
        breaker.force_open();
        breaker.auto();
    }
    let lost = transitions.lost();
    let told = support::fixture::events(&mut transitions);
    assert!(lost > 0 && lost + told.len() as u64 == 2000, "{lost} lost, {} read", told.len());
    // The newest are kept, in order.
    assert!(told.is_sorted_by(|a, b| a.epoch < b.epoch));
    assert_eq!(told.last().unwrap().epoch, breaker.snapshot().epoch);
    breaker.force_open();
    assert_eq!((names(&mut transitions).len(), transitions.lost()), (1, lost));
}

#[test]
fn a_subscriber_that_left_costs_nothing_any_more() {
    let breaker = Breaker::new();
    for _ in 0..1000 {
        drop(breaker.subscribe());
    }
    let mut transitions = breaker.subscribe();
    breaker.force_open();
    assert_eq!(names(&mut transitions), ["overlay_changed"]);
}

/// A waker of a runtime that has gone mad.
struct Mad;

impl std::task::Wake for Mad {
    fn wake(self: std::sync::Arc<Self>) {
        std::panic::panic_any("a waker's own trouble");
    }
}

#[test]
fn a_reader_whose_waker_panics_hurts_neither_the_call_nor_the_other_readers() {
    let (breaker, _) = manual(|builder| builder);
    let (mut mad, mut sane) = (breaker.subscribe(), breaker.subscribe());
    let waker = std::task::Waker::from(std::sync::Arc::new(Mad));
    assert!(mad.poll_next(&mut std::task::Context::from_waker(&waker)).is_pending());
    trip(&breaker);
    breaker.reset();
    assert_eq!((names(&mut mad), names(&mut sane)), (vec!["tripped", "reset"], vec!["tripped", "reset"]));
}
