//! The document of `GET /status`: what the page shows, and the breaker's own snapshot with it.

use super::journal::{Journal, Line, in_words, spoken};
use crate::gateway::metrics::Calls;
use resilience::policy::{CoolDown, Policy};
use resilience::{Breaker, Overlay, Snapshot, State};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// How many failures and levels are told one by one; nobody counts more on a page.
const MOST_SHOWN: usize = 32;

/// Where everything stands.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Status")]
pub(crate) struct Report {
    name: String,
    state: &'static str,
    overlay: &'static str,
    reason: Option<String>,
    /// Until calls are let through again; none where no time is known.
    remaining_ms: Option<u64>,
    /// How long they are refused in all.
    open_for_ms: Option<u64>,
    level: u32,
    next_cool_down_ms: Option<u64>,
    max_cool_down_ms: Option<u64>,
    /// The cool-downs of all levels from zero on, up to the first that is as long as any.
    cool_downs_ms: Vec<u64>,
    recovery: String,
    failures: Failures,
    counters: Counters,
    transitions: Vec<Line>,
    upstream: UpstreamReport,
    started_at_ms: u64,
    /// What the breaker says of itself, as the library writes it.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    snapshot: Snapshot,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Failures {
    counted: usize,
    /// How long ago each was, newest first.
    ages_ms: Vec<u64>,
    limit: Option<u32>,
    window_ms: Option<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Counters {
    admitted: u64,
    refused: u64,
    failed: u64,
}

/// What is known of the upstream.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub(crate) struct UpstreamReport {
    /// Whether it runs in this process.
    pub(crate) built_in: bool,
    /// How many requests it has received, if that is known.
    pub(crate) requests: Option<u64>,
    /// Its fault plan, if that is known.
    pub(crate) faults: Option<String>,
    /// The title of that plan, if it is one to choose from.
    pub(crate) plan: Option<&'static str>,
    /// Fault plans to choose from.
    pub(crate) plans: &'static [Plan],
}

/// A fault plan to choose.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub(crate) struct Plan {
    /// What it is like.
    pub(crate) title: &'static str,
    /// As `FAULTS` takes it.
    pub(crate) plan: &'static str,
}

impl Report {
    pub(crate) fn new(
        breaker: &Breaker,
        calls: &Calls,
        journal: &Journal,
        upstream: UpstreamReport,
        started_at_ms: u64,
    ) -> Self {
        let (snapshot, policy) = (breaker.snapshot(), breaker.policy());
        Self {
            name: snapshot.name.clone(),
            state: snapshot.state.name(),
            overlay: snapshot.overlay.name(),
            reason: reason(&snapshot),
            remaining_ms: snapshot.refuses_for().map(millis),
            open_for_ms: snapshot.open_for.filter(|_| snapshot.overlay != Overlay::ForcedOpen).map(millis),
            level: snapshot.level,
            next_cool_down_ms: cool_down(&policy, snapshot.level).map(millis),
            max_cool_down_ms: cool_down(&policy, u32::MAX).map(millis),
            cool_downs_ms: ladder(&policy),
            recovery: recovery(&snapshot, &policy),
            failures: Failures {
                counted: snapshot.failures.len(),
                ages_ms: snapshot.failures.iter().take(MOST_SHOWN).copied().map(millis).collect(),
                limit: policy.window.map(|window| window.failures),
                window_ms: policy.window.map(|window| millis(window.within)),
            },
            counters: Counters {
                admitted: calls.admitted.get(),
                refused: calls.refused.get(),
                failed: calls.failed.get(),
            },
            transitions: journal.lines(),
            upstream,
            started_at_ms,
            snapshot,
        }
    }
}

fn reason(snapshot: &Snapshot) -> Option<String> {
    if snapshot.overlay != Overlay::Automatic {
        return Some(format!("{} by an operator", spoken(snapshot.overlay.name())));
    }
    let trip = snapshot.trip.filter(|_| snapshot.state != State::Closed)?;
    Some(in_words(trip.rule, trip.failures, trip.calls, trip.hinted))
}

fn recovery(snapshot: &Snapshot, policy: &Policy) -> String {
    let slots = |stage: u32| u64::from(policy.probes) << stage.min(32);
    if snapshot.state == State::HalfOpen {
        let (stage, out) = (snapshot.stage, snapshot.probes_out);
        return format!("stage {} of {}, {out} of {} probes out", stage + 1, policy.stages, slots(stage));
    }
    let stages: Vec<_> = (0..policy.stages).map(|stage| slots(stage).to_string()).collect();
    format!("{} good answers", stages.join(" + "))
}

/// The cool-down of a level, without jitter; `None` if there is none at all, which no policy that is in use says.
fn cool_down(policy: &Policy, level: u32) -> Option<Duration> {
    match &policy.cool_down {
        CoolDown::Exponential { delay, factor, max_delay } => {
            // What is too large for a duration is above the maximum in any case.
            let grown = delay.as_secs_f64() * factor.powf(f64::from(level));
            Some(Duration::try_from_secs_f64(grown).map_or(*max_delay, |grown| grown.min(*max_delay)))
        }
        CoolDown::Constant(always) => Some(*always),
        CoolDown::ByLevel(each) => each.get(level as usize).or(each.last()).copied(),
    }
}

fn ladder(policy: &Policy) -> Vec<u64> {
    let mut steps: Vec<_> = (0..).map_while(|level| cool_down(policy, level).map(millis)).take(MOST_SHOWN).collect();
    // The last one repeats; two that are equal before it are two levels.
    while steps.len() > 1 && steps.last() == steps.get(steps.len() - 2) {
        steps.pop();
    }
    steps
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use resilience::clock::Manual;
    use serde_json::Value;

    fn report(breaker: &Breaker) -> Value {
        let report = Report::new(breaker, &Calls::default(), &Journal::new(), UpstreamReport::default(), 0);
        serde_json::to_value(report).unwrap()
    }

    #[test]
    fn the_document_says_what_callers_meet_and_why() {
        let clock = Manual::new();
        let breaker = Breaker::builder().name("addEvent").jitter(0.0).stages(2).clock(clock.clone()).build().unwrap();
        let closed = report(&breaker);
        assert_eq!(closed["state"], "closed");
        assert_eq!(closed["failures"]["limit"], 3);
        assert_eq!(closed["next_cool_down_ms"], 1000);
        assert_eq!(closed["max_cool_down_ms"], 60_000);
        assert_eq!(closed["recovery"], "1 + 2 good answers");
        let ladder = closed["cool_downs_ms"].as_array().unwrap();
        assert_eq!((&ladder[0], &ladder[1], ladder.last().unwrap()), (&1000.into(), &1500.into(), &60_000.into()));
        assert_eq!(closed["reason"], Value::Null);

        for _ in 0..2 {
            breaker.try_acquire().unwrap().failure();
            clock.advance(Duration::from_millis(50));
        }
        assert_eq!(report(&breaker)["failures"]["ages_ms"], serde_json::json!([50, 100]));
        breaker.try_acquire().unwrap().failure();
        clock.advance(Duration::from_millis(400));
        let open = report(&breaker);
        assert_eq!(open["state"], "open");
        assert_eq!(open["reason"], "3 failures within the window");
        assert_eq!(open["failures"]["counted"], 0, "a trip forgets them");
        assert_eq!((&open["remaining_ms"], &open["open_for_ms"]), (&600.into(), &1000.into()));
        assert_eq!((&open["level"], &open["next_cool_down_ms"]), (&1.into(), &1500.into()));

        clock.advance(Duration::from_millis(600));
        assert_eq!(report(&breaker)["recovery"], "stage 1 of 2, 0 of 1 probes out");

        breaker.force_open_for(Duration::from_secs(9));
        let forced = report(&breaker);
        assert_eq!((&forced["state"], &forced["overlay"]), (&"open".into(), &"forced_open".into()));
        assert_eq!(forced["reason"], "forced open by an operator");
        assert_eq!(forced["remaining_ms"], 9000);
    }

    #[test]
    fn every_form_of_cool_down_has_its_levels_shown() {
        let second = Duration::from_secs(1);
        let by_level = CoolDown::ByLevel(vec![second, second, 5 * second, 30 * second]);
        for (cool_down, ladder, longest) in
            [(CoolDown::Constant(2 * second), vec![2000], 2000), (by_level, vec![1000, 1000, 5000, 30_000], 30_000)]
        {
            let policy = Policy { cool_down, ..Policy::default() };
            let breaker = Breaker::builder().policy(policy).build().unwrap();
            let shown = report(&breaker);
            assert_eq!(shown["cool_downs_ms"], serde_json::json!(ladder));
            assert_eq!(shown["max_cool_down_ms"], longest);
        }
    }

    #[test]
    fn no_level_overflows_the_cool_down() {
        let policy = Policy::default();
        for level in [0, 1, 10, 1000, u32::MAX] {
            assert!(cool_down(&policy, level).unwrap() <= Duration::from_secs(60));
        }
        assert_eq!(cool_down(&policy, 1000), Some(Duration::from_secs(60)));
    }
}
