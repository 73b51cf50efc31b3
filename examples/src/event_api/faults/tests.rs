use std::time::Duration;

use http::StatusCode;
use tokio::time::advance;

use super::plan::{Act, Decision};
use super::*;
use crate::http::serve::Sever;

const ROUTE: RouteName = RouteName::AddEvent;

fn plan(text: &str) -> FaultPlan {
    FaultPlan::new(text.parse().unwrap())
}

/// What becomes of the next requests, one letter each.
fn letters(plan: &FaultPlan, requests: usize) -> String {
    (0..requests).map(|_| letter(&plan.decide(ROUTE))).collect()
}

fn letter(decision: &Decision) -> char {
    match decision.act {
        Act::Serve => '.',
        Act::Refuse { .. } => 'x',
        Act::Hang => 'h',
        Act::Sever(_) => 's',
        Act::CutBody => 'c',
    }
}

#[tokio::test(start_paused = true)]
async fn the_default_serves_five_and_fails_ten() {
    let plan = FaultPlan::new(Faults::default());
    assert_eq!(letters(&plan, 32), ".....xxxxxxxxxx.....xxxxxxxxxx..");
    for _ in 0..3 {
        assert_eq!(plan.decide(ROUTE).act, Act::Serve);
    }
    let refused = Act::Refuse { status: StatusCode::SERVICE_UNAVAILABLE, retry_after: None };
    assert_eq!(plan.decide(ROUTE), Decision { delay: Duration::from_millis(100), act: refused });
    let slow = Decision { delay: Duration::from_millis(500), act: Act::Serve };
    assert_eq!(plan.decide(RouteName::GetEventById), slow);
    assert_eq!(plan.decide(RouteName::AddUser), Decision { delay: Duration::ZERO, act: Act::Serve });
    let broken = (0..10_000).filter(|_| plan.decide(RouteName::GetUsers).act == Act::Sever(Sever::Close)).count();
    assert!((400..600).contains(&broken), "{broken} of 10000 are broken, which is not about 5 %");
}

#[tokio::test(start_paused = true)]
async fn only_requests_to_the_route_count() {
    let plan = FaultPlan::new(Faults::default());
    for _ in 0..7 {
        plan.decide(RouteName::GetUserById);
    }
    assert_eq!(letters(&plan, 6), ".....x");
    let received = plan.received();
    assert_eq!((received["getUserById"], received["addEvent"], received["addUser"]), (7, 6, 0));
}

#[tokio::test(start_paused = true)]
async fn an_outage_ends_in_time() {
    let plan = plan("addEvent=outage(10s,502,30s)");
    let refused = Act::Refuse { status: StatusCode::BAD_GATEWAY, retry_after: Some(Duration::from_secs(30)) };
    assert_eq!(plan.decide(ROUTE).act, refused);
    advance(Duration::from_millis(9_999)).await;
    assert_eq!(letters(&plan, 1), "x");
    advance(Duration::from_millis(1)).await;
    assert_eq!(letters(&plan, 1), ".");
    plan.set("outage".parse().unwrap());
    advance(Duration::from_secs(1_000_000)).await;
    assert_eq!(letters(&plan, 1), "x", "without a time it lasts");
}

#[tokio::test(start_paused = true)]
async fn flapping_goes_up_and_down() {
    let plan = plan("flapping(5s,2s)");
    let mut seen = String::new();
    for _ in 0..14 {
        seen += &letters(&plan, 1);
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(seen, ".....xx.....xx");
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_says_when_to_come_back() {
    let plan = plan("rate-limit(3,429)");
    advance(Duration::from_millis(300)).await;
    assert_eq!(letters(&plan, 4), "...x");
    let rest = Act::Refuse { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(Duration::from_millis(700)) };
    assert_eq!(plan.decide(ROUTE).act, rest);
    advance(Duration::from_millis(700)).await;
    assert_eq!(letters(&plan, 4), "...x");
    plan.set("rate-limit(1,503,2m)".parse().unwrap());
    assert_eq!(letters(&plan, 1), ".");
    let long = Act::Refuse { status: StatusCode::SERVICE_UNAVAILABLE, retry_after: Some(Duration::from_secs(120)) };
    assert_eq!(plan.decide(ROUTE).act, long);
}

#[test]
fn several_faults_are_asked_in_turn() {
    let plan = plan("addEvent=slow(20ms)+cycle(1,1)+hang");
    assert_eq!(letters(&plan, 4), "hxhx");
    assert_eq!(plan.decide(ROUTE).delay, Duration::from_millis(20));
}

#[test]
fn one_seed_is_one_sequence() {
    let throw = |text: &str| letters(&plan(text), 60);
    assert_eq!(throw("brown-out(50%); seed=1"), throw("brown-out(50%); seed=1"));
    assert_ne!(throw("brown-out(50%); seed=1"), throw("brown-out(50%); seed=2"));
    assert_eq!(throw("brown-out(100%)"), "x".repeat(60));
    for (text, letter) in [("hang", "h"), ("close", "s"), ("reset", "s"), ("garbage", "s"), ("cut-body", "c")] {
        assert_eq!(throw(text), letter.repeat(60));
    }
}

#[test]
fn a_new_plan_begins_at_its_beginning_and_the_counts_go_on() {
    let plan = FaultPlan::new(Faults::default());
    assert_eq!(letters(&plan, 7), ".....xx");
    plan.set(Faults::default());
    assert_eq!(letters(&plan, 6), ".....x");
    assert_eq!(plan.received_by(ROUTE), 13);
}

#[test]
fn a_plan_is_written_as_it_is_read() {
    for text in [
        "healthy",
        "getUsers=close(5%); getEvents=close(5%); getEventById=slow(500ms); addEvent=cycle(5,10,100ms,503)",
        "addUser=outage(10s,503,30s); addEvent=outage(-,500,-)",
        "getUserById=brown-out(0.125,503)+hang(7%); addEvent=flapping(1m 30s,2s,503); seed=7",
        "getEventsByUserId=rate-limit(10,429,-)+reset(100%)+garbage(1%)+cut-body(50%)",
    ] {
        let faults: Faults = text.parse().unwrap();
        assert_eq!(faults.to_string(), text);
        let json = serde_json::to_string(&faults).unwrap();
        assert_eq!(serde_json::from_str::<Faults>(&json).unwrap(), faults, "{json}");
    }
    assert_eq!("default".parse(), Ok(Faults::default()));
    assert_eq!("".parse(), Ok(Faults::healthy()));
}

#[test]
fn entries_override_what_stands_before_them() {
    let faults: Faults = "default; addEvent=hang; getUsers=healthy;".parse().unwrap();
    assert_eq!(faults.of(ROUTE), [Fault::Hang { share: 1.0 }]);
    assert_eq!(faults.of(RouteName::GetUsers), []);
    assert_eq!(faults.of(RouteName::GetEvents), [Fault::Close { share: 0.05 }]);
    let everywhere: Faults = "default; outage".parse().unwrap();
    assert!(RouteName::ALL.iter().all(|route| matches!(everywhere.of(*route), [Fault::Outage { .. }])));
}

#[test]
fn what_is_no_plan_is_refused_and_named() {
    for (text, field) in [
        ("nope", "nope"),
        ("addevent=hang", "addevent"),
        ("hang; default", "default"),
        ("addEvent=", ""),
        ("addEvent=cycle(5)", "cycle(5)"),
        ("addEvent=cycle(5,0)", "addEvent.fail"),
        ("addEvent=cycle(a,b)", "cycle(a,b)"),
        ("addEvent=slow", "slow"),
        ("addEvent=slow(0s)", "addEvent.by"),
        ("addEvent=slow(soon)", "slow(soon)"),
        ("addEvent=slow(1s", "slow(1s"),
        ("addEvent=hang(1%,2)", "hang(1%,2)"),
        ("addEvent=hang(0%)", "addEvent.share"),
        ("addEvent=hang(101%)", "addEvent.share"),
        ("addEvent=hang(NaN)", "addEvent.share"),
        ("addEvent=brown-out(5%,200)", "addEvent.status"),
        ("addEvent=brown-out(5%,70000)", "brown-out(5%,70000)"),
        ("addEvent=rate-limit(0)", "addEvent.perSecond"),
        ("addEvent=flapping(0s,1s)", "addEvent.up"),
        ("addEvent=outage(0s)", "addEvent.lasts"),
        ("seed=x", "seed"),
    ] {
        let error = text.parse::<Faults>().unwrap_err();
        assert_eq!(error.field(), field, "{text}: {error}");
    }
}

#[test]
fn a_plan_in_json_is_checked_like_one_in_text() {
    let read = |json: &str| serde_json::from_str::<Faults>(json).map_err(|error| error.to_string());
    let same = "addEvent=outage(10s)".parse::<Faults>().unwrap();
    assert_eq!(read(r#"{"routes": {"addEvent": [{"kind": "outage", "lasts": "10s"}]}}"#).unwrap(), same);
    assert_eq!(read(r#"{"plan": "addEvent=outage(10s)"}"#).unwrap(), same);
    assert_eq!(read(r#"{"plan": "addEvent=outage(10s)", "seed": 3}"#).unwrap(), same.seed(3));
    for bad in [
        r#"{"routes": {"addEvent": [{"kind": "hang", "share": 2}]}}"#,
        r#"{"routes": {"addEvent": [{"kind": "hang", "shore": 1}]}}"#,
        r#"{"routes": {"addEvent": [{"kind": "nope"}]}}"#,
        r#"{"routes": {"nope": []}}"#,
        r#"{"plan": "hang", "routes": {"addEvent": []}}"#,
        r#"{"more": 1}"#,
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}
