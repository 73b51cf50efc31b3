//! What is said of one key and of all, what is told of them, and what comes back after a restart.

use super::{admit, each, keyed, trip};
use crate::clock::Manual;
use crate::keyed::{Keyed, KeyedObserver, WithoutKeys};
use crate::machine::{Event, EventKind};
use crate::{Breaker, Overlay, Policy, Reason, State, Verdict};
use std::sync::mpsc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_is_said_of_all_keys_lies_over_what_was_said_of_one() {
    let clock = Manual::new();
    let keyed = keyed(&clock);
    keyed.force_closed(&1).unwrap();
    keyed.force_open(&2).unwrap();
    keyed.force_all_open_for(SECOND);
    assert_eq!([1, 2, 3].map(|key| keyed.state(&key)), [State::Open; 3]);
    assert_eq!(keyed.try_acquire(&1).unwrap_err().retry_after(), SECOND);
    clock.advance(SECOND);
    assert_eq!([1, 2, 3].map(|key| keyed.state(&key)), [State::Closed, State::Open, State::Closed]);
    keyed.force_all_closed();
    admit(&keyed, 2).failure();
    trip(&keyed, 3);
    assert_eq!(keyed.kept(), 2, "nothing is recorded meanwhile");
    keyed.auto_all();
    assert_eq!([1, 2, 3].map(|key| keyed.state(&key)), [State::Closed, State::Open, State::Closed]);
    keyed.reset_all();
    assert_eq!((keyed.kept(), keyed.state(&2)), (0, State::Closed));
}

#[test]
fn shadow_of_all_keys_admits_and_counts_what_it_would_have_refused() {
    let clock = Manual::new();
    let keyed = keyed(&clock);
    keyed.shadow_all_for(10 * SECOND);
    trip(&keyed, 1);
    assert_eq!(keyed.state(&1), State::Open);
    (0..5).for_each(|_| admit(&keyed, 1).success());
    assert_eq!(keyed.stats().counts.shadow_refused, 5);
    clock.advance(10 * SECOND);
    let probe = admit(&keyed, 1);
    assert_eq!(keyed.try_acquire(&1).unwrap_err().reason(), Reason::ProbesOut, "in earnest again");
    drop(probe);
}

#[test]
fn a_word_that_is_said_again_for_longer_starts_no_key_over() {
    let clock = Manual::new();
    let keyed = keyed(&clock);
    keyed.shadow_all_for(10 * SECOND);
    trip(&keyed, 1);
    clock.advance(SECOND);
    let probe = admit(&keyed, 1);
    keyed.shadow_all_for(60 * SECOND);
    probe.failure();
    assert_eq!(keyed.state(&1), State::Open, "the probe was still one");
    // Another word is another matter.
    clock.advance(2 * SECOND);
    let probe = admit(&keyed, 1);
    keyed.force_all_closed_for(SECOND);
    probe.failure();
    clock.advance(SECOND);
    assert_eq!(keyed.state(&1), State::HalfOpen, "it was late");
}

#[test]
fn by_the_clock_of_the_process_a_key_refuses_for_as_long_as_it_is_open_and_no_other_key_does() {
    let keyed: Keyed<u64> =
        Keyed::builder().each(each().delay(3600 * SECOND).max_delay(3600 * SECOND)).build().unwrap();
    trip(&keyed, 1);
    let rejected = keyed.try_acquire(&1).unwrap_err();
    assert_eq!((rejected.reason(), keyed.key_of(&rejected)), (Reason::Open, Some(1)));
    assert!((3500 * SECOND..=3600 * SECOND).contains(&rejected.retry_after()), "{rejected:?}");
    admit(&keyed, 2).success();
}

#[test]
fn builders_that_were_cloned_make_registries_of_their_own() {
    let clock = Manual::new();
    let builder = Keyed::builder().each(each()).name("hosts").clock(clock.clone());
    let (one, other): (Keyed<u64>, Keyed<u64>) = (builder.clone().build().unwrap(), builder.build().unwrap());
    trip(&one, 1);
    assert_eq!((one.state(&1), other.state(&1)), (State::Open, State::Closed));
    trip(&other, 1);
    assert_eq!(other.try_acquire(&1).unwrap_err().breaker(), one.try_acquire(&1).unwrap_err().breaker());
    clock.advance(SECOND);
    assert_eq!([one, other].map(|keyed| keyed.state(&1)), [State::HalfOpen; 2], "by the same clock");
}

#[test]
fn a_new_policy_holds_for_all_keys_and_keeps_their_state() {
    let clock = Manual::new();
    let keyed = keyed(&clock);
    (0..20).for_each(|key| trip(&keyed, key));
    admit(&keyed, 100).failure();
    let policy = Policy { jitter: 0.0, stages: 1, in_a_row: Some(2), ..Policy::default() };
    keyed.set_policy(policy.clone()).unwrap();
    assert_eq!(keyed.policy(), policy);
    assert!((0..20).all(|key| keyed.state(&key) == State::Open));
    (0..2).for_each(|_| admit(&keyed, 100).failure());
    assert_eq!(keyed.state(&100), State::Open, "two in a row");
    clock.advance(SECOND);
    admit(&keyed, 0).success();
    assert_eq!(keyed.state(&0), State::Closed, "one stage");
    let bad = Policy { probes: 0, ..policy.clone() };
    assert_eq!(keyed.set_policy(bad).unwrap_err().field(), "probes");
    assert_eq!(keyed.policy(), policy);
}

#[test]
fn a_restart_takes_up_the_keys_in_trouble_and_no_others() {
    let clock = Manual::new();
    let keyed = self::keyed(&clock);
    trip(&keyed, 1);
    admit(&keyed, 2).failure();
    keyed.force_open(&3).unwrap();
    admit(&keyed, 4).success();
    let saved = keyed.snapshot();
    assert_eq!(saved.len(), 3);
    drop(keyed);

    let keyed = self::keyed(&clock);
    admit(&keyed, 2).failure();
    assert_eq!(keyed.restore(saved), 2, "of the third something newer is known");
    assert_eq!([1, 2, 3].map(|key| keyed.state(&key)), [State::Open, State::Closed, State::Open]);
    let rejected = keyed.try_acquire(&1).unwrap_err();
    assert!(rejected.retry_after() <= SECOND && rejected.level() == 1, "{rejected}");
    assert_eq!(keyed.snapshot_of(&3).unwrap().overlay, Overlay::ForcedOpen);
    assert_eq!(keyed.snapshot_of(&2).unwrap().failures.len(), 1);
}

#[test]
fn a_restart_takes_up_no_more_keys_than_there_is_room_for() {
    let clock = Manual::new();
    let large = keyed(&clock);
    (0..10).for_each(|key| trip(&large, key));
    let small: Keyed<u64> = Keyed::builder().each(each()).clock(clock.clone()).most_keys(4).build().unwrap();
    assert_eq!((small.restore(large.snapshot()), small.stats().open), (4, 4));
}

#[test]
fn observers_are_told_of_which_key_in_order_and_once_and_of_all_keys_without_one() {
    let clock = Manual::new();
    let (tell, told) = mpsc::channel();
    let tell = crate::breaker::sync::Mutex::new(tell);
    let observer = move |name: &str, key: Option<&u64>, event: &Event| {
        let kind = match event.kind {
            EventKind::Tripped(trip) => format!("tripped by {}", trip.failures),
            EventKind::OverlayChanged { .. } => "overlay".to_owned(),
            kind => format!("{kind:?}"),
        };
        crate::breaker::sync::lock(&tell).send(format!("{name} {key:?} {kind}")).unwrap();
    };
    let keyed = Keyed::builder().each(each().stages(1)).name("hosts").clock(clock.clone()).observer(observer);
    let keyed = keyed.build().unwrap();
    trip(&keyed, 1);
    clock.advance(SECOND);
    admit(&keyed, 1).success();
    keyed.force_all_open();
    let told: Vec<String> = told.try_iter().collect();
    assert_eq!(
        told,
        ["hosts Some(1) tripped by 3", "hosts Some(1) HalfOpened", "hosts Some(1) Closed", "hosts None overlay"]
    );
}

#[test]
fn an_observer_that_panics_or_calls_back_hurts_nobody() {
    let clock = Manual::new();
    let (tell, told) = mpsc::channel();
    let tell = crate::breaker::sync::Mutex::new(tell);
    let handle: std::sync::Arc<std::sync::OnceLock<Keyed<u64>>> = std::sync::Arc::default();
    let inside = std::sync::Arc::clone(&handle);
    let keyed = Keyed::builder()
        .each(each())
        .clock(clock)
        .observer(|_: &str, _: Option<&u64>, _: &Event| panic!("an observer's own"))
        .observer(move |_: &str, key: Option<&u64>, event: &Event| {
            // From within, of the same key and of others.
            let keyed = inside.get().unwrap();
            let key = *key.unwrap();
            if key < 5 {
                trip(keyed, key + 1);
            }
            assert!(keyed.try_acquire(&key).is_err());
            crate::breaker::sync::lock(&tell).send((key, event.at)).unwrap();
        })
        .build()
        .unwrap();
    let _ = handle.set(keyed.clone());
    trip(&keyed, 1);
    assert_eq!(told.try_iter().map(|(key, _)| key).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(keyed.stats().open, 5);
}

#[test]
fn refusals_are_told_to_whoever_wants_them() {
    struct Refusals(crate::breaker::sync::Mutex<mpsc::SyncSender<(u64, Reason)>>);
    impl KeyedObserver<u64> for Refusals {
        fn on_event(&self, _: &str, key: Option<&u64>, event: &Event) {
            if let (Some(key), EventKind::Refused(reason)) = (key, event.kind) {
                crate::breaker::sync::lock(&self.0).send((*key, reason)).unwrap();
            }
        }
        fn wants_refusals(&self) -> bool {
            true
        }
    }
    let (tell, told) = mpsc::sync_channel(9);
    let keyed = Keyed::builder()
        .each(each())
        .clock(Manual::new())
        .observer(Refusals(crate::breaker::sync::Mutex::new(tell)))
        .build()
        .unwrap();
    trip(&keyed, 1);
    (0..3).for_each(|_| assert!(keyed.try_acquire(&1).is_err()));
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [(1, Reason::Open); 3]);
}

#[test]
fn an_observer_of_single_breakers_is_told_of_keys_without_their_names() {
    let (tell, told) = mpsc::channel();
    let tell = crate::breaker::sync::Mutex::new(tell);
    let observer = move |name: &str, event: &Event| {
        crate::breaker::sync::lock(&tell).send(format!("{name}: {:?}", event.kind)).unwrap();
    };
    let keyed = Keyed::<u64>::builder()
        .each(each())
        .clock(Manual::new())
        .name("tenants")
        .observer(WithoutKeys(observer))
        .build()
        .unwrap();
    trip(&keyed, 1);
    assert!(told.try_recv().unwrap().starts_with("tenants: "));
}

#[test]
fn a_key_whose_code_panics_takes_no_lock_with_it() {
    #[derive(Clone, Debug)]
    struct Fussy(u64);
    impl PartialEq for Fussy {
        fn eq(&self, other: &Self) -> bool {
            assert!(self.0 != 13 && other.0 != 13, "unlucky");
            self.0 == other.0
        }
    }
    impl Eq for Fussy {}
    impl std::hash::Hash for Fussy {
        fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
    }
    let keyed: Keyed<Fussy> = Keyed::builder().each(each()).clock(Manual::new()).build().unwrap();
    let fail = |key: u64| {
        let permit = keyed.try_acquire(&Fussy(key)).unwrap();
        permit.failure();
    };
    (0..3).for_each(|_| fail(1));
    let unlucky = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| fail(13)));
    assert!(unlucky.is_err());
    assert_eq!(keyed.state(&Fussy(1)), State::Open);
    (0..3).for_each(|_| fail(2));
    assert_eq!((keyed.state(&Fussy(2)), keyed.kept()), (State::Open, 2));
}

#[test]
fn calls_of_every_form_are_judged() {
    let clock = Manual::new();
    let keyed = keyed(&clock);
    for _ in 0..2 {
        assert_eq!(keyed.call(&1, || Err::<(), _>("down")).unwrap(), Err("down"));
    }
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        keyed.call(&1, || -> Result<(), ()> { panic!("of the call") })
    }));
    assert!(unwound.is_err());
    assert_eq!(keyed.call(&1, || Ok::<_, ()>(1)).unwrap_err().reason(), Reason::Open);
    admit(&keyed, 2).record(Verdict::Ignore);
    drop(admit(&keyed, 2));
    assert_eq!(keyed.kept(), 1);
    let shown = format!("{keyed:?} {:?} {:?}", admit(&keyed, 2), Breaker::new().policy());
    assert!(shown.contains("kept: 1"), "{shown}");
}
