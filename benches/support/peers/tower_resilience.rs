//! `tower-resilience-circuitbreaker`: the tower layer.

use std::fmt;
use std::time::Duration;

use tower_layer::Layer;
use tower_resilience_circuitbreaker::{
    CircuitBreaker, CircuitBreakerConfigBuilder, CircuitBreakerError, CircuitBreakerLayer, DefaultClassifier,
    SlidingWindowType,
};

use crate::scenario::{LONG, SHORT};
use crate::{Fail, Form, Refusal, Scenario, Sizes, Subject, Upstream, poll_on, tower_ready, tower_sizes};

type Service = CircuitBreaker<Upstream, DefaultClassifier>;

impl Refusal for CircuitBreakerError<Fail> {
    fn refused(&self) -> bool {
        matches!(self, Self::OpenCircuit)
    }
}

/// What tokio's semaphore, which it counts its probes with, can hold.
const ALL_PROBES: usize = usize::MAX >> 3;

fn build(settings: CircuitBreakerConfigBuilder, scenario: Scenario) -> Option<Service> {
    let settings = match scenario {
        Scenario::Healthy | Scenario::Failing | Scenario::Alternating => settings,
        Scenario::Refusing => settings.wait_duration_in_open(LONG),
        Scenario::HalfOpen => settings.wait_duration_in_open(SHORT).permitted_calls_in_half_open(ALL_PROBES),
    };
    Some(settings.build().ok()?.layer(Upstream))
}

macro_rules! subject {
    ($(#[$about:meta])* $subject:ident, $name:literal, $settings:expr) => {
        $(#[$about])*
        #[derive(Clone)]
        pub struct $subject(Service);

        impl fmt::Debug for $subject {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($subject)).field(&self.0.state_sync()).finish()
            }
        }

        impl Subject for $subject {
            const NAME: &'static str = $name;
            const FORM: Form = Form::Tower;
            type Error = CircuitBreakerError<Fail>;

            fn new(scenario: Scenario) -> Option<Self> {
                let settings: fn(Scenario, CircuitBreakerConfigBuilder) -> CircuitBreakerConfigBuilder = $settings;
                build(settings(scenario, CircuitBreakerLayer::builder()), scenario).map(Self)
            }

            #[inline(always)]
            fn call(&mut self, request: u64) -> Result<u64, Self::Error> {
                // Its lock is tokio's, which a second thread has to wait for.
                tower_ready(&mut self.0)?;
                poll_on(tower_service::Service::call(&mut self.0, request))
            }

            fn sizes(&mut self) -> Sizes {
                tower_sizes::<Service>()
            }

            /// While it is not closed, its `poll_ready` sets a timer of tokio's when another thread holds its lock,
            /// and that panics outside a runtime.
            fn shares(scenario: Scenario) -> bool {
                !matches!(scenario, Scenario::Refusing | Scenario::HalfOpen)
            }
        }
    };
}

subject!(
    /// Five failures in a row.
    TowerResilienceInARow,
    "tower-resilience-in-a-row",
    |scenario, settings| settings.consecutive_failures(if scenario == Scenario::Failing { usize::MAX } else { 5 })
);

/// How many calls a window must hold before its rate counts.
fn minimum(scenario: Scenario) -> usize {
    if matches!(scenario, Scenario::Failing | Scenario::Alternating) { usize::MAX } else { 100 }
}

subject!(
    /// The default: half of a hundred calls.
    TowerResilience,
    "tower-resilience",
    |scenario, settings| settings.minimum_number_of_calls(minimum(scenario))
);

subject!(
    /// Half of the calls of the last 30 s, a hundred at least.
    TowerResilienceTimed,
    "tower-resilience-30-s",
    |scenario, settings| settings
        .sliding_window_type(SlidingWindowType::TimeBased)
        .sliding_window_duration(Duration::from_secs(30))
        .minimum_number_of_calls(minimum(scenario))
);
