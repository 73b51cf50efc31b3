//! `circuitbreaker-rs`: its async call, driven as it is.

use std::fmt;

use circuitbreaker_rs::{BreakerBuilder, BreakerError, CircuitBreaker, DefaultPolicy};

use crate::scenario::{LONG, SHORT};
use crate::{Fail, Form, Refusal, Scenario, Sizes, Subject, answer, poll_now};

/// The default: half of at least ten calls, or five failures in a row.
#[derive(Clone)]
pub struct CircuitBreakerRs(CircuitBreaker<DefaultPolicy, Fail>);

impl fmt::Debug for CircuitBreakerRs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CircuitBreakerRs").field(&self.0.current_state()).finish()
    }
}

impl Refusal for BreakerError<Fail> {
    fn refused(&self) -> bool {
        matches!(self, Self::Open)
    }
}

impl Subject for CircuitBreakerRs {
    const NAME: &'static str = "circuitbreaker-rs";
    const FORM: Form = Form::Borrowing;
    type Error = BreakerError<Fail>;

    fn new(scenario: Scenario) -> Option<Self> {
        let settings = BreakerBuilder::new();
        let settings = match scenario {
            Scenario::Healthy => settings,
            Scenario::Failing | Scenario::Alternating => settings.failure_threshold(2.0).consecutive_failures(u64::MAX),
            Scenario::Refusing => settings.cooldown(LONG),
            Scenario::HalfOpen => settings.cooldown(SHORT).probe_interval(u32::MAX).consecutive_successes(u64::MAX),
        };
        Some(Self(settings.build()))
    }

    #[inline(always)]
    fn call(&mut self, request: u64) -> Result<u64, Self::Error> {
        poll_now(self.0.call_async(|| answer(request)))
    }

    fn sizes(&mut self) -> Sizes {
        let request = 0;
        Sizes::over_upstream(size_of::<Self>(), size_of_val(&self.0.call_async(|| answer(request))))
    }
}
