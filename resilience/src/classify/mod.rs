//! Judging one finished call.
//!
//! A breaker counts what its calls say about the upstream, and only you know what counts: a `404` is a healthy answer
//! of most services, a `500` is not, and a quota that is used up lies somewhere in between. A classifier looks at the
//! outcome of a call and gives a [`Verdict`].
//!
//! | classifier | for | fails on |
//! |---|---|---|
//! | [`HttpStatus`] | HTTP | `5xx`, `429` and transport errors, or the statuses that you name |
//! | [`HttpStatus::reading`] | answers of another type that have a status and headers | the same |
//! | [`GrpcStatus`] | gRPC over HTTP | statuses such as `UNAVAILABLE`, in the head or in the trailers |
//! | [`ErrorsFail`] | any service | `Err` |
//! | a closure | any service | what it says |
//!
//! [`ClassifyExt`] bends any of them a little: an error that is not the upstream's fault, an answer that says `200`
//! and means something else.
//!
//! # A closure
//!
//! Types that cannot be inferred are best left open with `_`, but the shape of the argument has to be written out:
//!
//! ```
//! use resilience::Verdict;
//! use resilience::classify::Classify;
//!
//! fn judge<C: Classify<u32, String>>(classifier: C) -> Verdict {
//!     classifier.classify(Ok(&7))
//! }
//!
//! assert_eq!(judge(|outcome: Result<&_, &_>| Verdict::failure_if(matches!(outcome, Ok(7)))), Verdict::Failure(None));
//! ```
//!
//! # A type of your own
//!
//! ```
//! use resilience::Verdict;
//! use resilience::classify::Classify;
//!
//! /// Negative readings mean that the sensor is broken.
//! struct Sensor;
//!
//! impl<E> Classify<i32, E> for Sensor {
//!     fn classify(&self, outcome: Result<&i32, &E>) -> Verdict {
//!         Verdict::failure_if(outcome.map_or(true, |reading| *reading < 0))
//!     }
//! }
//!
//! assert_eq!(Classify::<i32, ()>::classify(&Sensor, Ok(&-1)), Verdict::Failure(None));
//! assert_eq!(Classify::<i32, ()>::classify(&Sensor, Ok(&20)), Verdict::Success);
//! ```
//!
//! # When the head is not enough
//!
//! An HTTP answer is judged by its head, at once. Some answers are known only at the end of their body: gRPC says how it
//! went in the trailers, and a body may be cut short. A classifier that needs to know says so in
//! [`Classify::at_end`]; see [`AtEnd`].
#![cfg_attr(not(feature = "http"), allow(rustdoc::broken_intra_doc_links))] // what it links to is not there

#[cfg(feature = "http")]
mod at_end;
pub mod error;
mod ext;
#[cfg(feature = "http")]
mod grpc;
#[cfg(feature = "http")]
mod grpc_code;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod proxy_status;
#[cfg(feature = "http")]
mod reading;
#[cfg(feature = "http")]
mod statuses;
#[cfg(test)]
mod tests;

pub use error::ErrorsFail;
pub use ext::{ClassifyExt, IgnoreError, IgnoreIf, IgnoreRefusals, MapVerdict, OrFailureIf};
#[cfg(feature = "http")]
pub use {
    at_end::{AtEnd, EndOfBody},
    grpc::GrpcStatus,
    grpc_code::GrpcCode,
    http::{Custom, HttpStatus, Preset},
    reading::Reading,
};

use crate::Verdict;

/// Judges one finished call.
///
/// It is asked once for each call, on the way of the answer, so it should be quick. Closures over
/// `Result<&Res, &E>` are classifiers too; see the [module](self) for both.
///
/// ```
/// use resilience::Verdict;
/// use resilience::classify::{Classify, ErrorsFail};
///
/// let refused: Result<&str, &str> = Err("connection refused");
/// assert_eq!(ErrorsFail.classify(refused.as_ref()), Verdict::Failure(None));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not judge calls that end in `Result<{Res}, {E}>`",
    note = "a closure has to spell out its argument: `|outcome: Result<&_, &_>| ...`",
    note = "`HttpStatus` and `GrpcStatus` judge `http::Response`s; `ErrorsFail` judges whatever there is"
)]
pub trait Classify<Res, E> {
    /// What the outcome says about the upstream.
    fn classify(&self, outcome: Result<&Res, &E>) -> Verdict;

    /// How the end of the answer's body is to be judged, if the verdict has to wait for it.
    ///
    /// This is asked after [`classify`](Self::classify), unless that found a failure. Then the verdict of the head is
    /// dropped, and the one of the end counts.
    ///
    /// ```
    /// use http::Response;
    /// use resilience::Verdict;
    /// use resilience::classify::{Classify, EndOfBody, HttpStatus};
    ///
    /// let classifier = HttpStatus::new().judged_at_end();
    /// let at_end = Classify::<_, ()>::at_end(&classifier, &Response::new("half of the bo")).unwrap();
    /// assert_eq!(at_end.judge(EndOfBody::Failed), Verdict::Failure(None));
    /// ```
    #[cfg(feature = "http")]
    fn at_end(&self, response: &Res) -> Option<AtEnd> {
        let _ = response;
        None
    }

    /// Whether the server asks not to be tried again, whatever the breaker makes of its answer.
    ///
    /// Asked by the retry policy, of answers that it would repeat. Without an implementation nobody does;
    /// [`GrpcStatus`] reads `grpc-retry-pushback-ms`.
    ///
    /// ```
    /// use http::Response;
    /// use resilience::classify::{Classify, GrpcStatus};
    ///
    /// let head = Response::builder().header("grpc-status", "14").header("grpc-retry-pushback-ms", "-1");
    /// let response = head.body(()).unwrap();
    /// let outcome: Result<_, &()> = Ok(&response);
    /// assert!(GrpcStatus::new().forbids_retry(outcome));
    /// ```
    #[inline]
    fn forbids_retry(&self, outcome: Result<&Res, &E>) -> bool {
        let _ = outcome;
        false
    }

    /// What the outcome tells of the upstream's own count of calls.
    ///
    /// Asked after the call, only where the breaker has a quota: see
    /// [`Builder::quota`](crate::Builder::quota). Without an implementation it tells nothing; [`HttpStatus`] reads the
    /// `RateLimit` headers, and takes a `429` that says how long to wait for a quota that is used up.
    ///
    /// ```
    /// use http::Response;
    /// use resilience::classify::{Classify, HttpStatus};
    ///
    /// let response = Response::builder().header("ratelimit", r#""all";r=7;t=30"#).body(()).unwrap();
    /// let outcome: Result<_, &()> = Ok(&response);
    /// assert_eq!(HttpStatus::new().quota(outcome).unwrap().remaining(), Some(7));
    /// ```
    #[cfg(feature = "http")]
    #[inline]
    fn quota(&self, outcome: Result<&Res, &E>) -> Option<crate::hint::Quota> {
        let _ = outcome;
        None
    }
}

impl<F, Res, E> Classify<Res, E> for F
where
    F: Fn(Result<&Res, &E>) -> Verdict,
{
    #[inline]
    fn classify(&self, outcome: Result<&Res, &E>) -> Verdict {
        self(outcome)
    }
}
