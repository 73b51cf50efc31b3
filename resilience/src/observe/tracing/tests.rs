use super::Tracing;
use crate::clock::Manual;
use crate::{Breaker, Policy};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

type Told = (Level, BTreeMap<&'static str, String>);

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Told>>>);

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    #[allow(clippy::disallowed_methods, reason = "a test that panics under its lock has failed")]
    fn event(&self, event: &Event<'_>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        self.0.lock().unwrap().push((*event.metadata().level(), fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Log {
    /// All that was told, each with its level and these of its fields.
    #[allow(clippy::disallowed_methods, reason = "a test that panics under its lock has failed")]
    fn told(&self, names: &[&str]) -> Vec<String> {
        let told = self.0.lock().unwrap();
        let line = |(level, fields): &Told| {
            let shown = names.iter().filter_map(|name| Some(format!(" {name}={}", fields.get(name)?)));
            format!("{level}{}", shown.collect::<String>())
        };
        told.iter().map(line).collect()
    }
}

/// What is told of a breaker from its trip to its recovery, and of an operator.
fn story(observer: Tracing) -> Log {
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || {
        let clock = Manual::new();
        let breaker = Breaker::builder().name("orders").jitter(0.0).stages(2).clock(clock.clone()).observer(observer);
        let breaker = breaker.build().unwrap();
        breaker.try_acquire().unwrap().success();
        (0..3).for_each(|_| breaker.try_acquire().unwrap().failure());
        assert!(breaker.try_acquire().is_err());
        clock.advance(Duration::from_secs(1));
        (0..3).for_each(|_| breaker.try_acquire().unwrap().success());
        breaker.force_open();
        breaker.set_policy(Policy::default()).unwrap();
        breaker.reset();
    });
    log
}

#[test]
fn a_trip_is_a_warning_that_says_why_and_for_how_long() {
    let log = story(Tracing::new());
    let warnings: Vec<_> = log
        .told(&["breaker", "event", "rule", "failures", "level", "hinted", "open_for_ms", "shadow", "message"])
        .into_iter()
        .filter(|line| line.starts_with("WARN"))
        .collect();
    assert_eq!(
        warnings,
        ["WARN breaker=orders event=tripped rule=failure_window failures=3 level=1 hinted=false open_for_ms=1000 \
          shadow=false message=breaker tripped: failures within the window"]
    );
}

#[test]
fn every_transition_is_told_once_and_a_healthy_call_and_a_refusal_are_not() {
    let told = story(Tracing::new()).told(&["event", "stage", "from", "to"]);
    assert_eq!(
        told,
        [
            "WARN event=tripped",
            "INFO event=half_opened",
            "INFO event=stage_reached stage=1",
            "INFO event=closed",
            "INFO event=overlay_changed from=automatic to=forced_open",
            "INFO event=policy_changed",
            "INFO event=reset",
        ]
    );
}

#[test]
fn refusals_are_told_on_demand_with_their_reason() {
    let told = story(Tracing::new().with_refusals()).told(&["event", "reason"]);
    let refused: Vec<_> = told.iter().filter(|line| line.starts_with("DEBUG")).collect();
    assert_eq!(refused, ["DEBUG event=refused reason=open"]);
    assert_eq!(told.len(), 8);
}
