//! The upstream answers, but how.

use crate::seen::{is_kept, kept};
use crate::world::{Clients::Once, EVERY, LONGEST, ROUND_TRIP, TIMEOUT, at, becomes, run};
use std::time::Duration;
use support::fixture::{ms, secs};

const BROKEN: Duration = secs(5);
const MENDED: Duration = secs(12);
const END: Duration = secs(25);

#[test]
fn answers_that_are_cut_short_are_failures_and_nobody_gets_half_of_one() {
    let incidents = vec![at(BROKEN, becomes("addEvent=cut-body")), at(MENDED, becomes("healthy"))];
    let (seen, world) = run(11, Once, END, incidents);
    let tripped = seen.changed("open", BROKEN);
    assert!(tripped < BROKEN + 3 * EVERY + ROUND_TRIP, "{tripped:?}");
    let asked = seen.asked(BROKEN + ROUND_TRIP, MENDED - ROUND_TRIP);
    assert!(asked.len() == 1 && asked[&502] < 3 + 6, "{asked:?}");
    let closed = seen.changed("closed", MENDED);
    assert!(closed < MENDED + LONGEST + secs(1), "{closed:?}");
    seen.refuses_at_once_and_recovers(tripped, closed, END);
    is_kept(&seen, &kept(&world));
}

#[test]
fn a_slow_answer_is_an_answer_and_one_that_drips_is_silence() {
    let drips = secs(10);
    let incidents = vec![
        at(BROKEN, becomes("addEvent=slow(1s)")),
        at(drips - secs(2), becomes("healthy")),
        at(drips, |_, world| world.drip.set(Some(ms(500)))),
        at(secs(18), |_, world| world.drip.set(None)),
    ];
    let (seen, world) = run(12, Once, secs(30), incidents);
    let mut slow = seen.sent(BROKEN + ROUND_TRIP, drips - secs(2) - ROUND_TRIP);
    assert!(slow.all(|answer| answer.status == 201 && answer.answered - answer.sent > secs(1)));
    let tripped = seen.changed("open", BROKEN);
    assert!((drips + TIMEOUT..drips + TIMEOUT + ms(400)).contains(&tripped), "{tripped:?}");
    let asked = seen.asked(drips + ROUND_TRIP, secs(18) - TIMEOUT);
    assert!(asked.len() == 1 && (20..40).contains(&asked[&504]), "{asked:?}");
    let closed = seen.changed("closed", secs(18));
    assert!(closed < secs(18) + TIMEOUT + LONGEST + secs(1), "{closed:?}");
    seen.refuses_at_once_and_recovers(tripped, closed, secs(30));
    is_kept(&seen, &kept(&world));
}

#[test]
fn an_upstream_that_dies_in_the_middle_of_an_answer_leaves_no_half_of_it() {
    let died = BROKEN + secs(1);
    let incidents = vec![
        // What it writes is under way in small parts when it dies.
        at(BROKEN, |_, world| world.drip.set(Some(ms(200)))),
        at(died, |sim, _| sim.crash("upstream")),
        at(MENDED, |_, world| world.drip.set(None)),
        at(MENDED, |sim, _| sim.bounce("upstream")),
    ];
    let (seen, world) = run(13, Once, END, incidents);
    let tripped = seen.changed("open", BROKEN);
    assert!((died..died + ROUND_TRIP).contains(&tripped), "all that were under way fail at once: {tripped:?}");
    // Whoever was told half of an answer is told 502; the probes go into silence.
    let kept = kept(&world);
    let asked = seen.asked(BROKEN + ROUND_TRIP, died - ROUND_TRIP);
    assert!(asked.len() == 1 && asked[&502] > 3, "{asked:?}");
    let lost = seen.sent(BROKEN, died).filter(|answer| answer.status == 502 && kept.contains_key(&answer.name));
    assert!(lost.count() > 3, "they were carried out");
    let probes = seen.asked(died + ROUND_TRIP, MENDED - TIMEOUT);
    assert!(probes.len() == 1 && (1..6).contains(&probes[&504]), "{probes:?}");
    let closed = seen.changed("closed", MENDED);
    assert!(closed < MENDED + TIMEOUT + LONGEST + secs(1), "{closed:?}");
    seen.refuses_at_once_and_recovers(tripped, closed, END);
    is_kept(&seen, &kept);
}

#[test]
fn a_limit_that_names_its_time_is_kept_to_the_tick() {
    let incidents = vec![at(BROKEN, becomes("addEvent=outage(-,503,7s)")), at(BROKEN + secs(3), becomes("healthy"))];
    let (seen, _) = run(14, Once, END, incidents);
    let tripped = seen.changed("open", BROKEN);
    assert!(tripped < BROKEN + EVERY + ROUND_TRIP, "one answer is enough: {tripped:?}");
    let half_open = seen.changed("half-open", tripped);
    assert!((tripped + secs(7)..tripped + secs(7) + EVERY + ROUND_TRIP).contains(&half_open), "{half_open:?}");
    assert_eq!(seen.asked(tripped, half_open - ROUND_TRIP).get(&503), None);
    let closed = seen.changed("closed", half_open);
    seen.refuses_at_once_and_recovers(tripped, closed, END);
}
