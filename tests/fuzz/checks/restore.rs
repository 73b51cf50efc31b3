//! A snapshot of any content is restored: nothing panics, whatever happens then, and it comes back to health.
//!
//! The first 16 bytes choose the policy and what is done, the rest is a snapshot as JSON; `open` among the seeds
//! shows one.

use resilience::clock::Manual;
use resilience::{Breaker, Hint, Snapshot, State, Verdict};
use std::time::Duration;

/// Whether there was a snapshot in it.
pub(crate) fn check(data: &[u8]) -> bool {
    let Some((script, json)) = data.split_at_checked(16) else { return false };
    let Ok(snapshot) = serde_json::from_slice::<Snapshot>(json) else { return false };
    let clock = Manual::new();
    let mut builder = Breaker::builder().clock(clock.clone());
    if script[0] & 1 == 1 {
        builder = builder.in_a_row(3).failure_rate(0.5).over(Duration::from_secs(60)).min_calls(4);
    }
    if script[0] & 2 == 2 {
        builder = builder.stages(1).keep_on_success().stalled(2).for_longer_than(Duration::from_secs(5));
    }
    if script[0] & 4 == 4 {
        builder = builder.quota(3).per(Duration::from_secs(1)).forgive_each(Duration::from_secs(60));
    }
    let breaker = builder.restore(snapshot).build().unwrap();
    // What it tells can be told again.
    let told = breaker.snapshot();
    let again: Snapshot = serde_json::from_str(&serde_json::to_string(&told).unwrap()).unwrap();
    assert_eq!(again, told);
    let mut out = Vec::new();
    for byte in &script[1..] {
        clock.advance(Duration::from_millis(u64::from(byte >> 4) * 300));
        match byte & 15 {
            0..=4 => match breaker.try_acquire() {
                Ok(permit) => out.push(permit),
                Err(rejected) => {
                    // Words and numbers, whatever they are made of.
                    let _ = (rejected.to_string(), rejected.trip(), rejected.retry_after_secs());
                }
            },
            5..=7 => out.pop().into_iter().for_each(resilience::Permit::failure),
            8 | 9 => out.pop().into_iter().for_each(resilience::Permit::success),
            10 => out
                .pop()
                .into_iter()
                .for_each(|permit| permit.record(Verdict::Failure(Some(Hint::after(Duration::MAX))))),
            11 => breaker.force_open_for(Duration::from_secs(1)),
            12 => breaker.auto(),
            13 => breaker.shadow(),
            14 => drop(breaker.snapshot()),
            _ => breaker.reset(),
        }
    }
    drop(out);
    // However it was saved: without an operator's word, and with a healthy upstream, it closes in the end.
    breaker.auto();
    for _ in 0..200 {
        if breaker.state() == State::Closed {
            return true;
        }
        clock.advance(Duration::from_secs(60));
        while let Ok(permit) = breaker.try_acquire() {
            permit.success();
            if breaker.state() == State::Closed {
                return true;
            }
        }
    }
    panic!("it does not close: {:#?}", breaker.snapshot());
}
