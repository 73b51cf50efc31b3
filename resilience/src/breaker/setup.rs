use super::keys::Keys;
use super::waiting::WaitingRoom;
use crate::clock::{self, Clock, Instant};
use crate::machine::Event;
use crate::observe::{Ledger, Outbox};
use crate::policy::Rules;
use std::sync::{Arc, OnceLock, Weak};

/// What breakers share or are told once: the rules, a name, where time comes from, who listens.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(super) rules: Rules,
    pub(super) name: Arc<str>,
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) outbox: Option<Arc<Outbox>>,
    pub(super) counts_successes: bool,
    pub(super) counts_refusals: bool,
    /// Where transitions are counted, if they are.
    pub(super) ledger: Option<Arc<Ledger>>,
    /// Where services wait for a change; made with the first that does.
    pub(super) room: Option<Arc<WaitingRoom>>,
    /// Who keeps the breakers of many keys, where this is the one over all of them.
    pub(super) keys: Option<Weak<dyn Keys>>,
}

/// What a breaker is called that was given no name.
pub(crate) const UNNAMED: &str = "resilience";

impl Setup {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            name: Arc::from(UNNAMED),
            clock: None,
            outbox: None,
            counts_successes: false,
            counts_refusals: false,
            ledger: None,
            room: None,
            keys: None,
        }
    }

    /// The default rules, shared by all breakers that were told nothing.
    pub(super) fn idle() -> Arc<Self> {
        static IDLE: OnceLock<Arc<Setup>> = OnceLock::new();
        Arc::clone(IDLE.get_or_init(|| Arc::new(Self::new(Rules::default()))))
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.as_ref().map_or_else(clock::exact, |clock| clock.now())
    }

    /// Whether every call is counted, not only the failures.
    pub(super) fn counts_calls(&self) -> bool {
        self.counts_successes || self.rules.counts_calls()
    }

    /// Whether anything is counted by many threads at once.
    pub(super) fn wants_tally(&self) -> bool {
        self.counts_calls() || self.counts_refusals
    }

    pub(super) fn has_own_clock(&self) -> bool {
        self.clock.is_some()
    }

    pub(super) fn tells_refusals(&self) -> bool {
        self.outbox.as_ref().is_some_and(|outbox| outbox.wants_refusals())
    }

    /// Counts events, and queues them for whoever listens; the outbox, if something has to be delivered.
    pub(super) fn queue(&self, events: Vec<Event>) -> Option<Arc<Outbox>> {
        if let Some(ledger) = self.ledger.as_ref().filter(|_| !events.is_empty()) {
            ledger.note(&events);
        }
        let outbox = self.outbox.as_ref().filter(|_| !events.is_empty())?;
        outbox.queue(events);
        Some(Arc::clone(outbox))
    }
}
