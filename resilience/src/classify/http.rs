//! HTTP statuses.

use super::statuses::Statuses;
use super::{AtEnd, Classify, proxy_status};
use crate::hint::{self, Quota};
use crate::{Hint, Verdict};
use http::{HeaderMap, Response, StatusCode};
use std::sync::OnceLock;

/// Judges HTTP answers by their status.
///
/// [`HttpStatus::new`] is the preset, which suits a service of which nothing else is known:
///
/// | outcome | verdict |
/// |---|---|
/// | a transport error (`Err`), `429`, `5xx` and whatever is above | failure, with the [hint](crate::hint::of) of the answer |
/// | `408`, `425` | ignore: the upstream never took up the call |
/// | any other `4xx` | reachable |
/// | all else | success |
///
/// Where the upstream is known better, name the statuses that it fails with: [`failures`](Self::failures).
///
/// The preset takes no space, the other forms one pointer; both are copied, and no call counts a reference.
///
/// ```
/// use http::{Response, StatusCode, header::RETRY_AFTER};
/// use resilience::{Hint, Verdict};
/// use resilience::classify::{Classify, HttpStatus};
/// use std::time::Duration;
///
/// let judge = |response: http::response::Builder| {
///     let outcome: Result<_, &std::io::Error> = Ok(&response.body(()).unwrap());
///     HttpStatus::new().classify(outcome)
/// };
/// assert_eq!(judge(Response::builder().status(200)), Verdict::Success);
/// assert_eq!(judge(Response::builder().status(404)), Verdict::Reachable);
/// assert_eq!(judge(Response::builder().status(500)), Verdict::Failure(None));
/// assert_eq!(
///     judge(Response::builder().status(503).header(RETRY_AFTER, "30")),
///     Verdict::Failure(Some(Hint::limiting(Duration::from_secs(30)))),
/// );
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpStatus<S = Preset> {
    settings: S,
}

/// [`HttpStatus`] as it comes: server errors and `429` fail.
///
/// ```
/// use resilience::classify::{HttpStatus, Preset};
///
/// assert_eq!(size_of::<HttpStatus<Preset>>(), 0);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Preset;

/// [`HttpStatus`] with settings of its own.
///
/// ```
/// use resilience::classify::{Custom, HttpStatus};
///
/// let classifier: HttpStatus<Custom> = HttpStatus::new().into();
/// ```
///
/// Settings are kept for as long as the process runs, each different one once: a classifier is copied for every call, and
/// a reference count would be a write that all threads share. So build classifiers from what the program knows, not from
/// what its callers send.
#[derive(Clone, Copy, Debug)]
pub struct Custom(&'static Settings);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Settings {
    /// The statuses that fail; those of the preset where there are none.
    failures: Option<Statuses>,
    trusted: Vec<Box<str>>,
    at_end: bool,
}

// === impl HttpStatus ===

impl HttpStatus {
    /// The preset: server errors, `429` and transport errors are failures.
    ///
    /// ```
    /// use http::Response;
    /// use resilience::Verdict;
    /// use resilience::classify::{Classify, HttpStatus};
    ///
    /// let outcome: Result<_, &()> = Ok(&Response::new("all is well"));
    /// assert_eq!(HttpStatus::new().classify(outcome), Verdict::Success);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { settings: Preset }
    }

    /// These statuses, and transport errors, are failures; of the others `2xx` and `3xx` are successes, and the rest
    /// shows that the upstream can be reached.
    ///
    /// A `503` or `429` outside the set that says how long to wait is [`Limited`](Verdict::Limited): it counts only
    /// where the policy obeys such hints. A number outside `100..=999` is no status, so that no answer ever has it.
    ///
    /// ```
    /// use http::Response;
    /// use resilience::Verdict;
    /// use resilience::classify::{Classify, HttpStatus};
    ///
    /// let classifier = HttpStatus::failures([502, 503, 504]);
    /// let judge = |status: u16| {
    ///     let outcome: Result<_, &()> = Ok(&Response::builder().status(status).body(()).unwrap());
    ///     classifier.classify(outcome)
    /// };
    /// assert_eq!(judge(503), Verdict::Failure(None));
    /// assert_eq!(judge(500), Verdict::Reachable);
    /// assert_eq!(judge(204), Verdict::Success);
    /// ```
    #[must_use]
    pub fn failures(statuses: impl IntoIterator<Item = u16>) -> HttpStatus<Custom> {
        Settings { failures: Some(statuses.into_iter().collect()), ..Settings::default() }.into()
    }
}

impl<S> HttpStatus<S>
where
    HttpStatus<Custom>: From<Self>,
{
    /// Breakers behind these proxies are trusted to refuse calls for good reason.
    ///
    /// A `503` that such a proxy marked as its own refusal (`Proxy-Status: <name>; error=destination_unavailable`) is
    /// [`Relayed`](Verdict::Relayed), so that stacked breakers do not trip one another. Names are compared exactly. Trust
    /// only proxies on your own side: whoever can send the header can also keep this breaker from tripping.
    ///
    /// ```
    /// use http::Response;
    /// use resilience::Verdict;
    /// use resilience::classify::{Classify, HttpStatus};
    ///
    /// let refusal = Response::builder()
    ///     .status(503)
    ///     .header("proxy-status", "edge; error=destination_unavailable")
    ///     .body(())
    ///     .unwrap();
    /// let outcome: Result<_, &()> = Ok(&refusal);
    /// assert_eq!(HttpStatus::new().classify(outcome), Verdict::Failure(None));
    /// assert_eq!(HttpStatus::new().trust_refusals_of(["edge"]).classify(outcome), Verdict::Relayed(None));
    /// ```
    #[must_use]
    pub fn trust_refusals_of<N: Into<Box<str>>>(self, names: impl IntoIterator<Item = N>) -> HttpStatus<Custom> {
        self.with(|settings| settings.trusted.extend(names.into_iter().map(Into::into)))
    }

    /// The verdict waits for the end of the body: a body that is cut short is a failure, whatever the head was.
    ///
    /// The call is then out until its body has been read, and so is a probe. Without this the head decides; so it does under
    /// a form of refusal that does not wrap the body: see [`respond`](crate::respond#the-end-of-a-body).
    ///
    /// ```
    /// use http::Response;
    /// use resilience::Verdict;
    /// use resilience::classify::{Classify, EndOfBody, HttpStatus};
    ///
    /// let classifier = HttpStatus::new().judged_at_end();
    /// let at_end = Classify::<_, ()>::at_end(&classifier, &Response::new(())).unwrap();
    /// assert_eq!(at_end.judge(EndOfBody::Complete(None)), Verdict::Success);
    /// assert_eq!(at_end.judge(EndOfBody::Failed), Verdict::Failure(None));
    /// ```
    #[must_use]
    pub fn judged_at_end(self) -> HttpStatus<Custom> {
        self.with(|settings| settings.at_end = true)
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> HttpStatus<Custom> {
        let mut settings = HttpStatus::<Custom>::from(self).settings.0.clone();
        change(&mut settings);
        settings.into()
    }
}

impl HttpStatus<Custom> {
    #[inline]
    pub(super) fn judge(&self, status: StatusCode, headers: &HeaderMap) -> Verdict {
        self.settings.0.judge(status, headers)
    }
}

impl From<HttpStatus> for HttpStatus<Custom> {
    fn from(_: HttpStatus) -> Self {
        Settings::default().into()
    }
}

impl From<Settings> for HttpStatus<Custom> {
    fn from(settings: Settings) -> Self {
        Self { settings: Custom(settings.kept()) }
    }
}

impl<B, E> Classify<Response<B>, E> for HttpStatus {
    #[inline]
    fn classify(&self, outcome: Result<&Response<B>, &E>) -> Verdict {
        match outcome {
            Ok(response) => preset(response.status(), response.headers()),
            Err(_) => Verdict::Failure(None),
        }
    }

    #[inline]
    fn quota(&self, outcome: Result<&Response<B>, &E>) -> Option<Quota> {
        outcome.ok().and_then(|response| hint::quota_now(response.status(), response.headers()))
    }
}

impl<B, E> Classify<Response<B>, E> for HttpStatus<Custom> {
    #[inline]
    fn classify(&self, outcome: Result<&Response<B>, &E>) -> Verdict {
        match outcome {
            Ok(response) => self.judge(response.status(), response.headers()),
            Err(_) => Verdict::Failure(None),
        }
    }

    #[inline]
    fn quota(&self, outcome: Result<&Response<B>, &E>) -> Option<Quota> {
        outcome.ok().and_then(|response| hint::quota_now(response.status(), response.headers()))
    }

    #[inline]
    fn at_end(&self, response: &Response<B>) -> Option<AtEnd> {
        if !self.settings.0.at_end {
            return None;
        }
        match self.judge(response.status(), response.headers()) {
            head @ (Verdict::Success | Verdict::Reachable) => Some(AtEnd::whole_body(head)),
            // The head has said all there is to say, however the body goes on.
            _ => None,
        }
    }
}

// === impl Settings ===

impl Settings {
    /// These settings, for good: those that were kept before, if they are the same.
    fn kept(self) -> &'static Self {
        /// A list that only grows.
        struct Kept {
            settings: Settings,
            next: OnceLock<&'static Kept>,
        }
        static FIRST: OnceLock<&'static Kept> = OnceLock::new();
        let mut link = &FIRST;
        loop {
            let kept = link.get_or_init(|| Box::leak(Box::new(Kept { settings: self.clone(), next: OnceLock::new() })));
            if kept.settings == self {
                return &kept.settings;
            }
            link = &kept.next;
        }
    }

    #[inline]
    fn judge(&self, status: StatusCode, headers: &HeaderMap) -> Verdict {
        let healthy = match &self.failures {
            None => status.as_u16() < 400,
            Some(failures) => (200..400).contains(&status.as_u16()) && !failures.has(status.as_u16()),
        };
        if healthy { Verdict::Success } else { self.judge_error(status, headers) }
    }

    /// Kept out of the way of the healthy call.
    #[cold]
    fn judge_error(&self, status: StatusCode, headers: &HeaderMap) -> Verdict {
        if status == StatusCode::SERVICE_UNAVAILABLE && proxy_status::refused_by(&self.trusted, headers) {
            return Verdict::Relayed(hint::now(status, headers).map(Hint::wait));
        }
        let Some(failures) = &self.failures else {
            return preset(status, headers);
        };
        match hint::now(status, headers) {
            hint if failures.has(status.as_u16()) => Verdict::Failure(hint),
            Some(hint) if hint.is_limiting() => Verdict::Limited(hint.wait()),
            _ => Verdict::Reachable,
        }
    }
}

/// The preset's judgement of an answer.
#[inline]
pub(super) fn preset(status: StatusCode, headers: &HeaderMap) -> Verdict {
    if status.as_u16() < 400 { Verdict::Success } else { preset_error(status, headers) }
}

/// Kept out of the way of the healthy call.
#[cold]
fn preset_error(status: StatusCode, headers: &HeaderMap) -> Verdict {
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => Verdict::Ignore,
        StatusCode::TOO_MANY_REQUESTS => Verdict::Failure(hint::now(status, headers)),
        _ if status.is_client_error() => Verdict::Reachable,
        // RFC 9110, section 15: a status that is out of range is treated as a server error.
        _ => Verdict::Failure(hint::now(status, headers)),
    }
}
