//! This crate.

use std::time::Duration;

use resilience::layer::{BreakerService, KeyedLayer, KeyedService};
use resilience::respond::Error;
use resilience::{Breaker, BreakerLayer, Keyed};
use tower_layer::Layer;

use crate::scenario::{LONG, SHORT};
use crate::{Fail, Form, Refusal, Scenario, Sizes, Subject, Upstream, tower_call, tower_sizes};

impl Refusal for Error<Fail> {
    fn refused(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }
}

/// The layer around the upstream, by the default rule: three failures within 30 s.
#[derive(Clone, Debug)]
pub struct Ours(BreakerService<Upstream>);

impl Subject for Ours {
    const NAME: &'static str = "resilience";
    const FORM: Form = Form::Ours;
    type Error = Error<Fail>;

    fn new(scenario: Scenario) -> Option<Self> {
        let policy = match scenario {
            // Nothing needs to be set, so nothing is.
            Scenario::Healthy | Scenario::Alternating => return Some(Self(wrap(Breaker::new()))),
            // No two failures are as close to each other as they would have to be.
            Scenario::Failing => Breaker::builder().failures(3).within(Duration::from_nanos(1)),
            Scenario::Refusing => Breaker::builder().delay(LONG).max_delay(LONG),
            Scenario::HalfOpen => half_open(Breaker::builder()),
        };
        policy.build().ok().map(wrap).map(Self)
    }

    #[inline(always)]
    fn call(&mut self, request: u64) -> Result<u64, Self::Error> {
        tower_call(&mut self.0, request)
    }

    fn sizes(&mut self) -> Sizes {
        tower_sizes::<BreakerService<Upstream>>()
    }
}

/// The layer around the upstream, by a rate: half of at least a hundred calls within 30 s. Successes count here, so a
/// healthy call has something to do.
#[derive(Clone, Debug)]
pub struct OursRate(BreakerService<Upstream>);

impl Subject for OursRate {
    const NAME: &'static str = "resilience-rate";
    const FORM: Form = Form::Ours;
    type Error = Error<Fail>;

    fn new(scenario: Scenario) -> Option<Self> {
        let least = if matches!(scenario, Scenario::Failing | Scenario::Alternating) { u32::MAX } else { 100 };
        let rule = Breaker::builder().without_failure_window();
        let rule = rule.failure_rate(0.5).over(Duration::from_secs(30)).min_calls(least);
        let policy = match scenario {
            Scenario::Healthy | Scenario::Failing | Scenario::Alternating => rule,
            Scenario::Refusing => rule.delay(LONG).max_delay(LONG),
            Scenario::HalfOpen => half_open(rule),
        };
        policy.build().ok().map(wrap).map(Self)
    }

    #[inline(always)]
    fn call(&mut self, request: u64) -> Result<u64, Self::Error> {
        tower_call(&mut self.0, request)
    }

    fn sizes(&mut self) -> Sizes {
        tower_sizes::<BreakerService<Upstream>>()
    }
}

/// The layer with a breaker for each key, all calls of one key; with `BESIDE`, while another key is open. By the default rule.
///
/// The keys are numbers, hashed by the standard library's hash.
#[derive(Clone, Debug)]
pub struct OursKeyed<const BESIDE: bool>(ByKey);

type ByKey = KeyedService<Upstream, u64, fn(&u64) -> Option<u64>>;

/// The key of every call.
const KEY: u64 = 0;

impl<const BESIDE: bool> Subject for OursKeyed<BESIDE> {
    const NAME: &'static str = if BESIDE { "resilience-keyed-beside" } else { "resilience-keyed" };
    const FORM: Form = Form::Ours;
    type Error = Error<Fail>;

    fn new(scenario: Scenario) -> Option<Self> {
        let policy = match scenario {
            Scenario::Healthy => Breaker::builder(),
            // What another key does is nothing to a key that has state.
            _ if BESIDE => return None,
            Scenario::Alternating => Breaker::builder(),
            Scenario::Failing => Breaker::builder().failures(3).within(Duration::from_nanos(1)),
            Scenario::Refusing => Breaker::builder().delay(LONG).max_delay(LONG),
            Scenario::HalfOpen => half_open(Breaker::builder()),
        };
        let keyed: Keyed<u64> = Keyed::builder().each(policy).build().ok()?;
        if BESIDE {
            keyed.force_open(&u64::MAX).ok()?;
        }
        Some(Self(KeyedLayer::new(keyed, (|_| Some(KEY)) as fn(&u64) -> Option<u64>).layer(Upstream)))
    }

    #[inline(always)]
    fn call(&mut self, request: u64) -> Result<u64, Self::Error> {
        tower_call(&mut self.0, request)
    }

    fn sizes(&mut self) -> Sizes {
        tower_sizes::<ByKey>()
    }
}

fn wrap(breaker: Breaker) -> BreakerService<Upstream> {
    BreakerLayer::new(breaker).layer(Upstream)
}

/// Soon half-open, and then for an hour, however many probes succeed.
fn half_open(policy: resilience::breaker::Builder) -> resilience::breaker::Builder {
    policy.delay(SHORT).stages(1).stage_time(LONG).probe_patience(Duration::from_secs(1))
}
