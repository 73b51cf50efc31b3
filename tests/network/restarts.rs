//! The gateway itself dies and comes back.

use crate::seen::{is_kept, kept};
use crate::world::{Clients::Once, EVERY, LONGEST, ROUND_TRIP, at, becomes, run};
use support::fixture::secs;

#[test]
fn a_gateway_that_is_back_is_well_at_once_if_its_upstream_is() {
    let (down, back, end) = (secs(5), secs(8), secs(20));
    let incidents = vec![at(down, |sim, _| sim.crash("gateway")), at(back, |sim, _| sim.bounce("gateway"))];
    let (seen, world) = run(21, Once, end, incidents);
    assert!(seen.sent(down + ROUND_TRIP, back - ROUND_TRIP).all(|answer| answer.status != 201));
    seen.is_well(back + ROUND_TRIP, end);
    assert_eq!(seen.changes, [], "that it was away itself is no failure of its upstream");
    is_kept(&seen, &kept(&world));
}

#[test]
fn a_gateway_that_is_back_in_an_outage_has_to_learn_of_it_anew_and_does() {
    let (broken, down, back, mended, end) = (secs(5), secs(10), secs(12), secs(20), secs(35));
    let incidents = vec![
        at(broken, becomes("addEvent=outage")),
        at(down, |sim, _| sim.crash("gateway")),
        at(back, |sim, _| sim.bounce("gateway")),
        at(mended, becomes("healthy")),
    ];
    let (seen, _) = run(22, Once, end, incidents);
    let first = seen.changed("open", broken);
    assert!(first < broken + 3 * EVERY + ROUND_TRIP, "{first:?}");
    let again = seen.changed("open", back);
    assert!(again < back + 3 * EVERY + ROUND_TRIP, "{again:?}");
    let closed = seen.changed("closed", mended);
    assert!(closed < mended + LONGEST + secs(1), "{closed:?}");
    seen.is_well(closed + ROUND_TRIP, end);
}
