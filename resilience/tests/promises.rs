//! What the documentation promises and the compiler or the allocator can check: auto traits, sizes, allocations.

use allocation_counter::measure;
use resilience::classify::ErrorsFail;
use resilience::clock::Manual;
use resilience::keyed::Keyed;
use resilience::layer::ResponseFuture;
use resilience::observe::Transitions;
use resilience::respond::{AsError, Error};
use resilience::{Breaker, BreakerLayer, BreakerService, Builder, Permit, Policy, PolicyError, Rejected, Snapshot};
use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::future::{Future, Ready, ready};
use std::hash::BuildHasherDefault;
use std::hint::black_box;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tower::{Layer, Service};

type Answer = Ready<Result<u64, ()>>;

/// An inner service that is always ready; even numbers succeed.
#[derive(Clone, Debug)]
struct Inner;

impl Service<u64> for Inner {
    type Response = u64;
    type Error = ();
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, number: u64) -> Answer {
        ready(if number % 2 == 0 { Ok(number) } else { Err(()) })
    }
}

fn call(service: &mut BreakerService<Inner>, number: u64) -> Result<u64, Error<()>> {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(service.poll_ready(&mut cx), Poll::Ready(Ok(()))));
    match pin!(service.call(number)).poll(&mut cx) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("the inner service is always ready"),
    }
}

/// How often this allocates. Once before, so that what is made once in a process is there.
fn allocations(mut work: impl FnMut()) -> u64 {
    work();
    measure(work).count_total
}

fn crosses_threads<T: Send + Sync + Unpin + 'static>() {}

fn survives_panics<T: UnwindSafe + RefUnwindSafe>() {}

#[test]
fn what_users_hold_crosses_threads_and_needs_no_pinning() {
    crosses_threads::<Breaker>();
    crosses_threads::<Builder>();
    crosses_threads::<Permit>();
    crosses_threads::<Policy>();
    crosses_threads::<PolicyError>();
    crosses_threads::<Rejected>();
    crosses_threads::<Snapshot>();
    crosses_threads::<Transitions>();
    crosses_threads::<BreakerLayer>();
    crosses_threads::<BreakerService<Inner>>();
    crosses_threads::<ResponseFuture<Answer, ErrorsFail, AsError>>();
    survives_panics::<Breaker>();
    survives_panics::<BreakerService<Inner>>();
}

#[test]
fn a_layer_is_shown_whatever_closures_it_was_given() {
    let layer = BreakerLayer::new(Breaker::new())
        .classify(|outcome: Result<&u64, &()>| resilience::Verdict::failure_if(outcome.is_err()))
        .respond(|_: Rejected| Err::<u64, ()>(()))
        .probe_if(|number: &u64| *number == 0);
    assert!(format!("{layer:?}").starts_with("BreakerLayer"));
    #[cfg(feature = "tokio")]
    assert!(format!("{:?}", layer.back_pressure()).starts_with("BackPressureLayer"));
}

#[cfg(feature = "http")]
#[test]
fn what_users_of_http_hold_crosses_threads_and_needs_no_pinning() {
    use resilience::classify::{GrpcStatus, HttpStatus};
    use resilience::layer::{ResponseBody, Watch};
    use resilience::respond::{GrpcUnavailable, Http503};

    type Body = http_body_util::Full<bytes::Bytes>;
    type Future = Ready<Result<http::Response<Body>, ()>>;
    crosses_threads::<BreakerLayer<HttpStatus, Http503>>();
    crosses_threads::<BreakerLayer<GrpcStatus, GrpcUnavailable>>();
    crosses_threads::<BreakerService<Inner, HttpStatus, Http503>>();
    crosses_threads::<ResponseFuture<Future, HttpStatus, Http503>>();
    crosses_threads::<ResponseBody<Body>>();
    crosses_threads::<Watch>();
}

#[cfg(feature = "http")]
#[test]
fn no_call_counts_a_reference_for_its_classifier_whatever_its_settings() {
    use resilience::Verdict;
    use resilience::classify::{ClassifyExt, HttpStatus};

    fn is_copied<T: Copy>(_: T) {}
    is_copied(HttpStatus::failures([502, 503, 504]).trust_refusals_of(["edge"]).judged_at_end());
    is_copied(ErrorsFail.map_verdict(|verdict: Verdict| verdict));
    assert_eq!(size_of_val(&HttpStatus::failures([503])), size_of::<usize>());
}

#[cfg(feature = "http")]
#[test]
fn settings_of_classifiers_that_are_made_again_and_again_are_kept_once() {
    use resilience::classify::HttpStatus;

    let made = || HttpStatus::failures([502, 503]).judged_at_end();
    made();
    let again = measure(|| {
        for _ in 0..100 {
            black_box(made());
        }
    });
    assert_eq!(again.bytes_current, 0);
}

#[test]
fn handles_and_refusals_are_a_word_or_two() {
    assert_eq!(size_of::<Breaker>(), 8);
    assert_eq!(size_of::<Option<Breaker>>(), 8);
    assert!(size_of::<Rejected>() <= 32, "{}", size_of::<Rejected>());
    assert!(size_of::<Result<Permit, Rejected>>() <= 40, "{}", size_of::<Result<Permit, Rejected>>());
}

#[test]
fn a_service_grows_by_16_bytes_and_its_future_by_24() {
    fn grown<S>() -> usize {
        size_of::<BreakerService<S>>() - size_of::<S>()
    }
    let grown = [grown::<()>(), grown::<u64>(), grown::<[u64; 9]>(), grown::<String>()];
    assert!(grown.iter().all(|bytes| *bytes <= 16), "{grown:?}");
    let future = size_of::<ResponseFuture<Answer, ErrorsFail, AsError>>();
    assert!(future <= size_of::<Answer>() + 24, "{future}");
}

#[test]
fn a_call_allocates_nothing_whether_it_succeeds_or_fails() {
    let mut service = BreakerLayer::new(Breaker::new()).layer(Inner);
    let healthy = allocations(|| assert_eq!(call(&mut service, 2), Ok(2)));
    let failed = allocations(|| {
        assert_eq!(call(&mut service, 1), Err(Error::Inner(())));
        assert_eq!(call(&mut service, 2), Ok(2));
    });
    assert_eq!((healthy, failed), (0, 0));
}

#[test]
fn a_refusal_allocates_nothing_whichever_clock_tells_when_it_ends() {
    for breaker in [Breaker::new(), Breaker::builder().clock(Manual::new()).build().unwrap()] {
        let mut service = BreakerLayer::new(breaker.clone()).layer(Inner);
        (0..3).for_each(|_| assert_eq!(call(&mut service, 1), Err(Error::Inner(()))));
        let refused = allocations(|| {
            let rejected = breaker.try_acquire().unwrap_err();
            black_box((rejected.reason(), rejected.retry_after(), rejected.level(), rejected.trip()));
            assert!(matches!(call(&mut service, 2), Err(Error::Rejected(_))));
        });
        assert_eq!(refused, 0);
    }
}

#[test]
fn a_probe_allocates_nothing_and_neither_does_its_outcome() {
    let clock = Manual::new();
    let breaker = Breaker::builder().probes(64).stages(1).jitter(0.0).clock(clock.clone()).build().unwrap();
    (0..3).for_each(|_| breaker.try_acquire().unwrap().failure());
    clock.advance(Duration::from_secs(1));
    let probed = allocations(|| {
        let (one, other) = (breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap());
        one.success();
        drop(other);
    });
    assert_eq!(probed, 0);
}

#[test]
fn a_clone_allocates_nothing() {
    let service = BreakerLayer::new(Breaker::new()).layer(Inner);
    assert_eq!(allocations(|| drop(black_box(service.clone()))), 0);
    let layer = BreakerLayer::new(Breaker::new());
    assert_eq!(allocations(|| drop(black_box(layer.layer(Inner)))), 0);
}

#[test]
fn a_default_breaker_costs_128_bytes_of_heap_and_a_used_place_is_used_again() {
    // The interpreter is slow.
    const MANY: usize = if cfg!(miri) { 50 } else { 1000 };
    let mut breakers = Vec::with_capacity(MANY);
    breakers.push(Breaker::new());
    let made = measure(|| breakers.extend((1..MANY).map(|_| Breaker::new())));
    assert!(made.bytes_total <= 128 * MANY as u64, "{} bytes each", made.bytes_total / MANY as u64);
    drop(breakers);
    // Other tests may take a few of the places meanwhile.
    let again = measure(|| (0..MANY).for_each(|_| drop(black_box(Breaker::new()))));
    assert!(again.bytes_total <= 10 * 128, "{} bytes", again.bytes_total);
}

#[test]
fn a_key_in_trouble_costs_at_most_128_bytes_of_heap_and_a_healthy_one_none() {
    // The interpreter is slow.
    const MANY: u64 = if cfg!(miri) { 64 } else { 8192 };
    let clock = Manual::new();
    let each = || Breaker::builder().jitter(0.0).stages(1);
    // A hash that is the same in every run: where keys meet by chance, its parts grow by chance.
    type Fixed = BuildHasherDefault<DefaultHasher>;
    let keyed = Keyed::builder().each(each()).clock(clock.clone()).most_keys(131_072).hasher(Fixed::default());
    let keyed: Keyed<u64, Fixed> = keyed.build().unwrap();
    let fail = |key: u64| keyed.try_acquire(&key).unwrap().failure();
    // What a registry takes up once.
    (0..64).for_each(|key| fail(u64::MAX - key));
    let mut kept = keyed.kept();
    let closed = measure(|| (0..MANY).for_each(fail));
    assert_eq!(keyed.kept(), kept + MANY);
    assert!(
        closed.bytes_current <= 128 * MANY.cast_signed(),
        "{} bytes each",
        closed.bytes_current / MANY.cast_signed()
    );
    let open = measure(|| (0..MANY).for_each(|key| (0..2).for_each(|_| fail(key))));
    assert!(open.bytes_current <= 0, "{} bytes more each when open", open.bytes_current / MANY.cast_signed());
    assert_eq!(keyed.stats().open, MANY);
    kept = keyed.kept();
    let healthy = measure(|| (MANY..2 * MANY).for_each(|key| keyed.try_acquire(&key).unwrap().success()));
    assert_eq!((healthy.count_total, keyed.kept()), (0, kept));
    let refused = measure(|| (0..MANY).for_each(|key| assert!(keyed.try_acquire(&key).is_err())));
    assert_eq!(refused.count_total, 0);
    // Keys come and go in the same room.
    let round = |round: u64| {
        keyed.reset_all();
        (0..MANY).for_each(|key| fail(key + round * MANY));
    };
    // What it remembers of those that have left has an end, too.
    (1..3).for_each(round);
    let again = measure(|| (3..11).for_each(round));
    // Keys that meet in one part of the registry by chance may let it grow by a little.
    assert!(again.bytes_current <= 8 * MANY.cast_signed(), "{} bytes more each time", again.bytes_current / 8);
}

#[test]
fn the_table_of_the_front_page_tells_every_setting_of_the_policy_and_no_other() {
    let rows = include_str!("../README.md").lines().filter_map(|line| line.strip_prefix("| `.")?.split(" | ").next());
    let told: BTreeSet<&str> = rows.flat_map(|cell| cell.split(['.', '`', ' '])).filter_map(method).collect();
    // What comes after the clock is no policy.
    let settings = include_str!("../src/breaker/builder.rs").split("pub fn clock").next().unwrap_or_default();
    let declared = |source: &'static str| source.split("pub fn ").skip(1).filter_map(method);
    let settings: BTreeSet<&str> = declared(settings).filter(|name| !matches!(*name, "policy" | "name")).collect();
    let halves = declared(include_str!("../src/breaker/steps.rs"));
    assert!(settings.contains("failures") && settings.contains("abandon_after"), "{settings:?}");
    assert_eq!(told.difference(&halves.collect()).copied().collect::<BTreeSet<_>>(), settings);
}

/// The name before the first parenthesis, if it is one.
fn method(text: &str) -> Option<&str> {
    let (name, _) = text.split_once('(')?;
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')).then_some(name)
}
