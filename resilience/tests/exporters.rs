//! Whichever way the numbers go out, they are the same numbers under the names that the guide lists.

use resilience::observe::{METRICS, MetricKind, Watched};
use resilience::{Breaker, Policy};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Two breakers that have been through something, one of them with all that is optional.
fn some_breakers() -> (Watched, [Breaker; 2]) {
    let clock = resilience::clock::Manual::new();
    let builder = || Breaker::builder().jitter(0.0).clock(clock.clone());
    let plain = builder().name("plain").build().unwrap();
    let policy = Policy { stages: 1, jitter: 0.0, ..Policy::default() };
    let full = builder().policy(policy).name("wei\"rd\\name").quota(100).per(Duration::from_secs(1));
    let full = full.count_successes().build().unwrap();
    let watched = Watched::new();
    watched.add(&plain).unwrap();
    watched.add(&full).unwrap();
    full.learn_quota(7, Duration::from_secs(60));
    full.try_acquire().unwrap().success();
    (0..3).for_each(|_| full.try_acquire().unwrap().failure());
    clock.advance(Duration::from_millis(2500));
    full.try_acquire().unwrap().failure();
    (0..5).for_each(|_| assert!(full.try_acquire().is_err()));
    clock.advance(Duration::from_millis(750));
    plain.shadow();
    (watched, [plain, full])
}

/// Series with their values: the metric's name and its labels, sorted.
type Series = BTreeMap<(String, BTreeMap<String, String>), f64>;

fn expected(watched: &Watched) -> Series {
    let labels = |pairs: Vec<(&str, &str)>| pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let samples = watched.samples();
    let all = samples
        .iter()
        .map(|sample| ((sample.metric.name.to_owned(), labels(sample.pairs().collect())), sample.value.as_f64()));
    all.collect()
}

const GUIDE: &str = include_str!("../src/docs/observing.rs");

#[test]
fn the_guide_lists_the_metrics_that_are_exported_and_no_others() {
    let rows: Vec<&str> = GUIDE.lines().filter(|line| line.starts_with("//! | `resilience_")).collect();
    let table: Vec<String> = METRICS
        .iter()
        .map(|metric| {
            let kind = match metric.kind {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
            };
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            let (name, otel, help) = (metric.name, metric.otel_name, metric.help);
            format!("//! | `{name}` | `{otel}` | {kind} | {} | {help} |", labels.join(", "))
        })
        .collect();
    assert_eq!(rows, table);
}

#[test]
fn the_guide_lists_every_value_that_a_label_takes() {
    let (watched, _breakers) = some_breakers();
    let mut seen: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    let samples = watched.samples();
    for sample in &samples {
        for (label, value) in sample.pairs().skip(1) {
            seen.entry((sample.metric.name, label)).or_default().insert(value.to_owned());
        }
    }
    let mut listed = BTreeMap::new();
    for row in GUIDE.lines().filter(|line| line.starts_with("//! | `")) {
        let cells: Vec<&str> = row.trim_matches(['/', '!', ' ', '|']).split(" | ").map(str::trim).collect();
        if let [label, metric, values] = cells[..] {
            let bare = |text: &'static str| text.trim_matches('`');
            let values = values.split(", ").map(|value| bare(value).to_owned()).collect::<BTreeSet<_>>();
            listed.insert((bare(metric), bare(label)), values);
        }
    }
    assert_eq!(listed, seen);
}

#[test]
fn names_follow_the_conventions_of_prometheus_and_opentelemetry_makes_the_same_of_its_own() {
    let mut names = BTreeSet::new();
    for metric in METRICS {
        let seconds = if metric.seconds { "_seconds" } else { "" };
        let total = if metric.kind == MetricKind::Counter { "_total" } else { "" };
        // What an OpenTelemetry exporter for Prometheus does with a name, a unit and a kind.
        assert_eq!(metric.name, format!("{}{seconds}{total}", metric.otel_name.replace('.', "_")));
        assert_eq!(metric.labels[0], "name");
        assert!(names.insert(metric.name), "{} twice", metric.name);
    }
}

#[cfg(feature = "prometheus")]
#[test]
fn a_scrape_by_prometheus_reads_the_same() {
    use prometheus_client::{encoding::text, registry::Registry};

    let (watched, _breakers) = some_breakers();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(watched.clone()));
    let mut page = String::new();
    text::encode(&mut page, &registry).unwrap();

    let mut seen = Series::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.trim_end_matches('}').split_once('{').unwrap();
        let labels = labels.split("\",").map(|label| {
            let (label, value) = label.split_once("=\"").unwrap();
            let value = value.strip_suffix('"').unwrap_or(value);
            (label.to_owned(), value.replace("\\\"", "\"").replace("\\\\", "\\"))
        });
        let twice = seen.insert((name.to_owned(), labels.collect()), value.parse().unwrap());
        assert_eq!(twice, None, "{line}");
    }
    assert_eq!(seen, expected(&watched));
    for metric in METRICS {
        let kind = if metric.kind == MetricKind::Counter { "counter" } else { "gauge" };
        let stem = metric.name.trim_end_matches("_total");
        assert_eq!(page.matches(&format!("# TYPE {stem} {kind}\n")).count(), 1, "{page}");
        assert_eq!(page.matches(&format!("# HELP {stem} {}\n", metric.help)).count(), 1, "{page}");
        assert_eq!(page.contains(&format!("# UNIT {stem} seconds\n")), metric.seconds, "{page}");
    }
}

#[test]
fn two_who_watch_one_breaker_are_told_the_same_from_when_the_first_began() {
    let breaker = Breaker::new();
    let both = [Watched::new(), Watched::new()];
    for watched in &both {
        watched.add(&breaker).unwrap();
        breaker.force_open();
        breaker.auto();
    }
    let opened = both.map(|watched| {
        let samples = watched.samples();
        let openings = samples.iter().filter(|sample| {
            let label = |name| sample.label(name);
            sample.metric.name == "resilience_transitions_total"
                && (label("from"), label("to"), label("reason")) == (Some("closed"), Some("open"), Some("operator"))
        });
        openings.map(|sample| sample.value.as_f64()).sum::<f64>()
    });
    assert_eq!(opened, [2.0, 2.0]);
}

#[cfg(feature = "prometheus")]
#[test]
fn what_no_breaker_has_is_not_on_the_page_of_prometheus() {
    use prometheus_client::{encoding::text, registry::Registry};

    let pages = [false, true].map(|limited| {
        let builder = Breaker::builder().name("plain");
        let builder = if limited { builder.quota(100).per(Duration::from_secs(1)) } else { builder };
        let breaker = builder.build().unwrap();
        let watched = Watched::new();
        watched.add(&breaker).unwrap();
        watched.add(&breaker).unwrap();
        let mut registry = Registry::default();
        registry.register_collector(Box::new(watched.clone()));
        let mut page = String::new();
        text::encode(&mut page, &registry).unwrap();
        assert_eq!(page.matches("resilience_state{").count(), 3, "it is shown once: {page}");
        let samples = watched.samples();
        assert!(
            samples.iter().all(|sample| sample.label("name") == Some("plain") && sample.label("nothing").is_none())
        );
        page
    });
    assert_eq!(pages.map(|page| page.contains("resilience_quota_tokens")), [false, true]);
}

#[cfg(feature = "metrics")]
#[allow(clippy::disallowed_methods, reason = "a test that panics under its lock has failed")]
mod facade {
    use super::*;
    use ::metrics::{
        Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit, with_local_recorder,
    };
    use resilience::observe::metrics::{describe, record};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    /// A metric's kind, unit and help.
    type Described = (&'static str, Option<Unit>, String);

    /// Keeps what it is told.
    #[derive(Default)]
    struct Kept {
        described: Mutex<BTreeMap<String, Described>>,
        counters: Mutex<BTreeMap<Key, Arc<AtomicU64>>>,
        gauges: Mutex<BTreeMap<Key, Arc<AtomicU64>>>,
    }

    impl Recorder for Kept {
        fn describe_counter(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
            self.described.lock().unwrap().insert(key.as_str().to_owned(), ("counter", unit, text.into_owned()));
        }

        fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
            self.described.lock().unwrap().insert(key.as_str().to_owned(), ("gauge", unit, text.into_owned()));
        }

        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
            unreachable!("there is none");
        }

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(Arc::clone(self.counters.lock().unwrap().entry(key.clone()).or_default()))
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(Arc::clone(self.gauges.lock().unwrap().entry(key.clone()).or_default()))
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            unreachable!("there is none");
        }
    }

    impl Kept {
        fn seen(&self) -> Series {
            let series = |key: &Key| {
                let labels = key.labels().map(|label| (label.key().to_owned(), label.value().to_owned()));
                (key.name().to_owned(), labels.collect())
            };
            #[allow(clippy::cast_precision_loss)]
            let whole = |value: &AtomicU64| value.load(Ordering::Relaxed) as f64;
            let float = |value: &AtomicU64| f64::from_bits(value.load(Ordering::Relaxed));
            let (counters, gauges) = (self.counters.lock().unwrap(), self.gauges.lock().unwrap());
            let counters = counters.iter().map(|(key, value)| (series(key), whole(value)));
            counters.chain(gauges.iter().map(|(key, value)| (series(key), float(value)))).collect()
        }
    }

    #[test]
    fn a_recorder_of_the_facade_is_told_the_same_but_for_parts_of_seconds() {
        let (watched, breakers) = some_breakers();
        // Nobody listens yet; that must not spoil what comes after.
        record(&watched);
        let recorder = Kept::default();
        with_local_recorder(&recorder, || {
            describe();
            record(&watched);
            record(&watched);
        });
        let mut expected = expected(&watched);
        for ((name, _), value) in &mut expected {
            if name == "resilience_open_seconds_total" {
                *value = value.trunc();
            }
        }
        assert_eq!(recorder.seen(), expected);
        let described = recorder.described.lock().unwrap();
        let names: BTreeSet<&str> = described.keys().map(String::as_str).collect();
        assert_eq!(names, METRICS.iter().map(|metric| metric.name).collect());
        for metric in METRICS {
            let (kind, unit, text) = &described[metric.name];
            assert_eq!(*kind == "counter", metric.kind == MetricKind::Counter);
            assert_eq!((unit == &Some(Unit::Seconds), text.as_str()), (metric.seconds, metric.help));
        }
        drop(breakers);
    }
}

#[cfg(feature = "opentelemetry")]
#[test]
fn a_collection_by_opentelemetry_reads_the_same() {
    use opentelemetry::metrics::MeterProvider;
    use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
    use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};

    let (watched, _breakers) = some_breakers();
    let exporter = InMemoryMetricExporter::default();
    // It collects when it is told to, and then once an hour.
    let reader = PeriodicReader::builder(exporter.clone()).with_interval(Duration::from_secs(3600)).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    resilience::observe::opentelemetry::register(&provider.meter("orders-service"), &watched);
    provider.force_flush().unwrap();

    let mut seen = Series::new();
    let mut add = |name: &str, labels: Vec<opentelemetry::KeyValue>, value: f64| {
        let metric = METRICS.iter().find(|metric| metric.otel_name == name).unwrap();
        let labels = labels.into_iter().map(|label| (label.key.to_string(), label.value.to_string()));
        assert_eq!(seen.insert((metric.name.to_owned(), labels.collect()), value), None, "{name} twice");
    };
    for collected in exporter.get_finished_metrics().unwrap().iter().flat_map(ResourceMetrics::scope_metrics) {
        for metric in collected.metrics() {
            let ours = METRICS.iter().find(|ours| ours.otel_name == metric.name()).unwrap();
            let unit = if ours.seconds { "s" } else { "1" };
            assert_eq!((metric.description(), metric.unit()), (ours.help, unit));
            let counts = match metric.data() {
                AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                    #[allow(clippy::cast_precision_loss)]
                    sum.data_points().for_each(|point| {
                        add(metric.name(), point.attributes().cloned().collect(), point.value() as f64);
                    });
                    sum.is_monotonic()
                }
                AggregatedMetrics::F64(MetricData::Sum(sum)) => {
                    sum.data_points().for_each(|point| {
                        add(metric.name(), point.attributes().cloned().collect(), point.value());
                    });
                    sum.is_monotonic()
                }
                AggregatedMetrics::F64(MetricData::Gauge(gauge)) => {
                    gauge.data_points().for_each(|point| {
                        add(metric.name(), point.attributes().cloned().collect(), point.value());
                    });
                    false
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(counts, ours.kind == MetricKind::Counter, "{}", metric.name());
        }
    }
    assert_eq!(seen, expected(&watched));
}
