//! What a call of a key remembers of its admission, in place of the state that a key in good health has not.

use super::parent::ParentTicket;
use crate::Verdict;
use crate::machine::{Machine, Ticket};

/// Leave for one call of one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    pub(super) moment: u64,
    argument: u32,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// No key guards it, or it was admitted where the outcome does not matter.
    Untracked,
    /// Its key was in good health.
    Healthy,
    /// Its key had failures.
    Call,
    Probe,
}

/// What an admitted call holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admitted {
    /// Of the breaker over all keys.
    pub(super) front: u64,
    pub(super) parent: ParentTicket,
    pub(super) pass: Pass,
}

impl Pass {
    pub(super) const UNTRACKED: Self = Self { moment: 0, argument: 0, kind: Kind::Untracked };

    pub(super) const fn healthy(moment: u64) -> Self {
        Self { moment, argument: 0, kind: Kind::Healthy }
    }

    /// Of a key that has a machine, which gave this ticket.
    pub(super) const fn of(ticket: Ticket, moment: u64) -> Self {
        match ticket {
            Ticket::Call { seen, .. } => Self { moment, argument: seen, kind: Kind::Call },
            Ticket::Probe { number, .. } => Self { moment, argument: number, kind: Kind::Probe },
            // No rule that watches calls is taken.
            Ticket::Untracked | Ticket::Watched { .. } => Self::UNTRACKED,
        }
    }

    /// Whether this outcome of the call changes nothing for its key.
    #[inline]
    pub(super) const fn is_settled_by(self, verdict: Verdict) -> bool {
        match self.kind {
            Kind::Untracked => true,
            // What had nothing to clear at its admission clears nothing.
            Kind::Healthy => !matches!(verdict, Verdict::Failure(_) | Verdict::Limited(_)),
            Kind::Call | Kind::Probe => false,
        }
    }

    /// What the machine of the key is given back; `current`, if it is still in the epoch of the admission. The key is kept
    /// since the moment `born`.
    pub(super) fn ticket(self, machine: &Machine, current: bool, born: u64) -> Ticket {
        let epoch = machine.epoch();
        match self.kind {
            Kind::Untracked => Ticket::Untracked,
            Kind::Probe if current => Ticket::Probe { epoch, number: self.argument },
            // A call is admitted in closed only.
            Kind::Healthy | Kind::Call if current && machine.is_closed() => {
                let seen = if self.kind == Kind::Call && self.moment >= born { self.argument } else { 0 };
                Ticket::Call { epoch, seen }
            }
            Kind::Healthy | Kind::Call | Kind::Probe => Ticket::Call { epoch: epoch.wrapping_sub(1), seen: 0 },
        }
    }
}
