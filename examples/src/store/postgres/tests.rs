//! What the suite for all forms cannot ask: several processes at one database, and a database that goes away.

use std::collections::HashSet;
use std::sync::Arc;

use futures::future::{join_all, try_join_all};

use super::server::{Server, connect, empty_place, or_skip};
use super::*;

async fn open(address: &str) -> Postgres {
    Postgres::connect(address, StoreOptions::default()).await.unwrap()
}

async fn add_user(store: &Postgres, name: &str) -> Result<User, StoreError> {
    store.add_user(NewUser { user_name: name.to_owned(), email: format!("{name}@example.org") }).await
}

fn event(user: Uuid, name: &str) -> NewEvent {
    NewEvent { name: name.to_owned(), user_id: user, details: None }
}

#[tokio::test]
async fn whoever_comes_first_makes_the_tables_and_the_others_wait() {
    let Some(address) = empty_place().await else { return };
    let stores = join_all((0..6).map(|_| open(&address))).await;
    let user = add_user(&stores[0], "ann").await.unwrap();
    for store in &stores {
        assert_eq!(store.user(user.id).await, Ok(Some(user.clone())));
        assert_eq!(add_user(store, "ann").await, Err(StoreError::UserNameTaken));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_appears_behind_a_reader_whichever_process_writes() {
    const EACH: usize = 60;
    let Some(address) = empty_place().await else { return };
    let stores: Vec<_> = join_all((0..3).map(|_| open(&address))).await.into_iter().map(Arc::new).collect();
    let user = add_user(&stores[0], "ann").await.unwrap().id;
    let writers = stores.iter().cloned().map(|store| {
        tokio::spawn(async move {
            try_join_all((0..EACH).map(|n| store.add_event(event(user, &n.to_string()), None))).await.unwrap().len()
        })
    });
    let writers: Vec<_> = writers.collect();
    // Reads on from the last id that it has seen, as a client does that keeps up.
    let mut seen = HashSet::new();
    let mut page = PageRequest { after: None, limit: 200 };
    loop {
        let over = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let events = stores[0].events(page).await.unwrap().items;
        page.after = events.last().map(|event| crate::store::Cursor::after(event.id)).or(page.after);
        if over && events.is_empty() {
            break;
        }
        seen.extend(events.into_iter().map(|event| event.id));
    }
    assert_eq!(seen.len(), 3 * EACH);
}

#[tokio::test]
async fn one_key_makes_one_event_whichever_process_it_comes_to() {
    let Some(address) = empty_place().await else { return };
    let stores = join_all((0..3).map(|_| open(&address))).await;
    let user = add_user(&stores[0], "ann").await.unwrap().id;
    let added = (0..30).map(|n| stores[n % 3].add_event(event(user, "paid"), Some("key".to_owned())));
    let added = try_join_all(added).await.unwrap();
    assert_eq!(added.iter().filter(|added| !added.replayed).count(), 1);
    assert!(added.iter().all(|one| one.event == added[0].event));
}

#[tokio::test]
async fn reads_wait_for_no_change() {
    let Some(address) = empty_place().await else { return };
    let store = open(&address).await;
    let user = add_user(&store, "ann").await.unwrap();
    let other = connect(&address).await.unwrap();
    other.batch_execute("BEGIN; SELECT id FROM last_id FOR UPDATE").await.unwrap();
    let mut waits = std::pin::pin!(join_all((0..40).map(|_| store.add_event(event(user.id, "paid"), None))));
    assert!(futures::poll!(&mut waits).is_pending());
    tokio::select! {
        _ = &mut waits => panic!("a change was made although another was not over"),
        read = store.user(user.id) => assert_eq!(read, Ok(Some(user.clone()))),
    }
    other.batch_execute("ROLLBACK").await.unwrap();
    assert!(waits.await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn connections_that_were_cut_are_replaced_without_a_word() {
    let Some(address) = empty_place().await else { return };
    let name = format!("cut{}", std::process::id());
    let store =
        open(&format!("{address}{}application_name={name}", if address.contains("://") { "&" } else { " " })).await;
    let user = add_user(&store, "ann").await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = $1";
    let cut = connect(&address).await.unwrap().query(cut, &[&name]).await.unwrap();
    assert!(!cut.is_empty());
    assert_eq!(store.user(user.id).await, Ok(Some(user)));
}

#[tokio::test]
async fn a_server_that_goes_away_is_an_error_until_it_is_back() {
    let Some(mut server) = or_skip(Server::start().await) else { return };
    let store = open(&server.address()).await;
    let user = add_user(&store, "ann").await.unwrap();
    let made = store.add_event(event(user.id, "paid"), Some("key".to_owned())).await.unwrap().event;
    server.stop();
    for result in [add_user(&store, "bob").await, store.user(user.id).await.map(Option::unwrap)] {
        assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    }
    server.run().await.unwrap();
    assert_eq!(store.user(user.id).await.unwrap().unwrap().events, [made.id]);
    let again = store.add_event(event(user.id, "paid"), Some("key".to_owned())).await;
    assert_eq!(again, Ok(Added { event: made, replayed: true }));
    assert!(add_user(&store, "bob").await.is_ok());
}

#[tokio::test]
async fn tables_of_a_later_program_are_left_alone() {
    let Some(address) = empty_place().await else { return };
    drop(open(&address).await);
    let client = connect(&address).await.unwrap();
    client.batch_execute("UPDATE schema_version SET version = 99").await.unwrap();
    let error = Postgres::connect(&address, StoreOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains("version 99"), "{error}");
}

#[tokio::test]
async fn a_password_is_in_no_error_and_in_no_debug_text() {
    for address in
        ["postgres://ann:sesame@localhost:bad/x", "postgres://ann:sesame@127.0.0.1:1/x", "password=sesame port=x"]
    {
        let error = Postgres::connect(address, StoreOptions::default()).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("sesame"), "{error}");
        assert_eq!(error.to_string().lines().count(), 1);
    }
    let Some(address) = empty_place().await else { return };
    let store = open(&format!("{address}{}password=sesame", if address.contains("://") { "&" } else { " " })).await;
    assert!(!format!("{store:?}").contains("sesame"), "{store:?}");
}
