//! Counts and times every answer, by the template of its route.

use super::metrics::Metrics;
use crate::http::Body;
use crate::http::router::{NO_ROUTE, Route};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::Instant;
use tower::Service;

/// The routes, observed.
#[derive(Clone, Debug)]
pub(crate) struct Observed<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

impl<S> Observed<S> {
    pub(crate) fn new(inner: S, metrics: Arc<Metrics>) -> Self {
        Self { inner, metrics }
    }
}

impl<S> Service<Request<Body>> for Observed<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (started, metrics) = (Instant::now(), Arc::clone(&self.metrics));
        let answer = self.inner.call(request);
        async move {
            let response = answer.await?;
            let route = response.extensions().get().map_or(NO_ROUTE, |route: &Route| route.0);
            metrics.answered(route, response.status(), started.elapsed());
            Ok(response)
        }
        .boxed()
    }
}
