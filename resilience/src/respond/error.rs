use super::Respond;
use crate::Rejected;
use std::fmt;

/// Any error that can cross threads.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a service with a breaker around it can fail with: the refusal and the service's own error stay apart.
///
/// ```
/// use resilience::{Breaker, respond::Error};
///
/// let breaker = Breaker::new();
/// breaker.force_open();
/// let rejected = breaker.try_acquire().unwrap_err();
/// let error: Error<std::io::Error> = Error::Rejected(rejected);
/// assert!(error.rejected().is_some());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error<E> {
    /// The breaker did not let the call through.
    Rejected(Rejected),
    /// The inner service failed.
    Inner(E),
}

impl<E> Error<E> {
    /// The refusal, if it is one.
    #[must_use]
    pub const fn rejected(&self) -> Option<&Rejected> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            Self::Inner(_) => None,
        }
    }

    /// The inner service's error, if it is one.
    #[must_use]
    pub const fn inner(&self) -> Option<&E> {
        match self {
            Self::Rejected(_) => None,
            Self::Inner(error) => Some(error),
        }
    }

    /// The inner service's error itself, if it is one.
    #[must_use]
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Rejected(_) => None,
            Self::Inner(error) => Some(error),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            // Transparent: it displays as the inner error, so its source is that one's.
            Self::Inner(error) => error.source(),
        }
    }
}

/// A refusal is [`Error::Rejected`], an error of the inner service [`Error::Inner`].
#[derive(Clone, Copy, Debug, Default)]
pub struct AsError;

impl<Res, E> Respond<Res, E> for AsError {
    type Response = Res;
    type Error = Error<E>;

    #[inline]
    fn pass(&self, response: Res) -> Res {
        response
    }

    #[inline]
    fn pass_error(&self, error: E) -> Error<E> {
        Error::Inner(error)
    }

    fn refuse(&self, rejected: Rejected) -> Result<Res, Error<E>> {
        Err(Error::Rejected(rejected))
    }
}

/// A refusal is made into the inner service's own error type.
#[derive(Clone, Copy, Debug, Default)]
pub struct IntoInner;

impl<Res, E: From<Rejected>> Respond<Res, E> for IntoInner {
    type Response = Res;
    type Error = E;

    #[inline]
    fn pass(&self, response: Res) -> Res {
        response
    }

    #[inline]
    fn pass_error(&self, error: E) -> E {
        error
    }

    fn refuse(&self, rejected: Rejected) -> Result<Res, E> {
        Err(E::from(rejected))
    }
}

/// Both are boxed; a refusal is found by `error.downcast_ref::<Rejected>()`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Boxed;

impl<Res, E: Into<BoxError>> Respond<Res, E> for Boxed {
    type Response = Res;
    type Error = BoxError;

    #[inline]
    fn pass(&self, response: Res) -> Res {
        response
    }

    #[inline]
    fn pass_error(&self, error: E) -> BoxError {
        error.into()
    }

    fn refuse(&self, rejected: Rejected) -> Result<Res, BoxError> {
        Err(rejected.into())
    }
}
