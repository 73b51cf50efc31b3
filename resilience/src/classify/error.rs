//! Errors, and what they were caused by.
//!
//! Most errors of a service are wrapped several times before a layer sees them. The functions here look through
//! [`source`](Error::source) to the root; [`ClassifyExt::ignore_error`](super::ClassifyExt::ignore_error) and
//! [`ClassifyExt::ignore_refusals`](super::ClassifyExt::ignore_refusals) make classifiers of them.

use super::Classify;
use crate::{Verdict, respond};
use std::error::Error;
use std::io;

/// Every `Err` is a failure, every `Ok` a success, for whatever types.
///
/// ```
/// use resilience::Verdict;
/// use resilience::classify::{Classify, ErrorsFail};
///
/// let parsed = "12".parse::<u8>();
/// assert_eq!(ErrorsFail.classify(parsed.as_ref()), Verdict::Success);
/// let refused = "-12".parse::<u8>();
/// assert_eq!(ErrorsFail.classify(refused.as_ref()), Verdict::Failure(None));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ErrorsFail;

impl<Res, E> Classify<Res, E> for ErrorsFail {
    #[inline]
    fn classify(&self, outcome: Result<&Res, &E>) -> Verdict {
        Verdict::failure_if(outcome.is_err())
    }
}

/// How far a chain of sources is followed: one that leads back to itself would have no end.
const DEEPEST: usize = 64;

/// The error itself, then what caused it, then what caused that.
///
/// An [`io::Error`] keeps the error that it was made from to itself, and names only what caused that; here it is not
/// skipped. The walk ends after 64 steps, in case an error names itself as its own source.
///
/// ```
/// use resilience::classify::error::chain;
/// use std::{fmt, io};
///
/// let error = io::Error::other(fmt::Error);
/// assert!(chain(&error).any(|cause| cause.is::<fmt::Error>()));
/// ```
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| cause(error)).take(DEEPEST)
}

fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref().and_then(io::Error::get_ref) {
        Some(within) => Some(within),
        None => error.source(),
    }
}

/// The first `T` in the chain, the error itself included, and one that a layer of this crate passed on as
/// [`respond::Error::Inner`].
///
/// ```
/// use resilience::classify::error::find;
/// use std::{fmt, io};
///
/// let parsing = fmt::Error;
/// assert!(find::<fmt::Error>(&parsing).is_some());
/// assert!(find::<io::Error>(&parsing).is_none());
/// ```
#[must_use]
pub fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).find_map(|cause| {
        let inner = || passed_on(cause).or_else(|| passed_on(passed_on::<respond::Error<T>>(cause)?));
        cause.downcast_ref().or_else(inner)
    })
}

/// What a layer passed on. It shows as the error that it holds, and names only what caused that.
fn passed_on<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    error.downcast_ref::<respond::Error<T>>().and_then(respond::Error::inner)
}

/// Whether the error is a `T`, or was caused by one.
///
/// Boxed errors are looked into with `&**error`:
///
/// ```
/// use resilience::classify::error::chain_has;
/// use std::{error::Error, fmt};
///
/// let boxed: Box<dyn Error + Send + Sync> = fmt::Error.into();
/// assert!(chain_has::<fmt::Error>(&*boxed));
/// assert!(!chain_has::<std::io::Error>(&*boxed));
/// ```
#[must_use]
pub fn chain_has<T: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    find::<T>(error).is_some()
}

/// The types that a refusal of this crate appears as in a chain.
const REFUSALS: [fn(&(dyn Error + 'static)) -> bool; 1] = [|error| error.is::<crate::Rejected>()];

/// Whether the error is the refusal of a breaker of this crate, or was caused by one.
///
/// A breaker that guards another one should not count its refusals: they say that the inner breaker is open, which is
/// how it protects the upstream, and nothing new about the upstream.
///
/// ```
/// use resilience::{Breaker, classify::error::is_refusal};
///
/// let inner = Breaker::new();
/// inner.force_open();
/// let rejected = inner.try_acquire().unwrap_err();
/// assert!(is_refusal(&std::io::Error::other(rejected)));
/// assert!(!is_refusal(&std::fmt::Error));
/// ```
#[must_use]
pub fn is_refusal(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|cause| REFUSALS.iter().any(|is| is(cause)))
}
