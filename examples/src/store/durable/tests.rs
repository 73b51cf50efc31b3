use futures::future::join_all;

use super::*;
use crate::store::Memory;

fn new_user(name: &str) -> NewUser {
    NewUser { user_name: name.to_owned(), email: format!("{name}@example.org") }
}

fn new_event(user: Uuid, name: &str) -> NewEvent {
    NewEvent { name: name.to_owned(), user_id: user, details: None }
}

fn open(directory: &Path) -> Durable {
    Durable::open(directory, StoreOptions::default()).unwrap()
}

#[tokio::test]
async fn what_was_written_is_there_after_opening_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made/on/the/way");
    let store = open(&path);
    let user = store.add_user(new_user("ann")).await.unwrap();
    let added = store.add_event(new_event(user.id, "paid"), Some("key".to_owned())).await.unwrap();
    drop(store);

    let store = open(&path);
    assert_eq!(store.user(user.id).await.unwrap().unwrap().events, [added.event.id]);
    assert_eq!(store.add_user(new_user("ann")).await, Err(StoreError::UserNameTaken));
    let again = store.add_event(new_event(user.id, "paid"), Some("key".to_owned())).await.unwrap();
    assert_eq!(again, Added { event: added.event, replayed: true });
    assert!(store.add_user(new_user("bob")).await.unwrap().id > again.event.id, "ids go on where they were");
}

#[tokio::test]
async fn a_store_that_is_dropped_finishes_what_is_queued() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let names: Vec<_> = (0..500).map(|n| format!("user{n}")).collect();
    let added = join_all(names.iter().map(|name| store.add_user(new_user(name)))).await;
    assert!(added.iter().all(Result::is_ok));
    drop(store);
    let store = open(directory.path());
    for user in added.into_iter().flatten() {
        assert_eq!(store.user(user.id).await, Ok(Some(user)));
    }
}

#[test]
fn a_database_is_open_once() {
    let directory = tempfile::tempdir().unwrap();
    let _first = open(directory.path());
    let second = Durable::open(directory.path(), StoreOptions::default());
    assert!(matches!(second, Err(OpenError::Database { .. })), "{second:?}");
}

#[test]
fn what_is_no_database_or_no_directory_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(FILE), "this is no database").unwrap();
    let error = Durable::open(directory.path(), StoreOptions::default()).unwrap_err();
    assert!(error.to_string().contains(FILE), "{error}");
    let error = Durable::open(directory.path().join(FILE), StoreOptions::default()).unwrap_err();
    assert!(matches!(error, OpenError::Directory { .. }), "{error}");
}

#[test]
fn stores_are_shared_between_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Durable>();
    check::<Memory>();
    check::<Arc<dyn Store>>();
}
