//! What a caller gets whose call is refused.
//!
//! | form | response | error | for |
//! |---|---|---|---|
//! | [`Http503`] | `http::Response<ResponseBody<B>>` | unchanged | HTTP servers and gateways (axum, hyper): keeps `Infallible` |
//! | [`GrpcUnavailable`] | the same | unchanged | gRPC, both sides |
//! | [`AsError`] | unchanged | [`Error<E>`] | typed clients: the two failures never mix |
//! | [`IntoInner`] | unchanged | unchanged | an error type that can be made from [`Rejected`], such as a boxed one |
//! | [`Boxed`] | unchanged | `Box<dyn Error + Send + Sync>` | stacks that box their errors |
//! | a closure | unchanged | unchanged | anything else: `\|rejected: Rejected\| Ok(my_response(rejected))` |
//!
//! # The end of a body
//!
//! The verdict of some answers waits for the end of their body
//! ([`GrpcStatus`](crate::classify::GrpcStatus), [`judged_at_end`](crate::classify::HttpStatus::judged_at_end)). Only the
//! first two forms wrap the body, so only they can wait for it: under the others, which leave the response as it is, the head
//! decides, and a gRPC call that fails in its trailers passes for a success.
#![cfg_attr(not(feature = "http"), allow(rustdoc::broken_intra_doc_links))] // what it links to is not there

mod error;
#[cfg(feature = "http")]
mod grpc;
#[cfg(feature = "http")]
mod http;

pub use error::{AsError, BoxError, Boxed, Error, IntoInner};
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use grpc::GrpcUnavailable;
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use http::Http503;

use crate::Rejected;
use crate::layer::Watch;

/// Shapes what leaves the layer: answers that are passed on, and refusals.
///
/// Implemented by the forms of this module, and by closures from [`Rejected`] to the inner service's own result.
///
/// ```
/// use resilience::{Breaker, BreakerLayer, Rejected};
/// use tower::{Service, ServiceExt, service_fn};
/// use tower::Layer;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let breaker = Breaker::new();
/// let layer = BreakerLayer::new(breaker.clone())
///     .respond(|rejected: Rejected| Ok::<_, std::io::Error>(format!("later: {}", rejected.reason().name())));
/// let service = layer.layer(service_fn(|name: &'static str| async move { Ok::<_, std::io::Error>(name.to_owned()) }));
///
/// breaker.force_open();
/// assert_eq!(service.oneshot("x").await?, "later: forced_open");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no form for a refusal where calls end in `Result<{Res}, {E}>`",
    note = "a closure has to spell out its argument and to answer with that result: `|rejected: Rejected| Ok(...)`",
    note = "`Http503` and `GrpcUnavailable` answer where responses are `http::Response`s; `IntoInner` asks for `{E}: From<Rejected>`; \
            `AsError` is for whatever there is"
)]
pub trait Respond<Res, E> {
    /// What answers become.
    type Response;
    /// What errors become.
    type Error;

    /// Whether a watch can be carried to the end of the response's body. Where it cannot, the verdict is that of the
    /// head.
    const WATCHES_BODY: bool = false;

    /// Passes an answer on.
    fn pass(&self, response: Res) -> Self::Response;

    /// Passes an answer on whose verdict has to wait for the end of its body. The watch must be told how that ends; one
    /// that is dropped is judged like a call that is dropped. Called only where [`WATCHES_BODY`](Self::WATCHES_BODY).
    fn pass_watched(&self, response: Res, watch: Watch) -> Self::Response {
        drop(watch);
        self.pass(response)
    }

    /// Passes an error of the inner service on.
    fn pass_error(&self, error: E) -> Self::Error;

    /// Answers a call that is refused.
    ///
    /// # Errors
    ///
    /// The refusal, where its form is an error.
    fn refuse(&self, rejected: Rejected) -> Result<Self::Response, Self::Error>;
}

impl<F, Res, E> Respond<Res, E> for F
where
    F: Fn(Rejected) -> Result<Res, E>,
{
    type Response = Res;
    type Error = E;

    #[inline]
    fn pass(&self, response: Res) -> Res {
        response
    }

    fn pass_error(&self, error: E) -> E {
        error
    }

    fn refuse(&self, rejected: Rejected) -> Result<Res, E> {
        self(rejected)
    }
}
