//! Observers: told after the fact, in order, once, and at nobody's expense.

use resilience::machine::{Event, EventKind};
use resilience::observe::Observer;
use resilience::{Breaker, Reason, State};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use support::fixture::{classic, fail, half_open, manual, secs, succeed, trip};

/// Writes down what it is told.
#[derive(Clone, Default)]
struct Log {
    seen: Arc<Mutex<Vec<Event>>>,
    refusals: bool,
}

impl Observer for Log {
    fn on_event(&self, _: &str, event: &Event) {
        self.seen.lock().unwrap().push(*event);
    }

    fn wants_refusals(&self) -> bool {
        self.refusals
    }
}

impl Log {
    fn names(&self) -> Vec<&'static str> {
        self.seen.lock().unwrap().iter().map(|event| event.kind.name()).collect()
    }
}

#[test]
fn every_observer_is_told_once_and_in_order() {
    let (first, second) = (Log::default(), Log::default());
    let (breaker, clock) = classic(|builder| builder.observer(first.clone()).observer(second.clone()));
    for _ in 0..3 {
        half_open(&breaker, &clock);
        fail(&breaker, 1);
        clock.advance(secs(2));
        succeed(&breaker, 1);
    }
    let expected = ["tripped", "half_opened", "tripped", "half_opened", "closed"].repeat(3);
    assert_eq!((first.names(), second.names()), (expected.clone(), expected));
    assert!(first.seen.lock().unwrap().is_sorted_by(|a, b| a.at <= b.at && a.epoch < b.epoch));
}

#[test]
fn healthy_calls_and_single_failures_tell_nothing() {
    let log = Log::default();
    let (breaker, _) = manual(|builder| builder.observer(log.clone()));
    succeed(&breaker, 1000);
    fail(&breaker, 2);
    assert!(log.names().is_empty());
}

#[test]
fn the_name_and_the_trip_are_told() {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let (breaker, clock) = manual(|builder| {
        builder.name("orders").observer(move |name: &str, event: &Event| {
            tell.lock().unwrap().send((name.to_owned(), *event)).unwrap();
        })
    });
    fail(&breaker, 1);
    clock.advance(secs(4));
    fail(&breaker, 2);
    let (name, event) = told.recv().unwrap();
    assert_eq!(name, "orders");
    let EventKind::Tripped(trip) = event.kind else { panic!("{event:?}") };
    assert_eq!((trip.failures, trip.level, trip.open_for()), (3, 1, secs(1)));
    assert_eq!(trip.last.saturating_since(trip.first), secs(4));
    assert_eq!((event.at, event.shadow), (trip.at, false));
}

#[test]
fn refusals_are_told_only_to_those_who_asked() {
    let (plain, curious) = (Log::default(), Log { refusals: true, ..Log::default() });
    let (breaker, _) = manual(|builder| builder.observer(plain.clone()));
    trip(&breaker);
    assert!(breaker.try_acquire().is_err());
    assert_eq!(plain.names(), ["tripped"]);

    // Also by the process's clock, whose refusals would otherwise take no lock.
    for breaker in [
        manual(|builder| builder.observer(curious.clone())).0,
        Breaker::builder().observer(curious.clone()).build().unwrap(),
    ] {
        trip(&breaker);
        assert!(breaker.try_acquire().is_err());
        breaker.force_open();
        assert!(breaker.try_acquire().is_err());
        let kinds: Vec<_> = curious.seen.lock().unwrap().drain(..).map(|event| event.kind).collect();
        assert_eq!(kinds[1], EventKind::Refused(Reason::Open));
        assert_eq!(kinds[3], EventKind::Refused(Reason::ForcedOpen));
        assert_eq!(kinds.len(), 4);
    }
}

#[test]
fn an_observer_that_panics_hurts_neither_the_call_nor_the_other_observers() {
    let log = Log::default();
    let (breaker, clock) = classic(|builder| {
        builder.observer(|_: &str, _: &Event| std::panic::panic_any("an observer's own trouble")).observer(log.clone())
    });
    half_open(&breaker, &clock);
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(log.names(), ["tripped", "half_opened", "closed"]);
}

#[test]
fn what_an_observer_panics_with_may_panic_again_and_the_events_go_on() {
    struct PanicsAgain;
    impl Drop for PanicsAgain {
        fn drop(&mut self) {
            panic!("as it goes");
        }
    }
    let log = Log::default();
    let (breaker, _) = manual(|builder| {
        builder.observer(|_: &str, _: &Event| std::panic::panic_any(PanicsAgain)).observer(log.clone())
    });
    trip(&breaker);
    breaker.force_open();
    breaker.reset();
    assert_eq!(log.names(), ["tripped", "overlay_changed", "reset"]);
}

#[test]
fn an_observer_that_uses_the_breaker_is_told_of_what_it_did_after_it_returned() {
    let own: Arc<OnceLock<Breaker>> = Arc::default();
    let depth = Arc::new(Mutex::new((0, 0)));
    let log = Log::default();
    let (handle, deepest) = (Arc::clone(&own), Arc::clone(&depth));
    let (breaker, _) = manual(|builder| {
        builder.observer(log.clone()).observer(move |_: &str, event: &Event| {
            let enter = |by: i32| {
                let mut depth = deepest.lock().unwrap();
                depth.0 += by;
                depth.1 = depth.1.max(depth.0);
            };
            enter(1);
            let breaker = handle.get().unwrap();
            match event.kind {
                EventKind::Tripped(_) => {
                    breaker.force_closed();
                    breaker.auto();
                    assert_eq!(breaker.state(), State::Open);
                }
                EventKind::OverlayChanged { .. } => {
                    let _ = (breaker.snapshot(), breaker.subscribe(), breaker.clone());
                }
                _ => {}
            }
            enter(-1);
        })
    });
    own.set(breaker.clone()).unwrap();
    trip(&breaker);
    assert_eq!(log.names(), ["tripped", "overlay_changed", "overlay_changed"]);
    assert_eq!(*depth.lock().unwrap(), (0, 1), "never within itself");
}

/// Blocks when it is told of a trip, until it is let go.
struct Blocking {
    entered: Mutex<Sender<()>>,
    go: Mutex<Receiver<()>>,
}

impl Observer for Blocking {
    fn on_event(&self, _: &str, event: &Event) {
        if matches!(event.kind, EventKind::Tripped(_)) {
            self.entered.lock().unwrap().send(()).unwrap();
            self.go.lock().unwrap().recv().unwrap();
        }
    }
}

#[test]
fn an_observer_that_blocks_in_one_thread_holds_up_no_call_of_another() {
    let (entered, has_entered) = mpsc::channel();
    let (go, may_go) = mpsc::channel();
    let log = Log::default();
    let blocking = Blocking { entered: Mutex::new(entered), go: Mutex::new(may_go) };
    let (breaker, clock) = classic(|builder| builder.observer(blocking).observer(log.clone()));
    thread::scope(|scope| {
        scope.spawn(|| fail(&breaker, 3));
        has_entered.recv().unwrap();
        // Stuck over there; here everything goes on, transitions included.
        assert!(breaker.try_acquire().is_err());
        clock.advance(secs(1));
        succeed(&breaker, 1);
        assert_eq!(breaker.state(), State::Closed);
        breaker.force_open();
        breaker.auto();
        assert!(log.names().is_empty(), "order is kept: the first one first");
        go.send(()).unwrap();
    });
    assert_eq!(log.names(), ["tripped", "half_opened", "closed", "overlay_changed", "overlay_changed"]);
}

#[test]
fn an_observer_may_hold_the_last_handle_and_drop_it() {
    let own: Arc<Mutex<Option<Breaker>>> = Arc::default();
    let handle = Arc::clone(&own);
    let (breaker, _) =
        manual(|builder| builder.observer(move |_: &str, _: &Event| drop(handle.lock().unwrap().take())));
    *own.lock().unwrap() = Some(breaker.clone());
    trip(&breaker);
    assert!(own.lock().unwrap().is_none());
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_breaker_can_be_asked_by_what_it_is_shown_to() {
    use std::fmt::Write;

    struct Asks<'a>(&'a Breaker, String);
    impl Write for Asks<'_> {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            assert_eq!(self.0.state(), State::Open);
            assert!(self.0.try_acquire().is_err());
            self.1.push_str(text);
            Ok(())
        }
    }
    let (breaker, _) = manual(|builder| builder.name("orders"));
    trip(&breaker);
    let mut asks = Asks(&breaker, String::new());
    write!(asks, "{breaker:?} {:?} {0}", breaker.try_acquire().unwrap_err()).unwrap();
    assert!(asks.1.contains("orders"));
}
