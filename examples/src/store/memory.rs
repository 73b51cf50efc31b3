//! The store without a disk.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use uuid::Uuid;

use super::ids::Ids;
use super::{
    Added, Event, NewEvent, NewUser, Page, PageRequest, Store, StoreError, StoreOptions, Timestamp, User, folded,
};

/// Users and events in memory, for tests and for trying things out. They are gone with the process.
#[derive(Debug)]
pub struct Memory {
    options: StoreOptions,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    ids: Ids,
    users: BTreeMap<Uuid, User>,
    events: BTreeMap<Uuid, Event>,
    names: HashMap<String, Uuid>,
    emails: HashMap<String, Uuid>,
    keys: HashMap<String, (Uuid, Timestamp)>,
    /// The keys by the time at which they are forgotten.
    expiring: BTreeSet<(Timestamp, String)>,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new(options: StoreOptions) -> Self {
        let state = State {
            ids: Ids::after(Uuid::nil()),
            users: BTreeMap::new(),
            events: BTreeMap::new(),
            names: HashMap::new(),
            emails: HashMap::new(),
            keys: HashMap::new(),
            expiring: BTreeSet::new(),
        };
        Self { options, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every operation checks first and changes afterwards, and the changes are infallible.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add_user(&mut self, user: NewUser, options: &StoreOptions) -> Result<User, StoreError> {
        let email = folded(&user.email);
        if self.names.contains_key(&user.user_name) {
            return Err(StoreError::UserNameTaken);
        }
        if self.emails.contains_key(&email) {
            return Err(StoreError::EmailTaken);
        }
        let id = self.ids.next((options.clock)());
        self.names.insert(user.user_name.clone(), id);
        self.emails.insert(email, id);
        let user = User { id, user_name: user.user_name, email: user.email, events: Vec::new() };
        self.users.insert(id, user.clone());
        Ok(user)
    }

    fn add_event(&mut self, event: NewEvent, key: Option<String>, options: &StoreOptions) -> Result<Added, StoreError> {
        let now = (options.clock)();
        self.forget_keys(Timestamp::from(now));
        if let Some((id, _)) = key.as_ref().and_then(|key| self.keys.get(key)) {
            return match self.events.get(id) {
                Some(made) if event.made(made) => Ok(Added { event: made.clone(), replayed: true }),
                _ => Err(StoreError::KeyReused),
            };
        }
        let user = self.users.get_mut(&event.user_id).ok_or(StoreError::NoSuchUser)?;
        let id = self.ids.next(now);
        user.events.push(id);
        let event = event.into_event(id, now.into());
        self.events.insert(id, event.clone());
        if let Some(key) = key {
            let until = Timestamp::from(now).saturating_add(options.retention);
            self.keys.insert(key.clone(), (id, until));
            self.expiring.insert((until, key));
        }
        Ok(Added { event, replayed: false })
    }

    fn forget_keys(&mut self, now: Timestamp) {
        while self.expiring.first().is_some_and(|(until, _)| *until <= now) {
            if let Some((_, key)) = self.expiring.pop_first() {
                self.keys.remove(&key);
            }
        }
    }

    fn events_of(&self, user: Uuid, page: PageRequest) -> Result<Page<Event>, StoreError> {
        let user = self.users.get(&user).ok_or(StoreError::NoSuchUser)?;
        let from = page.from();
        let wanted = user.events.iter().filter(|id| from.is_some_and(|from| **id >= from));
        let items = wanted.take(page.limit() + 1).filter_map(|id| self.events.get(id).cloned()).collect();
        Ok(Page::of(items, page.limit(), |event| event.id))
    }
}

fn page<T: Clone>(all: &BTreeMap<Uuid, T>, page: PageRequest, id: impl Fn(&T) -> Uuid) -> Page<T> {
    let Some(from) = page.from() else {
        return Page { items: Vec::new(), next: None };
    };
    let range = all.range((Bound::Included(from), Bound::Unbounded));
    let items = range.take(page.limit() + 1).map(|(_, item)| item.clone()).collect();
    Page::of(items, page.limit(), id)
}

impl Store for Memory {
    fn add_user(&self, user: NewUser) -> BoxFuture<'_, Result<User, StoreError>> {
        ready(self.state().add_user(user, &self.options)).boxed()
    }

    fn add_event(&self, event: NewEvent, key: Option<String>) -> BoxFuture<'_, Result<Added, StoreError>> {
        ready(self.state().add_event(event, key, &self.options)).boxed()
    }

    fn user(&self, id: Uuid) -> BoxFuture<'_, Result<Option<User>, StoreError>> {
        ready(Ok(self.state().users.get(&id).cloned())).boxed()
    }

    fn event(&self, id: Uuid) -> BoxFuture<'_, Result<Option<Event>, StoreError>> {
        ready(Ok(self.state().events.get(&id).cloned())).boxed()
    }

    fn users(&self, request: PageRequest) -> BoxFuture<'_, Result<Page<User>, StoreError>> {
        ready(Ok(page(&self.state().users, request, |user| user.id))).boxed()
    }

    fn events(&self, request: PageRequest) -> BoxFuture<'_, Result<Page<Event>, StoreError>> {
        ready(Ok(page(&self.state().events, request, |event| event.id))).boxed()
    }

    fn events_of(&self, user: Uuid, page: PageRequest) -> BoxFuture<'_, Result<Page<Event>, StoreError>> {
        ready(self.state().events_of(user, page)).boxed()
    }
}
