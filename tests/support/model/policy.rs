//! The numbers, and how long a trip opens for.

/// An instant or a length of time.
pub type Nanos = u128;

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// N failures within a length of time.
    pub window: Option<Window>,
    /// N failures in a row, however far apart.
    pub in_a_row: Option<u32>,
    /// Too large a share of failures.
    pub failure_rate: Option<Rate>,
    /// Too large a share of slow calls.
    pub slow_calls: Option<Slow>,
    /// Calls that do not come back.
    pub stall: Option<Stall>,
    /// How long a trip opens for.
    pub cool_down: CoolDown,
    /// The share that chance may add to an open time.
    pub jitter: f64,
    /// What closing does to the level.
    pub forgive: Forgive,
    /// How hints are taken.
    pub hints: Hints,
    /// The longest hint that is followed.
    pub max_hint: Nanos,
    /// Slots of stage 0.
    pub probes: u32,
    /// Stages before it closes.
    pub stages: u32,
    /// The least length of a stage.
    pub stage_time: Nanos,
    /// A probe that is out for so long has failed.
    pub deadline: Nanos,
    /// A probe that is out for so long takes up no slot; by default the first cool-down.
    pub patience: Option<Nanos>,
    /// A call dropped at this age or older is a failure.
    pub abandon_after: Nanos,
}

/// The failure window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many failures trip.
    pub failures: u32,
    /// The largest distance of the oldest of them.
    pub within: Nanos,
    /// A success clears nothing.
    pub keep: bool,
}

/// A failure rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The share that trips.
    pub ratio: f64,
    /// The length of the sliding window.
    pub over: Nanos,
    /// Fewer calls than this say nothing.
    pub min_calls: u32,
}

/// A share of slow calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slow {
    /// A longer call is slow.
    pub limit: Nanos,
    /// The share and its window.
    pub rate: Rate,
}

/// Calls that do not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// How many of them trip.
    pub calls: u32,
    /// How long they have been out.
    pub after: Nanos,
}

/// How long a trip opens for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoolDown {
    /// `min(base * (num / den)^level, max)`.
    Exponential {
        /// At level 0.
        base: Nanos,
        /// The factor's numerator.
        num: u32,
        /// The factor's denominator.
        den: u32,
        /// Never more than this.
        max: Nanos,
    },
    /// The same at each level.
    Constant(Nanos),
    /// One entry for each level; the last one serves all that follow.
    ByLevel(Vec<Nanos>),
}

/// What closing does to the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgive {
    /// Sets it to 0.
    AtOnce,
    /// Takes off one for each full interval spent closed.
    Each(Nanos),
}

/// How hints are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hints {
    /// They may lengthen an open time.
    Extend,
    /// Not at all.
    Ignore,
    /// As `Extend`, and an upstream that limits its callers trips at once.
    Obey,
}

impl CoolDown {
    /// The open time of a trip at `level`, without jitter or hint: the exact value rounded down and rounded up.
    #[must_use]
    pub fn at(&self, level: u32) -> (Nanos, Nanos) {
        match self {
            Self::Constant(length) => (*length, *length),
            Self::ByLevel(lengths) => {
                let index = usize::try_from(level).unwrap_or(usize::MAX).min(lengths.len() - 1);
                (lengths[index], lengths[index])
            }
            Self::Exponential { base, num, den, max } => {
                let (mut above, mut below) = (*base, 1);
                for _ in 0..level {
                    if num == den || above / below >= *max {
                        break;
                    }
                    above *= Nanos::from(*num);
                    below *= Nanos::from(*den);
                }
                ((above / below).min(*max), above.div_ceil(below).min(*max))
            }
        }
    }

    /// The longest there can be.
    #[must_use]
    pub fn longest(&self) -> Nanos {
        match self {
            Self::Constant(length) => *length,
            Self::ByLevel(lengths) => lengths.iter().copied().max().unwrap_or(Nanos::MAX),
            Self::Exponential { max, .. } => *max,
        }
    }
}

impl Policy {
    /// The defaults of the description: 3 failures within 30 s, and so on.
    #[must_use]
    pub fn plain() -> Self {
        const SECOND: Nanos = 1_000_000_000;
        Self {
            window: Some(Window { failures: 3, within: 30 * SECOND, keep: false }),
            in_a_row: None,
            failure_rate: None,
            slow_calls: None,
            stall: None,
            cool_down: CoolDown::Exponential { base: SECOND, num: 3, den: 2, max: 60 * SECOND },
            jitter: 0.0,
            forgive: Forgive::AtOnce,
            hints: Hints::Extend,
            max_hint: 300 * SECOND,
            probes: 1,
            stages: 3,
            stage_time: 0,
            deadline: 10 * SECOND,
            patience: None,
            abandon_after: SECOND,
        }
    }

    /// Whether the length of an open time follows from the policy alone: no jitter, and nothing to round.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        let rounds = |level| matches!(self.cool_down.at(level), (down, up) if down != up);
        self.jitter == 0.0 && !(0..64).any(rounds)
    }

    /// The log keeps as many failures as the longest rule wants; a few where no rule wants any.
    #[must_use]
    pub fn log(&self) -> u32 {
        self.window.map(|window| window.failures).max(self.in_a_row).unwrap_or(3)
    }

    /// How long a probe takes up its slot.
    #[must_use]
    pub fn patience(&self) -> Nanos {
        self.patience.unwrap_or_else(|| self.cool_down.at(0).0)
    }

    /// The slots of a stage: `probes * 2^stage`; of one that another policy began and this one has not, those of its last.
    #[must_use]
    pub fn slots(&self, stage: u32) -> usize {
        usize::try_from(u64::from(self.probes) << stage.min(self.stages - 1)).unwrap_or(usize::MAX)
    }

    /// The longest open time there can be, with all its jitter.
    #[must_use]
    pub fn longest_open(&self, hinted: bool) -> Nanos {
        self.with_jitter(if hinted { self.max_hint } else { self.cool_down.longest() })
    }

    /// The longest end that jitter allows for an open time of `length`: jitter only adds.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    pub fn with_jitter(&self, length: Nanos) -> Nanos {
        length + (length as f64 * self.jitter).ceil() as Nanos
    }
}
