//! [`Watched`] breakers as a collector of [`prometheus_client`].

use super::{METRICS, MetricKind, Value, Watched};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;

/// Asked at each scrape.
///
/// ```
/// use prometheus_client::{encoding::text, registry::Registry};
/// use resilience::{Breaker, observe::Watched};
///
/// let watched = Watched::new();
/// let breaker = Breaker::builder().name("orders").build()?;
/// watched.add(&breaker)?;
///
/// let mut registry = Registry::default();
/// registry.register_collector(Box::new(watched.clone()));
///
/// let mut page = String::new();
/// text::encode(&mut page, &registry)?;
/// assert!(page.contains("resilience_state{name=\"orders\",state=\"closed\"} 1"));
/// assert!(page.contains("resilience_state{name=\"orders\",state=\"open\"} 0"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "prometheus")))]
impl Collector for Watched {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let samples = self.samples();
        for metric in METRICS {
            let mut series = samples.iter().filter(|sample| sample.metric == metric).peekable();
            if series.peek().is_none() {
                continue;
            }
            // The encoder puts what names end in back again.
            let stem = metric.name.trim_end_matches("_total").trim_end_matches("_seconds");
            let unit = metric.seconds.then_some(&Unit::Seconds);
            let kind = match metric.kind {
                MetricKind::Counter => MetricType::Counter,
                MetricKind::Gauge => MetricType::Gauge,
            };
            let mut descriptor = encoder.encode_descriptor(stem, metric.help, unit, kind)?;
            for sample in series {
                let labels: Vec<(&str, &str)> = sample.pairs().collect();
                let mut family = descriptor.encode_family(&labels)?;
                match (metric.kind, sample.value) {
                    (MetricKind::Gauge, Value::Count(count)) => family.encode_gauge(&count)?,
                    (MetricKind::Gauge, Value::Seconds(seconds)) => family.encode_gauge(&seconds)?,
                    (MetricKind::Counter, Value::Count(count)) => {
                        family.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
                    }
                    (MetricKind::Counter, Value::Seconds(seconds)) => {
                        family.encode_counter::<NoLabelSet, _, u64>(&seconds, None)?;
                    }
                }
            }
        }
        Ok(())
    }
}
