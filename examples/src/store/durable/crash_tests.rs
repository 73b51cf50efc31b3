//! The process is killed while it writes, again and again. The child is this test binary, told to run the one test that
//! writes until it is killed.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;

const DIRECTORY: &str = "EXAMPLES_CRASH_TEST_DIRECTORY";
const ACK: &str = "ack ";
const ROUNDS: usize = 4;
const WRITERS: usize = 8;

/// Writes users and events and says what was acknowledged, until it is killed. Does nothing unless it is told where.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let store = Arc::new(Durable::open(directory, StoreOptions::default()).unwrap());
    let writers: Vec<_> = (0..WRITERS).map(|_| tokio::spawn(write(Arc::clone(&store)))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

async fn write(store: Arc<Durable>) {
    loop {
        let name = Uuid::now_v7().to_string();
        let user =
            store.add_user(NewUser { user_name: name.clone(), email: format!("{name}@example.org") }).await.unwrap();
        let event = NewEvent { name: name.clone(), user_id: user.id, details: None };
        let added = store.add_event(event, Some(name)).await.unwrap();
        // One write of a whole line, so that lines of different writers do not mix; the pipe keeps it if the process dies.
        let line = format!("{ACK}{} {}\n", user.id, added.event.id);
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    }
}

/// Lets the child write until it has acknowledged some, kills it, and returns all that it acknowledged.
fn run_and_kill(directory: &Path, enough: usize) -> Vec<(Uuid, Uuid)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["store::durable::crash_tests::writes_until_it_is_killed", "--exact", "--nocapture", "--quiet"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    let mut killed = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // The last line may be cut in the middle.
        let line = line.unwrap();
        let Some((_, ids)) = line.split_once(ACK) else { continue };
        let Some((user, event)) = ids.split_once(' ') else { continue };
        if let (Ok(user), Ok(event)) = (user.parse(), event.parse()) {
            acknowledged.push((user, event));
        }
        if !killed && acknowledged.len() >= enough {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    assert!(killed, "the child ended by itself");
    acknowledged
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let path = directory.path().to_owned();
        // Another number each time, so that the kill hits another moment of a commit.
        let more = tokio::task::spawn_blocking(move || run_and_kill(&path, 5 + 37 * round)).await.unwrap();
        acknowledged.extend(more);

        let store = Durable::open(directory.path(), StoreOptions::default()).unwrap();
        for (user_id, event_id) in &acknowledged {
            let user = store.user(*user_id).await.unwrap().expect("an acknowledged user is there");
            let event = store.event(*event_id).await.unwrap().expect("an acknowledged event is there");
            assert_eq!((user.events.as_slice(), event.user_id), ([*event_id].as_slice(), *user_id));
        }
        assert_whole(&store).await;
    }
}

/// Every event is in its user's list, every list holds events that exist, and no key made two of them.
async fn assert_whole(store: &Durable) {
    let (mut listed, mut made) = (HashMap::new(), HashMap::new());
    let mut page = PageRequest { after: None, limit: 200 };
    loop {
        let users = store.users(page).await.unwrap();
        listed.extend(
            users.items.into_iter().flat_map(|user| user.events.into_iter().map(move |event| (event, user.id))),
        );
        page.after = users.next;
        if page.after.is_none() {
            break;
        }
    }
    loop {
        let events = store.events(page).await.unwrap();
        for event in events.items {
            let again = NewEvent { name: event.name.clone(), user_id: event.user_id, details: None };
            let replay = store.add_event(again, Some(event.name)).await.unwrap();
            assert_eq!((replay.replayed, replay.event.id), (true, event.id));
            made.insert(event.id, event.user_id);
        }
        page.after = events.next;
        if page.after.is_none() {
            break;
        }
    }
    assert_eq!(listed, made);
}
