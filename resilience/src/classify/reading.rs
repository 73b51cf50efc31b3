//! HTTP statuses in answers that are not [`http::Response`]s.

use super::Classify;
use super::http::{Custom, HttpStatus, Preset, preset};
use crate::Verdict;
use crate::hint::{self, Quota};
use http::{HeaderMap, StatusCode};
use std::{any, fmt};

/// Made by [`HttpStatus::reading`].
///
/// The verdict is that of the head, even where the classifier would wait for the end of the body: what is not an
/// [`http::Response`] has no body that a layer could watch.
#[derive(Clone, Copy)]
pub struct Reading<S, F> {
    status: HttpStatus<S>,
    head: F,
}

impl<S> HttpStatus<S> {
    /// Judges answers of any type that have a status and headers, and hears their hints.
    ///
    /// The client of reqwest, for one, answers with a type of its own:
    /// `.reading(|answer: &reqwest::Response| (answer.status(), answer.headers()))`. Write the closure where it is passed:
    /// one that is kept in a variable first is taken to be for one lifetime only.
    ///
    /// ```
    /// use http::{HeaderMap, StatusCode};
    /// use resilience::Verdict;
    /// use resilience::classify::{Classify, HttpStatus};
    ///
    /// struct Answer {
    ///     status: StatusCode,
    ///     headers: HeaderMap,
    /// }
    ///
    /// let classifier = HttpStatus::new().reading(|answer: &Answer| (answer.status, &answer.headers));
    /// let answer = Answer { status: StatusCode::BAD_GATEWAY, headers: HeaderMap::new() };
    /// let outcome: Result<_, &std::io::Error> = Ok(&answer);
    /// assert_eq!(classifier.classify(outcome), Verdict::Failure(None));
    /// ```
    pub const fn reading<Res, F>(self, head: F) -> Reading<S, F>
    where
        F: Fn(&Res) -> (StatusCode, &HeaderMap),
    {
        Reading { status: self, head }
    }
}

impl<Res, E, F> Classify<Res, E> for Reading<Preset, F>
where
    F: Fn(&Res) -> (StatusCode, &HeaderMap),
{
    #[inline]
    fn classify(&self, outcome: Result<&Res, &E>) -> Verdict {
        outcome.map(&self.head).map_or(Verdict::Failure(None), |(status, headers)| preset(status, headers))
    }

    #[inline]
    fn quota(&self, outcome: Result<&Res, &E>) -> Option<Quota> {
        outcome.ok().map(&self.head).and_then(|(status, headers)| hint::quota_now(status, headers))
    }
}

impl<Res, E, F> Classify<Res, E> for Reading<Custom, F>
where
    F: Fn(&Res) -> (StatusCode, &HeaderMap),
{
    #[inline]
    fn classify(&self, outcome: Result<&Res, &E>) -> Verdict {
        outcome.map(&self.head).map_or(Verdict::Failure(None), |(status, headers)| self.status.judge(status, headers))
    }

    #[inline]
    fn quota(&self, outcome: Result<&Res, &E>) -> Option<Quota> {
        outcome.ok().map(&self.head).and_then(|(status, headers)| hint::quota_now(status, headers))
    }
}

impl<S: fmt::Debug, F> fmt::Debug for Reading<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, head: _ } = self;
        f.debug_struct("Reading").field("status", status).field("head", &any::type_name::<F>()).finish()
    }
}
