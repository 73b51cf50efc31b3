//! Keys that change, on a clock that stands still.

use super::*;
use futures::FutureExt;
use futures::future::join_all;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::{advance, sleep};

const COOLDOWN: Duration = Duration::from_secs(30);
const TTL: Duration = Duration::from_mins(10);

/// An issuer, and how often it was asked.
#[derive(Clone, Default)]
struct Issuer {
    ids: Arc<Mutex<Option<Vec<&'static str>>>>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    fn keys(&self) -> Keys {
        let issuer = self.clone();
        let source = move || {
            let issuer = issuer.clone();
            async move {
                issuer.asked.fetch_add(1, Ordering::SeqCst);
                sleep(Duration::from_millis(10)).await;
                let key = |id: &&str| {
                    json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": id })
                };
                let ids = issuer.ids.lock().unwrap().clone().ok_or("down")?;
                Ok(Bytes::from(json!({ "keys": ids.iter().map(key).collect::<Vec<_>>() }).to_string()))
            }
            .boxed()
        };
        Keys::new(Box::new(source), Timing { ttl: TTL, cooldown: COOLDOWN })
    }

    fn signs_with(&self, ids: &[&'static str]) {
        *self.ids.lock().unwrap() = Some(ids.to_vec());
    }

    fn is_down(&self) {
        *self.ids.lock().unwrap() = None;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn find(keys: &Keys, id: &str) -> Option<NoKey> {
    keys.find(Some(id), Algorithm::EdDSA).await.err()
}

/// An issuer that signs with `a`, and its keys, loaded.
async fn loaded() -> (Issuer, Keys) {
    let issuer = Issuer::default();
    issuer.signs_with(&["a"]);
    let keys = issuer.keys();
    keys.load().await.unwrap();
    (issuer, keys)
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_fetched_once_and_then_known() {
    let (issuer, keys) = loaded().await;
    issuer.signs_with(&["a", "b"]);
    assert_eq!(find(&keys, "a").await, None);
    assert_eq!(issuer.asked(), 1);
    assert_eq!((find(&keys, "b").await, find(&keys, "b").await, find(&keys, "a").await), (None, None, None));
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_keys_is_one_fetch_in_each_cooldown_and_the_known_ones_stay() {
    let (issuer, keys) = loaded().await;
    for round in 0..3 {
        let forged: Vec<_> = (0..100).map(|number| format!("forged-{round}-{number}")).collect();
        let answers = join_all(forged.iter().map(|id| find(&keys, id))).await;
        assert!(answers.iter().all(|answer| *answer == Some(NoKey::Unknown)));
        assert_eq!(find(&keys, "one more").await, Some(NoKey::Unknown));
        assert_eq!(issuer.asked(), 2 + round);
        assert_eq!(find(&keys, "a").await, None);
        advance(COOLDOWN).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_does_not_take_the_fetch_with_it() {
    let (issuer, keys) = loaded().await;
    issuer.signs_with(&["b"]);
    assert!(find(&keys, "b").now_or_never().is_none());
    sleep(Duration::from_millis(20)).await;
    assert_eq!(issuer.asked(), 2);
    assert_eq!(find(&keys, "b").await, None);
    assert_eq!(find(&keys, "a").await, Some(NoKey::Unknown), "a key that the issuer took back is gone");
}

#[tokio::test(start_paused = true)]
async fn an_old_set_is_renewed_while_it_is_used() {
    let (issuer, keys) = loaded().await;
    advance(TTL).await;
    assert_eq!(find(&keys, "a").now_or_never(), Some(None), "nobody waits");
    sleep(Duration::from_millis(20)).await;
    assert_eq!(issuer.asked(), 2);
    assert_eq!(find(&keys, "a").await, None);
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn keys_stay_while_the_issuer_is_down_but_not_for_ever() {
    let (issuer, keys) = loaded().await;
    issuer.is_down();
    for _ in 0..20 {
        advance(Duration::from_hours(1)).await;
        assert_eq!(find(&keys, "a").await, None);
        assert_eq!(find(&keys, "b").await, Some(NoKey::Unknown));
    }
    issuer.signs_with(&[]);
    advance(COOLDOWN).await;
    assert_eq!(find(&keys, "b").await, Some(NoKey::Unknown), "a set without keys is no set");
    assert_eq!(find(&keys, "a").await, None);
    advance(Duration::from_hours(4)).await;
    assert_eq!(find(&keys, "a").await, Some(NoKey::NoKeys));
    issuer.signs_with(&["a"]);
    advance(COOLDOWN).await;
    assert_eq!(find(&keys, "a").await, None);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_at_the_start_is_asked_again_after_the_cooldown() {
    let issuer = Issuer::default();
    let keys = issuer.keys();
    assert!(keys.load().await.is_err());
    issuer.signs_with(&["a"]);
    assert!(!keys.are_there());
    assert_eq!(find(&keys, "a").await, Some(NoKey::NoKeys));
    assert_eq!(issuer.asked(), 1);
    advance(COOLDOWN).await;
    assert!(!keys.are_there(), "asking for it begins an attempt");
    assert_eq!(find(&keys, "a").await, None);
    assert!(keys.are_there());
    assert_eq!(issuer.asked(), 2);
}
