//! A policy from variables and documents: every field can be set, and every error says where and what.
#![cfg(feature = "config")]

use resilience::config::{ConfigError, VARIABLES};
use resilience::policy::{CoolDown, FailureRate, FailureWindow, Forgive, Hints, OnSuccess, Quota, SlowCalls, Stall};
use resilience::{Breaker, Policy, State};
use std::collections::BTreeSet;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn read(vars: &[(&str, &str)]) -> Result<Policy, ConfigError> {
    over(Policy::default(), vars)
}

fn over(base: Policy, vars: &[(&str, &str)]) -> Result<Policy, ConfigError> {
    base.with_vars("X_", vars.iter().map(|(name, value)| (format!("X_{name}"), value)))
}

fn said(vars: &[(&str, &str)]) -> String {
    let error = read(vars).unwrap_err();
    let line = error.to_string();
    assert!(!line.contains(char::is_control), "{line:?}");
    assert!(line.starts_with(error.variable().unwrap()), "{line}");
    line
}

/// Each with a value that is not the default.
const EVERY: [(&str, &str); 26] = [
    ("FAILURES", "4"),
    ("WINDOW", "45s"),
    ("ON_SUCCESS", "keep"),
    ("IN_A_ROW", "7"),
    ("FAILURE_RATE", "0.25"),
    ("RATE_WINDOW", "10s"),
    ("MIN_CALLS", "9"),
    ("SLOW_CALLS", "0.75"),
    ("SLOWER_THAN", "2s"),
    ("SLOW_WINDOW", "20s"),
    ("SLOW_MIN_CALLS", "8"),
    ("STALLED", "6"),
    ("STALL_TIME", "5s"),
    ("QUOTA", "100"),
    ("QUOTA_TIME", "1m"),
    ("QUOTA_BURST", "30"),
    ("JITTER", "0.5"),
    ("FORGIVE", "30s"),
    ("HINTS", "obey"),
    ("MAX_HINT", "2m"),
    ("PROBES", "2"),
    ("STAGES", "4"),
    ("STAGE_TIME", "3s"),
    ("PROBE_DEADLINE", "12s"),
    ("PROBE_PATIENCE", "1500ms"),
    ("ABANDON_AFTER", "700ms"),
];

fn every() -> Policy {
    Policy {
        window: Some(FailureWindow { failures: 4, within: 45 * SECOND, on_success: OnSuccess::Keep }),
        in_a_row: Some(7),
        failure_rate: Some(FailureRate { ratio: 0.25, over: 10 * SECOND, min_calls: 9 }),
        slow_calls: Some(SlowCalls { ratio: 0.75, slower_than: 2 * SECOND, over: 20 * SECOND, min_calls: 8 }),
        stall: Some(Stall { calls: 6, longer_than: 5 * SECOND }),
        quota: Some(Quota { calls: 100, per: 60 * SECOND, burst: 30 }),
        cool_down: CoolDown::default(),
        jitter: 0.5,
        forgive: Forgive::Each(30 * SECOND),
        hints: Hints::Obey,
        max_hint: 120 * SECOND,
        probes: 2,
        stages: 4,
        stage_time: 3 * SECOND,
        probe_deadline: 12 * SECOND,
        probe_patience: Some(Duration::from_millis(1500)),
        abandon_after: Duration::from_millis(700),
    }
}

#[test]
fn every_field_can_be_set_by_a_variable_of_its_own() {
    assert_eq!(read(&EVERY).unwrap(), every());
    let growing = [("DELAY", "2s"), ("MAX_DELAY", "90s"), ("FACTOR", "2")];
    let expected = CoolDown::Exponential { delay: 2 * SECOND, factor: 2.0, max_delay: 90 * SECOND };
    assert_eq!(read(&growing).unwrap().cool_down, expected);
    let known: BTreeSet<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
    let tried = EVERY.iter().chain(&growing).map(|(name, _)| *name).chain(["DELAYS"]);
    assert_eq!(known, tried.collect());
    assert_eq!(known.len(), VARIABLES.len());
}

#[test]
fn hints_and_the_patience_with_probes_can_be_set_back_to_what_they_were() {
    let vars = [("HINTS", "ignore"), ("PROBE_PATIENCE", "delay")];
    let policy = over(every(), &vars).unwrap();
    assert_eq!((policy.hints, policy.probe_patience), (Hints::Ignore, None));
    let again = Policy::default().with_vars("X_", policy.to_vars("X_")).unwrap();
    assert_eq!((again.hints, again.probe_patience), (Hints::Ignore, None));
}

#[test]
fn the_environment_is_read_and_what_is_no_setting_in_it_is_named() {
    // Cargo sets it for every test.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let error = Policy::from_env("CARGO_MANIFEST_D").unwrap_err();
    assert_eq!((error.variable(), error.document()), (Some("CARGO_MANIFEST_DIR"), None));
    assert_eq!(every().with_env("X_NOBODY_SETS_").unwrap(), every());
}

#[test]
fn what_is_not_set_stays_as_it_was() {
    assert_eq!(read(&[]).unwrap(), Policy::default());
    assert_eq!(over(every(), &[]).unwrap(), every());
    for (name, value) in EVERY {
        // Each by itself over a policy that has it already changes nothing.
        assert_eq!(over(every(), &[(name, value)]).unwrap(), every(), "{name}");
    }
    let window = over(every(), &[("WINDOW", "9s")]).unwrap().window.unwrap();
    assert_eq!((window.failures, window.within, window.on_success), (4, 9 * SECOND, OnSuccess::Keep));
}

#[test]
fn rules_can_be_switched_off_and_what_belongs_to_one_that_is_off_is_an_error() {
    let rules = ["FAILURES", "IN_A_ROW", "FAILURE_RATE", "SLOW_CALLS", "STALLED", "QUOTA"];
    let off = over(every(), &rules.map(|rule| (rule, "off"))).unwrap();
    assert_eq!((off.window, off.in_a_row, off.failure_rate), (None, None, None));
    assert_eq!((off.slow_calls, off.stall, off.quota), (None, None, None));

    assert_eq!(said(&[("FAILURES", "off"), ("WINDOW", "5s")]), "X_WINDOW: says nothing without X_FAILURES");
    for (detail, value, rule) in [
        ("RATE_WINDOW", "5s", "FAILURE_RATE"),
        ("MIN_CALLS", "5", "FAILURE_RATE"),
        ("SLOWER_THAN", "5s", "SLOW_CALLS"),
        ("STALL_TIME", "5s", "STALLED"),
        ("QUOTA_TIME", "5s", "QUOTA"),
    ] {
        assert_eq!(said(&[(detail, value)]), format!("X_{detail}: says nothing without X_{rule}"));
    }
    for (rule, value, wanted) in
        [("SLOW_CALLS", "0.5", "SLOWER_THAN"), ("STALLED", "5", "STALL_TIME"), ("QUOTA", "5", "QUOTA_TIME")]
    {
        assert_eq!(said(&[(rule, value)]), format!("X_{wanted}: is not set, and X_{rule} wants it"));
    }
}

#[test]
fn cool_downs_come_in_three_forms_and_two_at_once_are_an_error() {
    assert_eq!(read(&[("DELAYS", "5s")]).unwrap().cool_down, CoolDown::Constant(5 * SECOND));
    let list = CoolDown::ByLevel(vec![SECOND, 5 * SECOND]);
    assert_eq!(read(&[("DELAYS", "1s, 5s")]).unwrap().cool_down, list);
    let base = Policy { cool_down: list.clone(), ..Policy::default() };
    assert_eq!(over(base.clone(), &[("STAGES", "1")]).unwrap().cool_down, list);
    let CoolDown::Exponential { delay, factor, .. } = over(base, &[("DELAY", "3s")]).unwrap().cool_down else {
        panic!("the form that was asked for")
    };
    assert_eq!((delay, factor), (3 * SECOND, 1.5));
    assert_eq!(
        said(&[("DELAYS", "1s,2s"), ("FACTOR", "2")]),
        "X_DELAYS: is set together with X_FACTOR; one of them has to go"
    );
    assert_eq!(said(&[("DELAYS", "1s,,2s")]), "X_DELAYS: is \"1s,,2s\"; must be durations like 1s,5s,30s");
    assert_eq!(said(&[("DELAYS", "1s,0s")]), "X_DELAYS: is [1s, 0ns]; must be longer than zero, each");
    assert_eq!(said(&[("DELAYS", "0s")]), "X_DELAYS: is 0ns; must be longer than zero");
}

#[test]
fn a_value_that_is_nothing_or_out_of_its_range_names_the_variable_and_the_field() {
    for (name, value, problem) in [
        ("FAILURES", "three", "is \"three\"; must be a whole number, or off"),
        ("FAILURES", "", "is \"\"; must be a whole number, or off"),
        ("FAILURES", "-1", "is \"-1\"; must be a whole number, or off"),
        ("FAILURES", "0", "is 0; must be from 1 to 1048576"),
        ("FAILURES", "4294967296", "is \"4294967296\"; must be a whole number, or off"),
        ("WINDOW", "30", "is \"30\"; must be a duration like 30s or 250ms"),
        ("WINDOW", "0s", "is 0ns; must be longer than zero"),
        ("JITTER", "NaN", "is NaN; must be from 0 to 1"),
        ("FACTOR", "0.5", "is 0.5; must be a number of at least 1"),
        ("FACTOR", "inf", "is inf; must be a number of at least 1"),
        ("STAGES", "99", "is 99; must be from 1 to 13"),
        ("FORGIVE", "never", "is \"never\"; must be at-once, or a duration like 30s"),
        ("FORGIVE", "0s", "is 0ns; must be longer than zero"),
        ("HINTS", "perhaps", "is \"perhaps\"; must be extend, ignore or obey"),
        ("ON_SUCCESS", "forget", "is \"forget\"; must be clear or keep"),
        ("MAX_DELAY", "10ms", "is 10ms; must be at least `cool_down.delay`"),
        ("ABANDON_AFTER", "\u{1b}[31m\n", "is \"\\u{1b}[31m\\n\"; must be a duration like 30s or 250ms"),
    ] {
        assert_eq!(said(&[(name, value)]), format!("X_{name}: {problem}"));
        let field = read(&[(name, value)]).unwrap_err().field().map(str::to_owned);
        let known = VARIABLES.iter().find(|variable| variable.name == name).unwrap();
        assert_eq!(field.as_deref(), Some(known.field));
    }
}

#[test]
fn what_was_not_set_but_is_in_the_way_is_named_and_said_to_be_unset() {
    assert_eq!(said(&[("DELAY", "2m")]), "X_MAX_DELAY: is 60s, as it is not set; must be at least `cool_down.delay`");
    let error = over(Policy { probes: 0, ..Policy::default() }, &[]).unwrap_err();
    assert_eq!(error.to_string(), "X_PROBES: is 0, as it is not set; must be from 1 to 4096");
}

#[test]
fn every_field_that_can_be_out_of_range_has_a_variable_to_name() {
    let bad = |change: fn(&mut Policy)| {
        let mut policy = every();
        change(&mut policy);
        over(policy, &[]).unwrap_err().variable().unwrap().to_owned()
    };
    assert_eq!(bad(|policy| policy.cool_down = CoolDown::Constant(Duration::ZERO)), "X_DELAYS");
    assert_eq!(bad(|policy| policy.cool_down = CoolDown::ByLevel(vec![])), "X_DELAYS");
    assert_eq!(bad(|policy| policy.forgive = Forgive::Each(Duration::ZERO)), "X_FORGIVE");
    assert_eq!(bad(|policy| policy.quota.as_mut().unwrap().burst = 101), "X_QUOTA_BURST");
    assert_eq!(bad(|policy| policy.slow_calls.as_mut().unwrap().slower_than = Duration::ZERO), "X_SLOWER_THAN");
    assert_eq!(bad(|policy| policy.stall.as_mut().unwrap().calls = 0), "X_STALLED");
    assert_eq!(bad(|policy| policy.probe_patience = Some(Duration::from_nanos(1))), "X_PROBE_PATIENCE");
}

#[test]
fn a_name_that_is_not_known_is_an_error_that_says_which_one_was_meant() {
    assert_eq!(said(&[("FAILURE", "3")]), "X_FAILURE: is not known; did you mean X_FAILURES?");
    assert_eq!(said(&[("MAXDELAY", "3s")]), "X_MAXDELAY: is not known; did you mean X_MAX_DELAY?");
    let unlike = said(&[("LOG_LEVEL", "3s")]);
    assert!(unlike.starts_with("X_LOG_LEVEL: is not known; these are: FAILURES, WINDOW, "), "{unlike}");
    // Those of others are none of ours.
    let vars = [("FAILURES", "9"), ("Y_FAILURES", "9"), ("x_FAILURES", "9")];
    assert_eq!(Policy::default().with_vars("X_", vars).unwrap(), Policy::default());
}

#[test]
fn of_two_values_of_one_name_the_later_one_counts() {
    assert_eq!(read(&[("STAGES", "5"), ("STAGES", "2")]).unwrap().stages, 2);
}

#[cfg(feature = "serde")]
mod documents {
    use super::*;

    const FILE: &str = r#"
        stages = 2
        jitter = 0.0
        [window]
        failures = 5
        within = "1m"
        [cool_down.exponential]
        delay = "500ms"
        factor = 2.0
        max_delay = "30s"
    "#;

    fn toml(text: &str) -> Result<Policy, ConfigError> {
        Policy::from_document("orders.toml", toml::Deserializer::parse(text).unwrap())
    }

    fn json(text: &str) -> Result<Policy, ConfigError> {
        Policy::from_document("orders.json", &mut serde_json::Deserializer::from_str(text))
    }

    #[test]
    fn toml_and_json_say_the_same_and_the_environment_is_laid_over_them() {
        let file = toml(FILE).unwrap();
        let same = r#"{ "stages": 2, "jitter": 0, "window": { "failures": 5, "within": 60000 },
            "cool_down": { "exponential": { "delay": "500ms", "factor": 2, "max_delay": "30s" } } }"#;
        assert_eq!(json(same).unwrap(), file);
        let both = over(file.clone(), &[("FAILURES", "7"), ("MAX_DELAY", "10s")]).unwrap();
        let window = FailureWindow { failures: 7, ..file.window.unwrap() };
        let delays = CoolDown::Exponential { delay: Duration::from_millis(500), factor: 2.0, max_delay: 10 * SECOND };
        assert_eq!(both, Policy { window: Some(window), cool_down: delays, ..file });
    }

    #[test]
    fn what_a_cool_down_leaves_out_keeps_its_default() {
        let defaults = (SECOND, 1.5, 60 * SECOND);
        for (said, expected) in [
            ("delay = \"5s\"", (5 * SECOND, defaults.1, defaults.2)),
            ("factor = 3.0", (defaults.0, 3.0, defaults.2)),
            ("max_delay = \"10m\"", (defaults.0, defaults.1, 600 * SECOND)),
            ("", defaults),
        ] {
            let (delay, factor, max_delay) = expected;
            let policy = toml(&format!("[cool_down.exponential]\n{said}")).unwrap();
            assert_eq!(policy.cool_down, CoolDown::Exponential { delay, factor, max_delay }, "{said}");
        }
        let error = toml("[cool_down.exponential]\ndelay = \"5m\"").unwrap_err();
        assert_eq!(error.field(), Some("cool_down.max_delay"), "{error}");
    }

    #[test]
    fn an_error_names_the_document_and_the_path_in_it() {
        for (text, path, problem) in [
            ("[window]\nwithin = \"soon\"", "window.within", "soon"),
            ("[window]\nfailures = 0", "window.failures", "is 0; must be from 1 to 1048576"),
            ("[window]\nfailure = 3", "window.failure", "unknown field `failure`"),
            ("stage = 3", "stage", "unknown field `stage`"),
            ("[cool_down.exponential]\ndelay = -1", "cool_down.exponential.delay", "not negative"),
            ("[failure_rate]\nratio = 0.5", "failure_rate", "missing field"),
            ("probes = 0", "probes", "is 0; must be from 1 to 4096"),
        ] {
            let error = toml(text).unwrap_err();
            assert_eq!((error.document(), error.field()), (Some("orders.toml"), Some(path)), "{error}");
            assert!(error.to_string().starts_with(&format!("orders.toml: {path}: ")), "{error}");
            assert!(error.problem().contains(problem) && error.to_string().lines().count() == 1, "{error}");
        }
        let error = toml("[window]\nfailure = 3").unwrap_err();
        let unknown = "unknown field `failure`, expected one of `failures`, `within`, `on_success`";
        assert_eq!(error.problem(), format!("TOML parse error at line 2, column 1; {unknown}"));
        let error = json("{ \"stages\": 2").unwrap_err();
        assert!(error.to_string().starts_with("orders.json: "), "{error}");
        assert_eq!(error.variable(), None);
    }

    #[test]
    fn a_reload_keeps_the_state_and_a_bad_one_changes_nothing() {
        let clock = resilience::clock::Manual::new();
        let breaker = Breaker::builder().policy(toml(FILE).unwrap()).clock(clock.clone()).build().unwrap();
        (0..5).for_each(|_| breaker.try_acquire().unwrap().failure());
        let before = breaker.snapshot();
        let reload = |text: &str| -> Result<(), Box<dyn std::error::Error>> {
            Ok(breaker.set_policy(over(toml(text)?, &[("STAGES", "4")])?)?)
        };
        for bad in ["stages = \"two\"", "[window]\nfailures = 0", "nonsense = 1"] {
            assert!(reload(bad).is_err());
            assert_eq!(breaker.policy(), toml(FILE).unwrap());
        }
        reload("[window]\nfailures = 9").unwrap();
        assert_eq!((breaker.policy().window.unwrap().failures, breaker.policy().stages), (9, 4));
        let after = breaker.snapshot();
        assert_eq!((after.state, after.remaining, after.level), (State::Open, before.remaining, before.level));
        assert_eq!((after.trip, after.counts), (before.trip, before.counts));
    }
}

#[test]
fn a_policy_written_as_variables_is_read_back_over_whatever_there_was() {
    let delays = CoolDown::ByLevel(vec![SECOND, Duration::from_millis(2500), Duration::from_nanos(90_000_000_001)]);
    let listed = Policy { cool_down: delays, jitter: 1.0 / 3.0, ..Policy::default() };
    let constant = Policy { cool_down: CoolDown::Constant(SECOND), ..every() };
    let bare = Policy { window: None, ..Policy::default() };
    let policies = [Policy::default(), every(), listed, constant, bare];
    for (base, policy) in policies.iter().flat_map(|base| policies.iter().map(move |policy| (base, policy))) {
        assert_eq!(&base.clone().with_vars("X_", policy.to_vars("X_")).unwrap(), policy);
    }
    let known: BTreeSet<String> = VARIABLES.iter().map(|known| known.name.to_owned()).collect();
    let written: BTreeSet<String> =
        policies.iter().flat_map(|policy| policy.to_vars("")).map(|(name, _)| name).collect();
    assert_eq!(written, known);
}

#[test]
fn the_guide_lists_every_variable_as_it_is() {
    let guide = include_str!("../src/docs/configuring.rs");
    let beyond = guide.split("# Variables").nth(1).unwrap();
    let rows: Vec<&str> = beyond.lines().filter(|line| line.starts_with("//! | `")).collect();
    let table: Vec<String> = VARIABLES
        .iter()
        .map(|known| format!("//! | `{}` | `{}` | {} | {} |", known.name, known.field, known.takes, known.help))
        .collect();
    assert_eq!(rows, table);
}
