//! Many breakers behind one slot.
//!
//! A registry of keys has an ordinary breaker over all of them, for what an operator says of all keys at once. Its slot is
//! what futures and refusals of every key point at, as it is never freed; who keeps the keys is asked for through it.

use super::Breaker;
use super::rejected::Told;
use super::setup::Setup;
use super::slot::Slot;
use super::word;
use crate::clock::{Clock, Instant};
use crate::observe::{Observer, Outbox};
use crate::policy::Rules;
use std::any::Any;
use std::fmt;
use std::sync::{Arc, Weak};

/// Keeps the state of many keys.
pub(crate) trait Keys: fmt::Debug + Send + Sync {
    /// What the refusal of the key at this place tells, and the present instant; `None` if it has tripped again since, or
    /// has recovered and left.
    fn told(&self, place: u32, edition: u8) -> Option<(Told, Instant)>;

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl Breaker {
    /// The breaker over all keys of a registry.
    pub(crate) fn over(
        keys: Weak<dyn Keys>,
        rules: Rules,
        name: Option<Arc<str>>,
        clock: Option<Arc<dyn Clock>>,
        observer: Option<Arc<dyn Observer>>,
    ) -> Self {
        let mut setup = Setup::new(rules);
        setup.name = name.unwrap_or(setup.name);
        setup.outbox = observer.map(|observer| Arc::new(Outbox::new(Arc::clone(&setup.name), vec![observer])));
        Self::of(Arc::new(Setup { clock, keys: Some(keys), ..setup }))
    }
}

impl Slot {
    /// Who keeps the keys that this slot is over, if they are still kept.
    pub(crate) fn keys(&self) -> Option<Arc<dyn Keys>> {
        self.read(|cell, _| cell.setup.keys.clone())?.upgrade()
    }

    /// Whether an admission by this ticket was by a slot that admits everything and records nothing.
    #[inline]
    pub(crate) const fn is_untracked(ticket: u64) -> bool {
        word::tag(ticket) == word::UNTRACKED
    }

    /// Whether the outcome of this ticket changes nothing unless it is a failure (or clears failures).
    #[inline]
    pub(crate) const fn is_plain(ticket: u64) -> bool {
        matches!(word::tag(ticket), word::QUIET | word::CALL | word::UNTRACKED | word::NONE)
    }

    /// Whether the breaker that gave this ticket out has a clock of its own.
    #[inline]
    pub(crate) const fn has_own_clock(ticket: u64) -> bool {
        ticket & word::CUSTOM_CLOCK != 0
    }

    /// Whether this ticket is a probe's.
    pub(crate) const fn is_probe(ticket: u64) -> bool {
        word::tag(ticket) == word::PROBE
    }

    /// The epoch (as far as tickets tell it), the present instant, and for how long a failure counts.
    pub(crate) fn evidence(&self) -> (u64, Instant, u64) {
        self.read(|cell, cx| {
            let within = if cx.rules().policy().window.is_some() { cx.rules().within } else { u64::MAX };
            (cell.machine.epoch(), cx.now(), within)
        })
    }

    /// The epoch that begins here: whoever kept keys behind this slot before has given out tickets of earlier ones.
    pub(crate) fn first_epoch(&self) -> u64 {
        word::epoch(self.gate())
    }

    /// Whether this ticket was given out before that epoch.
    pub(crate) const fn is_older(ticket: u64, first: u64) -> bool {
        word::epoch(ticket) < first
    }

    /// Whether nothing has changed phase or overlay since this ticket was given out.
    pub(crate) fn is_same_epoch(&self, ticket: u64) -> bool {
        word::epoch(self.gate()) == word::epoch(ticket)
    }
}
