//! One call: what the breakers under test wrap, and how it ends.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tower_service::Service;

/// What the upstream makes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It answers.
    Good,
    /// It fails.
    Failed,
    /// It asks for too much: come back after so long.
    Limited(Duration),
    /// It never answers.
    Hangs,
}

impl Answer {
    pub(crate) fn is_good(self) -> bool {
        self == Self::Good
    }
}

/// How a call through a breaker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Answered,
    Failed,
    Refused,
}

/// A call on its way through a breaker.
pub(crate) type Call = Pin<Box<dyn Future<Output = End>>>;

/// A breaker, as something that takes calls.
pub(crate) type Caller = Box<dyn FnMut(Wire) -> Call>;

/// Between the simulation and the innermost future of a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire(Arc<(AtomicBool, OnceLock<Answer>)>);

impl Wire {
    /// Whether the breaker let the call through.
    pub(crate) fn is_sent(&self) -> bool {
        self.0.0.load(Ordering::Relaxed)
    }

    /// Lets the call end, at its next poll.
    pub(crate) fn answer(&self, answer: Answer) {
        // A call is answered once; the simulation asserts how it ends.
        let _ = self.0.1.set(answer);
    }
}

/// Waits for the answer.
#[derive(Debug)]
pub(crate) struct Reply(Wire);

impl From<Wire> for Reply {
    fn from(wire: Wire) -> Self {
        Self(wire)
    }
}

impl Future for Reply {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Answer> {
        let (sent, answer) = &*self.0.0;
        sent.store(true, Ordering::Relaxed);
        // Nobody has to be woken: the simulation polls a call when it has set its answer.
        answer.get().copied().map_or(Poll::Pending, Poll::Ready)
    }
}

/// The error of a call; a place for the refusal too, which one of the peers wants to be an error of the service's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Failed,
    Refused,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed => "the upstream failed",
            Self::Refused => "the breaker refused",
        })
    }
}

impl std::error::Error for Fault {}

/// A reply for those that judge by `Ok` and `Err`: whatever is not a good answer is an error.
pub(crate) async fn reply(wire: Wire) -> Result<(), Fault> {
    if Reply(wire).await.is_good() { Ok(()) } else { Err(Fault::Failed) }
}

/// The same as a tower service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upstream;

impl Service<Wire> for Upstream {
    type Response = ();
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, wire: Wire) -> Self::Future {
        Box::pin(reply(wire))
    }
}

/// How a call ended, where a refusal can be told from a failure.
pub(crate) fn end<E>(result: Result<(), E>, refused: impl FnOnce(&E) -> bool) -> End {
    match result {
        Ok(()) => End::Answered,
        Err(error) if refused(&error) => End::Refused,
        Err(_) => End::Failed,
    }
}
