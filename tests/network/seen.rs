//! What was seen in a run, and when.

use crate::world::{ROUND_TRIP, World};
use examples::store::{Event, PageRequest};
use futures::FutureExt;
use std::collections::BTreeMap;
use std::time::Duration;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The event that was asked for.
    pub(crate) name: String,
    pub(crate) sent: Duration,
    pub(crate) answered: Duration,
    /// 0 where there was no answer.
    pub(crate) status: u16,
    /// By the breaker, without asking the upstream.
    pub(crate) refused: bool,
    /// Of the event, where it was acknowledged.
    pub(crate) id: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) answers: Vec<Answer>,
    /// What the breaker became.
    pub(crate) changes: Vec<(Duration, &'static str)>,
}

impl Seen {
    /// When the breaker first became this after that time.
    pub(crate) fn changed(&self, to: &str, after: Duration) -> Duration {
        let change = self.changes.iter().find(|(at, state)| *state == to && *at >= after);
        change.unwrap_or_else(|| panic!("never {to} after {after:?}: {:?}", self.changes)).0
    }

    /// The answers to requests that were sent in this time.
    pub(crate) fn sent(&self, from: Duration, to: Duration) -> impl Iterator<Item = &Answer> {
        self.answers.iter().filter(move |answer| (from..to).contains(&answer.sent))
    }

    /// How many of each status there were to the requests of this time that the upstream was asked.
    pub(crate) fn asked(&self, from: Duration, to: Duration) -> BTreeMap<u16, usize> {
        let mut statuses = BTreeMap::new();
        for answer in self.sent(from, to).filter(|answer| !answer.refused) {
            *statuses.entry(answer.status).or_default() += 1;
        }
        statuses
    }

    /// From the first trip until half-open every request was refused at once; from the end on all is well again.
    pub(crate) fn refuses_at_once_and_recovers(&self, tripped: Duration, closed: Duration, end: Duration) {
        let half_open = self.changed("half-open", tripped);
        let mut refused = 0;
        for answer in self.sent(tripped + ROUND_TRIP, half_open - ROUND_TRIP) {
            assert!(answer.refused && answer.status == 503, "{answer:?}");
            assert!(answer.answered - answer.sent < ROUND_TRIP, "{answer:?}");
            refused += 1;
        }
        assert!(refused > 5, "{refused}");
        self.is_well(closed + ROUND_TRIP, end);
    }

    /// Whatever was asked for in this time was done.
    pub(crate) fn is_well(&self, from: Duration, to: Duration) {
        assert!(self.sent(from, to).count() > 20);
        if let Some(answer) = self.sent(from, to).find(|answer| answer.status != 201) {
            panic!("{answer:?}");
        }
    }
}

/// What the event API has kept, by its name. No name is there twice, because it is the event's key.
pub(crate) fn kept(world: &World) -> BTreeMap<String, Event> {
    let (mut kept, mut after) = (BTreeMap::new(), None);
    loop {
        let page = world.store.events(PageRequest { after, limit: 200 }).now_or_never().unwrap().unwrap();
        for event in page.items {
            let twice = kept.insert(event.name.clone(), event);
            assert!(twice.is_none(), "{twice:?}");
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return kept,
        }
    }
}

/// Whatever was acknowledged is there.
pub(crate) fn is_kept(seen: &Seen, kept: &BTreeMap<String, Event>) {
    for answer in &seen.answers {
        if let Some(id) = &answer.id {
            assert_eq!(kept.get(&answer.name).map(|event| event.id.to_string()).as_ref(), Some(id), "{answer:?}");
        }
    }
}
