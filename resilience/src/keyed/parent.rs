//! The breaker over all keys that trips when many of them do.

use crate::breaker::sync::{Mutex, lock};
use crate::breaker::{Breaker, Since, Slot};
use crate::clock::Instant;
use crate::{Rejected, Verdict};
use std::collections::VecDeque;

/// So many of the keys that tripped last are told apart.
const MOST_TOLD_APART: usize = 1024;

/// A parent, and which keys it has been told of.
#[derive(Debug)]
pub(super) struct Parent {
    breaker: Breaker,
    told: Mutex<Told>,
}

/// The hashes of the keys whose failure the parent still counts, oldest first.
#[derive(Debug, Default)]
struct Told {
    /// Of the parent: a new one begins with no failures.
    epoch: u64,
    keys: VecDeque<(u64, Instant)>,
}

impl Parent {
    pub(super) fn new(breaker: Breaker) -> Self {
        Self { breaker, told: Mutex::default() }
    }

    pub(super) const fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    #[inline]
    pub(super) fn slot(&self) -> &'static Slot {
        self.breaker.slot()
    }

    /// Whether the parent is to hear of a trip of this key: once for each key within the parent's own window.
    pub(super) fn is_news(&self, hash: u64) -> bool {
        let (epoch, now, within) = self.slot().evidence();
        let mut told = lock(&self.told);
        if told.epoch != epoch {
            *told = Told { epoch, keys: VecDeque::new() };
        }
        while told.keys.front().is_some_and(|(_, at)| now.since(*at) > within) {
            told.keys.pop_front();
        }
        if told.keys.iter().any(|(key, _)| *key == hash) {
            return false;
        }
        if told.keys.len() == MOST_TOLD_APART {
            told.keys.pop_front();
        }
        told.keys.push_back((hash, now));
        true
    }
}

/// A call's permit of the parent, if there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct ParentTicket(Option<(&'static Slot, u64)>);

impl ParentTicket {
    pub(super) const NONE: Self = Self(None);

    #[inline]
    pub(super) fn admit(parent: Option<&Parent>, may_probe: impl FnOnce() -> bool) -> Result<Self, Rejected> {
        match parent {
            None => Ok(Self::NONE),
            Some(parent) => {
                let slot = parent.slot();
                slot.admit(may_probe).map(|ticket| Self(Some((slot, ticket))))
            }
        }
    }

    /// Whether the outcome of the call is of no interest to the parent unless it tripped its key.
    #[inline]
    pub(super) fn is_plain(self) -> bool {
        self.0.is_none_or(|(_, ticket)| Slot::is_plain(ticket))
    }

    /// The call ended like this, and tripped its key or did not.
    pub(super) fn record(self, verdict: Verdict, tripped: bool, since: Since) {
        let Some((slot, ticket)) = self.0 else { return };
        let verdict = match verdict {
            // A probe of the parent's: how it fares is what the parent wants to know.
            verdict if Slot::is_probe(ticket) => verdict,
            _ if tripped => Verdict::Failure(None),
            Verdict::Ignore | Verdict::Relayed(_) => Verdict::Ignore,
            // A failure of one key says nothing about the others, and a success does not either.
            _ => Verdict::Reachable,
        };
        if tripped || !Slot::is_plain(ticket) {
            slot.record(ticket, verdict, since);
        }
    }

    /// A call without a key was dropped.
    pub(super) fn abandon(self, since: Since) {
        if let Some((slot, ticket)) = self.0.filter(|(_, ticket)| !Slot::is_plain(*ticket)) {
            slot.abandon(ticket, since);
        }
    }

    /// The call was never made.
    fn give_back(self) {
        if let Some((slot, ticket)) = self.0.filter(|(_, ticket)| !Slot::is_plain(*ticket)) {
            slot.give_back(ticket);
        }
    }
}

/// The parent's permit of a call that may not be made: its key may refuse it, and the code of the key may panic.
#[derive(Debug)]
pub(super) struct Unmade(pub(super) ParentTicket);

impl Unmade {
    /// The call is made.
    #[inline]
    pub(super) fn made(mut self) -> ParentTicket {
        std::mem::replace(&mut self.0, ParentTicket::NONE)
    }
}

impl Drop for Unmade {
    #[inline]
    fn drop(&mut self) {
        self.0.give_back();
    }
}
