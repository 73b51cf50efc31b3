//! `failsafe`: its future wrapper as a tower service.

use std::iter::Repeat;
use std::task::{Context, Poll};
use std::time::Duration;

use failsafe::backoff::{self, EqualJittered};
use failsafe::failure_policy::{
    ConsecutiveFailures, OrElse, SuccessRateOverTimeWindow, consecutive_failures, success_rate_over_time_window,
};
use failsafe::futures::{CircuitBreaker, ResponseFuture};
use failsafe::{Any, Config, Error, FailurePolicy, StateMachine};
use tower_service::Service;

use crate::scenario::LONG;
use crate::{Fail, Form, Refusal, Scenario, Sizes, Subject, Upstream, tower_call, tower_sizes};

/// The adapter: the call's future, wrapped in failsafe's.
#[derive(Debug)]
pub struct Failsafe<P> {
    breaker: StateMachine<P, ()>,
    inner: Upstream,
}

impl<P> Clone for Failsafe<P> {
    fn clone(&self) -> Self {
        Self { breaker: self.breaker.clone(), inner: self.inner }
    }
}

impl<P: FailurePolicy + Send + Sync> Service<u64> for Failsafe<P> {
    type Response = u64;
    type Error = Error<Fail>;
    type Future = ResponseFuture<<Upstream as Service<u64>>::Future, P, (), Any>;

    #[inline]
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(Error::Inner)
    }

    #[inline]
    fn call(&mut self, request: u64) -> Self::Future {
        self.breaker.call(self.inner.call(request))
    }
}

impl Refusal for Error<Fail> {
    fn refused(&self) -> bool {
        matches!(self, Self::Rejected)
    }
}

/// Three failures in a row.
#[derive(Clone, Debug)]
pub struct FailsafeInARow(Failsafe<ConsecutiveFailures<Repeat<Duration>>>);

impl Subject for FailsafeInARow {
    const NAME: &'static str = "failsafe-in-a-row";
    const FORM: Form = Form::Adapted;
    type Error = Error<Fail>;

    fn new(scenario: Scenario) -> Option<Self> {
        let failures = match scenario {
            Scenario::Failing => u32::MAX,
            // The first success closes it, so it cannot be kept half-open.
            Scenario::HalfOpen => return None,
            Scenario::Healthy | Scenario::Alternating | Scenario::Refusing => 3,
        };
        let policy = consecutive_failures(failures, backoff::constant(LONG));
        let breaker = Config::new().failure_policy(policy).build();
        Some(Self(Failsafe { breaker, inner: Upstream }))
    }

    #[inline(always)]
    fn call(&mut self, request: u64) -> Result<u64, Self::Error> {
        tower_call(&mut self.0, request)
    }

    fn sizes(&mut self) -> Sizes {
        tower_sizes::<Failsafe<ConsecutiveFailures<Repeat<Duration>>>>()
    }
}

type DefaultPolicy = OrElse<SuccessRateOverTimeWindow<EqualJittered>, ConsecutiveFailures<EqualJittered>>;

/// The default: a success rate of 80 % over 30 s, or five failures in a row.
#[derive(Clone, Debug)]
pub struct FailsafeDefault(Failsafe<DefaultPolicy>);

impl Subject for FailsafeDefault {
    const NAME: &'static str = "failsafe-default";
    const FORM: Form = Form::Adapted;
    type Error = Error<Fail>;

    fn new(scenario: Scenario) -> Option<Self> {
        let (rate, failures) = match scenario {
            Scenario::Healthy | Scenario::Refusing => (0.8, 5),
            Scenario::Failing | Scenario::Alternating => (0.0, u32::MAX),
            Scenario::HalfOpen => return None,
        };
        let backoff = backoff::equal_jittered(LONG, LONG);
        let policy = success_rate_over_time_window(rate, 5, Duration::from_secs(30), backoff.clone())
            .or_else(consecutive_failures(failures, backoff));
        let breaker = Config::new().failure_policy(policy).build();
        Some(Self(Failsafe { breaker, inner: Upstream }))
    }

    #[inline(always)]
    fn call(&mut self, request: u64) -> Result<u64, Self::Error> {
        tower_call(&mut self.0, request)
    }

    fn sizes(&mut self) -> Sizes {
        tower_sizes::<Failsafe<DefaultPolicy>>()
    }
}
