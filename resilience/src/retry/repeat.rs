/// Makes the copy of a request that is sent if the first one has to be repeated; `None` if it must not be.
///
/// Implemented by [`IdempotentHttp`], and by closures from `&Req` to `Option<Req>`.
///
/// ```
/// use resilience::retry::Repeat;
///
/// fn copy(repeat: impl Repeat<&'static str>, request: &'static str) -> Option<&'static str> {
///     repeat.repeat(&request)
/// }
///
/// let reads = |command: &&'static str| command.starts_with("GET ").then_some(*command);
/// assert_eq!(copy(reads, "GET a"), Some("GET a"));
/// assert_eq!(copy(reads, "INCR a"), None);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not know how to repeat a `{Req}`",
    note = "`IdempotentHttp` repeats `http::Request`s whose body can be cloned; a closure has to spell out its argument: \
            `|request: &_| ...`"
)]
pub trait Repeat<Req> {
    /// A copy to be sent later, if the request may be repeated.
    fn repeat(&self, request: &Req) -> Option<Req>;
}

impl<F, Req> Repeat<Req> for F
where
    F: Fn(&Req) -> Option<Req>,
{
    fn repeat(&self, request: &Req) -> Option<Req> {
        self(request)
    }
}

/// Repeats the HTTP requests that [may be repeated](may_repeat). Their bodies have to be of a type that can be cloned.
///
/// The copy is made before the outcome is known, so it should be cheap: a body of `Bytes`, say. A body that is read from
/// the network cannot be cloned; buffer it, or repeat only requests without one by a closure of your own:
///
/// ```
/// use http::Request;
/// use resilience::retry::{Repeat, may_repeat};
///
/// struct Streamed;
///
/// let repeat = |request: &Request<Option<Streamed>>| match (may_repeat(request), request.body()) {
///     (true, None) => {
///         let mut copy = Request::new(None);
///         *copy.method_mut() = request.method().clone();
///         *copy.uri_mut() = request.uri().clone();
///         *copy.headers_mut() = request.headers().clone();
///         Some(copy)
///     }
///     _ => None,
/// };
/// assert!(repeat.repeat(&Request::new(None)).is_some());
/// assert!(repeat.repeat(&Request::new(Some(Streamed))).is_none());
/// ```
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct IdempotentHttp;

#[cfg(feature = "http")]
impl<B: Clone> Repeat<http::Request<B>> for IdempotentHttp {
    fn repeat(&self, request: &http::Request<B>) -> Option<http::Request<B>> {
        may_repeat(request).then(|| request.clone())
    }
}

/// Whether it does no harm to send this request twice: its method is idempotent (RFC 9110, section 9.2.2: `GET`, `HEAD`,
/// `OPTIONS`, `TRACE`, `PUT`, `DELETE`), or it carries an `Idempotency-Key` by which the server knows it again.
///
/// Also a good choice of [probes](crate::BreakerLayer::probe_if).
///
/// ```
/// use http::Request;
/// use resilience::retry::may_repeat;
///
/// assert!(may_repeat(&Request::delete("/events/7").body(())?));
/// assert!(!may_repeat(&Request::post("/events").body(())?));
/// assert!(may_repeat(&Request::post("/events").header("idempotency-key", "\"8e03978e\"").body(())?));
/// # Ok::<(), http::Error>(())
/// ```
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
#[must_use]
pub fn may_repeat<B>(request: &http::Request<B>) -> bool {
    let key = || request.headers().get("idempotency-key");
    // An empty key tells nothing apart.
    request.method().is_idempotent() || key().is_some_and(|key| !key.as_bytes().trim_ascii().is_empty())
}

#[cfg(all(test, feature = "http"))]
mod tests {
    use super::*;
    use http::{Extensions, Method, Request, Version};

    #[test]
    fn the_methods_are_those_of_the_standard() {
        let may = |method: &str| may_repeat(&Request::builder().method(method).body(()).unwrap());
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"] {
            assert!(may(method), "{method}");
        }
        for method in ["POST", "PATCH", "CONNECT", "PURGE", "get"] {
            assert!(!may(method), "{method}");
        }
    }

    #[test]
    fn a_key_counts_only_if_there_is_something_in_it() {
        for (key, may) in [("a", true), ("\"\"", true), ("", false), ("  ", false)] {
            let request = Request::post("/").header("Idempotency-Key", key).body(()).unwrap();
            assert_eq!(may_repeat(&request), may, "{key:?}");
        }
    }

    #[test]
    fn the_copy_has_all_the_parts_of_the_request() {
        let mut request = Request::put("/a?b").version(Version::HTTP_2).header("x", "y").body("body").unwrap();
        request.extensions_mut().insert(7_u8);
        let copy = IdempotentHttp.repeat(&request).unwrap();
        assert_eq!((copy.method(), copy.uri(), copy.version()), (&Method::PUT, request.uri(), Version::HTTP_2));
        assert_eq!((copy.headers(), *copy.body()), (request.headers(), "body"));
        assert_eq!(Extensions::get::<u8>(copy.extensions()), Some(&7));
    }
}
