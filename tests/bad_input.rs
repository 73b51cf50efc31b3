//! Bad input: policies out of their ranges, by the builder and as text, and hints that are garbage.

use http::{Request, Response};
use resilience::policy::{CoolDown, FailureRate, FailureWindow, Forgive, Quota, SlowCalls, Stall};
use resilience::{Breaker, BreakerLayer, Builder, Hints, Policy, State};
use serde_json::Value;
use std::convert::Infallible;
use std::time::Duration;
use support::fixture::{manual, ms, now, secs, succeed, wait};
use tower::{Layer, service_fn};

const ZERO: Duration = Duration::ZERO;

/// The field and the range that the policy is refused for.
fn refused(field: &str, range: &str, change: impl FnOnce(&mut Policy)) {
    let mut policy = Policy::default();
    change(&mut policy);
    let error = policy.check().expect_err(field);
    assert_eq!((error.field(), error.range()), (field, range), "{policy:?}");
    let shown = error.to_string();
    assert!(shown.contains(&format!("`{field}` is ")) && shown.contains(range), "{shown}");
    // By every door.
    assert_eq!(Breaker::builder().policy(policy.clone()).build().unwrap_err(), error);
    let breaker = Breaker::new();
    assert_eq!(breaker.set_policy(policy).unwrap_err(), error);
    assert_eq!(breaker.policy(), Policy::default());
}

fn accepted(change: impl FnOnce(&mut Policy)) {
    let mut policy = Policy::default();
    change(&mut policy);
    let breaker = Breaker::builder().policy(policy.clone()).build().unwrap();
    assert_eq!(breaker.policy(), policy, "nothing is corrected silently");
}

fn window(failures: u32, within: Duration) -> Option<FailureWindow> {
    Some(FailureWindow { failures, within, ..FailureWindow::default() })
}

fn exponential(delay: Duration, factor: f64, max_delay: Duration) -> CoolDown {
    CoolDown::Exponential { delay, factor, max_delay }
}

/// No share of anything.
const NO_RATIOS: [f64; 8] = [0.0, -0.0, -0.5, 1.000_001, 2.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];

#[test]
fn windows_and_runs_count_from_one() {
    for failures in [0, (1 << 20) + 1, u32::MAX] {
        refused("window.failures", "from 1 to 1048576", |policy| policy.window = window(failures, secs(30)));
        refused("in_a_row", "from 1 to 1048576", |policy| policy.in_a_row = Some(failures));
    }
    refused("window.within", "longer than zero", |policy| policy.window = window(3, ZERO));
    accepted(|policy| policy.window = window(1, Duration::from_nanos(1)));
    accepted(|policy| policy.window = window(1 << 20, Duration::MAX));
    accepted(|policy| policy.window = None);
    accepted(|policy| policy.in_a_row = Some(1));
}

#[test]
fn shares_lie_above_zero_and_at_most_at_one() {
    let rate = FailureRate { ratio: 0.5, over: secs(60), min_calls: 20 };
    let slow = SlowCalls { ratio: 0.5, slower_than: secs(1), over: secs(60), min_calls: 20 };
    for ratio in NO_RATIOS {
        let range = "above 0 and at most 1";
        refused("failure_rate.ratio", range, |policy| policy.failure_rate = Some(FailureRate { ratio, ..rate }));
        refused("slow_calls.ratio", range, |policy| policy.slow_calls = Some(SlowCalls { ratio, ..slow }));
    }
    for over in [ZERO, Duration::from_nanos(999)] {
        let range = "at least 1 µs";
        refused("failure_rate.over", range, |policy| policy.failure_rate = Some(FailureRate { over, ..rate }));
        refused("slow_calls.over", range, |policy| policy.slow_calls = Some(SlowCalls { over, ..slow }));
    }
    refused("failure_rate.min_calls", "at least 1", |policy| {
        policy.failure_rate = Some(FailureRate { min_calls: 0, ..rate });
    });
    refused("slow_calls.min_calls", "at least 1", |policy| {
        policy.slow_calls = Some(SlowCalls { min_calls: 0, ..slow });
    });
    refused("slow_calls.slower_than", "longer than zero", |policy| {
        policy.slow_calls = Some(SlowCalls { slower_than: ZERO, ..slow });
    });
    for ratio in [1.0, f64::MIN_POSITIVE] {
        accepted(|policy| policy.failure_rate = Some(FailureRate { ratio, over: Duration::MAX, min_calls: u32::MAX }));
    }
}

#[test]
fn a_stall_needs_calls_and_a_time() {
    for calls in [0, (1 << 16) + 1] {
        refused("stall.calls", "from 1 to 65536", |policy| {
            policy.stall = Some(Stall { calls, longer_than: secs(1) });
        });
    }
    refused("stall.longer_than", "longer than zero", |policy| {
        policy.stall = Some(Stall { calls: 1, longer_than: ZERO });
    });
    accepted(|policy| policy.stall = Some(Stall { calls: 1 << 16, longer_than: Duration::MAX }));
}

#[test]
fn a_quota_lets_something_through_and_at_most_itself_at_once() {
    let quota = Quota { calls: 10, per: secs(1), burst: 10 };
    refused("quota.calls", "at least 1", |policy| policy.quota = Some(Quota { calls: 0, ..quota }));
    refused("quota.per", "longer than zero", |policy| policy.quota = Some(Quota { per: ZERO, ..quota }));
    for burst in [0, 11, u32::MAX] {
        let range = "from 1 to `quota.calls`";
        refused("quota.burst", range, |policy| policy.quota = Some(Quota { burst, ..quota }));
    }
    accepted(|policy| policy.quota = Some(Quota { calls: u32::MAX, per: Duration::MAX, burst: u32::MAX }));
    assert_eq!(Breaker::builder().quota(0).per(secs(1)).build().unwrap_err().field(), "quota.calls");
}

#[test]
fn cool_downs_are_not_zero_and_do_not_shrink() {
    refused("cool_down.delay", "longer than zero", |policy| policy.cool_down = exponential(ZERO, 1.5, secs(60)));
    for factor in [0.0, 0.999, -2.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        refused("cool_down.factor", "a number of at least 1", |policy| {
            policy.cool_down = exponential(secs(1), factor, secs(60));
        });
    }
    for longest in [ZERO, ms(999)] {
        refused("cool_down.max_delay", "at least `cool_down.delay`", |policy| {
            policy.cool_down = exponential(secs(1), 1.5, longest);
        });
    }
    refused("cool_down.constant", "longer than zero", |policy| policy.cool_down = CoolDown::Constant(ZERO));
    refused("cool_down.by_level", "one duration at least", |policy| policy.cool_down = CoolDown::ByLevel(Vec::new()));
    refused("cool_down.by_level", "longer than zero, each", |policy| {
        policy.cool_down = CoolDown::ByLevel(vec![secs(1), ZERO]);
    });
    accepted(|policy| policy.cool_down = exponential(secs(1), 1.0, secs(1)));
    accepted(|policy| policy.cool_down = exponential(secs(1), f64::MAX, Duration::MAX));
}

#[test]
fn jitter_forgiveness_and_hints_have_their_ranges() {
    for jitter in [-0.1, 1.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        refused("jitter", "from 0 to 1", |policy| policy.jitter = jitter);
    }
    refused("forgive.each", "longer than zero", |policy| policy.forgive = Forgive::Each(ZERO));
    refused("max_hint", "longer than zero", |policy| policy.max_hint = ZERO);
    accepted(|policy| (policy.jitter, policy.max_hint) = (1.0, Duration::MAX));
    accepted(|policy| policy.forgive = Forgive::Each(Duration::MAX));
}

#[test]
fn recovery_is_bounded() {
    for probes in [0, 4097, u32::MAX] {
        refused("probes", "from 1 to 4096", |policy| policy.probes = probes);
    }
    for stages in [0, 14, u32::MAX] {
        refused("stages", "from 1 to 13", |policy| policy.stages = stages);
    }
    refused("probes", "such that probes × 2^(stages − 1) is at most 4096", |policy| {
        (policy.probes, policy.stages) = (2, 13);
    });
    refused("probe_deadline", "longer than zero", |policy| policy.probe_deadline = ZERO);
    refused("probe_patience", "longer than zero", |policy| policy.probe_patience = Some(ZERO));
    let product = "so long that probes × 2^(stages − 1) × (1 + probe_deadline / probe_patience) is at most 4096";
    // 4 × (1 + 1023) is just within.
    accepted(|policy| (policy.probe_deadline, policy.probe_patience) = (ms(1023), Some(ms(1))));
    refused("probe_patience", product, |policy| {
        (policy.probe_deadline, policy.probe_patience) = (ms(1024), Some(ms(1)));
    });
    refused("probe_patience", product, |policy| policy.probe_deadline = Duration::MAX);
    refused("probe_patience", product, |policy| policy.cool_down = CoolDown::Constant(ms(1)));
    accepted(|policy| (policy.probes, policy.stages, policy.probe_patience) = (2048, 1, Some(secs(10))));
    // Where zero has a meaning it is no mistake.
    accepted(|policy| (policy.stage_time, policy.abandon_after) = (ZERO, ZERO));
}

#[test]
fn the_builder_refuses_the_same() {
    let refused = |builder: Builder| builder.build().unwrap_err().field();
    let builder = Breaker::builder;
    assert_eq!(refused(builder().failures(0).within(secs(30))), "window.failures");
    assert_eq!(refused(builder().failures(3).within(ZERO)), "window.within");
    assert_eq!(refused(builder().in_a_row(0)), "in_a_row");
    assert_eq!(refused(builder().failure_rate(f64::NAN).over(secs(1)).min_calls(1)), "failure_rate.ratio");
    assert_eq!(refused(builder().failure_rate(0.5).min_calls(1)), "failure_rate.over");
    assert_eq!(refused(builder().slow_calls(0.5).over(secs(1)).min_calls(1)), "slow_calls.slower_than");
    assert_eq!(refused(builder().slow_calls(0.5).slower_than(secs(1)).min_calls(1)), "slow_calls.over");
    assert_eq!(refused(builder().stalled(0).for_longer_than(secs(1))), "stall.calls");
    assert_eq!(refused(builder().delay(ZERO)), "cool_down.delay");
    assert_eq!(refused(builder().delay(secs(61))), "cool_down.max_delay");
    assert_eq!(refused(builder().factor(f64::NEG_INFINITY)), "cool_down.factor");
    assert_eq!(refused(builder().jitter(-1.0)), "jitter");
    assert_eq!(refused(builder().forgive_each(ZERO)), "forgive.each");
    assert_eq!(refused(builder().max_hint(ZERO)), "max_hint");
    assert_eq!(refused(builder().probes(0)), "probes");
    assert_eq!(refused(builder().stages(0)), "stages");
    assert_eq!(refused(builder().probe_deadline(ZERO)), "probe_deadline");
    assert_eq!(refused(builder().probe_patience(ZERO)), "probe_patience");
}

/// A policy with something in every field but the cool-down, which has forms.
fn complete(cool_down: CoolDown) -> Policy {
    Policy {
        window: window(3, secs(30)),
        in_a_row: Some(5),
        failure_rate: Some(FailureRate { ratio: 0.5, over: secs(60), min_calls: 20 }),
        slow_calls: Some(SlowCalls { ratio: 0.5, slower_than: secs(1), over: secs(60), min_calls: 20 }),
        stall: Some(Stall { calls: 10, longer_than: secs(5) }),
        quota: Some(Quota { calls: 100, per: secs(60), burst: 10 }),
        cool_down,
        jitter: 0.1,
        forgive: Forgive::Each(secs(60)),
        hints: Hints::Extend,
        max_hint: secs(300),
        probes: 1,
        stages: 3,
        stage_time: secs(1),
        probe_deadline: secs(10),
        probe_patience: Some(secs(1)),
        abandon_after: secs(1),
    }
}

/// Each field that is told by name, as the text has it.
fn fields(policy: &Value, below: &str, found: &mut Vec<String>) {
    match policy {
        Value::Object(fields_of) => {
            fields_of.iter().for_each(|(name, value)| fields(value, &format!("{below}/{name}"), found));
        }
        Value::Array(values) => (0..values.len()).for_each(|index| found.push(format!("{below}/{index}"))),
        _ => found.push(below.to_owned()),
    }
}

#[test]
fn no_field_is_forgotten_each_is_refused_by_its_own_name() {
    // Zero has a meaning there; and these are one of a few words.
    let (zero_is_good, words) = (["/stage_time", "/abandon_after"], ["/window/on_success", "/hints"]);
    let mut checked = 0;
    for cool_down in
        [exponential(secs(1), 1.5, secs(60)), CoolDown::Constant(secs(1)), CoolDown::ByLevel(vec![secs(1)])]
    {
        let policy = serde_json::to_value(complete(cool_down)).unwrap();
        serde_json::from_value::<Policy>(policy.clone()).unwrap().check().unwrap();
        let mut found = Vec::new();
        fields(&policy, "", &mut found);
        for field in found.iter().filter(|field| !words.contains(&field.as_str())) {
            let mut bad = policy.clone();
            let value = bad.pointer_mut(field).unwrap();
            *value = match value {
                _ if field == "/jitter" => (-0.1).into(),
                Value::String(_) => "0s".into(),
                _ => 0.into(),
            };
            let result = serde_json::from_value::<Policy>(bad).unwrap().check();
            if zero_is_good.contains(&field.as_str()) {
                result.unwrap();
                continue;
            }
            let name = field.trim_matches(['/', '0']).replace("exponential/", "").replace('/', ".");
            assert_eq!(result.map_err(|error| error.field()), Err(name.as_str()), "{field}");
            checked += 1;
        }
    }
    assert!(checked > 60, "{checked}");
}

fn read(text: &str) -> Result<Policy, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[test]
fn a_policy_reads_as_people_write_it() {
    let policy = read(
        r#"{
            "window": {"failures": 5, "within": "1m 30s", "on_success": "keep"},
            "in_a_row": 7,
            "failure_rate": {"ratio": 0.25, "over": 60000, "min_calls": 20},
            "slow_calls": {"ratio": 1.0, "slower_than": "1500ms", "over": "2m", "min_calls": 3},
            "stall": {"calls": 10, "longer_than": "5s"},
            "cool_down": {"exponential": {"delay": "500ms", "factor": 2, "max_delay": "30s"}},
            "jitter": 0,
            "forgive": {"each": "10s"},
            "hints": "obey",
            "max_hint": "2m",
            "probes": 2, "stages": 2, "stage_time": "0s",
            "probe_deadline": "4s", "probe_patience": "250ms",
            "abandon_after": 0
        }"#,
    )
    .unwrap();
    assert_eq!(policy.window.unwrap().within, secs(90));
    assert_eq!(policy.failure_rate.unwrap().over, secs(60), "a bare number counts milliseconds");
    assert_eq!(policy.slow_calls.unwrap().slower_than, ms(1500));
    assert_eq!((policy.probe_patience, policy.abandon_after), (Some(ms(250)), ZERO));
    policy.check().unwrap();
    assert_eq!(read(&serde_json::to_string(&policy).unwrap()), Ok(policy));
    assert_eq!(read("{}"), Ok(Policy::default()));
    for cool_down in [r#"{"constant": "7s"}"#, r#"{"by_level": ["1s", 2000, "3s"]}"#] {
        let policy = read(&format!(r#"{{"cool_down": {cool_down}}}"#)).unwrap();
        assert_eq!(read(&serde_json::to_string(&policy).unwrap()), Ok(policy));
    }
}

#[test]
fn text_that_is_no_policy_is_refused_and_says_where() {
    let cases = [
        (r#"{"max_hint": "soon"}"#, "soon"),
        (r#"{"max_hint": ""}"#, "a duration"),
        (r#"{"max_hint": "30"}"#, "30"),
        (r#"{"max_hint": "-5s"}"#, "-5s"),
        (r#"{"max_hint": -5}"#, "not negative"),
        (r#"{"max_hint": 1.5}"#, "a duration"),
        (r#"{"max_hint": null}"#, "a duration"),
        (r#"{"max_hint": {"secs": 1}}"#, "a duration"),
        (r#"{"max_hint": "99999999999999999999999s"}"#, "a duration"),
        (r#"{"probes": -1}"#, "-1"),
        (r#"{"probes": 1.5}"#, "1.5"),
        (r#"{"probes": 4294967296}"#, "4294967296"),
        (r#"{"jitter": "much"}"#, "much"),
        (r#"{"jitter": NaN}"#, "expected value"),
        (r#"{"hints": "sometimes"}"#, "sometimes"),
        (r#"{"forgive": {"each": "never"}}"#, "never"),
        (r#"{"cool_down": {"linear": "1s"}}"#, "linear"),
        (r#"{"cool_down": {"exponential": {"delay": "1s", "max_dealy": "5s"}}}"#, "max_dealy"),
        (r#"{"cool_down": {"by_level": "1s"}}"#, "sequence"),
        (r#"{"max_hnit": "5s"}"#, "max_hnit"),
        (r#"{"window": {"failure": 3}}"#, "failure"),
        (r#"{"failure_rate": {"ratio": 0.5, "over": "1s", "min_calls": 1, "more": 1}}"#, "more"),
        (r#"{"failure_rate": {"ratio": 0.5, "over": "1s"}}"#, "min_calls"),
        (r#"{"stall": {"calls": 1, "longer_than": "1s", "more": 1}}"#, "more"),
        (r#"{"quota": {"calls": 1, "per": "1s", "more": 1}}"#, "more"),
        (r#"{"quota": {"calls": 1}}"#, "per"),
    ];
    for (text, told) in cases {
        let error = read(text).expect_err(text);
        assert!(error.contains(told), "{text} is refused with: {error}");
    }
    // What reads well may still be out of its range.
    let policy = read(r#"{"window": {"failures": 0}}"#).unwrap();
    assert_eq!(policy.check().unwrap_err().field(), "window.failures");
}

/// What the third failure makes of these header lines: how long the breaker is open.
fn open_after(status: u16, headers: &'static [(&'static str, &'static str)]) -> Duration {
    let (breaker, _) = manual(|builder| builder);
    let failing = service_fn(move |_: Request<()>| async move {
        let response = Response::builder().status(status);
        let response = headers.iter().fold(response, |response, (name, value)| response.header(*name, *value));
        Ok::<_, Infallible>(response.body(http_body_util::Full::<bytes::Bytes>::default()).unwrap())
    });
    let mut service = BreakerLayer::for_http(breaker.clone()).layer(failing);
    for _ in 0..3 {
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(now(&mut service, Request::new(())).unwrap().status(), status);
    }
    wait(&breaker)
}

#[test]
fn hints_that_are_garbage_negative_or_over_change_nothing() {
    let garbage: [&[(&str, &str)]; 17] = [
        &[],
        &[("retry-after", "")],
        &[("retry-after", "soon")],
        &[("retry-after", "-120")],
        &[("retry-after", "+120")],
        &[("retry-after", "1.5e3")],
        &[("retry-after", "120s")],
        &[("retry-after", "0x78")],
        &[("retry-after", "120, 240")],
        &[("retry-after", "0")],
        &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")],
        &[("retry-after", "Sun, 32 Nov 2094 08:49:37 GMT")],
        &[("retry-after", "2094-11-06T08:49:37Z")],
        &[("ratelimit", "burst;r=0;t=")],
        &[("ratelimit", r#""burst";r=0;t=-5"#)],
        &[("ratelimit-remaining", "0"), ("ratelimit-reset", "later")],
        &[("retry-after-ms", "-1")],
    ];
    for headers in garbage {
        for status in [429, 500, 503] {
            assert_eq!(open_after(status, headers), secs(1), "{status} with {headers:?}");
        }
    }
}

#[test]
fn hints_that_are_absurd_are_cut_to_their_limit() {
    let absurd: [&[(&str, &str)]; 5] = [
        &[("retry-after", "301")],
        &[("retry-after", "9223372037")],
        &[("retry-after", "18446744073709551616")],
        &[("retry-after", "99999999999999999999999999999999999999")],
        &[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")],
    ];
    for headers in absurd {
        for status in [429, 503] {
            assert_eq!(open_after(status, headers), secs(300), "{status} with {headers:?}");
        }
    }
}

#[test]
fn hints_that_are_good_are_followed() {
    assert_eq!(open_after(503, &[("retry-after", "120")]), secs(120));
    assert_eq!(open_after(503, &[("retry-after", " 120\t")]), secs(120));
    assert_eq!(open_after(429, &[("retry-after", "7"), ("retry-after", "junk"), ("retry-after", "9")]), secs(9));
    assert_eq!(open_after(429, &[("ratelimit", r#""burst";r=0;t=30"#)]), secs(30));
}

#[test]
fn the_smallest_policy_there_is_works() {
    let (breaker, clock) = manual(|builder| {
        let builder = builder.failures(1).within(Duration::from_nanos(1)).stages(1).probes(1);
        builder.cool_down(CoolDown::Constant(Duration::from_nanos(1))).probe_deadline(Duration::from_nanos(1))
    });
    for _ in 0..100 {
        breaker.try_acquire().unwrap().failure();
        assert_eq!((breaker.state(), wait(&breaker)), (State::Open, Duration::from_nanos(1)));
        clock.advance(Duration::from_nanos(1));
        succeed(&breaker, 1);
        assert_eq!(breaker.state(), State::Closed);
    }
}
