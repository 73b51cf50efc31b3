//! One `Idempotency-Key` makes one event, however often and in whatever company it is sent.

use super::Rig;
use serde_json::{Value, json};
use support::client::{Answer, eventually};

impl Rig {
    async fn add_with(&self, key: &str, event: &Value) -> Answer {
        self.client.post_with("/addEvent", &[("idempotency-key", key)], event).await
    }

    async fn events(&self) -> Vec<Value> {
        let page = self.client.get("/getEvents").await.json();
        page["items"].as_array().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_with_its_key_makes_one_event() {
    let rig = Rig::start("healthy", |_| {}).await;
    let event = json!({ "name": "paid", "userId": rig.user });
    let first = rig.add_with("order-1", &event).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, ""));
    assert_eq!(first.header("location"), format!("/getEventById/{}", first.id()));
    let second = rig.add_with("\"order-1\"", &event).await;
    assert_eq!((second.status, second.header("idempotent-replayed")), (201, "true"));
    assert_eq!(second.json(), first.json());
    let other = rig.add_with("order-1", &json!({ "name": "other", "userId": rig.user })).await;
    assert_eq!((other.status, &other.json()["errors"][0]["field"]), (422, &json!("Idempotency-Key")));
    for bad in ["", "a b", &"x".repeat(300)] {
        assert_eq!(rig.add_with(bad, &event).await.status, 400, "{bad}");
    }
    assert_eq!(rig.posted(), 3);
    assert_eq!(rig.events().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_is_had_with_the_same_key() {
    let rig = Rig::start("addEvent=cut-body", |_| {}).await;
    let event = json!({ "name": "paid", "userId": rig.user });
    assert_eq!(rig.add_with("order-1", &event).await.status, 502);
    assert_eq!(rig.posted(), 1, "the gateway did not try again by itself");
    rig.set_faults("healthy");
    let again = rig.add_with("order-1", &event).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"));
    let listed = rig.client.get(&format!("/getEventsByUserId/{}", rig.user)).await.json();
    assert_eq!(listed["items"], json!([again.json()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_with_one_key_one_makes_the_event_and_all_are_told_of_it() {
    let rig = Rig::start("healthy", |_| {}).await;
    let event = json!({ "name": "paid", "userId": rig.user });
    let answers = futures::future::join_all((0..30).map(|_| rig.add_with("order-1", &event))).await;
    assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
    let made = answers.iter().filter(|answer| answer.header("idempotent-replayed").is_empty()).count();
    assert_eq!(made, 1);
    let events = rig.events().await;
    assert_eq!(events.len(), 1);
    assert!(answers.iter().all(|answer| answer.json() == events[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_with_one_key_and_each_its_own_event_one_is_taken() {
    let rig = Rig::start("healthy", |_| {}).await;
    let names: Vec<_> = (0..30).map(|number| json!({ "name": format!("paid {number}"), "userId": rig.user })).collect();
    let answers = futures::future::join_all(names.iter().map(|event| rig.add_with("order-1", event))).await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(taken.len(), 1, "{answers:?}");
    assert!(refused.iter().all(|answer| answer.status == 422), "{answers:?}");
    assert_eq!(rig.events().await, [taken[0].json()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_was_refused_or_failed_leaves_its_key_to_the_one_that_gets_through() {
    let rig = Rig::start("addEvent=outage", |_| {}).await;
    let event = json!({ "name": "paid", "userId": rig.user });
    for _ in 0..5 {
        assert_eq!(rig.add_with("order-1", &event).await.status, 503);
    }
    assert_eq!((rig.posted(), rig.events().await.len()), (3, 0), "three failed, two were refused");
    rig.set_faults("healthy");
    rig.gateway.breaker().reset();
    let first = rig.add_with("order-1", &event).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, ""));
    assert_eq!(rig.add_with("order-1", &event).await.json(), first.json());
    assert_eq!(rig.events().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_and_comes_back_finds_the_one_event() {
    let rig = Rig::start("addEvent=slow(300ms)", |_| {}).await;
    let event = json!({ "name": "paid", "userId": rig.user });
    let (client, body) = (rig.client.clone(), event.clone());
    let lost =
        tokio::spawn(async move { client.post_with("/addEvent", &[("idempotency-key", "order-1")], &body).await });
    eventually("it is posted", || rig.posted() == 1).await;
    lost.abort();
    let again = rig.add_with("order-1", &event).await;
    assert_eq!(again.status, 201);
    assert_eq!(rig.events().await, [again.json()]);
}
