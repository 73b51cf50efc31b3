//! `recloser`: its future wrapper as a tower service.

use std::task::{Context, Poll};

use recloser::{AnyError, AsyncRecloser, Error, RecloserFuture};
use tower_service::Service;

use crate::scenario::{LONG, SHORT};
use crate::{Fail, Form, Refusal, Scenario, Sizes, Subject, Upstream, tower_call, tower_sizes};

/// The adapter: the call's future, wrapped in recloser's.
#[derive(Clone, Debug)]
struct Adapter {
    breaker: AsyncRecloser,
    inner: Upstream,
}

impl Service<u64> for Adapter {
    type Response = u64;
    type Error = Error<Fail>;
    type Future = RecloserFuture<<Upstream as Service<u64>>::Future, AnyError>;

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

/// The default: half of the last hundred calls.
#[derive(Clone, Debug)]
pub struct Recloser(Adapter);

impl Subject for Recloser {
    const NAME: &'static str = "recloser";
    const FORM: Form = Form::Adapted;
    type Error = Error<Fail>;

    fn new(scenario: Scenario) -> Option<Self> {
        let settings = recloser::Recloser::custom();
        let settings = match scenario {
            Scenario::Healthy => settings,
            Scenario::Failing | Scenario::Alternating => settings.error_rate(2.0),
            Scenario::Refusing => settings.closed_len(1).open_wait(LONG),
            // No rate of failures is as low as it would have to be to close.
            Scenario::HalfOpen => settings.closed_len(1).open_wait(SHORT).error_rate_half_open(-0.5),
        };
        Some(Self(Adapter { breaker: settings.build().into(), inner: Upstream }))
    }

    #[inline(always)]
    fn call(&mut self, request: u64) -> Result<u64, Self::Error> {
        tower_call(&mut self.0, request)
    }

    fn sizes(&mut self) -> Sizes {
        tower_sizes::<Adapter>()
    }
}
