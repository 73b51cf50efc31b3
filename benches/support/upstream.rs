//! The service behind every breaker: as cheap as a service can be, so that what is measured is the breaker.

use std::fmt;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use tower_service::Service;

/// The upstream failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fail;

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the upstream failed")
    }
}

impl std::error::Error for Fail {}

/// What the upstream answers: an odd request fails.
#[inline]
pub fn answer(request: u64) -> Ready<Result<u64, Fail>> {
    ready(if request & 1 == 1 { Err(Fail) } else { Ok(request) })
}

/// [`answer`] as a service, always ready and of no size.
#[derive(Clone, Copy, Debug, Default)]
pub struct Upstream;

impl Service<u64> for Upstream {
    type Response = u64;
    type Error = Fail;
    type Future = Ready<Result<u64, Fail>>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fail>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: u64) -> Self::Future {
        answer(request)
    }
}
