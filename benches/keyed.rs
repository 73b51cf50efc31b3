//! What a breaker for each key costs: healthy calls of a thousand and of a million keys, while none, some or many other
//! keys are in trouble, beside the layer with one breaker for all.
//!
//! Passes of each are taken in turn, so that what else the machine does falls on all alike; told are medians. The keys
//! follow each other by chance, as they do in a service: a million of them do not fit into any cache, had they any state.
#![allow(missing_docs)]

use resilience::keyed::Keyed;
use resilience::layer::{BreakerService, KeyedLayer, KeyedService};
use resilience::{Breaker, BreakerLayer, State};
use std::hash::RandomState;
use std::hint::black_box;
use subjects::{Args, Mode, Table, Upstream, cpu_time, figure, median, tower_call};
use tower_layer::Layer;

const KEYS: [u64; 2] = [1_000, 1_000_000];
/// A healthy call of one key of many takes at most so much longer than that of a single breaker.
const MOST_OVER: f64 = 20.0;
const IN_TROUBLE: [u64; 3] = [0, 10, 1_000];

/// A key is half of the request, because odd requests fail.
const fn key(request: &u64) -> Option<u64> {
    Some(*request / 2)
}

type ByKey = KeyedService<Upstream, u64, fn(&u64) -> Option<u64>>;

fn by_key(keyed: Keyed<u64, RandomState>) -> ByKey {
    KeyedLayer::new(keyed, key as fn(&u64) -> Option<u64>).layer(Upstream)
}

/// So many keys that are open, none of which is called afterwards.
fn trouble(open: u64) -> Keyed<u64> {
    let each =
        Breaker::builder().delay(std::time::Duration::from_secs(3600)).max_delay(std::time::Duration::from_secs(3600));
    // The policy has no value out of its range.
    let keyed: Keyed<u64> = Keyed::builder().each(each).build().unwrap_or_default();
    for key in 0..open {
        let key = u64::MAX / 2 - key;
        for _ in 0..3 {
            if let Ok(permit) = keyed.try_acquire(&key) {
                permit.failure();
            }
        }
        assert_eq!(keyed.state(&key), State::Open);
    }
    assert_eq!(keyed.kept(), open);
    keyed
}

/// Requests of so many keys, in no order.
fn requests(keys: u64, calls: u64) -> Vec<u64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let draw = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % keys * 2
    };
    (0..calls).map(draw).collect()
}

#[inline(never)]
fn one(service: &mut BreakerService<Upstream>, requests: &[u64]) {
    for request in requests {
        assert!(black_box(tower_call(service, black_box(*request))).is_ok());
    }
}

#[inline(never)]
fn each(service: &mut ByKey, requests: &[u64]) {
    for request in requests {
        assert!(black_box(tower_call(service, black_box(*request))).is_ok());
    }
}

#[allow(clippy::cast_precision_loss)]
fn nanos(calls: &[u64], pass: impl FnOnce(&[u64])) -> f64 {
    let began = cpu_time();
    pass(calls);
    (cpu_time() - began).as_nanos() as f64 / calls.len() as f64
}

fn main() {
    let args = Args::or_list("keyed");
    let (calls, passes) = args.pick((1_000, 1), (50_000, 15), (200_000, 41));
    let mut table = Table::new(&["ns a healthy call", "one breaker", "a breaker for each key", "over"]);
    let mut dearest = 0.0_f64;
    for keys in KEYS {
        let requests = requests(keys, calls);
        for open in IN_TROUBLE {
            let name = format!("{keys} keys, {open} others open");
            if !args.wants(&name) {
                continue;
            }
            let keyed = trouble(open);
            let (mut single, mut many) = (BreakerLayer::new(Breaker::new()).layer(Upstream), by_key(keyed.clone()));
            let (mut of_one, mut of_each, mut over) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..passes {
                let (a, b) = (
                    nanos(&requests, |requests| one(&mut single, requests)),
                    nanos(&requests, |requests| each(&mut many, requests)),
                );
                of_one.push(a);
                of_each.push(b);
                over.push(b - a);
            }
            assert_eq!(keyed.kept(), open, "a healthy key holds no memory");
            let over = median(over);
            dearest = dearest.max(over);
            table.row([name, figure(median(of_one)), figure(median(of_each)), figure(over)]);
        }
    }
    println!("{table}");
    // Fewer passes than all of them prove nothing about time.
    assert!(
        args.mode != Mode::Full || dearest <= MOST_OVER,
        "{dearest} ns over a single breaker are more than {MOST_OVER}"
    );
}
