//! Look-ups of single users and events, remembered for a while.

use super::cache::{CacheSettings, Facts, Views, Weigh};
use super::upstream::{Trouble, Upstream};
use crate::store::{Event, User};
use std::sync::Arc;
use uuid::Uuid;

/// The upstream, with a memory for single items.
#[derive(Clone)]
pub(crate) struct Lookups {
    upstream: Upstream,
    /// Users that exist. Nobody is ever removed, so a user that was seen once can be posted for.
    known: Facts<Uuid, ()>,
    /// Users with their lists of events, which this gateway's own writes make longer.
    users: Views<Uuid, Arc<User>>,
    /// Events, which are never edited.
    events: Facts<Uuid, Arc<Event>>,
}

impl Weigh for Arc<User> {
    fn bytes(&self) -> usize {
        self.user_name.len() + self.email.len() + size_of_val(&self.events[..])
    }
}

impl Weigh for Arc<Event> {
    fn bytes(&self) -> usize {
        self.name.len() + self.details.as_ref().map_or(0, String::len)
    }
}

impl Lookups {
    pub(crate) fn new(upstream: Upstream, settings: CacheSettings) -> Self {
        Self { upstream, known: Facts::new(settings), users: Views::new(settings), events: Facts::new(settings) }
    }

    /// Whether there is such a user: `Ok`, or the upstream's 404, or whatever kept it from saying.
    pub(crate) async fn exists(&self, id: Uuid) -> Result<(), Trouble> {
        self.known.get(id, async { self.user(id).await.map(drop) }).await
    }

    pub(crate) async fn user(&self, id: Uuid) -> Result<Arc<User>, Trouble> {
        self.users.get(id, || async { self.upstream.user(id).await.map(Arc::new) }).await
    }

    pub(crate) async fn event(&self, id: Uuid) -> Result<Arc<Event>, Trouble> {
        self.events.get(id, async { self.upstream.event(id).await.map(Arc::new) }).await
    }

    /// A user was added.
    pub(crate) async fn learn_user(&self, user: &User) {
        self.known.learn(user.id, ()).await;
    }

    /// There is no such user any more.
    pub(crate) async fn forget_user(&self, id: Uuid) {
        self.known.forget(&id).await;
        self.users.changed(&id);
    }

    /// To be held while something is written about a user and dropped before anybody is told that it is done: whoever
    /// reads from then on sees it. Dropped early (the client went away), the write may still come to be.
    pub(crate) fn changes(&self, user: Uuid) -> Changes<'_> {
        Changes { lookups: self, user }
    }

    /// An event was added.
    pub(crate) async fn learn_event(&self, event: &Event) {
        self.events.learn(event.id, Arc::new(event.clone())).await;
    }
}

/// Something about a user is being written.
pub(crate) struct Changes<'a> {
    lookups: &'a Lookups,
    user: Uuid,
}

impl Drop for Changes<'_> {
    fn drop(&mut self) {
        self.lookups.users.changed(&self.user);
    }
}
