//! The upstream cannot be reached, and comes back.

use crate::seen::{Seen, is_kept, kept};
use crate::world::{Clients::Once, EVERY, LONGEST, ROUND_TRIP, TIMEOUT, at, becomes, run};
use std::time::Duration;
use support::fixture::{ms, secs};

/// When it happens, when it is over, and how long it is looked at.
const BROKEN: Duration = secs(5);
const MENDED: Duration = secs(17);
const END: Duration = secs(30);

/// The time in which three calls that nobody answers have timed out, the last of which was sent with the third tick.
const SILENCE: std::ops::Range<Duration> =
    secs(5 + TIMEOUT.as_secs())..Duration::from_millis((5 + TIMEOUT.as_secs()) * 1000 + 400);

#[test]
fn a_network_that_is_well_is_left_alone() {
    let (seen, world) = run(1, Once, secs(10), Vec::new());
    assert_eq!((seen.changes.len(), seen.answers.len()), (0, 100));
    assert!(seen.answers.iter().all(|answer| answer.status == 201 && answer.answered - answer.sent < ROUND_TRIP));
    assert_eq!(kept(&world).len(), 100);
}

#[test]
fn a_partition_that_refuses_connections_is_noticed_within_a_few_calls() {
    let incidents = vec![
        at(BROKEN, |sim, _| sim.partition("gateway", "upstream")),
        at(MENDED, |sim, _| sim.repair("gateway", "upstream")),
    ];
    let (seen, world) = run(2, Once, END, incidents);
    let tripped = seen.changed("open", BROKEN);
    // The first call goes out on a connection of the pool, where nobody says no.
    assert!(tripped < BROKEN + 4 * EVERY + ROUND_TRIP, "{tripped:?}");
    let asked = seen.asked(BROKEN, MENDED);
    assert_eq!(asked.get(&504), Some(&1), "{asked:?}");
    assert!((3..=9).contains(&asked[&502]), "three and a probe for each cool-down, of 120: {asked:?}");
    assert_eq!(asked.len(), 2, "{asked:?}");
    let closed = seen.changed("closed", MENDED);
    assert!(closed < MENDED + LONGEST + secs(1), "{closed:?}");
    seen.refuses_at_once_and_recovers(tripped, closed, END);
    is_kept(&seen, &kept(&world));
}

/// Nothing comes from `BROKEN` to `MENDED`.
fn is_noticed_as_silence(seen: &Seen) {
    let tripped = seen.changed("open", BROKEN);
    assert!(SILENCE.contains(&tripped), "{tripped:?}");
    let asked = seen.asked(BROKEN + ROUND_TRIP, MENDED - TIMEOUT);
    // Two seconds' worth before it was noticed, and a probe or two for each cool-down; of 100 that were asked for.
    assert!(asked.len() == 1 && (20..40).contains(&asked[&504]), "{asked:?}");
    let closed = seen.changed("closed", MENDED);
    // A probe that was sent into the silence has to time out, and then the longest cool-down to pass.
    assert!(closed < MENDED + TIMEOUT + LONGEST + secs(1), "{closed:?}");
    seen.refuses_at_once_and_recovers(tripped, closed, END);
}

#[test]
fn a_crash_that_leaves_silence_is_noticed_when_three_calls_have_timed_out_and_only_probes_go_into_it() {
    let incidents = vec![at(BROKEN, |sim, _| sim.crash("upstream")), at(MENDED, |sim, _| sim.bounce("upstream"))];
    let (seen, world) = run(3, Once, END, incidents);
    is_noticed_as_silence(&seen);
    is_kept(&seen, &kept(&world));
}

#[test]
fn what_is_held_on_the_way_is_silence_and_what_comes_late_is_done_once() {
    let incidents = vec![
        at(BROKEN, |sim, _| sim.hold("gateway", "upstream")),
        at(MENDED, |sim, _| sim.release("gateway", "upstream")),
    ];
    let (seen, world) = run(4, Once, END, incidents);
    // A connection that is not made is the same silence as an answer that does not come.
    is_noticed_as_silence(&seen);
    // That is why nobody but the client may repeat a POST: what was answered 504 may be done.
    let kept = kept(&world);
    is_kept(&seen, &kept);
    let acknowledged = seen.answers.iter().filter(|answer| answer.id.is_some()).count();
    assert!(kept.len() > acknowledged, "{} and {acknowledged}", kept.len());
}

#[test]
fn an_upstream_that_takes_requests_and_says_nothing_is_silence_too() {
    let incidents = vec![at(BROKEN, becomes("addEvent=hang")), at(MENDED, becomes("healthy"))];
    let (seen, _) = run(5, Once, END, incidents);
    is_noticed_as_silence(&seen);
}

#[test]
fn one_hiccup_that_is_shorter_than_the_timeout_trips_nothing() {
    let incidents = vec![
        at(BROKEN, |sim, _| sim.hold("gateway", "upstream")),
        at(BROKEN + ms(1500), |sim, _| sim.release("gateway", "upstream")),
    ];
    let (seen, _) = run(6, Once, secs(15), incidents);
    assert_eq!(seen.changes, []);
    assert!(seen.answers.iter().all(|answer| answer.status == 201), "late is not lost");
}
