//! A handle that does not keep its breaker alive.

use super::waiting::WaitingRoom;
use super::word::{self, CUSTOM_CLOCK};
use super::{Breaker, Permit, Slot};
use crate::machine::Context;
use std::fmt;
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::Duration;

/// A handle on a breaker for as long as others have one.
///
/// Slots are used again, so the breaker's waiting room stands for its identity: nobody else ever has that one, and it goes
/// with the last handle, which wakes whoever waits in it.
struct WeakBreaker {
    slot: &'static Slot,
    room: Weak<WaitingRoom>,
}

impl WeakBreaker {
    fn new(breaker: &Breaker) -> Self {
        Self { slot: breaker.slot, room: Arc::downgrade(&breaker.slot.waiting_room()) }
    }

    /// The breaker, if it is still there. Not to be held while waiting.
    fn upgrade(&self) -> Option<Breaker> {
        self.slot.upgrade(&self.room, |setup| setup.room.as_ref())
    }
}

impl fmt::Debug for WeakBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakBreaker").field("alive", &(self.room.strong_count() > 0)).finish_non_exhaustive()
    }
}

/// Where an active probe waits for its turn, without keeping the breaker alive.
#[derive(Debug)]
pub(crate) struct Outpost {
    breaker: WeakBreaker,
    /// In the waiting room, from 1 on; 0: none yet.
    place: u32,
}

/// What an active probe is to do.
#[derive(Debug)]
pub(crate) enum Turn {
    /// To probe, for so long at most.
    Probe(Permit, Duration),
    /// To wait until something happens, or for so long.
    Wait(Option<Duration>),
    /// Nothing any more: the breaker is gone.
    Gone,
}

impl Outpost {
    pub(crate) fn new(breaker: &Breaker) -> Self {
        Self { breaker: WeakBreaker::new(breaker), place: 0 }
    }

    /// Whose turn it is; has the task woken when that may have changed.
    pub(crate) fn turn(&mut self, waker: &Waker) -> Turn {
        let (Some(breaker), Some(room)) = (self.breaker.upgrade(), self.breaker.room.upgrade()) else {
            return Turn::Gone;
        };
        let slot = breaker.slot;
        let waker = waker.clone();
        // In one step, so that no change falls in between.
        let (turn, old) = slot.step_cell(|cell, now, salt, events| {
            let cx = Context::new(&cell.setup.rules, now).salted(salt);
            match cell.machine.admit_probe(&cx, events) {
                Ok(ticket) => {
                    let clock = if cell.setup.has_own_clock() { CUSTOM_CLOCK } else { 0 };
                    (Ok((word::of_ticket(ticket) | clock, cell.setup.rules.deadline)), Some(waker))
                }
                Err(wait) => {
                    let refusing = cell.machine.would_refuse(&cx, true).is_some();
                    let (place, old) = room.wait(self.place, waker, refusing);
                    self.place = place;
                    (Err(wait), old)
                }
            }
        });
        drop(old);
        match turn {
            Ok((ticket, deadline)) => Turn::Probe(Permit::new(slot, ticket), Duration::from_nanos(deadline)),
            Err(wait) => Turn::Wait(wait),
        }
    }
}

impl Drop for Outpost {
    fn drop(&mut self) {
        if let (Some(room), 1..) = (self.breaker.room.upgrade(), self.place) {
            drop(room.leave(self.place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_with_the_last_handle_and_never_finds_the_next_owner_of_the_slot() {
        let breaker = Breaker::new();
        let weak = WeakBreaker::new(&breaker);
        let again = weak.upgrade().unwrap();
        drop(breaker);
        assert!(weak.upgrade().is_some());
        drop(again);
        assert!(weak.upgrade().is_none());
        // One of them gets the slot, and one only: to look for the breaker that is gone has not given it back again.
        let others: Vec<Breaker> = (0..64).map(|_| Breaker::new()).collect();
        let slots: std::collections::HashSet<_> = others.iter().map(|other| std::ptr::from_ref(other.slot)).collect();
        assert_eq!(slots.len(), others.len());
        others.iter().for_each(|other| drop(other.slot.waiting_room()));
        assert!(weak.upgrade().is_none());
        assert!(others.iter().all(|other| other.try_acquire().is_ok()));
    }

    #[test]
    fn a_handle_that_was_upgraded_counts_like_any_other() {
        let breaker = Breaker::new();
        let weak = WeakBreaker::new(&breaker);
        for _ in 0..3 {
            weak.upgrade().unwrap().try_acquire().unwrap().failure();
        }
        assert_eq!(breaker.state(), crate::State::Open);
    }
}
