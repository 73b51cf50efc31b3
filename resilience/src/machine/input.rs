//! What goes into a step of the machine, and the ticket that comes out of it.

use super::{Overlay, Tally};
use crate::Verdict;
use crate::clock::Instant;
use crate::policy::Rules;

/// What a step of the machine is told besides its input: the rules and the time.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub(super) rules: &'a Rules,
    pub(super) now: Instant,
    pub(super) salt: u64,
}

impl<'a> Context<'a> {
    /// A step under these rules at this instant.
    #[must_use]
    pub const fn new(rules: &'a Rules, now: Instant) -> Self {
        Self { rules, now, salt: 0 }
    }

    /// With a salt for the jitter. It has to be the same at each step of one machine, and should differ from one
    /// machine to the next, or a fleet of them would probe in step.
    #[must_use]
    pub const fn salted(self, salt: u64) -> Self {
        Self { salt, ..self }
    }

    /// The same step under other rules.
    pub(crate) const fn with_rules<'b>(&self, rules: &'b Rules) -> Context<'b> {
        Context { rules, now: self.now, salt: self.salt }
    }

    pub(crate) const fn rules(&self) -> &'a Rules {
        self.rules
    }

    /// The instant of the step.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }
}

/// What an admitted call holds: it names the epoch of the admission, and comes back exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ticket {
    /// An ordinary call.
    Call {
        /// Of the admission.
        epoch: u64,
        /// How many failures had been recorded when it was admitted; wraps.
        seen: u32,
    },
    /// A call under a rule that watches every call.
    Watched {
        /// Of the admission.
        epoch: u64,
        /// Its number.
        number: u64,
    },
    /// A probe.
    Probe {
        /// Of the admission.
        epoch: u64,
        /// Its number in this spell of half-open.
        number: u32,
    },
    /// A call whose outcome does not matter: admitted under a forced overlay, or by shadow mode in place of a refusal.
    Untracked,
}

impl Ticket {
    /// The epoch of the admission, if the outcome matters to one.
    pub(crate) const fn epoch(self) -> Option<u64> {
        match self {
            Self::Call { epoch, .. } | Self::Watched { epoch, .. } | Self::Probe { epoch, .. } => Some(epoch),
            Self::Untracked => None,
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// What it says about the upstream.
    pub verdict: Verdict,
    /// Whether it took longer than the slow-call rule allows.
    pub slow: bool,
    /// Whether it came to an end at all; a call that was given up is no answer to anybody.
    pub answered: bool,
    /// The calls of the sliding windows, this one included.
    pub tally: Tally,
}

impl Report {
    /// A call that ended with this verdict, not slowly.
    #[must_use]
    pub const fn new(verdict: Verdict) -> Self {
        let tally = Tally { rate_calls: 0, rate_failures: 0, slow_calls: 0, slow: 0 };
        Self { verdict, slow: false, answered: true, tally }
    }

    /// Whether the upstream answered somebody.
    pub(super) fn is_answer(&self) -> bool {
        self.answered && !matches!(self.verdict, Verdict::Ignore | Verdict::Relayed(_))
    }
}

/// What an operator tells the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Lays an overlay over the phase ([`Overlay::Automatic`]: lifts it), until an instant or until told otherwise.
    Overlay(Overlay, Option<Instant>),
    /// Back to closed at level zero, without an overlay.
    Reset,
}
