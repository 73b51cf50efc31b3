//! Classifiers made of classifiers.

use super::{Classify, error};
use crate::{Hint, Verdict};
use std::error::Error;
use std::marker::PhantomData;
#[cfg(feature = "http")]
use std::sync::Arc;
use std::{any, fmt};

#[cfg(feature = "http")]
use super::AtEnd;
#[cfg(feature = "http")]
use crate::hint::Quota;

/// Bends the judgement of any classifier.
///
/// Every type has these methods, as a classifier may be any type; they are of use only to those that implement
/// [`Classify`].
///
/// ```
/// use resilience::Verdict;
/// use resilience::classify::{Classify, ClassifyExt, ErrorsFail};
/// use std::io;
///
/// // A reading of zero is how this sensor says that it is broken, and an interrupted call is nobody's fault.
/// let classifier = ErrorsFail
///     .or_failure_if(|outcome: Result<&u32, &io::Error>| matches!(outcome, Ok(0)))
///     .ignore_if(|outcome: Result<&u32, &io::Error>| {
///         outcome.is_err_and(|error| error.kind() == io::ErrorKind::Interrupted)
///     });
/// assert_eq!(classifier.classify(Ok(&0)), Verdict::Failure(None));
/// assert_eq!(classifier.classify(Ok(&20)), Verdict::Success);
/// assert_eq!(classifier.classify(Err(&io::ErrorKind::Interrupted.into())), Verdict::Ignore);
/// ```
pub trait ClassifyExt: Sized {
    /// Passes every verdict through `map`, also that of the end of a body.
    ///
    /// The closure is cloned with the classifier, for each call; one that holds much is better given an `Arc` of it.
    ///
    /// ```
    /// use resilience::Verdict;
    /// use resilience::classify::{Classify, ClassifyExt, ErrorsFail};
    ///
    /// let deaf = ErrorsFail.map_verdict(|verdict| match verdict {
    ///     Verdict::Failure(_) => Verdict::Failure(None),
    ///     other => other,
    /// });
    /// assert_eq!(Classify::<(), _>::classify(&deaf, Err(&"broken")), Verdict::Failure(None));
    /// ```
    fn map_verdict<F>(self, map: F) -> MapVerdict<Self, F>
    where
        F: Fn(Verdict) -> Verdict + Clone + Send + Sync + 'static,
    {
        MapVerdict { inner: self, map }
    }

    /// Also a failure is what `condition`, an `Fn(Result<&Res, &E>) -> bool`, holds for. A wait that the verdict brought
    /// along is kept as the hint.
    ///
    /// ```
    /// use resilience::Verdict;
    /// use resilience::classify::{Classify, ClassifyExt, ErrorsFail};
    ///
    /// let classifier = ErrorsFail.or_failure_if(|outcome: Result<&String, &_>| outcome.is_ok_and(|text| text.is_empty()));
    /// let outcome: Result<_, &()> = Ok(&String::new());
    /// assert_eq!(classifier.classify(outcome), Verdict::Failure(None));
    /// ```
    fn or_failure_if<F>(self, condition: F) -> OrFailureIf<Self, F> {
        OrFailureIf { inner: self, condition }
    }

    /// Ignored is what `condition`, an `Fn(Result<&Res, &E>) -> bool`, holds for, whatever the classifier would say.
    ///
    /// This is also the way to look into boxed errors:
    ///
    /// ```
    /// use resilience::Verdict;
    /// use resilience::classify::{Classify, ClassifyExt, ErrorsFail, error::chain_has};
    /// use std::{error::Error, fmt};
    ///
    /// type BoxError = Box<dyn Error + Send + Sync>;
    ///
    /// let classifier = ErrorsFail
    ///     .ignore_if(|outcome: Result<&_, &BoxError>| outcome.is_err_and(|error| chain_has::<fmt::Error>(&**error)));
    /// let outcome: Result<&(), _> = Err(&BoxError::from(fmt::Error));
    /// assert_eq!(classifier.classify(outcome), Verdict::Ignore);
    /// ```
    fn ignore_if<F>(self, condition: F) -> IgnoreIf<Self, F> {
        IgnoreIf { inner: self, condition }
    }

    /// Ignored is an error that is a `T`, or was caused by one.
    ///
    /// ```
    /// use resilience::Verdict;
    /// use resilience::classify::{Classify, ClassifyExt, ErrorsFail};
    /// use std::{fmt, io};
    ///
    /// let classifier = ErrorsFail.ignore_error::<fmt::Error>();
    /// let mine = io::Error::other(fmt::Error);
    /// assert_eq!(Classify::<(), _>::classify(&classifier, Err(&mine)), Verdict::Ignore);
    /// ```
    fn ignore_error<T: Error + 'static>(self) -> IgnoreError<Self, T> {
        IgnoreError { inner: self, error: PhantomData }
    }

    /// Ignored is an error that is a [refusal](error::is_refusal) of another breaker, or was caused by one.
    ///
    /// ```
    /// use resilience::Verdict;
    /// use resilience::classify::{Classify, ClassifyExt, ErrorsFail};
    ///
    /// let outer = ErrorsFail.ignore_refusals();
    /// let outcome: Result<&(), _> = Err(&std::fmt::Error);
    /// assert_eq!(outer.classify(outcome), Verdict::Failure(None), "no refusal");
    /// ```
    fn ignore_refusals(self) -> IgnoreRefusals<Self> {
        IgnoreRefusals { inner: self }
    }
}

impl<C> ClassifyExt for C {}

/// Made by [`ClassifyExt::map_verdict`].
#[derive(Clone, Copy)]
pub struct MapVerdict<C, F> {
    inner: C,
    map: F,
}

/// Made by [`ClassifyExt::or_failure_if`].
#[derive(Clone, Copy)]
pub struct OrFailureIf<C, F> {
    inner: C,
    condition: F,
}

/// Made by [`ClassifyExt::ignore_if`].
#[derive(Clone, Copy)]
pub struct IgnoreIf<C, F> {
    inner: C,
    condition: F,
}

/// Made by [`ClassifyExt::ignore_error`].
pub struct IgnoreError<C, T> {
    inner: C,
    error: PhantomData<fn() -> T>,
}

/// Made by [`ClassifyExt::ignore_refusals`].
#[derive(Clone, Copy, Debug)]
pub struct IgnoreRefusals<C> {
    inner: C,
}

// === impl Classify ===

impl<Res, E, C, F> Classify<Res, E> for MapVerdict<C, F>
where
    C: Classify<Res, E>,
    F: Fn(Verdict) -> Verdict + Clone + Send + Sync + 'static,
{
    #[inline]
    fn classify(&self, outcome: Result<&Res, &E>) -> Verdict {
        (self.map)(self.inner.classify(outcome))
    }

    #[inline]
    fn forbids_retry(&self, outcome: Result<&Res, &E>) -> bool {
        self.inner.forbids_retry(outcome)
    }

    #[cfg(feature = "http")]
    #[inline]
    fn quota(&self, outcome: Result<&Res, &E>) -> Option<Quota> {
        self.inner.quota(outcome)
    }

    #[cfg(feature = "http")]
    fn at_end(&self, response: &Res) -> Option<AtEnd> {
        // A failure that was mapped to something else is still none of which the inner classifier expects to be asked.
        if matches!(self.inner.classify(Ok(response)), Verdict::Failure(_)) {
            return None;
        }
        self.inner.at_end(response).map(|at_end| at_end.map(Arc::new(self.map.clone())))
    }
}

impl<Res, E, C, F> Classify<Res, E> for OrFailureIf<C, F>
where
    C: Classify<Res, E>,
    F: Fn(Result<&Res, &E>) -> bool,
{
    #[inline]
    fn classify(&self, outcome: Result<&Res, &E>) -> Verdict {
        let verdict = self.inner.classify(outcome);
        if (self.condition)(outcome) { failure(verdict) } else { verdict }
    }

    #[inline]
    fn forbids_retry(&self, outcome: Result<&Res, &E>) -> bool {
        self.inner.forbids_retry(outcome)
    }

    #[cfg(feature = "http")]
    #[inline]
    fn quota(&self, outcome: Result<&Res, &E>) -> Option<Quota> {
        self.inner.quota(outcome)
    }

    #[cfg(feature = "http")]
    fn at_end(&self, response: &Res) -> Option<AtEnd> {
        if (self.condition)(Ok(response)) { None } else { self.inner.at_end(response) }
    }
}

impl<Res, E, C, F> Classify<Res, E> for IgnoreIf<C, F>
where
    C: Classify<Res, E>,
    F: Fn(Result<&Res, &E>) -> bool,
{
    #[inline]
    fn classify(&self, outcome: Result<&Res, &E>) -> Verdict {
        if (self.condition)(outcome) { Verdict::Ignore } else { self.inner.classify(outcome) }
    }

    #[inline]
    fn forbids_retry(&self, outcome: Result<&Res, &E>) -> bool {
        self.inner.forbids_retry(outcome)
    }

    #[cfg(feature = "http")]
    #[inline]
    fn quota(&self, outcome: Result<&Res, &E>) -> Option<Quota> {
        self.inner.quota(outcome)
    }

    #[cfg(feature = "http")]
    fn at_end(&self, response: &Res) -> Option<AtEnd> {
        if (self.condition)(Ok(response)) { None } else { self.inner.at_end(response) }
    }
}

impl<Res, E, C, T> Classify<Res, E> for IgnoreError<C, T>
where
    C: Classify<Res, E>,
    E: Error + 'static,
    T: Error + 'static,
{
    #[inline]
    fn classify(&self, outcome: Result<&Res, &E>) -> Verdict {
        match outcome {
            Err(error) if error::chain_has::<T>(error) => Verdict::Ignore,
            _ => self.inner.classify(outcome),
        }
    }

    #[inline]
    fn forbids_retry(&self, outcome: Result<&Res, &E>) -> bool {
        self.inner.forbids_retry(outcome)
    }

    #[cfg(feature = "http")]
    #[inline]
    fn quota(&self, outcome: Result<&Res, &E>) -> Option<Quota> {
        self.inner.quota(outcome)
    }

    #[cfg(feature = "http")]
    fn at_end(&self, response: &Res) -> Option<AtEnd> {
        self.inner.at_end(response)
    }
}

impl<Res, E, C> Classify<Res, E> for IgnoreRefusals<C>
where
    C: Classify<Res, E>,
    E: Error + 'static,
{
    #[inline]
    fn classify(&self, outcome: Result<&Res, &E>) -> Verdict {
        match outcome {
            Err(error) if error::is_refusal(error) => Verdict::Ignore,
            _ => self.inner.classify(outcome),
        }
    }

    #[inline]
    fn forbids_retry(&self, outcome: Result<&Res, &E>) -> bool {
        self.inner.forbids_retry(outcome)
    }

    #[cfg(feature = "http")]
    #[inline]
    fn quota(&self, outcome: Result<&Res, &E>) -> Option<Quota> {
        self.inner.quota(outcome)
    }

    #[cfg(feature = "http")]
    fn at_end(&self, response: &Res) -> Option<AtEnd> {
        self.inner.at_end(response)
    }
}

/// The same verdict as a failure, with whatever wait it brought along.
fn failure(verdict: Verdict) -> Verdict {
    Verdict::Failure(match verdict {
        Verdict::Failure(hint) => hint,
        Verdict::Limited(wait) => Some(Hint::limiting(wait)),
        Verdict::Relayed(wait) => wait.map(Hint::after),
        Verdict::Success | Verdict::Reachable | Verdict::Ignore => None,
    })
}

// === impl Clone and Debug, without asking either of the closures ===

impl<C: Clone, T> Clone for IgnoreError<C, T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), error: PhantomData }
    }
}

impl<C: fmt::Debug, F> fmt::Debug for MapVerdict<C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, map: _ } = self;
        f.debug_struct("MapVerdict").field("inner", inner).field("map", &any::type_name::<F>()).finish()
    }
}

impl<C: fmt::Debug, F> fmt::Debug for OrFailureIf<C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, condition: _ } = self;
        f.debug_struct("OrFailureIf").field("inner", inner).field("condition", &any::type_name::<F>()).finish()
    }
}

impl<C: fmt::Debug, F> fmt::Debug for IgnoreIf<C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, condition: _ } = self;
        f.debug_struct("IgnoreIf").field("inner", inner).field("condition", &any::type_name::<F>()).finish()
    }
}

impl<C: fmt::Debug, T> fmt::Debug for IgnoreError<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, error: _ } = self;
        f.debug_struct("IgnoreError").field("inner", inner).field("error", &any::type_name::<T>()).finish()
    }
}
