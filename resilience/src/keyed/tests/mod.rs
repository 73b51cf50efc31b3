mod alike;
mod control;
mod hostile;
mod late;
mod parent;
mod room;

use super::{Keyed, KeyedPermit};
use crate::clock::Manual;
use crate::{Breaker, Builder};

/// Exact times.
fn each() -> Builder {
    Breaker::builder().jitter(0.0)
}

fn keyed(clock: &Manual) -> Keyed<u64> {
    Keyed::builder().each(each()).clock(clock.clone()).build().unwrap()
}

fn admit(keyed: &Keyed<u64>, key: u64) -> KeyedPermit<u64> {
    keyed.try_acquire(&key).unwrap()
}

/// Three failures, so that the key trips by the default policy.
fn trip(keyed: &Keyed<u64>, key: u64) {
    (0..3).for_each(|_| admit(keyed, key).failure());
}
