//! What is exported: the one table of metrics, and the series that a snapshot gives for each of them.

use super::history::{self, TransitionCount};
use crate::machine::Overlay;
use crate::{Snapshot, State};

/// Whether a metric only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// It never goes down while the breaker lives.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// One metric: a row of [`METRICS`]. Two are equal if they have the same name.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Metric {
    /// As Prometheus and the `metrics` facade know it: with `_seconds` if it counts them, `_total` if it is a counter.
    pub name: &'static str,
    /// As OpenTelemetry knows it; its way to Prometheus makes [`name`](Self::name) of that.
    pub otel_name: &'static str,
    /// Counter or gauge.
    pub kind: MetricKind,
    /// Whether it counts seconds; else it is a plain number.
    pub seconds: bool,
    /// The name of each label, that of the breaker first. All values but its are from a fixed list.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
    /// What gives its series: beside its name, so that no metric is without.
    series: Series,
}

impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Metric {}

/// The labels besides the name, and the value, of each series.
type Series = fn(&Snapshot, &mut dyn FnMut(&[&'static str], Value));

/// The value of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A whole number.
    Count(u64),
    /// Seconds.
    Seconds(f64),
}

impl Value {
    /// As a float. Whole numbers above 2^53 are rounded.
    #[must_use]
    pub const fn as_f64(self) -> f64 {
        match self {
            #[allow(clippy::cast_precision_loss)]
            Self::Count(count) => count as f64,
            Self::Seconds(seconds) => seconds,
        }
    }

    /// As a whole number; seconds are cut.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        match self {
            Self::Count(count) => count,
            // Never negative, and a cast saturates.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Self::Seconds(seconds) => seconds as u64,
        }
    }
}

/// One series at one moment.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// Of which metric.
    pub metric: &'static Metric,
    /// The breaker's name: the value of the first label.
    pub breaker: String,
    /// The values of the other labels, in their order.
    pub labels: Vec<&'static str>,
    /// How much.
    pub value: Value,
}

impl Sample {
    /// The value of this label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.pairs().find(|(label, _)| *label == name).map(|(_, value)| value)
    }

    /// All labels with their values.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let values = std::iter::once(self.breaker.as_str()).chain(self.labels.iter().copied());
        self.metric.labels.iter().copied().zip(values)
    }
}

const NAME: &[&str] = &["name"];

/// Every metric that is exported, by every exporter, under these names.
///
/// One more table would be one too many: the guide's and the dashboard's are held against this one by a test.
pub static METRICS: &[Metric] = &[
    Metric {
        name: "resilience_state",
        otel_name: "resilience.state",
        kind: MetricKind::Gauge,
        seconds: false,
        labels: &["name", "state"],
        help: "1 for the state that callers meet, 0 for the others",
        series: |snapshot, give| {
            for state in [State::Closed, State::Open, State::HalfOpen] {
                give(&[state.name()], count(snapshot.state == state));
            }
        },
    },
    Metric {
        name: "resilience_overlay",
        otel_name: "resilience.overlay",
        kind: MetricKind::Gauge,
        seconds: false,
        labels: &["name", "overlay"],
        help: "1 for what an operator laid over the breaker, 0 for the others",
        series: |snapshot, give| {
            for overlay in [Overlay::Automatic, Overlay::ForcedOpen, Overlay::ForcedClosed, Overlay::Shadow] {
                give(&[overlay.name()], count(snapshot.overlay == overlay));
            }
        },
    },
    Metric {
        name: "resilience_transitions_total",
        otel_name: "resilience.transitions",
        kind: MetricKind::Counter,
        seconds: false,
        labels: &["name", "from", "to", "reason"],
        help: "Changes of the state that callers meet",
        series: transitions,
    },
    Metric {
        name: "resilience_open_seconds_total",
        otel_name: "resilience.open",
        kind: MetricKind::Counter,
        seconds: true,
        labels: NAME,
        help: "How long callers met it open",
        series: |snapshot, give| {
            if let Some(time) = snapshot.open_time {
                give(&[], Value::Seconds(time.as_secs_f64()));
            }
        },
    },
    Metric {
        name: "resilience_refusals_total",
        otel_name: "resilience.refusals",
        kind: MetricKind::Counter,
        seconds: false,
        labels: &["name", "reason"],
        help: "Calls refused",
        series: |snapshot, give| {
            for (reason, refused) in snapshot.refusals.iter().flat_map(crate::breaker::Refusals::iter) {
                give(&[reason.name()], Value::Count(refused));
            }
        },
    },
    Metric {
        name: "resilience_shadow_refusals_total",
        otel_name: "resilience.shadow_refusals",
        kind: MetricKind::Counter,
        seconds: false,
        labels: NAME,
        help: "Calls that shadow mode admitted although they would have been refused",
        series: |snapshot, give| give(&[], Value::Count(snapshot.counts.shadow_refused)),
    },
    Metric {
        name: "resilience_failures_total",
        otel_name: "resilience.failures",
        kind: MetricKind::Counter,
        seconds: false,
        labels: NAME,
        help: "Failures recorded, those of probes included",
        series: |snapshot, give| give(&[], Value::Count(snapshot.counts.failures)),
    },
    Metric {
        name: "resilience_successes_total",
        otel_name: "resilience.successes",
        kind: MetricKind::Counter,
        seconds: false,
        labels: NAME,
        help: "Successes, where the breaker counts them",
        series: |snapshot, give| {
            if let Some(successes) = snapshot.counts.successes {
                give(&[], Value::Count(successes));
            }
        },
    },
    Metric {
        name: "resilience_late_outcomes_total",
        otel_name: "resilience.late_outcomes",
        kind: MetricKind::Counter,
        seconds: false,
        labels: NAME,
        help: "Outcomes that came back in another epoch and changed nothing",
        series: |snapshot, give| give(&[], Value::Count(snapshot.counts.late)),
    },
    Metric {
        name: "resilience_probes_total",
        otel_name: "resilience.probes",
        kind: MetricKind::Counter,
        seconds: false,
        labels: NAME,
        help: "Probes admitted",
        series: |snapshot, give| give(&[], Value::Count(snapshot.counts.probes)),
    },
    Metric {
        name: "resilience_probe_results_total",
        otel_name: "resilience.probe_results",
        kind: MetricKind::Counter,
        seconds: false,
        labels: &["name", "result"],
        help: "What came of the probes",
        series: |snapshot, give| {
            let results = snapshot.counts.probe_results;
            give(&["success"], Value::Count(results.succeeded));
            give(&["failure"], Value::Count(results.failed));
            give(&["ignored"], Value::Count(results.ignored));
            give(&["abandoned"], Value::Count(results.abandoned));
            give(&["overdue"], Value::Count(results.overdue));
        },
    },
    Metric {
        name: "resilience_probes_out",
        otel_name: "resilience.probes_out",
        kind: MetricKind::Gauge,
        seconds: false,
        labels: NAME,
        help: "Probes that take up a slot",
        series: |snapshot, give| give(&[], Value::Count(snapshot.probes_out.into())),
    },
    Metric {
        name: "resilience_level",
        otel_name: "resilience.level",
        kind: MetricKind::Gauge,
        seconds: false,
        labels: NAME,
        help: "Trips not yet forgiven",
        series: |snapshot, give| give(&[], Value::Count(snapshot.level.into())),
    },
    Metric {
        name: "resilience_window_failures",
        otel_name: "resilience.window_failures",
        kind: MetricKind::Gauge,
        seconds: false,
        labels: NAME,
        help: "Failures in the window",
        series: |snapshot, give| give(&[], Value::Count(snapshot.failures.len() as u64)),
    },
    Metric {
        name: "resilience_remaining_seconds",
        otel_name: "resilience.remaining",
        kind: MetricKind::Gauge,
        seconds: true,
        labels: NAME,
        help: "How long every call is still refused; 0 where none is, or no end is known",
        series: |snapshot, give| {
            give(&[], Value::Seconds(snapshot.refuses_for().unwrap_or_default().as_secs_f64()));
        },
    },
    Metric {
        name: "resilience_quota_tokens",
        otel_name: "resilience.quota_tokens",
        kind: MetricKind::Gauge,
        seconds: false,
        labels: NAME,
        help: "Calls that the quota of the policy would admit at once, where there is one",
        series: |snapshot, give| {
            if let Some(quota) = &snapshot.quota {
                give(&[], Value::Count(quota.tokens.into()));
            }
        },
    },
    Metric {
        name: "resilience_quota_remaining",
        otel_name: "resilience.quota_remaining",
        kind: MetricKind::Gauge,
        seconds: false,
        labels: NAME,
        help: "Calls that the server still takes by its own word, where it said so",
        series: |snapshot, give| {
            if let Some(remaining) = snapshot.quota.and_then(|quota| quota.remaining) {
                give(&[], Value::Count(remaining));
            }
        },
    },
];

const fn count(is: bool) -> Value {
    Value::Count(is as u64)
}

fn transitions(snapshot: &Snapshot, give: &mut dyn FnMut(&[&'static str], Value)) {
    let Some(counted) = &snapshot.transitions else { return };
    for (from, to, reason) in history::EVERY {
        let same = |seen: &&TransitionCount| (seen.from, seen.to, seen.reason) == (from, to, reason);
        let times = counted.iter().find(same).map_or(0, |seen| seen.count);
        give(&[from.name(), to.name(), reason.name()], Value::Count(times));
    }
}

/// The series of one metric for one breaker.
pub(super) fn of(snapshot: &Snapshot, metric: &'static Metric) -> Vec<Sample> {
    let mut samples = Vec::new();
    (metric.series)(snapshot, &mut |labels, value| {
        samples.push(Sample { metric, breaker: snapshot.name.clone(), labels: labels.to_vec(), value });
    });
    samples
}
