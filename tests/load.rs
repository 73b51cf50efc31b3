//! The load generator end to end: two gateways and two event APIs in this process, over real sockets.

use clap::Parser;
use examples::event_api;
use examples::gateway;
use examples::load::pace::Outcome;
use examples::load::{Comparison, Config, LoadError, Progress, compare};
use resilience::State;
use std::time::Duration;
use support::client::Client;
use tokio::time::timeout;

const SCENARIO: &str = "outage(before=300ms, for=700ms, after=1s, delay=1ms)";

fn config(more: &[&str]) -> Config {
    let own = ["load", "--scenario", SCENARIO, "--users", "2", "--delay", "100ms", "--jitter", "0"];
    Config::try_parse_from([&own, more].concat()).unwrap()
}

async fn compared(config: &Config) -> Result<Comparison, LoadError> {
    timeout(Duration::from_secs(60), compare(config, Progress::Hidden)).await.expect("it is bounded by time")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_breaker_keeps_load_off_a_sick_upstream_and_every_request_is_accounted_for() {
    let comparison = compared(&config(&[])).await.unwrap();
    let [without, with] = &comparison.summaries;
    for summary in [without, with] {
        assert_eq!(summary.requests, 200);
        assert_eq!(summary.answers.values().sum::<u64>(), 200);
        assert!(summary.answers["201"] > 0, "{summary:?}");
        assert!(summary.latency_ms.p50 <= summary.latency_ms.p99 && summary.latency_ms.p99 <= summary.latency_ms.max);
    }
    assert_eq!((without.layer, without.answers.get("503 by the breaker"), without.detect_ms), (false, None, None));
    assert!(without.reached_while_sick > 0);
    assert!(with.layer && with.answers["503 by the breaker"] > 0 && with.detect_ms.is_some(), "{with:?}");
    assert!(with.reached_while_sick < without.reached_while_sick, "{with:?} {without:?}");

    let [without, with] = &comparison.runs;
    let states: Vec<_> = with.bands.iter().map(|band| band.state).collect();
    assert_eq!(states[..2], [State::Closed, State::Open]);
    assert!(states.contains(&State::HalfOpen));
    assert!(without.bands.iter().all(|band| band.state == State::Closed));
    for run in [without, with] {
        assert!(run.samples.iter().all(|sample| sample.outcome != Outcome::Unfinished));
    }

    let (table, plot) = (comparison.table(), comparison.plot());
    assert!(table.contains("calls that reached the sick upstream"), "{table}");
    assert!(plot.starts_with("<svg ") && plot.ends_with("</svg>\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_runs_already_is_driven_over_http_and_left_as_it_was() {
    let plan = "addEvent=cycle(5,10,1ms,503)";
    let faults = plan.parse().unwrap();
    let upstream = event_api::start(event_api::Config { faults, ..event_api::Config::in_memory() }).await.unwrap();
    let gateway = gateway::start(gateway::Config {
        gateway_addr: ([127, 0, 0, 1], 0).into(),
        upstream_url: Some(format!("http://{}", upstream.addr())),
        ..gateway::Config::default()
    })
    .await
    .unwrap();
    let (url, api) = (format!("http://{}", gateway.addr()), format!("http://{}", upstream.addr()));

    let foreign = compared(&config(&["--url", &url])).await.unwrap_err();
    assert!(matches!(foreign, LoadError::NotItsOwn), "{foreign}");

    let comparison = compared(&config(&["--url", &url, "--upstream", &api, "--rate", "50"])).await.unwrap();
    let [without, with] = &comparison.summaries;
    assert_eq!(without.answers.get("503 by the breaker"), None);
    assert!(with.answers["503 by the breaker"] > 0, "{with:?}");
    assert!(with.reached_while_sick < without.reached_while_sick, "{with:?} {without:?}");

    assert_eq!(upstream.faults().current().to_string(), plan);
    let status = Client::new(gateway.addr()).get("/status").await.json();
    assert_eq!((&status["state"], &status["overlay"]), (&"closed".into(), &"automatic".into()));
}
