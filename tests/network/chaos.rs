//! Anything, in any order.

use crate::seen::{is_kept, kept};
use crate::world::{Clients, EVERY, Incident, LONGEST, TIMEOUT, World, at, becomes, run};
use std::time::Duration;
use support::fixture::{ms, secs};
use turmoil::Sim;

const MENDED: Duration = secs(20);
const END: Duration = secs(35);

/// A few sequences of what happens, or as many as the variable `NETWORK_SEEDS` says.
fn seeds() -> std::ops::Range<u64> {
    0..std::env::var("NETWORK_SEEDS").map_or(3, |number| number.parse().unwrap())
}

/// Twelve things that happen to the network and to both programs, as the seed has it, and then all is mended.
fn anything(seed: u64) -> Vec<Incident<'static>> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut draw = |end: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % end
    };
    let mut incidents = vec![at(MENDED, |sim: &mut Sim<'_>, world: &World| {
        world.plan("healthy");
        world.drip.set(None);
        sim.repair("gateway", "upstream");
        sim.release("gateway", "upstream");
        sim.bounce("upstream");
    })];
    for _ in 0..12 {
        let time = ms(1000 + draw(18_000));
        incidents.push(match draw(12) {
            0 => at(time, |sim, _| sim.partition("gateway", "upstream")),
            1 => at(time, |sim, _| sim.repair("gateway", "upstream")),
            2 => at(time, |sim, _| sim.crash("upstream")),
            3 => at(time, |sim, _| sim.bounce("upstream")),
            4 => at(time, |sim, _| sim.hold("gateway", "upstream")),
            5 => at(time, |sim, _| sim.release("gateway", "upstream")),
            6 => at(time, becomes("addEvent=outage")),
            7 => at(time, becomes("addEvent=cut-body")),
            8 => at(time, becomes("addEvent=slow(3s)")),
            9 => at(time, |_, world| world.drip.set(Some(ms(300)))),
            10 => at(time, |sim, _| {
                sim.crash("gateway");
                sim.bounce("gateway");
            }),
            _ => at(time, becomes("healthy")),
        });
    }
    incidents
}

#[test]
fn whatever_happens_to_the_network_it_is_closed_again_soon_after_everything_is_well() {
    for seed in seeds() {
        let (seen, world) = run(seed, Clients::Once, END, anything(seed));
        // A probe times out, the longest cool-down passes, two stages of probes.
        let well = MENDED + TIMEOUT + LONGEST + secs(2);
        let late: Vec<u16> = seen.sent(well, END).map(|answer| answer.status).collect();
        assert!(late.len() > 50 && late.iter().all(|status| *status == 201), "seed {seed}: {late:?}");
        is_kept(&seen, &kept(&world));
    }
}

#[test]
fn whatever_happens_a_client_that_repeats_its_request_gets_one_event() {
    for seed in seeds() {
        let (seen, world) = run(seed, Clients::Insisting, END, anything(seed));
        let kept = kept(&world);
        is_kept(&seen, &kept);
        let acknowledged = seen.answers.iter().filter(|answer| answer.id.is_some()).count();
        // Each of them ended with an answer, so there is nothing that nobody was told of.
        assert_eq!(kept.len(), acknowledged, "seed {seed}");
        assert!(seen.answers.len() > acknowledged, "seed {seed}: nothing had to be repeated");
    }
}

#[test]
fn the_same_seed_gives_the_same_run_to_the_tick() {
    let once = || run(7, Clients::Once, secs(12), anything(7)).0;
    let (mut one, mut other) = (once(), once());
    for seen in [&mut one, &mut other] {
        // The ids are made of the time of day.
        seen.answers.iter_mut().for_each(|answer| answer.id = None);
    }
    assert!(one.answers.len() > 100 && one.answers.iter().any(|answer| answer.answered - answer.sent > EVERY));
    assert_eq!((one.answers, one.changes), (other.answers, other.changes));
}
