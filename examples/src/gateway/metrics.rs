//! Numbers for Prometheus, in the `OpenMetrics` text form.
//!
//! What the breaker says is worked out when it is asked for; a call pays for three counters and one histogram.

use crate::http::{Answer, Body, Problem};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;
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

/// What a breaker says of itself, for the scrape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BreakerNumbers {
    /// Its name.
    pub(crate) name: String,
    /// One of [`STATES`].
    pub(crate) state: &'static str,
    /// One of [`OVERLAYS`].
    pub(crate) overlay: &'static str,
    /// Failures in the window.
    pub(crate) failures: u64,
    /// Trips not yet forgiven.
    pub(crate) level: u32,
    /// How long calls are still refused.
    pub(crate) remaining: Duration,
    /// Trips since the start.
    pub(crate) trips: u64,
    /// Probes since the start.
    pub(crate) probes: u64,
    /// Outcomes that came too late to count.
    pub(crate) late: u64,
}

/// The states of a breaker. Exactly one of their series is 1, the others are there and 0.
pub(crate) const STATES: [&str; 3] = ["closed", "open", "half_open"];
/// What an operator may lay over it. Likewise.
pub(crate) const OVERLAYS: [&str; 4] = ["automatic", "forced_open", "forced_closed", "shadow"];

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
    /// `breaker` is asked at each scrape.
    pub(crate) fn new(breaker: impl Fn() -> BreakerNumbers + Send + Sync + 'static) -> Self {
        let mut registry = Registry::default();
        let calls = Calls::default();
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
        registry.register_collector(Box::new(BreakerCollector { calls: calls.clone(), numbers: Arc::new(breaker) }));
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

struct BreakerCollector {
    calls: Calls,
    numbers: Arc<dyn Fn() -> BreakerNumbers + Send + Sync>,
}

impl fmt::Debug for BreakerCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerCollector").field("calls", &self.calls).finish_non_exhaustive()
    }
}

impl Collector for BreakerCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let now = (self.numbers)();
        let name = ("name", now.name.as_str());
        let counter = ConstCounter::<u64>::TYPE;

        let mut states = encoder.encode_descriptor(
            "resilience_state",
            "1 for the state, 0 for the others",
            None,
            MetricType::Gauge,
        )?;
        for state in STATES {
            let labels = [name, ("state", state)];
            states.encode_family(&labels)?.encode_gauge(&i64::from(state == now.state))?;
        }
        let mut overlays = encoder.encode_descriptor(
            "resilience_overlay",
            "1 for what the operator laid over it, 0 for the others",
            None,
            MetricType::Gauge,
        )?;
        for overlay in OVERLAYS {
            let labels = [name, ("overlay", overlay)];
            overlays.encode_family(&labels)?.encode_gauge(&i64::from(overlay == now.overlay))?;
        }
        let mut calls = encoder.encode_descriptor(
            "resilience_calls",
            "Calls by what came of them; failed ones are admitted ones",
            None,
            counter,
        )?;
        for (outcome, count) in
            [("admitted", &self.calls.admitted), ("refused", &self.calls.refused), ("failed", &self.calls.failed)]
        {
            let labels = [name, ("outcome", outcome)];
            calls.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count.get(), None)?;
        }
        for (metric, help, count) in [
            ("resilience_trips", "Times it went open", now.trips),
            ("resilience_probes", "Probes let through", now.probes),
            ("resilience_late_outcomes", "Outcomes that came too late to count", now.late),
        ] {
            let mut metric = encoder.encode_descriptor(metric, help, None, counter)?;
            metric.encode_family(&[name])?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        let gauge = ConstGauge::<f64>::TYPE;
        for (metric, help, value) in [
            ("resilience_window_failures", "Failures in the window", precise(now.failures)),
            ("resilience_level", "Trips not yet forgiven", f64::from(now.level)),
            ("resilience_remaining_seconds", "How long calls are still refused", now.remaining.as_secs_f64()),
        ] {
            let mut metric = encoder.encode_descriptor(metric, help, None, gauge)?;
            metric.encode_family(&[name])?.encode_gauge(&value)?;
        }
        Ok(())
    }
}

/// A window holds at most a million failures, far below where an `f64` loses whole numbers.
#[allow(clippy::cast_precision_loss)]
fn precise(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn numbers() -> BreakerNumbers {
        BreakerNumbers {
            name: "addEvent".to_owned(),
            state: "open",
            overlay: "automatic",
            failures: 2,
            level: 1,
            remaining: Duration::from_millis(1500),
            trips: 4,
            probes: 3,
            late: 0,
        }
    }

    async fn page(metrics: &Metrics) -> String {
        let body = metrics.answer().unwrap().into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn exactly_one_state_is_one_and_the_others_are_there() {
        let page = page(&Metrics::new(numbers)).await;
        assert!(page.contains("resilience_state{name=\"addEvent\",state=\"open\"} 1\n"), "{page}");
        assert!(page.contains("resilience_state{name=\"addEvent\",state=\"closed\"} 0\n"), "{page}");
        assert!(page.contains("resilience_state{name=\"addEvent\",state=\"half_open\"} 0\n"), "{page}");
        assert!(page.contains("resilience_overlay{name=\"addEvent\",overlay=\"automatic\"} 1\n"), "{page}");
        assert!(page.contains("resilience_trips_total{name=\"addEvent\"} 4\n"), "{page}");
        assert!(page.contains("resilience_remaining_seconds{name=\"addEvent\"} 1.5\n"), "{page}");
        assert!(page.ends_with("# EOF\n"), "{page}");
    }

    #[tokio::test]
    async fn calls_and_requests_are_counted() {
        let metrics = Metrics::new(numbers);
        metrics.calls.refused.inc();
        metrics.answered("/addEvent", StatusCode::SERVICE_UNAVAILABLE, Duration::from_micros(90));
        metrics.asked("answered");
        let page = page(&metrics).await;
        assert!(page.contains("resilience_calls_total{name=\"addEvent\",outcome=\"refused\"} 1\n"), "{page}");
        assert!(page.contains("resilience_calls_total{name=\"addEvent\",outcome=\"admitted\"} 0\n"), "{page}");
        assert!(page.contains("gateway_requests_total{route=\"/addEvent\",status=\"503\"} 1\n"), "{page}");
        assert!(
            page.contains("gateway_request_duration_seconds_bucket{le=\"0.0001\",route=\"/addEvent\"} 1\n"),
            "{page}"
        );
        assert!(page.contains("gateway_upstream_requests_total{outcome=\"answered\"} 1\n"), "{page}");
    }
}
