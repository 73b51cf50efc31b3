use super::*;
use futures::future::join_all;
use std::cell::Cell;
use std::future::ready;
use tokio::sync::Notify;

const SETTINGS: CacheSettings = CacheSettings { entries: 16, ttl: Duration::from_secs(3600) };

impl Weigh for u64 {
    fn bytes(&self) -> usize {
        8
    }
}

impl Weigh for &str {
    fn bytes(&self) -> usize {
        self.len()
    }
}

/// An upstream that counts how often it is asked.
#[derive(Default)]
struct Upstream {
    value: Cell<u64>,
    asked: Cell<u64>,
}

impl Upstream {
    async fn ask(&self) -> Result<u64, String> {
        self.asked.set(self.asked.get() + 1);
        // The answer is made before it arrives.
        let value = self.value.get();
        tokio::task::yield_now().await;
        Ok(value)
    }
}

#[tokio::test]
async fn many_who_miss_at_once_share_one_look_up() {
    let upstream = Upstream::default();
    let facts = Facts::<u8, u64>::new(SETTINGS);
    let views = Views::<u8, u64>::new(SETTINGS);
    for answer in join_all((0..50).map(|_| facts.get(1, upstream.ask()))).await {
        assert_eq!(answer, Ok(0));
    }
    assert_eq!(upstream.asked.get(), 1);
    join_all((0..50).map(|_| views.get(1, || upstream.ask()))).await;
    assert_eq!(upstream.asked.get(), 2);
}

#[tokio::test]
async fn a_failure_is_told_to_all_who_wait_and_not_remembered() {
    let facts = Facts::<u8, u64>::new(SETTINGS);
    let views = Views::<u8, u64>::new(SETTINGS);
    let fail = async || Err::<u64, _>("down");
    assert_eq!(facts.get(1, fail()).await, Err("down"));
    assert_eq!(facts.get(1, ready(Ok::<_, &str>(7))).await, Ok(7));
    assert_eq!(views.get(1, fail).await, Err("down"));
    assert_eq!(views.get(1, || ready(Ok::<_, &str>(7))).await, Ok(7));
}

#[tokio::test]
async fn what_was_learnt_on_another_way_is_not_looked_up() {
    let facts = Facts::<u8, u64>::new(SETTINGS);
    facts.learn(1, 5).await;
    assert_eq!(facts.get(1, ready(Err("asked"))).await, Ok(5));
}

#[tokio::test]
async fn a_write_is_seen_by_every_read_that_begins_after_it() {
    let upstream = Upstream::default();
    let views = Views::<u8, u64>::new(SETTINGS);
    for write in 0..100 {
        upstream.value.set(write);
        views.changed(&1);
        assert_eq!(views.get(1, || upstream.ask()).await, Ok(write));
        assert_eq!(views.get(1, || upstream.ask()).await, Ok(write));
    }
    assert_eq!(upstream.asked.get(), 100);
}

#[tokio::test]
async fn a_look_up_from_before_a_write_is_not_shown_after_it() {
    let views = Views::<u8, &str>::new(SETTINGS);
    let (started, answer) = (Notify::new(), Notify::new());
    let early = views.get(1, || async {
        started.notify_one();
        answer.notified().await;
        Ok::<_, String>("from before")
    });
    let late = async {
        started.notified().await;
        views.changed(&1);
        let read = views.get(1, || ready(Ok::<_, String>("from after")));
        let (read, ()) = tokio::join!(read, async { answer.notify_one() });
        assert_eq!(read.unwrap(), "from after");
    };
    let (early, ()) = tokio::join!(early, late);
    assert_eq!(early.unwrap(), "from before", "whoever asked before the write may see either");
    assert_eq!(views.get(1, || ready(Err("asked"))).await, Ok("from after"));
}

#[tokio::test]
async fn there_is_a_bound() {
    let facts = Facts::<u64, u64>::new(SETTINGS);
    for key in 0..1000 {
        facts.learn(key, key).await;
    }
    facts.entries.run_pending_tasks().await;
    assert!(facts.entries.entry_count() <= SETTINGS.entries);
}

#[tokio::test]
async fn what_is_large_takes_the_place_of_several() {
    let facts = Facts::<u64, &str>::new(SETTINGS);
    let four_kib = &*"x".repeat(4 * 1024).leak();
    for key in 0..100 {
        facts.learn(key, four_kib).await;
    }
    facts.entries.run_pending_tasks().await;
    assert!(facts.entries.entry_count() <= SETTINGS.entries / 5);
}

#[tokio::test]
async fn a_reader_who_goes_away_leaves_the_look_up_to_the_next() {
    let facts = Facts::<u8, u64>::new(SETTINGS);
    let mut hung = Box::pin(facts.get(1, std::future::pending::<Result<u64, String>>()));
    assert!(futures::poll!(&mut hung).is_pending());
    let mut other = Box::pin(facts.get(1, ready(Ok::<_, String>(3))));
    assert!(futures::poll!(&mut other).is_pending());
    drop(hung);
    assert_eq!(other.await, Ok(3));
}
