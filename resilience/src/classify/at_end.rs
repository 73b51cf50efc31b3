//! Judging the end of a body.

use super::GrpcStatus;
use crate::Verdict;
use http::HeaderMap;
use std::fmt;
use std::sync::Arc;

/// How the body of an answer ended.
///
/// A body that nobody read to its end is neither: like any dropped call it is judged by its age.
///
/// ```
/// use resilience::classify::EndOfBody;
///
/// assert!(EndOfBody::Complete(None).trailers().is_none());
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum EndOfBody<'a> {
    /// It was read to its end; with trailers, if it had any.
    Complete(Option<&'a HeaderMap>),
    /// It broke off with an error.
    Failed,
}

/// How the end of one answer's body is to be judged, where the head alone does not tell.
///
/// ```
/// use resilience::Verdict;
/// use resilience::classify::{AtEnd, EndOfBody};
///
/// let at_end = AtEnd::whole_body(Verdict::Success);
/// assert_eq!(at_end.judge(EndOfBody::Complete(None)), Verdict::Success);
/// assert_eq!(at_end.judge(EndOfBody::Failed), Verdict::Failure(None));
/// ```
#[derive(Clone)]
pub struct AtEnd {
    rule: Rule,
    then: Option<Map>,
}

type Map = Arc<dyn Fn(Verdict) -> Verdict + Send + Sync>;

#[derive(Clone)]
enum Rule {
    Whole(Verdict),
    Grpc(GrpcStatus),
    Custom(Arc<dyn Fn(EndOfBody<'_>) -> Verdict + Send + Sync>),
}

impl EndOfBody<'_> {
    /// The trailers of a body that was read to its end.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use resilience::classify::EndOfBody;
    ///
    /// let trailers = HeaderMap::new();
    /// assert!(EndOfBody::Complete(Some(&trailers)).trailers().is_some());
    /// assert!(EndOfBody::Failed.trailers().is_none());
    /// ```
    #[must_use]
    pub const fn trailers(&self) -> Option<&HeaderMap> {
        match self {
            Self::Complete(trailers) => *trailers,
            Self::Failed => None,
        }
    }
}

impl AtEnd {
    /// A body that is cut short is a failure; one that is read to its end gives the verdict `complete`.
    ///
    /// ```
    /// use resilience::Verdict;
    /// use resilience::classify::{AtEnd, EndOfBody};
    ///
    /// let not_found = AtEnd::whole_body(Verdict::Reachable);
    /// assert_eq!(not_found.judge(EndOfBody::Complete(None)), Verdict::Reachable);
    /// ```
    #[must_use]
    pub const fn whole_body(complete: Verdict) -> Self {
        Self { rule: Rule::Whole(complete), then: None }
    }

    /// A rule of your own.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use resilience::Verdict;
    /// use resilience::classify::{AtEnd, EndOfBody};
    ///
    /// let signed = AtEnd::from_fn(|end| {
    ///     Verdict::failure_if(!end.trailers().is_some_and(|trailers| trailers.contains_key("signature")))
    /// });
    /// assert_eq!(signed.judge(EndOfBody::Complete(Some(&HeaderMap::new()))), Verdict::Failure(None));
    /// ```
    #[must_use]
    pub fn from_fn(judge: impl Fn(EndOfBody<'_>) -> Verdict + Send + Sync + 'static) -> Self {
        Self { rule: Rule::Custom(Arc::new(judge)), then: None }
    }

    /// What the end says about the upstream.
    ///
    /// ```
    /// use resilience::Verdict;
    /// use resilience::classify::{AtEnd, EndOfBody};
    ///
    /// assert_eq!(AtEnd::whole_body(Verdict::Success).judge(EndOfBody::Failed), Verdict::Failure(None));
    /// ```
    #[must_use]
    pub fn judge(&self, end: EndOfBody<'_>) -> Verdict {
        let verdict = match (&self.rule, end) {
            (Rule::Whole(complete), EndOfBody::Complete(_)) => *complete,
            (Rule::Whole(_), EndOfBody::Failed) => Verdict::Failure(None),
            (Rule::Grpc(status), end) => status.judge_end(end),
            (Rule::Custom(judge), end) => judge(end),
        };
        match &self.then {
            Some(then) => then(verdict),
            None => verdict,
        }
    }

    pub(super) const fn grpc(status: GrpcStatus) -> Self {
        Self { rule: Rule::Grpc(status), then: None }
    }

    /// The same, with `map` applied to what comes of it.
    pub(super) fn map(self, map: Map) -> Self {
        let then = match self.then {
            None => map,
            Some(first) => Arc::new(move |verdict| map(first(verdict))),
        };
        Self { rule: self.rule, then: Some(then) }
    }
}

impl fmt::Debug for AtEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, then } = self;
        f.debug_struct("AtEnd").field("rule", rule).field("mapped", &then.is_some()).finish()
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(complete) => f.debug_tuple("Whole").field(complete).finish(),
            Self::Grpc(status) => f.debug_tuple("Grpc").field(status).finish(),
            Self::Custom(_) => f.write_str("Custom"),
        }
    }
}
