//! Numbers for Prometheus, in the `OpenMetrics` text form.
//!
//! What the breaker says is the library's, worked out when it is asked for; a call pays for three counters of the
//! gateway's own and one histogram.

use crate::http::{Answer, Body, Problem};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use resilience::observe::Watched;
use std::time::Duration;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// Labels whose names and values the gateway chose: no client can make one up.
type Labels = [(&'static str, &'static str); 1];
type RouteAndStatus = [(&'static str, String); 2];

/// What came of the calls of the guarded route.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls {
    /// Let through to the upstream.
    pub(crate) admitted: Counter,
    /// Refused by the breaker, without a byte to the upstream.
    pub(crate) refused: Counter,
    /// Let through, and failed for the upstream's reasons.
    pub(crate) failed: Counter,
}

/// All numbers of one gateway.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RouteAndStatus, Counter>,
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
    upstream: Family<Labels, Counter>,
    /// The calls of the guarded route.
    pub(crate) calls: Calls,
}

impl Metrics {
    /// The breakers are asked at each scrape.
    pub(crate) fn new(breakers: &Watched) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(breakers.clone()));
        let outcomes = Family::<Labels, Counter>::default();
        let outcome = |outcome| outcomes.get_or_create(&[("outcome", outcome)]).clone();
        let calls = Calls { admitted: outcome("admitted"), refused: outcome("refused"), failed: outcome("failed") };
        registry.register(
            "gateway_add_event_calls",
            "Calls of the guarded route by what came of them; failed ones are admitted ones",
            outcomes,
        );
        let requests = Family::<RouteAndStatus, Counter>::default();
        registry.register("gateway_requests", "Requests by route and status", requests.clone());
        let seconds = Family::<Labels, Histogram, fn() -> Histogram>::new_with_constructor(latencies);
        registry.register("gateway_request_duration_seconds", "Time to the head of the answer", seconds.clone());
        let upstream = Family::<Labels, Counter>::default();
        registry.register(
            "gateway_upstream_requests",
            "Requests to the upstream by what came of them",
            upstream.clone(),
        );
        Self { registry, requests, seconds, upstream, calls }
    }

    /// A request was answered.
    pub(crate) fn answered(&self, route: &'static str, status: StatusCode, after: Duration) {
        self.requests.get_or_create(&[("route", route.to_owned()), ("status", status.as_str().to_owned())]).inc();
        self.seconds.get_or_create(&[("route", route)]).observe(after.as_secs_f64());
    }

    /// The upstream was asked; `outcome` says what came of it.
    pub(crate) fn asked(&self, outcome: &'static str) {
        self.upstream.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// The answer to a scrape.
    ///
    /// # Errors
    ///
    /// 500 if the numbers cannot be written.
    pub(crate) fn answer(&self) -> Answer {
        let mut page = String::new();
        text::encode(&mut page, &self.registry).map_err(|error| {
            tracing::error!(%error, "the metrics cannot be written");
            Problem::internal()
        })?;
        let mut response = Response::new(Body::full(page));
        response.headers_mut().insert(CONTENT_TYPE, OPEN_METRICS);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }
}

/// From 100 µs, what a refusal takes at most, to 13 s.
fn latencies() -> Histogram {
    Histogram::new((0..18).map(|power| 1e-4 * f64::from(1 << power)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn page(metrics: &Metrics) -> String {
        let body = metrics.answer().unwrap().into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_breaker_tells_of_itself_at_each_scrape() {
        let watched = Watched::new();
        let breaker = resilience::Breaker::builder().name("addEvent").build().unwrap();
        watched.add(&breaker).unwrap();
        let metrics = Metrics::new(&watched);
        assert!(page(&metrics).await.contains("resilience_state{name=\"addEvent\",state=\"open\"} 0\n"));
        breaker.force_open();
        let page = page(&metrics).await;
        assert!(page.contains("resilience_state{name=\"addEvent\",state=\"open\"} 1\n"), "{page}");
        assert!(page.ends_with("# EOF\n"), "{page}");
    }

    #[tokio::test]
    async fn calls_and_requests_are_counted() {
        let metrics = Metrics::new(&Watched::new());
        metrics.calls.refused.inc();
        metrics.answered("/addEvent", StatusCode::SERVICE_UNAVAILABLE, Duration::from_micros(90));
        metrics.asked("answered");
        let page = page(&metrics).await;
        assert!(page.contains("gateway_add_event_calls_total{outcome=\"refused\"} 1\n"), "{page}");
        assert!(page.contains("gateway_add_event_calls_total{outcome=\"admitted\"} 0\n"), "{page}");
        assert!(page.contains("gateway_requests_total{route=\"/addEvent\",status=\"503\"} 1\n"), "{page}");
        assert!(
            page.contains("gateway_request_duration_seconds_bucket{le=\"0.0001\",route=\"/addEvent\"} 1\n"),
            "{page}"
        );
        assert!(page.contains("gateway_upstream_requests_total{outcome=\"answered\"} 1\n"), "{page}");
    }
}
