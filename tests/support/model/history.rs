//! Every call there ever was, in order of events.

use super::Nanos;
use super::outcome::Meaning;

/// As what a call was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// By the closed machine.
    Regular,
    /// By the half-open machine, in this stage.
    Probe {
        /// The stage that its success counts for.
        stage: u32,
    },
    /// In spite of the machine, or beside it, because of the overlay: its outcome says nothing to the machine.
    Bystander,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: Nanos,
    /// The place in the order of events.
    pub seq: u64,
    /// What it meant to the policy that was in force.
    pub meaning: Meaning,
    /// Whether it was slow.
    pub slow: bool,
    /// Whether somebody was answered by it.
    pub answered: bool,
    /// Whether the machine took note of it: it came back in its own epoch, and was not void.
    pub counted: bool,
}

/// One admitted call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it was admitted.
    pub admitted: Nanos,
    /// The place in the order of events.
    pub seq: u64,
    /// The epoch that its permit names.
    pub epoch: u64,
    /// As what it was admitted.
    pub role: Role,
    /// Somebody looked at the clock when it was admitted, because a rule wanted to know how long it takes.
    pub timed: bool,
    /// Its deadline ran out without harm: the permit is void.
    pub void: bool,
    /// How it ended, if it has.
    pub end: Option<End>,
}

/// A request that may probe, and came while half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) at: Nanos,
    pub(super) epoch: u64,
}

/// All calls, and the points in the order of events before which something was forgotten.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History {
    calls: Vec<Call>,
    pub(super) arrivals: Vec<Arrival>,
    seq: u64,
    /// Evidence from up to here is forgotten: a trip, a closing, the end of a forced overlay, a reset.
    pub(super) clean: u64,
    /// Evidence of one rule from up to here is forgotten, because a new policy changed the rule.
    pub(super) forgotten: Forgotten,
}

/// See [`History::forgotten`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Forgotten {
    pub(super) log: u64,
    /// Successes from up to here clear nothing, because the policy was to keep.
    pub(super) log_successes: u64,
    pub(super) in_a_row: u64,
    pub(super) failure_rate: u64,
    pub(super) slow_calls: u64,
    pub(super) stall: u64,
}

impl History {
    pub(super) fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The next place in the order of events.
    pub(super) fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    pub(super) fn last_seq(&self) -> u64 {
        self.seq
    }

    pub(super) fn admit(&mut self, admitted: Nanos, epoch: u64, role: Role, timed: bool) -> usize {
        let seq = self.next_seq();
        self.calls.push(Call { admitted, seq, epoch, role, timed, void: false, end: None });
        self.calls.len() - 1
    }

    pub(super) fn end(&mut self, call: usize, end: End) {
        self.calls[call].end = Some(end);
    }

    pub(super) fn void(&mut self, call: usize) {
        self.calls[call].void = true;
    }

    /// Forgets all evidence so far.
    pub(super) fn clean(&mut self) {
        self.clean = self.next_seq();
    }

    /// Probes of an epoch, with their place in the list of calls.
    pub(super) fn probes(&self, epoch: u64) -> impl Iterator<Item = (usize, &Call)> {
        self.calls
            .iter()
            .enumerate()
            .filter(move |(_, call)| call.epoch == epoch && matches!(call.role, Role::Probe { .. }))
    }

    /// Counted ends that were not forgotten, in order of events.
    pub(super) fn evidence(&self, from: u64) -> Vec<(Call, End)> {
        let from = from.max(self.clean);
        let mut ends: Vec<_> = self.calls.iter().filter_map(|call| call.end.map(|end| (*call, end))).collect();
        ends.retain(|(call, end)| end.counted && end.seq > from && call.role == Role::Regular);
        ends.sort_by_key(|(_, end)| end.seq);
        ends
    }
}
