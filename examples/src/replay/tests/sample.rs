//! The sample log beside the examples: made here, so that everybody can see what is in it.
//!
//! `BLESS=1 cargo test -p examples sample` writes it anew after a change that is meant.

use std::fmt::Write;
use std::path::Path;

/// The same numbers each time: it is about traffic, not about chance.
struct Numbers(u64);

impl Numbers {
    /// One from zero up to this, without it.
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// Six minutes before an upstream, two calls a second: at 0:40 it restarts, which takes two seconds; from 2:00 to 2:45 nobody
/// listens there; from 4:15 to 5:00 about every third call runs into the proxy's timeout of two seconds. As nginx writes it,
/// in the combined format with `$request_time` at the end, in the order in which calls ended.
fn sample() -> String {
    let mut numbers = Numbers(20_260_302);
    let mut calls = Vec::new();
    for number in 0..720 {
        let start = number * 500 + numbers.below(500);
        let (status, took) = match start {
            40_000..42_000 | 120_000..165_000 => (502, 1 + numbers.below(3)),
            255_000..300_000 if numbers.below(3) == 0 => (504, 2000 + numbers.below(4)),
            255_000..300_000 => (200, 300 + numbers.below(900)),
            _ => match numbers.below(100) {
                0 => (500, 8 + numbers.below(30)),
                1..4 => (404, 3 + numbers.below(5)),
                4 => (499, 40 + numbers.below(60)),
                _ => (200, 6 + numbers.below(40)),
            },
        };
        let (request, bytes) = match numbers.below(4) {
            0 => ("GET /getUsers?limit=10 HTTP/1.1", 1730),
            1 => ("GET /getEvents HTTP/1.1", 2210),
            _ => ("POST /addEvent HTTP/1.1", 87),
        };
        let bytes = if status == 200 { bytes } else { 0 };
        let client = 1 + numbers.below(20);
        calls.push((start + took, client, request, status, bytes, took));
    }
    calls.sort_unstable();
    let mut text = String::new();
    for (end, client, request, status, bytes, took) in calls {
        let (minute, second) = (end / 60_000, end / 1000 % 60);
        let (seconds, millis) = (took / 1000, took % 1000);
        writeln!(
            text,
            "192.0.2.{client} - - [02/Mar/2026:09:{minute:02}:{second:02} +0000] \"{request}\" {status} {bytes} \"-\" \
             \"shop/2.4\" {seconds}.{millis:03}"
        )
        .unwrap();
    }
    text
}

#[test]
fn the_sample_log_is_the_one_that_is_made_here() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/access.log");
    let sample = sample();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &sample).unwrap();
    }
    assert!(std::fs::read_to_string(&file).unwrap() == sample, "BLESS=1 writes it anew");
}
