//! `nobreak`: its async call, driven as it is.

use std::fmt;
use std::sync::Arc;

use nobreak::{CircuitBreaker, CircuitError};

use crate::scenario::{LONG, SHORT};
use crate::{Fail, Form, Refusal, Scenario, Sizes, Subject, answer, poll_now};

/// The default: five failures in a row.
#[derive(Clone)]
pub struct Nobreak(Arc<CircuitBreaker>);

impl fmt::Debug for Nobreak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Nobreak").field(&self.0.state()).finish()
    }
}

impl Refusal for CircuitError<Fail> {
    fn refused(&self) -> bool {
        matches!(self, Self::Open)
    }
}

impl Subject for Nobreak {
    const NAME: &'static str = "nobreak";
    const FORM: Form = Form::Borrowing;
    type Error = CircuitError<Fail>;

    fn new(scenario: Scenario) -> Option<Self> {
        let settings = nobreak::builder();
        let settings = match scenario {
            Scenario::Healthy | Scenario::Alternating => settings,
            Scenario::Failing => settings.with_failure_threshold(usize::MAX),
            Scenario::Refusing => settings.with_open_duration(LONG),
            Scenario::HalfOpen => settings.with_open_duration(SHORT).with_success_threshold(usize::MAX),
        };
        Some(Self(Arc::new(settings.build())))
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
