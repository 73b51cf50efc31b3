//! This crate.

use std::time::Duration;

use resilience::{Breaker, Rejected};

use crate::scenario::{LONG, SHORT};
use crate::{Fail, Form, Refusal, Scenario, Sizes, Subject, answer, poll_now};

/// The default rule: three failures within 30 s.
fn window(scenario: Scenario) -> Option<Breaker> {
    let policy = Breaker::builder();
    let policy = match scenario {
        Scenario::Healthy | Scenario::Alternating => policy,
        // No two failures are as close to each other as they would have to be.
        Scenario::Failing => policy.failures(3).within(Duration::from_nanos(1)),
        Scenario::Refusing => policy.delay(LONG).max_delay(LONG),
        Scenario::HalfOpen => policy.delay(SHORT).stages(1).stage_time(LONG).probe_patience(Duration::from_secs(1)),
    };
    policy.build().ok()
}

/// A permit taken and given back by hand.
#[derive(Clone, Debug)]
pub struct Ours(Breaker);

/// Why a call did not succeed.
#[derive(Debug)]
pub enum Why {
    /// The breaker did not let it through.
    Rejected(Rejected),
    /// The upstream failed.
    Fail(Fail),
}

impl Refusal for Why {
    fn refused(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }
}

impl Subject for Ours {
    const NAME: &'static str = "resilience";
    const FORM: Form = Form::Ours;
    type Error = Why;

    fn new(scenario: Scenario) -> Option<Self> {
        window(scenario).map(Self)
    }

    #[inline(always)]
    fn call(&mut self, request: u64) -> Result<u64, Self::Error> {
        let permit = self.0.try_acquire().map_err(Why::Rejected)?;
        match poll_now(answer(request)) {
            Ok(ok) => {
                permit.success();
                Ok(ok)
            }
            Err(e) => {
                permit.failure();
                Err(Why::Fail(e))
            }
        }
    }

    fn sizes(&mut self) -> Sizes {
        Sizes { service: 8, future: 16 }
    }
}
