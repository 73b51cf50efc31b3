//! [`Watched`] breakers as observable instruments of OpenTelemetry.
//!
//! Only the API is used: which SDK collects, and how often, is yours to choose. Nothing is recorded between two
//! collections.
//!
//! ```
//! use opentelemetry::global;
//! use resilience::{Breaker, observe::{self, Watched}};
//!
//! let watched = Watched::new();
//! let breaker = Breaker::builder().name("orders").build()?;
//! watched.add(&breaker)?;
//!
//! // Once, after the meter provider is installed; breakers may be added before and after.
//! observe::opentelemetry::register(&global::meter("orders-service"), &watched);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::{METRICS, MetricKind, Sample, Value, Watched};
use ::opentelemetry::KeyValue;
use ::opentelemetry::metrics::Meter;

/// Makes an instrument for each [metric](METRICS), under its OpenTelemetry name.
///
/// Once for a set and a meter: twice would report everything twice. A meter of a provider that is not installed yet stays
/// silent for ever, so install that first.
pub fn register(meter: &Meter, watched: &Watched) {
    for metric in METRICS {
        let watched = watched.clone();
        // Each is asked by itself, so series of one metric belong to one moment, those of two metrics to two.
        let ask = move || watched.samples_of(metric);
        let unit = if metric.seconds { "s" } else { "1" };
        match (metric.kind, metric.seconds) {
            (MetricKind::Counter, false) => drop(
                meter
                    .u64_observable_counter(metric.otel_name)
                    .with_description(metric.help)
                    .with_unit(unit)
                    .with_callback(move |to| each(&ask(), |value, labels| to.observe(value.as_u64(), labels)))
                    .build(),
            ),
            (MetricKind::Counter, true) => drop(
                meter
                    .f64_observable_counter(metric.otel_name)
                    .with_description(metric.help)
                    .with_unit(unit)
                    .with_callback(move |to| each(&ask(), |value, labels| to.observe(value.as_f64(), labels)))
                    .build(),
            ),
            (MetricKind::Gauge, _) => drop(
                meter
                    .f64_observable_gauge(metric.otel_name)
                    .with_description(metric.help)
                    .with_unit(unit)
                    .with_callback(move |to| each(&ask(), |value, labels| to.observe(value.as_f64(), labels)))
                    .build(),
            ),
        }
    }
}

fn each(samples: &[Sample], mut observe: impl FnMut(Value, &[KeyValue])) {
    for sample in samples {
        let labels: Vec<KeyValue> = sample.pairs().map(|(name, value)| KeyValue::new(name, value.to_owned())).collect();
        observe(sample.value, &labels);
    }
}
