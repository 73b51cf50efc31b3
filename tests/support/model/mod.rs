//! A reference model of the breaker: slow, plain, and easy to believe.
//!
//! It is written from the description of the behaviour, not from the crate's code, and shares nothing with it. It keeps
//! every call and every outcome for ever and works everything out from them again and again: no rings, no buckets, no
//! counters that could drift. Time is a number of nanoseconds that the caller passes in.
//!
//! Where the description leaves the crate a choice (the resolution of a rate window, jitter), the model follows both:
//! an outcome may have several [successors](Model::outcome), and an open time is a [range](OpenTime) until it is
//! [pinned](Model::pin) by what was seen.
//!
//! | file | question |
//! |---|---|
//! | `policy` | which numbers, and how long does a trip open for? |
//! | `history` | who was admitted when, and how did it end? |
//! | `rules` | is that a reason to trip? |
//! | `time` | what has become due by now? |
//! | `half_open` | who may probe, and is a stage complete? |
//! | `admission` | may this call pass, and if not, why and for how long? |
//! | `outcome` | what does a verdict change? |
//! | `essence` | what of the past still matters? |
//! | `event` | what are observers told? |
//! | `operator` | what do overlay, reset and a new policy change? |

mod admission;
mod essence;
mod event;
mod half_open;
mod history;
mod landmarks;
mod operator;
mod outcome;
mod policy;
mod rules;
mod time;

pub use admission::{Answer, Refusal, Why};
pub use essence::Essence;
pub use event::{Event, What};
pub use history::{Call, End, Role};
pub use outcome::{Hint, Meaning, Verdict};
pub use policy::{CoolDown, Forgive, Hints, Nanos, Policy, Rate, Slow, Stall, Window};
pub use rules::{Cause, Rule};

use history::History;

/// What lies over the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Overlay {
    /// Nothing: the machine decides.
    Automatic,
    /// Everything is refused.
    ForcedOpen {
        /// Ends by itself at this instant.
        expiry: Option<Nanos>,
    },
    /// Everything is admitted.
    ForcedClosed {
        /// Ends by itself at this instant.
        expiry: Option<Nanos>,
    },
    /// The machine runs, nothing is refused.
    Shadow {
        /// Ends by itself at this instant.
        expiry: Option<Nanos>,
    },
}

impl Overlay {
    /// Whether nothing is recorded.
    #[must_use]
    pub const fn is_forced(self) -> bool {
        matches!(self, Self::ForcedOpen { .. } | Self::ForcedClosed { .. })
    }

    /// When it ends by itself.
    #[must_use]
    pub const fn expiry(self) -> Option<Nanos> {
        match self {
            Self::Automatic => None,
            Self::ForcedOpen { expiry } | Self::ForcedClosed { expiry } | Self::Shadow { expiry } => expiry,
        }
    }

    /// The same without an expiry.
    #[must_use]
    pub const fn bare(self) -> Self {
        match self {
            Self::Automatic => Self::Automatic,
            Self::ForcedOpen { .. } => Self::ForcedOpen { expiry: None },
            Self::ForcedClosed { .. } => Self::ForcedClosed { expiry: None },
            Self::Shadow { .. } => Self::Shadow { expiry: None },
        }
    }

    /// The same with the expiry changed, if it has one.
    #[must_use]
    pub fn map_expiry(self, change: impl Fn(Nanos) -> Nanos) -> Self {
        let expiry = self.expiry().map(change);
        match self {
            Self::Automatic => Self::Automatic,
            Self::ForcedOpen { .. } => Self::ForcedOpen { expiry },
            Self::ForcedClosed { .. } => Self::ForcedClosed { expiry },
            Self::Shadow { .. } => Self::Shadow { expiry },
        }
    }
}

/// An open time: from the trip to an instant that jitter and rounding leave open until it is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenTime {
    /// When it tripped.
    pub since: Nanos,
    /// The earliest end that the policy allows.
    pub earliest: Nanos,
    /// The latest end that the policy allows.
    pub latest: Nanos,
    /// A hint made it longer than the policy's own cool-down.
    pub hinted: bool,
}

impl OpenTime {
    /// How long this trip opens for.
    #[must_use]
    pub const fn length(&self) -> Nanos {
        self.earliest.saturating_sub(self.since)
    }
}

/// What the machine is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Every call is admitted.
    Closed {
        /// When this spell began, for forgiveness.
        since: Nanos,
    },
    /// Every call is refused.
    Open(OpenTime),
    /// A few calls are admitted as probes.
    HalfOpen {
        /// When it began.
        since: Nanos,
        /// The present stage, from 0.
        stage: u32,
        /// When the present stage began.
        stage_since: Nanos,
        /// The open time that led here, as far as the policy knows of times so long.
        cool_down: Nanos,
        /// A hint made it longer than the policy's own cool-down.
        hinted: bool,
    },
}

/// The whole state of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    policy: Policy,
    /// When the present policy was set: nothing that it brings about lies before.
    policy_since: Nanos,
    overlay: Overlay,
    phase: Phase,
    /// Grows with every change of phase or overlay.
    epoch: u64,
    /// Trips not forgiven when the present phase began.
    level: u32,
    history: History,
    /// Why it tripped last.
    tripped_by: Vec<Cause>,
    totals: Totals,
    events: Vec<Event>,
    /// It became half-open under a forced overlay: that is told when the overlay ends, for it begins anew then.
    untold: bool,
}

/// Counts of what is not healthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Failures: of calls and probes, of deadlines that ran out, and one for each stall.
    pub failures: u64,
    /// Trips.
    pub trips: u64,
    /// Outcomes that came back in another epoch.
    pub late: u64,
    /// Probes admitted.
    pub probes: u64,
    /// Calls that were admitted only because nothing is refused in shadow.
    pub shadow_refused: u64,
}

/// What a reader sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The phase, computed for this instant.
    pub phase: Phase,
    /// The overlay, computed for this instant.
    pub overlay: Overlay,
    /// Trips not forgiven.
    pub level: u32,
    /// How long it is still open.
    pub remaining: Nanos,
    /// Failures that count towards the failure window now.
    pub failures: usize,
    /// Why it is not closed; several where more than one rule held.
    pub tripped_by: Vec<Cause>,
    /// Counts so far.
    pub totals: Totals,
}

impl Model {
    /// A closed breaker with no memory.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            policy_since: 0,
            overlay: Overlay::Automatic,
            phase: Phase::Closed { since: 0 },
            epoch: 0,
            level: 0,
            history: History::default(),
            tripped_by: Vec::new(),
            totals: Totals::default(),
            events: Vec::new(),
            untold: false,
        }
    }

    /// What a reader sees at `now`. Reads compute; that the model also remembers what it computed changes nothing,
    /// because everything that becomes due is dated by its own instant and not by when it was seen.
    pub fn read(&mut self, now: Nanos) -> View {
        self.settle(now);
        let remaining = match self.phase {
            Phase::Open(open) => open.earliest.saturating_sub(now),
            _ => 0,
        };
        View {
            phase: self.phase,
            overlay: self.overlay,
            level: self.level_at(now),
            remaining,
            failures: self.failures_in_window(now),
            tripped_by: match self.phase {
                Phase::Closed { .. } => Vec::new(),
                _ => self.tripped_by.clone(),
            },
            totals: self.totals,
        }
    }

    /// Every call there was, in order of admission.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        self.history.calls()
    }

    /// The phase as of the last thing that happened.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Fixes the end of the present open time as seen from outside; `false` if the policy does not allow it.
    pub fn pin(&mut self, until: Nanos) -> bool {
        let Phase::Open(open) = &mut self.phase else { return true };
        if until < open.earliest || until > open.latest {
            return false;
        }
        (open.earliest, open.latest) = (until, until);
        true
    }
}
