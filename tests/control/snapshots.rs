//! What a snapshot tells, and what comes back from it after a restart.

use resilience::clock::{Manual, Tokio};
use resilience::{Breaker, Builder, Hint, Overlay, Snapshot, State, Verdict};
use std::time::{Duration, SystemTime};
use support::fixture::{fail, half_open, manual, ms, names, secs, succeed, trip, wait};

/// Through text, as a restart would have it.
fn saved(snapshot: &Snapshot) -> Snapshot {
    let text = serde_json::to_string(snapshot).unwrap();
    let read: Snapshot = serde_json::from_str(&text).unwrap();
    assert_eq!(&read, snapshot, "nothing is lost on the way");
    read
}

/// The breaker after a restart that took so long.
fn restarted(breaker: &Breaker, after: Duration) -> (Breaker, Manual) {
    let mut snapshot = saved(&breaker.snapshot());
    snapshot.taken_at -= after;
    let policy = breaker.policy();
    manual(|builder| builder.policy(policy).restore(snapshot))
}

/// Equal but for the time that the test itself took.
fn close(actual: Duration, expected: Duration) -> bool {
    actual <= expected && expected - actual < ms(500)
}

#[test]
fn a_snapshot_tells_how_it_stands() {
    let (breaker, clock) = manual(|builder| builder.name("orders"));
    fail(&breaker, 1);
    clock.advance(secs(2));
    fail(&breaker, 1);
    clock.advance(secs(3));
    let closed = breaker.snapshot();
    assert_eq!((closed.name.as_str(), closed.state, closed.phase), ("orders", State::Closed, State::Closed));
    assert_eq!((closed.failures, closed.level, closed.trip), (vec![secs(3), secs(5)], 0, None));
    assert_eq!((closed.remaining, closed.open_for, closed.overlay), (None, None, Overlay::Automatic));
    breaker.try_acquire().unwrap().record(Verdict::Failure(Some(Hint::after(secs(20)))));
    clock.advance(secs(5));
    let open = breaker.snapshot();
    assert_eq!(
        (open.state, open.remaining, open.open_for, open.level),
        (State::Open, Some(secs(15)), Some(secs(20)), 1)
    );
    let trip = open.trip.unwrap();
    assert_eq!((trip.failures, trip.first_ago, trip.last_ago, trip.hinted), (3, secs(10), secs(5), true));
    clock.advance(secs(15));
    let _probe = breaker.try_acquire().unwrap();
    let half_open = breaker.snapshot();
    assert_eq!((half_open.state, half_open.stage, half_open.probes_out), (State::HalfOpen, 0, 1));
    assert!(half_open.trip.is_some(), "why it is not closed");
    assert_eq!((half_open.counts.failures, half_open.counts.trips, half_open.counts.probes), (3, 1, 1));
    assert!(half_open.epoch > open.epoch && open.epoch > closed.epoch);
}

#[test]
fn failures_older_than_the_window_are_not_told() {
    let (breaker, clock) = manual(|builder| builder);
    fail(&breaker, 1);
    clock.advance(secs(30));
    assert_eq!(breaker.snapshot().failures.len(), 1);
    clock.advance(support::fixture::NS);
    assert_eq!(breaker.snapshot().failures.len(), 0);
}

#[test]
fn every_snapshot_survives_being_written_and_read() {
    let (breaker, clock) = manual(|builder| builder.name("ö \"quoted\""));
    saved(&breaker.snapshot());
    fail(&breaker, 2);
    saved(&breaker.snapshot());
    succeed(&breaker, 1);
    half_open(&breaker, &clock);
    saved(&breaker.snapshot());
    breaker.force_closed_for(secs(9));
    saved(&breaker.snapshot());
    breaker.shadow();
    saved(&breaker.snapshot());
}

#[test]
fn what_was_open_stays_open_for_the_rest_of_its_time() {
    let (breaker, clock) = manual(|builder| builder.delay(secs(50)));
    trip(&breaker);
    clock.advance(secs(10));
    let (restored, clock) = restarted(&breaker, secs(15));
    assert_eq!(restored.state(), State::Open);
    assert!(close(wait(&restored), secs(25)), "{:?}", wait(&restored));
    let trip = restored.snapshot().trip.unwrap();
    assert_eq!((trip.failures, restored.snapshot().level), (3, 1));
    assert!(close(secs(25), trip.last_ago) || close(trip.last_ago, ms(25_500)), "{:?}", trip.last_ago);
    assert_eq!(restored.snapshot().open_for, Some(secs(50)));
    clock.advance(wait(&restored));
    fail(&restored, 1);
    assert_eq!(wait(&restored), secs(60), "the level was kept");
}

#[test]
fn what_was_open_is_half_open_where_the_restart_took_longer() {
    let (breaker, _) = manual(|builder| builder.delay(secs(50)));
    trip(&breaker);
    let (restored, _) = restarted(&breaker, secs(51));
    assert_eq!((restored.state(), restored.snapshot().stage), (State::HalfOpen, 0));
}

#[test]
fn what_was_half_open_begins_with_its_first_stage() {
    let (breaker, clock) = manual(|builder| builder);
    half_open(&breaker, &clock);
    succeed(&breaker, 1);
    let _probe = breaker.try_acquire().unwrap();
    let (restored, _) = restarted(&breaker, secs(0));
    let snapshot = restored.snapshot();
    assert_eq!((snapshot.state, snapshot.stage, snapshot.probes_out, snapshot.level), (State::HalfOpen, 0, 0, 1));
    succeed(&restored, 7);
    assert_eq!(restored.state(), State::Closed);
}

#[test]
fn the_failures_in_the_window_come_back_with_their_ages() {
    let (breaker, clock) = manual(|builder| builder);
    fail(&breaker, 1);
    clock.advance(secs(5));
    fail(&breaker, 1);
    let (restored, _) = restarted(&breaker, secs(10));
    assert_eq!(restored.snapshot().failures.len(), 2);
    fail(&restored, 1);
    assert_eq!(restored.state(), State::Open);
    let (restored, _) = restarted(&breaker, secs(26));
    fail(&restored, 1);
    assert_eq!(restored.state(), State::Closed, "by now the first of them is too old");
}

#[test]
fn a_run_of_failures_comes_back_as_long_as_it_was() {
    // Longer than the window remembers.
    let (breaker, clock) = manual(|builder| builder.in_a_row(5));
    for _ in 0..4 {
        fail(&breaker, 1);
        clock.advance(secs(3600));
    }
    assert_eq!((breaker.snapshot().in_a_row, breaker.snapshot().failures.len()), (Some(4), 0));
    let (restored, _) = restarted(&breaker, secs(3600));
    assert_eq!(restored.snapshot().in_a_row, Some(4));
    fail(&restored, 1);
    assert_eq!(restored.snapshot().trip.unwrap().rule, resilience::machine::Rule::InARow);
    // And shorter, where the window keeps what a success has answered.
    let (breaker, _) = manual(|builder| builder.failures(100).within(secs(30)).keep_on_success().in_a_row(3));
    fail(&breaker, 2);
    succeed(&breaker, 1);
    fail(&breaker, 1);
    let (restored, _) = restarted(&breaker, secs(0));
    fail(&restored, 1);
    assert_eq!(restored.state(), State::Closed);
    fail(&restored, 1);
    assert_eq!(restored.state(), State::Open);
    // One that was written before there was the field has as many as it tells of.
    let mut old = serde_json::to_value(breaker.snapshot()).unwrap();
    old.as_object_mut().unwrap().remove("in_a_row");
    assert_eq!(serde_json::from_value::<Snapshot>(old).unwrap().in_a_row, None);
}

#[test]
fn counts_and_overlays_come_back_and_an_overlay_may_have_expired() {
    let (breaker, _) = manual(|builder| builder);
    trip(&breaker);
    breaker.force_closed_for(secs(60));
    let (restored, clock) = restarted(&breaker, secs(30));
    assert_eq!((restored.state(), restored.snapshot().overlay), (State::Closed, Overlay::ForcedClosed));
    assert_eq!(restored.snapshot().counts, breaker.snapshot().counts);
    assert!(close(restored.snapshot().overlay_remaining.unwrap(), secs(30)));
    clock.advance(secs(30));
    assert_eq!(restored.snapshot().overlay, Overlay::Automatic);
    let (restored, _) = restarted(&breaker, secs(61));
    assert_eq!(restored.snapshot().overlay, Overlay::Automatic);
    breaker.force_open();
    let (restored, _) = restarted(&breaker, secs(1_000_000));
    assert_eq!(restored.snapshot().overlay, Overlay::ForcedOpen, "until told otherwise");
}

#[test]
fn a_wall_clock_that_was_set_back_takes_nothing_off_and_adds_nothing() {
    let (breaker, _) = manual(|builder| builder.delay(secs(50)));
    trip(&breaker);
    let mut snapshot = saved(&breaker.snapshot());
    snapshot.taken_at = SystemTime::now() + secs(86_400);
    let policy = breaker.policy();
    let (restored, _) = manual(|builder| builder.policy(policy).restore(snapshot));
    assert_eq!(wait(&restored), secs(50));
}

#[test]
fn an_open_time_longer_than_the_policy_lets_it_is_cut() {
    let (breaker, _) = manual(|builder| builder.delay(secs(50)));
    trip(&breaker);
    for (remaining, hinted, left) in
        [(secs(1_000_000), false, secs(60)), (Duration::MAX, false, secs(60)), (secs(1_000_000), true, secs(300))]
    {
        let mut snapshot = saved(&breaker.snapshot());
        snapshot.remaining = Some(remaining);
        snapshot.trip.as_mut().unwrap().hinted = hinted;
        snapshot.taken_at = SystemTime::now() + secs(60);
        let policy = breaker.policy();
        let (restored, _) = manual(|builder| builder.policy(policy).restore(snapshot));
        assert_eq!(wait(&restored), left);
    }
}

#[test]
fn a_snapshot_that_was_tampered_with_panics_nowhere() {
    let (breaker, _) = manual(|builder| builder);
    trip(&breaker);
    let text = serde_json::to_value(breaker.snapshot()).unwrap();
    let transition =
        |from, to, reason| serde_json::json!({"from": from, "to": to, "reason": reason, "count": u64::MAX});
    let edits = [
        ("phase", serde_json::json!("closed")),
        ("phase", serde_json::json!("half_open")),
        ("trip", serde_json::json!(null)),
        ("level", serde_json::json!(u32::MAX)),
        ("in_a_row", serde_json::json!(u32::MAX)),
        ("failures", serde_json::json!(vec![serde_json::json!({"secs": u64::MAX, "nanos": 0}); 5000])),
        ("open_for", serde_json::json!({"secs": u64::MAX, "nanos": 999_999_999})),
        ("remaining", serde_json::json!(null)),
        ("overlay_remaining", serde_json::json!({"secs": u64::MAX, "nanos": 0})),
        ("epoch", serde_json::json!(u64::MAX)),
        ("counts", serde_json::json!({"failures": u64::MAX, "trips": u64::MAX, "probes": u64::MAX, "late": u64::MAX})),
        ("counts", serde_json::json!({"probe_results": {"succeeded": u64::MAX, "failed": u64::MAX}})),
        ("refusals", serde_json::json!({"open": u64::MAX, "probes_out": u64::MAX})),
        ("transitions", serde_json::json!([transition("closed", "open", "failure_window")])),
        ("transitions", serde_json::json!([transition("closed", "closed", "reset")])),
        ("open_time", serde_json::json!({"secs": u64::MAX, "nanos": 0})),
        ("taken_at", serde_json::json!({"secs_since_epoch": 0, "nanos_since_epoch": 0})),
    ];
    for (field, value) in edits {
        let mut edited = text.clone();
        edited[field] = value;
        let snapshot: Snapshot = serde_json::from_value(edited).unwrap();
        let (restored, clock) = manual(|builder| builder.restore(snapshot).count_refusals().count_transitions());
        for _ in 0..20 {
            let _ = restored.try_acquire().map(resilience::Permit::failure);
            let _ = (restored.snapshot(), restored.state());
            clock.advance(secs(7));
        }
        clock.advance(secs(3600));
        while restored.state() != State::Closed {
            clock.advance(secs(1));
            succeed(&restored, 1);
        }
    }
    for garbage in ["{}", "null", "[]", "\"open\"", r#"{"state":"ajar"}"#] {
        assert!(serde_json::from_str::<Snapshot>(garbage).is_err());
    }
}

#[test]
fn counts_that_are_at_their_end_are_cut_and_go_on() {
    let (breaker, _) = manual(Builder::count_refusals);
    trip(&breaker);
    let mut snapshot = saved(&breaker.snapshot());
    (snapshot.counts.trips, snapshot.counts.probe_results.failed) = (u64::MAX, u64::MAX);
    snapshot.refusals.as_mut().unwrap().open = u64::MAX;
    let (restored, clock) = manual(|builder| builder.count_refusals().restore(snapshot));
    let before = restored.snapshot();
    assert!(restored.try_acquire().is_err());
    clock.advance(wait(&restored));
    fail(&restored, 1);
    let now = restored.snapshot();
    assert_eq!(now.counts.trips, before.counts.trips + 1);
    assert_eq!(now.counts.probe_results.failed, before.counts.probe_results.failed + 1);
    assert_eq!(now.refusals.unwrap().open, before.refusals.unwrap().open + 2);
}

#[test]
fn a_run_that_is_at_its_end_neither_begins_anew_nor_trips_by_a_rule_that_is_off() {
    let (breaker, _) = manual(|builder| builder);
    fail(&breaker, 1);
    for run in [u32::MAX - 1, u32::MAX] {
        let mut snapshot = saved(&breaker.snapshot());
        snapshot.in_a_row = Some(run);
        let (off, _) = manual(|builder| builder.restore(snapshot.clone()));
        fail(&off, 1);
        assert_eq!(off.state(), State::Closed, "{run} and one more are two within the window");
        let (on, _) = manual(|builder| builder.in_a_row(5).restore(snapshot));
        fail(&on, 1);
        assert_eq!(on.snapshot().trip.unwrap().rule, resilience::machine::Rule::InARow, "{run}");
    }
}

#[test]
fn an_open_time_out_of_all_proportion_keeps_out_none_that_may_not_probe() {
    let (breaker, _) = manual(|builder| builder);
    trip(&breaker);
    let mut snapshot = saved(&breaker.snapshot());
    snapshot.open_for = Some(Duration::MAX);
    let (restored, clock) = manual(|builder| builder.restore(snapshot));
    clock.advance(wait(&restored));
    let refused = restored.try_acquire_no_probe().unwrap_err();
    assert_eq!(refused.retry_after(), secs(60), "the longest that the policy knows");
    clock.advance(secs(60));
    assert!(restored.try_acquire_no_probe().is_ok());
}

#[test]
fn where_there_was_no_overlay_none_expires() {
    let (breaker, _) = manual(|builder| builder);
    trip(&breaker);
    let mut snapshot = saved(&breaker.snapshot());
    snapshot.overlay_remaining = Some(secs(20));
    let (restored, clock) = manual(|builder| builder.restore(snapshot));
    let mut transitions = restored.subscribe();
    clock.advance(secs(10));
    succeed(&restored, 1);
    clock.advance(secs(10));
    succeed(&restored, 1);
    assert_eq!(names(&mut transitions), ["half_opened", "stage_reached"]);
}

#[tokio::test(start_paused = true)]
async fn restored_failures_are_as_old_as_they_are_on_a_clock_that_is_younger() {
    let (breaker, clock) = manual(|builder| builder);
    fail(&breaker, 2);
    clock.advance(secs(25));
    let snapshot = saved(&breaker.snapshot());
    for younger in [true, false] {
        let builder = Breaker::builder().restore(snapshot.clone());
        let restored = if younger { builder.clock(Tokio::new()) } else { builder }.build().unwrap();
        let ages = restored.snapshot().failures;
        assert!(ages.len() == 2 && ages.iter().all(|age| *age >= secs(25)), "{ages:?}");
    }
    let restored = Breaker::builder().restore(snapshot).clock(Tokio::new()).build().unwrap();
    tokio::time::advance(secs(6)).await;
    fail(&restored, 1);
    assert_eq!(restored.state(), State::Closed, "the two have left the window");
}
