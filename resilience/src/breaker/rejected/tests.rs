use super::*;
use crate::Breaker;

#[test]
fn a_wait_of_any_length_is_told_and_never_shorter_than_it_is() {
    let breaker = Breaker::new();
    for wait in [
        0,
        1,
        999_999_999,
        2_000_000_000_000_000,
        1 << 44,
        (1 << 45) - 1,
        1 << 45,
        (1 << 45) + 1,
        1 << 62,
        u64::MAX - 1,
        u64::MAX,
    ] {
        for reason in [Reason::Open, Reason::Quota] {
            let rejected = Rejected::new(breaker.slot(), reason, wait, Edition(0x0aff_ffff));
            let told = crate::clock::nanos(rejected.retry_after());
            assert_eq!(rejected.reason(), reason);
            assert!(told >= wait && told - wait < 1_000_000, "{wait} is told as {told}");
            if wait % 1_000_000 == 0 {
                assert_eq!(told, wait);
            }
        }
    }
}

#[test]
fn a_key_s_refusal_tells_its_place_and_a_wait_that_is_never_shorter_than_it_is() {
    let breaker = Breaker::new();
    let minutes = 60_000_000_000;
    for wait in [0, 1, 999, 1000, 1_500_000_000, 4 * minutes, 5 * minutes + 1, 4_000_000 * minutes] {
        for (reason, place, edition) in [(Reason::Open, 0, 255), (Reason::Quota, (1 << PLACE_BITS) - 1, 7)] {
            let rejected = Rejected::keyed(breaker.slot(), reason, wait, edition, place);
            let told = crate::clock::nanos(rejected.retry_after());
            let unit = KEYED_UNITS[usize::from(wait > 4 * minutes)];
            assert!(told >= wait && told - wait < unit, "{wait} is told as {told}");
            assert_eq!((rejected.reason(), rejected.place()), (reason, Some((place, edition))));
        }
    }
    assert_eq!(Rejected::new(breaker.slot(), Reason::Quota, u64::MAX, Edition(255)).place(), None);
}

#[test]
fn retry_after_is_rounded_up_and_at_least_a_second() {
    let breaker = Breaker::new();
    let seconds = |wait| Rejected::new(breaker.slot(), Reason::Open, wait, Edition(0)).retry_after_secs();
    assert_eq!([0, 1, 1_000_000_000, 1_000_000_001].map(seconds), [1, 1, 1, 2]);
}

#[test]
fn a_refusal_right_after_the_trip_never_tells_to_wait_for_longer_than_the_breaker_is_open() {
    let breaker = Breaker::builder().jitter(0.0).delay(Duration::from_secs(30)).build().unwrap();
    (0..3).for_each(|_| breaker.try_acquire().unwrap().failure());
    for _ in 0..100 {
        let wait = breaker.try_acquire().unwrap_err().retry_after();
        assert!(wait <= Duration::from_secs(30), "{wait:?}");
    }
}

#[test]
fn an_edition_counts_trips_and_owners_apart() {
    let owner = |edition: Edition| edition.packed() & OWNER_MASK;
    let first = Edition(u32::MAX);
    assert_eq!((first.next(), first.next_owner()), (Edition(0x3f00), Edition(0xffff_c0ff)));
    let mut edition = Edition(0);
    for trips in 1..=300_u32 {
        let next = edition.next();
        assert_ne!(next.packed(), edition.packed());
        assert_eq!(owner(next), owner(edition));
        edition = next;
        assert_eq!(edition.0, trips & 0xff | trips >> 8 << (EDITION_BITS + OWNER_BITS));
    }
    for _ in 0..70 {
        let next = edition.next_owner();
        assert_ne!(owner(next), owner(edition));
        assert_eq!(next.next_owner().0 & !Edition::OWNER, edition.0 & !Edition::OWNER);
        edition = next;
    }
}

#[test]
fn a_refusal_does_not_tell_of_a_later_trip_but_still_who_refused() {
    let breaker = Breaker::builder().name("orders").build().unwrap();
    let trip = || (0..3).for_each(|_| breaker.try_acquire().unwrap().failure());
    trip();
    let rejected = breaker.try_acquire().unwrap_err();
    breaker.reset();
    assert!(rejected.trip().is_some(), "recovered from, but not replaced");
    std::iter::repeat_with(|| breaker.try_acquire().unwrap()).take(2).for_each(crate::Permit::failure);
    breaker.try_acquire().unwrap().record(crate::Verdict::Failure(Some(crate::Hint::after(Duration::from_secs(9)))));
    assert_eq!(rejected.trip(), None);
    assert_eq!(rejected.reason(), Reason::Open);
    assert_eq!(rejected.breaker().as_ref(), "orders");
    let later = breaker.try_acquire().unwrap_err();
    assert!(later.trip().unwrap().hinted);
    drop(breaker);
    assert_eq!((later.trip(), later.breaker().as_ref()), (None, UNNAMED));
}

#[test]
fn a_refusal_equals_another_one_that_tells_the_same_of_the_same_breaker() {
    let (breaker, other) = (Breaker::new(), Breaker::new());
    let refusal = |breaker: &Breaker, wait| Rejected::new(breaker.slot(), Reason::Open, wait, Edition(1));
    assert_eq!(refusal(&breaker, 5), refusal(&breaker, 5));
    assert_ne!(refusal(&breaker, 5), refusal(&breaker, 6));
    assert_ne!(refusal(&breaker, 5), refusal(&other, 5));
}

fn told(last_millis: u32, until: u64) -> Told {
    Told { until: Instant::from_nanos(until), failed_at: u64::from(last_millis), packed: 1, edition: Edition(1) }
}

#[test]
fn a_trip_is_fresh_for_as_long_as_the_cheap_clock_may_lag_behind_it() {
    let slack = u32::try_from(COARSE_SLACK / 1_000_000).unwrap();
    let at = |millis: u64| Instant::from_nanos(millis * 1_000_000);
    for last in [1_000, 5_000_000, u32::MAX - 3, u32::MAX] {
        let fresh = |after: i64| told(last, 0).is_fresh(at((i64::from(last) + after).unsigned_abs()));
        // A millisecond more on both sides, as milliseconds are whole ones.
        let edge = i64::from(slack) + 1;
        assert_eq!([-edge, -1, 0, 1, edge].map(fresh), [true; 5], "{last}");
        // And again after half of the 49 days that are told apart, which does no harm.
        let half = edge + 1 + i64::from(u32::MAX / 2);
        assert_eq!([edge + 1, 10 * edge, half, half + 1].map(fresh), [false, false, false, true], "{last}");
    }
}

#[test]
fn a_refusal_is_plain_unless_its_trip_is_fresh_or_forced_or_its_wait_long() {
    let breaker = Breaker::new();
    let now = Instant::from_nanos(1 << 50);
    let wait = |nanos: u64| now.as_nanos() + nanos;
    let plain = |told: Told| told.reject_plainly(breaker.slot(), now);
    let longest = (1_u64 << (64 - WAIT_AT)) - 1;
    for nanos in [0, 1, longest] {
        let rejected = plain(told(0, wait(nanos))).unwrap();
        assert_eq!(rejected, told(0, wait(nanos)).reject(breaker.slot(), now));
        assert_eq!((rejected.reason(), rejected.retry_after()), (Reason::Open, Duration::from_nanos(nanos)));
    }
    assert_eq!(plain(told(0, wait(longest + 1))), None);
    assert_eq!(plain(told(millis(now), wait(5))), None, "fresh");
    assert_eq!(plain(Told { packed: u64::from(FORCED), ..told(0, wait(5)) }), None);
}
