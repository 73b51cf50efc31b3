//! The alerts for Prometheus ask for what there is: by the library's table, and by the gateway's own page.

use super::Rig;
use super::dashboard::{labels, metrics, words};
use resilience::observe::METRICS;
use std::collections::{BTreeMap, BTreeSet};

const ALERTS: &str = include_str!("../../examples/grafana/alerts.yaml");

/// Prometheus adds these to each series by itself.
const OF_THE_TARGET: [&str; 2] = ["instance", "job"];

/// The values of this key, one line each.
fn values(key: &str) -> Vec<&'static str> {
    let found = ALERTS.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix(key));
    found.filter_map(|rest| rest.strip_prefix(": ")).collect()
}

/// A label, and the values of it that are meant or excluded.
type Matcher<'a> = (&'a str, Vec<&'a str>);

/// The metrics that a query selects, with what it asks of the labels of each.
fn selected(query: &str) -> Vec<(&str, Vec<Matcher<'_>>)> {
    let mut found = Vec::new();
    for (at, _) in query.match_indices("resilience_") {
        let metric = words(&query[at..]).next().unwrap();
        let rest = &query[at + metric.len()..];
        let matchers = rest.strip_prefix('{').map_or("", |rest| rest.split('}').next().unwrap());
        let matchers = matchers.split(',').filter(|matcher| !matcher.is_empty()).map(|matcher| {
            let (label, values) = matcher.split_once('=').unwrap();
            (label.trim_end_matches('!'), values.trim_matches(['~', '"']).split('|').collect())
        });
        found.push((metric, matchers.collect()));
    }
    found
}

#[test]
fn every_alert_names_metrics_and_labels_that_there_are() {
    let table: BTreeMap<&str, &[&str]> = METRICS.iter().map(|metric| (metric.name, metric.labels)).collect();
    let queries = values("expr");
    assert_eq!(queries.len(), values("alert").len());
    assert_eq!(values("alert").iter().collect::<BTreeSet<_>>().len(), queries.len(), "each by its own name");
    assert_eq!((values("summary").len(), values("severity").len()), (queries.len(), queries.len()));
    assert!(queries.len() > 5, "{queries:?}");
    for query in queries {
        let named = metrics(query);
        assert!(!named.is_empty(), "{query}");
        for metric in &named {
            assert!(table.contains_key(metric), "{metric} in {query}");
        }
        for label in labels(query).into_iter().filter(|label| !OF_THE_TARGET.contains(label)) {
            assert!(named.iter().any(|metric| table[metric].contains(&label)), "{label} in {query}");
        }
    }
}

#[test]
fn what_an_alert_tells_is_in_its_labels() {
    // What is grouped has the labels of the grouping, anything else has those of its first metric.
    for (query, told) in values("expr").into_iter().zip(values("summary")) {
        let first = METRICS.iter().find(|metric| selected(query)[0].0 == metric.name).unwrap();
        let has = |label: &str| match query.starts_with("sum by (instance, name) ") {
            true => ["instance", "name"].contains(&label),
            false => first.labels.contains(&label) || OF_THE_TARGET.contains(&label),
        };
        for label in told.split("$labels.").skip(1).filter_map(|rest| words(rest).next()) {
            assert!(has(label), "{label} of {query}");
        }
    }
}

#[test]
fn a_selector_that_names_what_there_is_not_is_found_out() {
    let query = r#"a(resilience_x{to!="b",from=~"c|d"}[5m]) unless on (e, f) resilience_y > 1"#;
    let x = ("resilience_x", vec![("to", vec!["b"]), ("from", vec!["c", "d"])]);
    assert_eq!(selected(query), [x, ("resilience_y", vec![])]);
    assert_eq!(labels(query), ["e", "f", "from", "to"].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateways_page_has_a_series_for_everything_that_an_alert_asks_for() {
    let rig = Rig::start("addEvent=outage", |_| {}).await;
    for _ in 0..4 {
        rig.add_event().await;
    }
    let page = String::from_utf8(rig.client.get("/metrics").await.body.to_vec()).unwrap();
    let is_there = |metric: &str, label: &str, value: &str| {
        page.lines().any(|line| {
            line.starts_with(&format!("{metric}{{name=\"addEvent\"")) && line.contains(&format!("{label}=\"{value}\""))
        })
    };
    for query in values("expr") {
        for (metric, matchers) in selected(query) {
            assert!(is_there(metric, "name", "addEvent"), "no {metric} in {page}");
            for (label, value) in matchers.iter().flat_map(|(label, of)| of.iter().map(move |value| (label, value))) {
                assert!(is_there(metric, label, value), "no {metric} with {label}={value} in {page}");
            }
        }
    }
}
