//! The dashboard for Grafana asks for what there is: by the library's table, and by the gateway's own page.

use super::Rig;
use resilience::Policy;
use resilience::observe::METRICS;
use resilience::policy::Quota;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const DASHBOARD: &str = include_str!("../../examples/grafana/resilience.json");

/// Every query of the dashboard.
fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries = targets.map(|target| target["expr"].as_str().unwrap().to_owned());
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    queries.chain(variables.filter_map(|variable| Some(variable["definition"].as_str()?.to_owned()))).collect()
}

/// The words of a query: names of metrics, labels and functions.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// The labels that a query names: in a selector, in a grouping, or asked for by themselves.
pub(super) fn labels(query: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for (at, _) in query.match_indices('{') {
        let selector = &query[at + 1..at + query[at..].find('}').unwrap()];
        // No value has a comma in it.
        found.extend(selector.split(',').filter_map(|matcher| words(matcher).next()));
    }
    for (at, grouping) in query.match_indices(" by (").chain(query.match_indices(" on (")) {
        found.extend(words(&query[at + grouping.len()..at + query[at..].find(')').unwrap()]));
    }
    if let Some(arguments) = query.strip_prefix("label_values(") {
        found.extend(words(arguments).last());
    }
    found
}

pub(super) fn metrics(query: &str) -> BTreeSet<&str> {
    words(query).filter(|word| word.starts_with("resilience_")).collect()
}

#[test]
fn every_query_names_metrics_and_labels_that_there_are_and_no_metric_is_left_out() {
    let table: BTreeMap<&str, &[&str]> = METRICS.iter().map(|metric| (metric.name, metric.labels)).collect();
    let queries = queries();
    let mut asked = BTreeSet::new();
    for query in &queries {
        let named = metrics(query);
        assert!(!named.is_empty(), "{query}");
        for metric in &named {
            assert!(table.contains_key(metric), "{metric} in {query}");
        }
        for label in labels(query) {
            assert!(named.iter().any(|metric| table[metric].contains(&label)), "{label} in {query}");
        }
        asked.extend(named);
    }
    assert_eq!(asked, table.into_keys().collect());
}

#[test]
fn a_query_that_names_what_there_is_not_is_found_out() {
    assert_eq!(labels("sum by (name, nme) (x{state=\"a\",oops=~\"b\"})"), ["name", "nme", "oops", "state"].into());
    assert_eq!(labels("label_values(resilience_state, name)"), ["name"].into());
    assert_eq!(metrics("rate(resilience_typo_total{a=\"b\"}[5m])"), ["resilience_typo_total"].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateways_page_has_a_series_for_every_metric_that_the_dashboard_asks_for() {
    let rig = Rig::start("addEvent=rate-limit(5)", |_| {}).await;
    // What is optional, too.
    let breaker = rig.gateway.breaker();
    let quota = Some(Quota::new(100, Duration::from_secs(60)));
    breaker.set_policy(Policy { quota, ..breaker.policy() }).unwrap();
    breaker.learn_quota(5, Duration::from_secs(60));
    assert!(rig.add_event().await.status < 500);
    let page = String::from_utf8(rig.client.get("/metrics").await.body.to_vec()).unwrap();
    for query in queries() {
        for metric in metrics(&query) {
            let there = page.lines().any(|line| line.starts_with(&format!("{metric}{{name=\"addEvent\"")));
            assert!(there, "no {metric} in {page}");
        }
    }
}
