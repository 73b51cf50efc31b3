/// One variable of a policy: a row of [`VARIABLES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Variable {
    /// Its name, without the prefix.
    pub name: &'static str,
    /// The field that it sets, by its path in [`Policy`](crate::Policy).
    pub field: &'static str,
    /// What it may be, in words.
    pub takes: &'static str,
    /// What it says.
    pub help: &'static str,
}

const COUNT: &str = "a whole number";
const COUNT_OR_OFF: &str = "a whole number, or off";
const NUMBER: &str = "a number";
const NUMBER_OR_OFF: &str = "a number, or off";
const TIME: &str = "a duration like 30s or 250ms";

const fn variable(name: &'static str, field: &'static str, takes: &'static str, help: &'static str) -> Variable {
    Variable { name, field, takes, help }
}

/// Every variable that there is: one for each field of a policy.
pub static VARIABLES: &[Variable] = &[
    variable("FAILURES", "window.failures", COUNT_OR_OFF, "How many failures within the window trip it"),
    variable("WINDOW", "window.within", TIME, "How far apart the first and the last of them may lie"),
    variable(
        "ON_SUCCESS",
        "window.on_success",
        "clear or keep",
        "Whether a success clears the failures before it, or leaves them to age",
    ),
    variable("IN_A_ROW", "in_a_row", COUNT_OR_OFF, "Trips after this many failures in a row, however far apart"),
    variable(
        "FAILURE_RATE",
        "failure_rate.ratio",
        NUMBER_OR_OFF,
        "Trips when this share of the calls failed, above 0 and at most 1",
    ),
    variable("RATE_WINDOW", "failure_rate.over", TIME, "The sliding window of that share (30s unless set)"),
    variable("MIN_CALLS", "failure_rate.min_calls", COUNT, "The fewest calls that it is taken of (20 unless set)"),
    variable(
        "SLOW_CALLS",
        "slow_calls.ratio",
        NUMBER_OR_OFF,
        "Trips when this share of the calls was slow, above 0 and at most 1; wants SLOWER_THAN",
    ),
    variable("SLOWER_THAN", "slow_calls.slower_than", TIME, "A call that takes longer than this is slow"),
    variable("SLOW_WINDOW", "slow_calls.over", TIME, "The sliding window of that share (30s unless set)"),
    variable("SLOW_MIN_CALLS", "slow_calls.min_calls", COUNT, "The fewest calls that it is taken of (20 unless set)"),
    variable(
        "STALLED",
        "stall.calls",
        COUNT_OR_OFF,
        "Trips when this many calls are out and nobody is answered; wants STALL_TIME",
    ),
    variable("STALL_TIME", "stall.longer_than", TIME, "For how long they have to be out"),
    variable(
        "QUOTA",
        "quota.calls",
        COUNT_OR_OFF,
        "The most calls in QUOTA_TIME, which it wants: what would exceed it is refused",
    ),
    variable("QUOTA_TIME", "quota.per", TIME, "The time in which so many calls are made at most"),
    variable("QUOTA_BURST", "quota.burst", COUNT, "How many of them at once (a tenth unless set)"),
    variable("DELAY", "cool_down.delay", TIME, "The first cool-down"),
    variable("MAX_DELAY", "cool_down.max_delay", TIME, "The longest cool-down"),
    variable("FACTOR", "cool_down.factor", NUMBER, "By how much each cool-down is longer than the one before"),
    variable(
        "DELAYS",
        "cool_down.by_level",
        "durations like 1s,5s,30s",
        "The cool-down of each level, the last one repeated, in place of the three before",
    ),
    variable("JITTER", "jitter", NUMBER, "The largest share that is added to a cool-down at random"),
    variable(
        "FORGIVE",
        "forgive.each",
        "at-once, or a duration like 30s",
        "What closing does to the level: sets it to zero, or takes one off for each such time spent closed",
    ),
    variable("HINTS", "hints", "extend, ignore or obey", "How a Retry-After of the upstream is taken"),
    variable("MAX_HINT", "max_hint", TIME, "The longest Retry-After that is followed"),
    variable("PROBES", "probes", COUNT, "Calls in flight in the first stage of recovery; each stage doubles it"),
    variable("STAGES", "stages", COUNT, "Stages of recovery"),
    variable("STAGE_TIME", "stage_time", TIME, "The least time a stage lasts"),
    variable("PROBE_DEADLINE", "probe_deadline", TIME, "A probe that is out for this long has failed"),
    variable(
        "PROBE_PATIENCE",
        "probe_patience",
        "a duration like 30s, or delay",
        "A probe that is out for this long makes room for another; delay is the first cool-down",
    ),
    variable(
        "ABANDON_AFTER",
        "abandon_after",
        TIME,
        "A call that is given up at this age or older is a failure; younger, it says nothing",
    ),
];

impl Variable {
    /// The variable of this field.
    pub(super) fn of_field(field: &str) -> Option<&'static Self> {
        // A constant cool-down is a list of one.
        let field = if field == "cool_down.constant" { "cool_down.by_level" } else { field };
        VARIABLES.iter().find(|variable| variable.field == field)
    }
}
