//! What every form of the store has to do. Another form joins by one more entry in the list at the end.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::UNIX_EPOCH;

use futures::future::join_all;
use tempfile::TempDir;

use super::*;

/// A store under test, and the clock that it goes by.
struct Subject {
    store: Arc<dyn Store>,
    clock: Arc<Mutex<SystemTime>>,
    _directory: Option<TempDir>,
}

const RETENTION: Duration = Duration::from_secs(60);

fn options() -> (StoreOptions, Arc<Mutex<SystemTime>>) {
    let clock = Arc::new(Mutex::new(UNIX_EPOCH + Duration::from_secs(1_700_000_000)));
    let read = Arc::clone(&clock);
    (StoreOptions { retention: RETENTION, clock: Arc::new(move || *read.lock().unwrap()) }, clock)
}

async fn memory() -> Option<Subject> {
    let (options, clock) = options();
    Some(Subject { store: Arc::new(Memory::new(options)), clock, _directory: None })
}

async fn durable() -> Option<Subject> {
    let (options, clock) = options();
    let directory = tempfile::tempdir().unwrap();
    let store = Durable::open(directory.path(), options).unwrap();
    Some(Subject { store: Arc::new(store), clock, _directory: Some(directory) })
}

/// None where there is no server to be had; that was said, then.
#[cfg(feature = "postgres")]
async fn postgres() -> Option<Subject> {
    let (options, clock) = options();
    let address = super::postgres::server::empty_place().await?;
    let store = Postgres::connect(&address, options).await.unwrap();
    Some(Subject { store: Arc::new(store), clock, _directory: None })
}

impl Subject {
    async fn add_user(&self, name: &str, email: &str) -> Result<User, StoreError> {
        self.store.add_user(NewUser { user_name: name.to_owned(), email: email.to_owned() }).await
    }

    async fn user(&self, name: &str) -> User {
        self.add_user(name, &format!("{name}@example.org")).await.unwrap()
    }

    async fn add_event(&self, user: Uuid, name: &str, key: Option<&str>) -> Result<Added, StoreError> {
        let event = NewEvent { name: name.to_owned(), user_id: user, details: Some("more".to_owned()) };
        self.store.add_event(event, key.map(str::to_owned)).await
    }

    async fn event(&self, user: Uuid, name: &str) -> Event {
        self.add_event(user, name, None).await.unwrap().event
    }

    async fn all_events(&self) -> Vec<Event> {
        walk(|page| self.store.events(page), 7).await
    }

    fn pass(&self, time: Duration) {
        *self.clock.lock().unwrap() += time;
    }
}

async fn walk<'s, T>(list: impl Fn(PageRequest) -> BoxFuture<'s, Result<Page<T>, StoreError>>, limit: usize) -> Vec<T> {
    let mut items = Vec::new();
    let mut after = None;
    loop {
        let page = list(PageRequest { after, limit }).await.unwrap();
        assert!(page.items.len() <= limit);
        items.extend(page.items);
        after = page.next;
        if after.is_none() {
            return items;
        }
    }
}

async fn what_was_added_is_found_by_its_id(subject: Subject) {
    let user = subject.add_user("Ann", "Ann@Example.org").await.unwrap();
    assert_eq!((user.user_name.as_str(), user.email.as_str(), user.events.len()), ("Ann", "Ann@Example.org", 0));
    let event = subject.event(user.id, "signed up").await;
    assert_eq!((event.user_id, event.details.as_deref()), (user.id, Some("more")));
    assert_eq!(event.created_at.to_string(), "2023-11-14T22:13:20.000Z");
    assert_eq!(subject.store.event(event.id).await, Ok(Some(event.clone())));
    assert_eq!(subject.store.user(user.id).await, Ok(Some(User { events: vec![event.id], ..user })));
    for unknown in [Uuid::nil(), Uuid::max()] {
        assert_eq!(subject.store.user(unknown).await, Ok(None));
        assert_eq!(subject.store.event(unknown).await, Ok(None));
    }
}

async fn names_are_unique_exactly_and_emails_whatever_the_case(subject: Subject) {
    subject.add_user("ann", "ann@example.org").await.unwrap();
    assert_eq!(subject.add_user("ann", "b@example.org").await, Err(StoreError::UserNameTaken));
    assert_eq!(subject.add_user("bob", "ANN@Example.org").await, Err(StoreError::EmailTaken));
    assert_eq!(subject.add_user("ann", "ann@example.org").await, Err(StoreError::UserNameTaken));
    assert!(subject.add_user("Ann", "b@example.org").await.is_ok(), "another case is another name");
}

async fn a_refused_user_reserves_nothing(subject: Subject) {
    subject.user("ann").await;
    assert_eq!(subject.add_user("ann", "free@example.org").await, Err(StoreError::UserNameTaken));
    assert_eq!(subject.add_user("free", "ann@example.org").await, Err(StoreError::EmailTaken));
    assert!(subject.add_user("free", "free@example.org").await.is_ok());
}

async fn of_many_users_with_one_email_one_is_added(subject: Subject) {
    let names: Vec<_> = (0..100).map(|n| format!("user{n}")).collect();
    let results = join_all(names.iter().map(|name| subject.add_user(name, "same@example.org"))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(results.iter().filter(|result| **result == Err(StoreError::EmailTaken)).count(), 99);
    assert_eq!(walk(|page| subject.store.users(page), 200).await.len(), 1);
}

async fn an_event_needs_its_user(subject: Subject) {
    assert_eq!(subject.add_event(Uuid::nil(), "lost", Some("key")).await, Err(StoreError::NoSuchUser));
    assert_eq!(subject.all_events().await, []);
    let user = subject.user("ann").await;
    let added = subject.add_event(user.id, "found", Some("key")).await.unwrap();
    assert!(!added.replayed, "a refused event leaves its key free");
}

async fn an_event_and_its_users_list_agree(subject: Subject) {
    let users = [subject.user("ann").await, subject.user("bob").await];
    let names: Vec<_> = (0..40).map(|n| n.to_string()).collect();
    let added = join_all(names.iter().enumerate().map(|(n, name)| subject.event(users[n % 2].id, name))).await;
    for user in &users {
        let mut mine: Vec<_> = added.iter().filter(|event| event.user_id == user.id).cloned().collect();
        mine.sort_by_key(|event| event.id);
        let ids: Vec<_> = mine.iter().map(|event| event.id).collect();
        assert_eq!(subject.store.user(user.id).await.unwrap().unwrap().events, ids);
        assert_eq!(walk(|page| subject.store.events_of(user.id, page), 3).await, mine);
    }
    let unknown = subject.store.events_of(Uuid::nil(), PageRequest::default()).await;
    assert_eq!(unknown, Err(StoreError::NoSuchUser));
}

async fn one_key_makes_one_event(subject: Subject) {
    let user = subject.user("ann").await;
    let results = join_all((0..50).map(|_| subject.add_event(user.id, "paid", Some("key")))).await;
    let results: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(results.iter().filter(|added| !added.replayed).count(), 1);
    assert!(results.iter().all(|added| added.event == results[0].event));
    assert_eq!(subject.all_events().await, [results[0].event.clone()]);
    assert!(!subject.add_event(user.id, "paid", Some("other")).await.unwrap().replayed);
    assert!(!subject.add_event(user.id, "paid", None).await.unwrap().replayed);
}

async fn a_key_belongs_to_one_content(subject: Subject) {
    let (ann, bob) = (subject.user("ann").await, subject.user("bob").await);
    subject.add_event(ann.id, "paid", Some("key")).await.unwrap();
    assert_eq!(subject.add_event(ann.id, "left", Some("key")).await, Err(StoreError::KeyReused));
    assert_eq!(subject.add_event(bob.id, "paid", Some("key")).await, Err(StoreError::KeyReused));
    assert_eq!(subject.add_event(Uuid::nil(), "paid", Some("key")).await, Err(StoreError::KeyReused));
    assert_eq!(subject.all_events().await.len(), 1);
}

async fn a_key_is_forgotten_in_time(subject: Subject) {
    let user = subject.user("ann").await;
    let first = subject.add_event(user.id, "paid", Some("key")).await.unwrap().event;
    subject.pass(RETENTION - Duration::from_millis(1));
    assert!(subject.add_event(user.id, "paid", Some("key")).await.unwrap().replayed);
    subject.pass(Duration::from_millis(1));
    let second = subject.add_event(user.id, "paid", Some("key")).await.unwrap();
    assert!(!second.replayed && second.event.id > first.id);
    // The date of the first use must not end the second one.
    subject.pass(RETENTION / 2);
    subject.event(user.id, "something else").await;
    assert!(subject.add_event(user.id, "paid", Some("key")).await.unwrap().replayed);
}

async fn pages_are_as_long_as_asked_for_within_bounds(subject: Subject) {
    let names: Vec<_> = (0..MOST_ITEMS + 5).map(|n| format!("user{n:03}")).collect();
    join_all(names.iter().map(|name| subject.user(name))).await;
    for (limit, length) in [(1, 1), (0, 1), (200, 200), (usize::MAX, 200)] {
        let page = subject.store.users(PageRequest { after: None, limit }).await.unwrap();
        assert_eq!((page.items.len(), page.next.is_some()), (length, true), "{limit}");
    }
    assert_eq!(subject.store.users(PageRequest::default()).await.unwrap().items.len(), 50);
    let all = walk(|page| subject.store.users(page), 41).await;
    assert_eq!(all.len(), names.len(), "the last page is full and there is no empty one after it");
    assert!(all.is_sorted_by_key(|user| user.id));
}

async fn a_walk_with_writers_at_work_repeats_and_loses_nothing(subject: Subject) {
    let user = subject.user("ann").await;
    let names: Vec<_> = (0..60).map(|n| n.to_string()).collect();
    let before = join_all(names.iter().map(|name| subject.event(user.id, name))).await;
    let write = join_all(names.iter().map(|name| subject.event(user.id, name)));
    let (seen, later) = futures::join!(walk(|page| subject.store.events(page), 3), write);
    let ids: HashSet<_> = seen.iter().map(|event| event.id).collect();
    assert_eq!(ids.len(), seen.len(), "nothing twice");
    assert!(before.iter().all(|event| ids.contains(&event.id)), "nothing lost");
    assert_eq!(subject.all_events().await.len(), before.len() + later.len());
}

async fn ids_grow_when_the_clock_goes_back(subject: Subject) {
    let user = subject.user("ann").await;
    let first = subject.event(user.id, "first").await;
    *subject.clock.lock().unwrap() -= Duration::from_secs(3600);
    let second = subject.event(user.id, "second").await;
    assert!(second.id > first.id && second.created_at < first.created_at);
    assert_eq!(subject.all_events().await, [first, second]);
}

macro_rules! conformance {
    ($form:ident: $($test:ident)*) => {
        mod $form {
            $(#[tokio::test]
            async fn $test() {
                if let Some(subject) = super::super::$form().await {
                    super::$test(subject).await;
                }
            })*
        }
    };
    ($($(#[$cfg:meta])? $form:ident)*) => {
        mod forms {
            $($(#[$cfg])? conformance! { $form:
                what_was_added_is_found_by_its_id
                names_are_unique_exactly_and_emails_whatever_the_case
                a_refused_user_reserves_nothing
                of_many_users_with_one_email_one_is_added
                an_event_needs_its_user
                an_event_and_its_users_list_agree
                one_key_makes_one_event
                a_key_belongs_to_one_content
                a_key_is_forgotten_in_time
                pages_are_as_long_as_asked_for_within_bounds
                a_walk_with_writers_at_work_repeats_and_loses_nothing
                ids_grow_when_the_clock_goes_back
            })*
            use super::*;
        }
    };
}

conformance! {
    memory
    durable
    #[cfg(feature = "postgres")]
    postgres
}
