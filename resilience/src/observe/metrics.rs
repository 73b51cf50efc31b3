//! [`Watched`] breakers for the [`metrics`] facade.
//!
//! The facade is pushed to, the breakers are asked: call [`record`] when somebody is about to look, in the handler of
//! `/metrics` before it renders, or on a timer of yours. Each call takes its handles anew from the recorder that is
//! installed by then, so it does not matter what was made first; with none installed it does nothing that lasts.
//!
//! Counters are set to their absolute values, so calling twice counts nothing twice. The facade's counters are whole:
//! seconds are cut. A recorder keeps the last value of a breaker that is gone, as the facade knows no way to take one
//! back.
//!
//! ```
//! use resilience::{Breaker, observe::{self, Watched}};
//!
//! let watched = Watched::new();
//! let breaker = Breaker::builder().name("orders").build()?;
//! watched.add(&breaker)?;
//!
//! observe::metrics::describe(); // once, after the recorder is installed
//! // … and in the handler of `/metrics`:
//! observe::metrics::record(&watched);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::{METRICS, MetricKind, Sample, Watched};
use ::metrics::{Key, Label, Level, Metadata, Unit, with_recorder};

/// Tells the recorder what each metric means. Once, after the recorder is installed.
pub fn describe() {
    with_recorder(|recorder| {
        for metric in METRICS {
            let unit = Some(if metric.seconds { Unit::Seconds } else { Unit::Count });
            match metric.kind {
                MetricKind::Counter => recorder.describe_counter(metric.name.into(), unit, metric.help.into()),
                MetricKind::Gauge => recorder.describe_gauge(metric.name.into(), unit, metric.help.into()),
            }
        }
    });
}

/// Asks every breaker, and hands its numbers to the recorder that is installed now.
pub fn record(watched: &Watched) {
    let samples = watched.samples();
    let metadata = Metadata::new("resilience", Level::INFO, Some(module_path!()));
    with_recorder(|recorder| {
        for sample in &samples {
            let key = key(sample);
            match sample.metric.kind {
                MetricKind::Counter => recorder.register_counter(&key, &metadata).absolute(sample.value.as_u64()),
                MetricKind::Gauge => recorder.register_gauge(&key, &metadata).set(sample.value.as_f64()),
            }
        }
    });
}

fn key(sample: &Sample) -> Key {
    let labels: Vec<Label> = sample.pairs().map(|(name, value)| Label::new(name, value.to_owned())).collect();
    Key::from_parts(sample.metric.name, labels)
}
