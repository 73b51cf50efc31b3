//! `POST /addEvent` while its upstream falters, and how it comes back.

use super::{Rig, is_refusal};
use futures::future::join_all;
use resilience::State;
use resilience::machine::EventKind;
use std::time::Duration;
use support::client::eventually;

const ADD_EVENT: &str = "addEvent=cycle(5,10,1ms,503)";

#[tokio::test(flavor = "multi_thread")]
async fn after_three_failures_nothing_reaches_the_upstream_and_reads_go_on() {
    let rig = Rig::start(ADD_EVENT, |_| {}).await;
    for _ in 0..5 {
        assert_eq!(rig.add_event().await.status, 201);
    }
    for _ in 0..3 {
        let failed = rig.add_event().await;
        assert_eq!(failed.status, 503);
        assert!(!is_refusal(&failed), "the upstream's own answer: {failed:?}");
    }
    let received = rig.received();
    for _ in 0..20 {
        let refused = rig.add_event().await;
        assert!(is_refusal(&refused), "{refused:?}");
        assert_eq!(refused.header("content-type"), "application/problem+json");
        assert_eq!(refused.header("cache-control"), "no-store");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((590..=601).contains(&wait), "{wait}");
        assert_eq!(refused.json()["status"], 503);
    }
    assert_eq!(rig.received(), received, "not a byte");
    assert_eq!(rig.posted(), 8);

    let read = rig.client.get(&format!("/getUserById/{}", rig.user)).await;
    assert_eq!((read.status, read.json()["events"].as_array().unwrap().len()), (200, 5));
    assert_eq!(rig.client.get("/health").await.status, 200);
    assert_eq!(rig.client.get("/ready").await.status, 200);
    let metrics = String::from_utf8(rig.client.get("/metrics").await.body.to_vec()).unwrap();
    for line in [
        "resilience_state{name=\"addEvent\",state=\"open\"} 1",
        "resilience_state{name=\"addEvent\",state=\"closed\"} 0",
        "gateway_add_event_calls_total{outcome=\"admitted\"} 8",
        "gateway_add_event_calls_total{outcome=\"failed\"} 3",
        "gateway_add_event_calls_total{outcome=\"refused\"} 20",
        "resilience_refusals_total{name=\"addEvent\",reason=\"open\"} 20",
        "resilience_transitions_total{name=\"addEvent\",from=\"closed\",to=\"open\",reason=\"failure_window\"} 1",
        "resilience_successes_total{name=\"addEvent\"} 5",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_probes_with_growing_delays_until_the_upstream_is_well() {
    let rig = Rig::start(ADD_EVENT, |config| {
        config.policy.set("DELAY", "20ms");
        config.policy.set("MAX_DELAY", "60ms");
    })
    .await;
    let breaker = rig.gateway.breaker();
    let mut events = breaker.subscribe();
    for _ in 0..8 {
        rig.add_event().await;
    }
    // Seven probes fail: the upstream answers ten times with 503.
    for failure in 4..=10 {
        eventually("half-open", || breaker.state() == State::HalfOpen).await;
        assert_eq!(rig.add_event().await.status, 503);
        assert_eq!(rig.posted(), 5 + failure);
    }
    for success in 1..=3 {
        eventually("half-open", || breaker.state() == State::HalfOpen).await;
        assert_eq!(rig.add_event().await.status, 201);
        assert_eq!(rig.posted(), 15 + success);
    }
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(breaker.snapshot().level, 0);

    let mut delays = Vec::new();
    let mut closed = 0;
    while let Some(event) = events.try_next() {
        match event.kind {
            EventKind::Tripped(trip) => delays.push(trip.open_for().as_millis()),
            EventKind::Closed => closed += 1,
            _ => {}
        }
    }
    assert_eq!(delays, [20, 30, 45, 60, 60, 60, 60, 60]);
    assert_eq!(closed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_probe_at_a_time_tries_an_upstream_that_was_down() {
    let rig = Rig::start("addEvent=outage", |config| {
        config.policy.set("DELAY", "50ms");
        config.policy.set("PROBE_PATIENCE", "30s");
        config.policy.set("PROBE_DEADLINE", "30s");
        config.policy.set("ABANDON_AFTER", "30s");
    })
    .await;
    for _ in 0..3 {
        rig.add_event().await;
    }
    // The probe is held up until the others have been refused.
    rig.set_faults("addEvent=hang");
    let breaker = rig.gateway.breaker();
    eventually("half-open", || breaker.state() == State::HalfOpen).await;
    let posted = rig.posted();
    let probe = rig.add_event();
    let others = async {
        eventually("the probe is out", || rig.posted() == posted + 1).await;
        join_all((0..20).map(|_| rig.add_event())).await
    };
    tokio::select! {
        answer = probe => panic!("the probe hangs: {answer:?}"),
        others = others => for other in others {
            assert!(is_refusal(&other), "{other:?}");
            assert_eq!(other.json()["reason"], "probes_out");
        },
    }
    assert_eq!(rig.posted(), posted + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_names_its_time_is_obeyed_at_once() {
    for plan in ["addEvent=outage(-,503,120s)", "addEvent=outage(-,429,120s)"] {
        let rig = Rig::start(plan, |config| {
            config.policy.set("DELAY", "50ms");
            config.policy.set("MAX_DELAY", "50ms");
        })
        .await;
        let limited = rig.add_event().await;
        assert_eq!(limited.header("retry-after"), "120", "{limited:?}");
        let refused = rig.add_event().await;
        assert!(is_refusal(&refused), "{refused:?}");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((100..=121).contains(&wait), "{plan}: {wait}");
        assert_eq!(rig.posted(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_with_the_upstream_has_a_status_and_is_tried_once() {
    for (plan, status) in [
        ("addEvent=reset", 502),
        ("addEvent=close", 502),
        ("addEvent=garbage", 502),
        ("addEvent=cut-body", 502),
        ("addEvent=outage(-,500)", 500),
        ("addEvent=outage(-,503)", 503),
        ("getUserById=reset", 502),
        ("getUserById=outage", 503),
    ] {
        let mut rig = Rig::start(plan, |_| {}).await;
        if plan.starts_with("getUserById") {
            // Somebody whom the gateway has to look up.
            rig.user = "01890a5d-ac96-774b-bcce-b302099a8057".to_owned();
        }
        // Twice: once on a connection of its own, and once on one from the pool.
        for _ in 0..2 {
            let received = rig.received();
            let answer = rig.add_event().await;
            assert_eq!(answer.status, status, "{plan}: {answer:?}");
            assert_eq!(answer.header("content-type"), "application/problem+json");
            let text = String::from_utf8_lossy(&answer.body).to_ascii_lowercase();
            assert!(!text.contains("127.0.0.1") && !text.contains("hyper"), "{text}");
            assert!(rig.received() <= received + 2, "{plan}: a look-up and a try at most");
        }
        let failures = rig.gateway.breaker().snapshot().failures.len();
        assert_eq!(failures, if status == 500 { 0 } else { 2 }, "{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_504_and_a_failure() {
    let rig = Rig::start("addEvent=hang", |config| config.bounds.upstream_timeout = Duration::from_millis(100)).await;
    for _ in 0..3 {
        let answer = rig.add_event().await;
        assert_eq!(answer.status, 504, "{answer:?}");
    }
    assert!(is_refusal(&rig.add_event().await));
    assert_eq!(rig.posted(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_not_there_is_502() {
    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let config = examples::gateway::Config {
        gateway_addr: ([127, 0, 0, 1], 0).into(),
        upstream_url: Some(url),
        ..Default::default()
    };
    let gateway = examples::gateway::start(config).await.unwrap();
    assert!(gateway.upstream().is_none());
    let client = support::client::Client::new(gateway.addr());
    for path in ["/getUsers", "/getEvents", "/getUserById/01890a5d-ac96-774b-bcce-b302099a8057"] {
        assert_eq!(client.get(path).await.status, 502, "{path}");
    }
    assert_eq!(client.get("/ready").await.status, 200);
    gateway.shutdown().await;
}
