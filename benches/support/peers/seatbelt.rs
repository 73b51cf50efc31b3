//! `seatbelt`: as a tower service, and in the `layered` form that it is written for.

use std::future::{Future, Ready, ready};
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use seatbelt::breaker::{Breaker, HalfOpenMode};
use seatbelt::{RecoveryInfo, ResilienceContext};
use tick::Clock;
use tick::runtime::InactiveClock;
use tower_layer::Layer;

use crate::scenario::{LONG, SHORT};
use crate::{Fail, Form, Refusal, Scenario, Sizes, Subject, poll_now, tower_call, tower_sizes};

/// One clock for the process, as its documentation advises. Nothing drives its timers: a breaker has none.
static CLOCK: LazyLock<Clock> = LazyLock::new(|| InactiveClock::default().activate(Waker::noop().clone()).0);

/// It has no error type of its own: a refusal is an error of the service's own type, so that has to have a place for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedOr {
    /// The breaker refused.
    Refused,
    /// The upstream failed.
    Failed,
}

impl From<Fail> for RefusedOr {
    fn from(_: Fail) -> Self {
        Self::Failed
    }
}

impl Refusal for RefusedOr {
    fn refused(&self) -> bool {
        matches!(self, Self::Refused)
    }
}

/// [`answer`] with that error.
#[inline]
fn answer(request: u64) -> Ready<Result<u64, RefusedOr>> {
    ready(crate::answer(request).into_inner().map_err(RefusedOr::from))
}

/// The default: 10 % of at least a hundred calls within 30 s.
fn wrap<S>(scenario: Scenario, inner: S) -> Breaker<u64, Result<u64, RefusedOr>, S> {
    let context = ResilienceContext::new(&*CLOCK);
    let layer = Breaker::layer("bench", &context)
        .recovery_with(|answer: &Result<u64, RefusedOr>, _| match answer {
            Ok(_) => RecoveryInfo::never(),
            Err(_) => RecoveryInfo::retry(),
        })
        .rejected_input_error(|_, _| RefusedOr::Refused);
    let layer = match scenario {
        Scenario::Healthy => layer,
        Scenario::Failing => layer.min_throughput(u32::MAX),
        Scenario::Alternating => layer.failure_threshold(0.9),
        Scenario::Refusing => layer.break_duration(LONG),
        // After the first probe it lets one call in a thousand through, and so it stays for an hour.
        Scenario::HalfOpen => layer.break_duration(SHORT).half_open_mode(HalfOpenMode::progressive(LONG)),
    };
    layer.layer(inner)
}

/// The upstream as a tower service.
#[derive(Clone, Copy, Debug)]
struct TowerUpstream;

impl tower_service::Service<u64> for TowerUpstream {
    type Response = u64;
    type Error = RefusedOr;
    type Future = Ready<Result<u64, RefusedOr>>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), RefusedOr>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: u64) -> Self::Future {
        answer(request)
    }
}

/// The tower service.
#[derive(Clone, Debug)]
pub struct SeatbeltTower(Breaker<u64, Result<u64, RefusedOr>, TowerUpstream>);

impl Subject for SeatbeltTower {
    const NAME: &'static str = "seatbelt-tower";
    const FORM: Form = Form::Tower;
    type Error = RefusedOr;

    fn new(scenario: Scenario) -> Option<Self> {
        Some(Self(wrap(scenario, TowerUpstream)))
    }

    #[inline(always)]
    fn call(&mut self, request: u64) -> Result<u64, RefusedOr> {
        tower_call(&mut self.0, request)
    }

    fn sizes(&mut self) -> Sizes {
        tower_sizes::<Breaker<u64, Result<u64, RefusedOr>, TowerUpstream>>()
    }
}

/// The `layered` service.
#[derive(Clone, Debug)]
pub struct SeatbeltLayered(Breaker<u64, Result<u64, RefusedOr>, LayeredUpstream>);

/// The upstream as a `layered` service.
#[derive(Clone, Copy, Debug)]
struct LayeredUpstream;

impl layered::Service<u64> for LayeredUpstream {
    type Out = Result<u64, RefusedOr>;

    #[inline]
    fn execute(&self, request: u64) -> impl Future<Output = Self::Out> + Send {
        answer(request)
    }
}

impl Subject for SeatbeltLayered {
    const NAME: &'static str = "seatbelt-layered";
    const FORM: Form = Form::Borrowing;
    type Error = RefusedOr;

    fn new(scenario: Scenario) -> Option<Self> {
        Some(Self(wrap(scenario, LayeredUpstream)))
    }

    #[inline(always)]
    fn call(&mut self, request: u64) -> Result<u64, RefusedOr> {
        poll_now(layered::Service::execute(&self.0, request))
    }

    fn sizes(&mut self) -> Sizes {
        Sizes::over_upstream(size_of::<Self>(), size_of_val(&layered::Service::execute(&self.0, 0)))
    }
}
