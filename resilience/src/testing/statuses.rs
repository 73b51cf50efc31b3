//! Steps for a service that speaks HTTP.

use super::Scripted;
use http::{Response, StatusCode};

impl<Req, B: Default, E> Scripted<Req, Response<B>, E> {
    /// The next so many calls end with this status and an empty body.
    ///
    /// ```
    /// use http::{Request, Response, StatusCode};
    /// use resilience::testing::{self, Scripted};
    /// use resilience::{Breaker, BreakerLayer};
    /// use std::convert::Infallible;
    /// use tower::{Layer, ServiceExt};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let breaker = Breaker::new();
    /// let upstream = Scripted::new(|_: &Request<String>| Ok::<_, Infallible>(Response::new(String::new())));
    /// let service = BreakerLayer::for_http(breaker.clone()).layer(upstream.clone());
    ///
    /// upstream.answer_status(3, StatusCode::BAD_GATEWAY);
    /// for _ in 0..3 {
    ///     let answer = service.clone().oneshot(Request::new(String::new())).await?;
    ///     assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    /// }
    /// testing::assert_open(&breaker);
    /// # Ok::<(), Infallible>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[allow(clippy::must_use_candidate)]
    pub fn answer_status(&self, calls: usize, status: StatusCode) -> &Self {
        for _ in 0..calls {
            let mut answer = Response::new(B::default());
            *answer.status_mut() = status;
            self.answer(Ok(answer));
        }
        self
    }
}
