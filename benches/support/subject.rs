//! One way of calling the upstream.

use std::future::{Future, Ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tower_service::Service;

use crate::{
    CircuitBreakerRs, Fail, FailsafeDefault, FailsafeInARow, Nobreak, Ours, OursRate, Recloser, Scenario,
    SeatbeltLayered, SeatbeltTower, TowerResilience, TowerResilienceInARow, TowerResilienceTimed, Upstream,
};

/// One way of calling the [`Upstream`]. A clone is another handle to the same breaker.
pub trait Subject: Clone + Send + 'static {
    /// The name in tables and on the command line.
    const NAME: &'static str;
    /// How it is called.
    const FORM: Form;
    /// What its calls end with when they do not succeed.
    type Error: Refusal + Send;

    /// A new breaker with the settings that the scenario needs; `None` where the subject cannot be kept in that state.
    fn new(scenario: Scenario) -> Option<Self>;

    /// One call, driven to its end.
    ///
    /// # Errors
    ///
    /// What the upstream answers, or the refusal.
    fn call(&mut self, request: u64) -> Result<u64, Self::Error>;

    /// What it adds to the sizes of what it wraps.
    fn sizes(&mut self) -> Sizes;

    /// Whether threads without a runtime can share it in this state.
    #[must_use]
    fn shares(_: Scenario) -> bool {
        true
    }
}

/// How a subject is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The upstream alone.
    Bare,
    /// This crate's tower layer.
    Ours,
    /// A tower service as released.
    Tower,
    /// A future type as released, made a tower service by a few lines here.
    Adapted,
    /// A future that borrows the breaker. It spares itself the reference count that a tower future needs, and so is
    /// cheaper here than it could be as a tower service.
    Borrowing,
}

/// What a subject adds, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// To the service.
    pub service: usize,
    /// To the future. A boxed one is smaller than what it wraps, but then see the allocations.
    pub future: isize,
}

impl Sizes {
    /// From the sizes of the wrapped service and future.
    #[must_use]
    pub fn over_upstream(service: usize, future: usize) -> Self {
        let inner = size_of::<Ready<Result<u64, Fail>>>();
        Self { service: service - size_of::<Upstream>(), future: future.cast_signed() - inner.cast_signed() }
    }
}

/// An error that knows a refusal from an answer.
pub trait Refusal {
    /// Whether the upstream was not called.
    fn refused(&self) -> bool;
}

impl Refusal for Fail {
    fn refused(&self) -> bool {
        false
    }
}

/// Polls a future that never has to wait.
///
/// # Panics
///
/// If it waits.
#[inline(always)]
pub fn poll_now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => waits(),
    }
}

/// Polls a future until it is ready, for one that waits when threads meet in it.
#[inline(always)]
pub fn poll_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
            return answer;
        }
        std::thread::yield_now();
    }
}

#[cold]
#[inline(never)]
fn waits() -> ! {
    panic!("the upstream answers at once, so nothing has to wait")
}

/// Readiness and call of a tower service, as a server makes them.
///
/// # Errors
///
/// What the service answers when it is asked whether it is ready.
///
/// # Panics
///
/// If it is not ready.
#[inline(always)]
pub fn tower_ready<S: Service<u64>>(service: &mut S) -> Result<(), S::Error> {
    match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(ready) => ready,
        Poll::Pending => waits(),
    }
}

/// One call as a tower server makes it: `poll_ready`, `call`, one poll.
///
/// # Errors
///
/// What the service answers.
#[inline(always)]
pub fn tower_call<S: Service<u64, Response = u64>>(service: &mut S, request: u64) -> Result<u64, S::Error> {
    tower_ready(service)?;
    poll_now(service.call(request))
}

/// [`Sizes`] of a tower service around the [`Upstream`].
#[must_use]
pub fn tower_sizes<S: Service<u64>>() -> Sizes {
    Sizes::over_upstream(size_of::<S>(), size_of::<S::Future>())
}

/// The upstream without a breaker.
#[derive(Clone, Debug)]
pub struct Bare(Upstream);

impl Subject for Bare {
    const NAME: &'static str = "bare";
    const FORM: Form = Form::Bare;
    type Error = Fail;

    fn new(scenario: Scenario) -> Option<Self> {
        (!matches!(scenario, Scenario::Refusing | Scenario::HalfOpen)).then_some(Self(Upstream))
    }

    #[inline(always)]
    fn call(&mut self, request: u64) -> Result<u64, Fail> {
        tower_call(&mut self.0, request)
    }

    fn sizes(&mut self) -> Sizes {
        tower_sizes::<Upstream>()
    }
}

/// Does something to every subject; a trait and not a closure, because each is a type of its own.
pub trait Visitor {
    /// Does it to `S`.
    fn visit<S: Subject>(&mut self);
}

/// Shows the visitor every subject, the bare upstream first and this crate next.
pub fn every_subject(visitor: &mut impl Visitor) {
    visitor.visit::<Bare>();
    visitor.visit::<Ours>();
    visitor.visit::<OursRate>();
    visitor.visit::<Nobreak>();
    visitor.visit::<Recloser>();
    visitor.visit::<FailsafeInARow>();
    visitor.visit::<FailsafeDefault>();
    visitor.visit::<CircuitBreakerRs>();
    visitor.visit::<SeatbeltLayered>();
    visitor.visit::<SeatbeltTower>();
    visitor.visit::<TowerResilienceInARow>();
    visitor.visit::<TowerResilience>();
}

/// Shows the visitor the subjects that look at a window of time, among them one whose window grows with the traffic.
pub fn every_window(visitor: &mut impl Visitor) {
    visitor.visit::<Ours>();
    visitor.visit::<OursRate>();
    visitor.visit::<FailsafeDefault>();
    visitor.visit::<SeatbeltTower>();
    visitor.visit::<TowerResilienceTimed>();
}
