//! What is counted beside the machine, for those who asked: refusals by reason, transitions, the time spent open.

use super::setup::Setup;
use super::slot::Cell;
use super::{Breaker, Slot, Snapshot, State};
use crate::clock::Instant;
use crate::machine::{Context, MOST_RESTORED};
use crate::observe::{History, Ledger};
use std::fmt;
use std::sync::{Arc, Weak};

impl Breaker {
    /// Counts transitions from now on.
    pub(super) fn count_transitions(&self) {
        self.slot.step_cell(|cell, now, salt, _| {
            let ledger = ledger(cell, now, salt);
            cell.setup = Arc::new(Setup { ledger: Some(ledger), ..Setup::clone(&cell.setup) });
        });
    }

    /// Goes on with what was counted before a restart, as far as it is counted still.
    pub(super) fn resume_counts(&self, snapshot: &Snapshot) {
        let setup = self.slot.read(|cell, _| Arc::clone(&cell.setup));
        if let (Some(ledger), Some(transitions)) = (&setup.ledger, &snapshot.transitions) {
            ledger.resume(transitions, snapshot.open_time.unwrap_or_default());
        }
        if let (Some(tally), true) = (self.slot.tally(), setup.counts_refusals) {
            for (reason, count) in snapshot.refusals.iter().flat_map(super::Refusals::iter) {
                tally.add_refusals(reason, count.min(MOST_RESTORED));
            }
        }
    }

    /// Counts refusals and transitions from now on, if it did not before; a handle to look at them.
    pub(crate) fn watch(&self) -> WeakSight {
        let ledger = self.slot.step_cell(|cell, now, salt, _| {
            let ledger = ledger(cell, now, salt);
            let weak = Arc::downgrade(&ledger);
            cell.setup = Arc::new(Setup { ledger: Some(ledger), counts_refusals: true, ..Setup::clone(&cell.setup) });
            self.slot.prepare_tally(&cell.setup);
            weak
        });
        WeakSight { slot: self.slot, ledger }
    }
}

/// The ledger, or a new one that starts where the breaker stands.
fn ledger(cell: &Cell, now: Instant, salt: u64) -> Arc<Ledger> {
    if let Some(ledger) = &cell.setup.ledger {
        return Arc::clone(ledger);
    }
    let view = cell.machine.view(&Context::new(&cell.setup.rules, now).salted(salt));
    Arc::new(Ledger::new(History::starting(State::of_phase(view.phase), view.overlay, now)))
}

impl Slot {
    /// A handle of the breaker that this slot is, if it is still the one that had this: a part of its setup that no other
    /// breaker has, and that goes with its last handle.
    pub(super) fn upgrade<T>(
        &'static self,
        had: &Weak<T>,
        has: impl FnOnce(&Setup) -> Option<&Arc<T>>,
    ) -> Option<Breaker> {
        // From here on the slot is not given back, whoever owns it. This comes first because the model checker sees what is
        // done to the owners, and cannot see what is done to a `Weak`.
        let owned = self.try_share().then(|| Breaker { slot: self })?;
        let had = had.upgrade()?;
        owned.slot.read(|cell, _| has(&cell.setup).is_some_and(|has| Arc::ptr_eq(has, &had))).then_some(owned)
    }
}

/// A handle to look at a breaker for as long as others have one.
pub(crate) struct WeakSight {
    slot: &'static Slot,
    ledger: Weak<Ledger>,
}

impl WeakSight {
    /// The breaker, if it is still there.
    pub(crate) fn upgrade(&self) -> Option<Breaker> {
        self.slot.upgrade(&self.ledger, |setup| setup.ledger.as_ref())
    }
}

impl fmt::Debug for WeakSight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSight").field("alive", &(self.ledger.strong_count() > 0)).finish_non_exhaustive()
    }
}
