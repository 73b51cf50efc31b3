use crate::Rejected;
use crate::classify::error;
use crate::respond::{AsError, BoxError, Boxed, Error, IntoInner};
#[cfg(feature = "http")]
use crate::respond::{GrpcUnavailable, Http503};

/// Finds a breaker's refusal in what a call ended with.
///
/// Implemented by the forms of [`respond`](crate::respond), so that the policy is told the same as the layer below it:
///
/// | form | looks at |
/// |---|---|
/// | [`AsError`] | [`Error::Rejected`] |
/// | [`IntoInner`] | the error and what caused it |
/// | [`Boxed`] | the boxed error and what caused it |
/// | [`Http503`], [`GrpcUnavailable`] | the mark that they leave in the response's extensions: no header is believed |
///
/// and by closures `|outcome: Result<&_, &_>| -> Option<Rejected>`.
///
/// ```
/// use resilience::{Breaker, respond::IntoInner, retry::FindRefusal};
/// use std::io;
///
/// let breaker = Breaker::new();
/// breaker.force_open();
/// let error = io::Error::other(breaker.try_acquire().unwrap_err());
/// assert!(FindRefusal::<(), _>::refusal(&IntoInner, Err(&error)).is_some());
/// assert!(FindRefusal::<(), _>::refusal(&IntoInner, Err(&io::Error::other("reset"))).is_none());
/// ```
#[cfg_attr(not(feature = "http"), allow(rustdoc::broken_intra_doc_links))]
#[diagnostic::on_unimplemented(
    message = "`{Self}` finds no refusal in a `Result<{Res}, {E}>`",
    note = "use the form of `resilience::respond` that the layer below refuses with, or a closure that spells out its \
            argument: `|outcome: Result<&_, &_>| ...`"
)]
pub trait FindRefusal<Res, E> {
    /// The refusal, if the call was refused.
    fn refusal(&self, outcome: Result<&Res, &E>) -> Option<Rejected>;
}

impl<F, Res, E> FindRefusal<Res, E> for F
where
    F: Fn(Result<&Res, &E>) -> Option<Rejected>,
{
    fn refusal(&self, outcome: Result<&Res, &E>) -> Option<Rejected> {
        self(outcome)
    }
}

impl<Res, E> FindRefusal<Res, Error<E>> for AsError {
    fn refusal(&self, outcome: Result<&Res, &Error<E>>) -> Option<Rejected> {
        outcome.err().and_then(Error::rejected).copied()
    }
}

impl<Res, E: std::error::Error + 'static> FindRefusal<Res, E> for IntoInner {
    fn refusal(&self, outcome: Result<&Res, &E>) -> Option<Rejected> {
        outcome.err().and_then(|found| error::find(found)).copied()
    }
}

impl<Res> FindRefusal<Res, BoxError> for Boxed {
    fn refusal(&self, outcome: Result<&Res, &BoxError>) -> Option<Rejected> {
        outcome.err().and_then(|found| error::find(&**found)).copied()
    }
}

#[cfg(feature = "http")]
impl<B, E> FindRefusal<http::Response<B>, E> for Http503 {
    fn refusal(&self, outcome: Result<&http::Response<B>, &E>) -> Option<Rejected> {
        outcome.ok().and_then(|response| response.extensions().get()).copied()
    }
}

#[cfg(feature = "http")]
impl<B, E> FindRefusal<http::Response<B>, E> for GrpcUnavailable {
    fn refusal(&self, outcome: Result<&http::Response<B>, &E>) -> Option<Rejected> {
        Http503.refusal(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Breaker;

    fn rejected() -> Rejected {
        let breaker = Breaker::new();
        breaker.force_open();
        breaker.try_acquire().unwrap_err()
    }

    #[test]
    fn errors_are_looked_into_as_deep_as_they_go() {
        let nested = std::io::Error::other(Error::<std::fmt::Error>::Rejected(rejected()));
        assert!(FindRefusal::<(), _>::refusal(&IntoInner, Err(&nested)).is_some());
        let boxed: BoxError = nested.into();
        assert!(FindRefusal::<(), _>::refusal(&Boxed, Err(&boxed)).is_some());
        let other: BoxError = "reset".into();
        assert!(FindRefusal::<(), _>::refusal(&Boxed, Err(&other)).is_none());
        assert!(FindRefusal::refusal(&Boxed, Ok::<_, &BoxError>(&())).is_none());
    }

    #[test]
    fn the_typed_form_asks_nothing_of_the_inner_error() {
        let error: Error<&str> = Error::Rejected(rejected());
        assert!(FindRefusal::<(), _>::refusal(&AsError, Err(&error)).is_some());
        assert!(FindRefusal::<(), Error<&str>>::refusal(&AsError, Err(&Error::Inner("reset"))).is_none());
    }

    #[cfg(feature = "http")]
    #[test]
    fn a_response_is_known_by_its_mark_and_not_by_its_looks() {
        let refusal = http::Response::<bytes::Bytes>::from(rejected());
        assert!(FindRefusal::<_, ()>::refusal(&Http503, Ok(&refusal)).is_some());
        let (mut parts, body) = refusal.into_parts();
        parts.extensions.clear();
        assert!(FindRefusal::<_, ()>::refusal(&Http503, Ok(&http::Response::from_parts(parts, body))).is_none());
    }

    #[cfg(feature = "http")]
    #[test]
    fn a_refusal_in_the_form_of_grpc_is_known_by_the_same_mark() {
        use crate::respond::Respond;
        let respond = |rejected| {
            Respond::<http::Response<http_body_util::Empty<bytes::Bytes>>, ()>::refuse(&GrpcUnavailable, rejected)
                .unwrap()
        };
        let found = |response: &http::Response<_>| FindRefusal::<_, ()>::refusal(&GrpcUnavailable, Ok(response));
        let refusal = respond(rejected());
        assert_eq!(found(&refusal).unwrap().reason(), crate::Reason::ForcedOpen);
        let looks_like_it = http::Response::builder().header("grpc-status", "14").body(refusal.into_body()).unwrap();
        assert!(found(&looks_like_it).is_none());
    }
}
