//! The last events of the breaker, in words, and a bell for those who watch.

use resilience::machine::{Event, EventKind, Overlay, Rule, Trip};
use resilience::observe::Observer;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// How many events are remembered.
const KEPT: usize = 50;

/// Listens to a breaker; clones share the memory.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    lines: Arc<Mutex<VecDeque<Line>>>,
    bell: watch::Sender<u64>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Transition")]
pub(crate) struct Line {
    /// When it was told, by the wall clock, in milliseconds since 1970.
    at_ms: u64,
    /// What it changed to, or who changed something: `open`, `half_open`, `closed`, `operator`, `faults` or `other`.
    kind: &'static str,
    what: String,
    why: Option<String>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self { lines: Arc::default(), bell: watch::Sender::new(0) }
    }

    /// The events, oldest first.
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lock().iter().cloned().collect()
    }

    /// Rings at every change that people see.
    pub(crate) fn bell(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    /// Something changed that is no event of the breaker.
    pub(crate) fn ring(&self) {
        self.bell.send_modify(|rung| *rung = rung.wrapping_add(1));
    }

    /// Writes a line of the gateway's own.
    pub(crate) fn note(&self, kind: &'static str, what: impl Into<String>, why: Option<String>) {
        let mut lines = self.lock();
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(Line { at_ms: millis_since_1970(), kind, what: what.into(), why });
        drop(lines);
        self.ring();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Line>> {
        // Lines are put in whole.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Journal {
    fn on_event(&self, _: &str, event: &Event) {
        let kind = match event.kind {
            EventKind::Tripped(_) => "open",
            EventKind::HalfOpened | EventKind::StageReached(_) => "half_open",
            EventKind::Closed => "closed",
            EventKind::OverlayChanged { .. } | EventKind::Reset => "operator",
            _ => "other",
        };
        let (what, why) = match event.kind {
            EventKind::Tripped(trip) => {
                let open_for = short(trip.open_for());
                (format!("open for {open_for}, level {}", trip.level), Some(reason(&trip)))
            }
            EventKind::HalfOpened => ("half-open".to_owned(), Some("the cool-down is over".to_owned())),
            EventKind::StageReached(stage) => {
                (format!("stage {} of recovery", stage + 1), Some("the probes before it succeeded".to_owned()))
            }
            EventKind::Closed => ("closed".to_owned(), Some("the probes succeeded".to_owned())),
            EventKind::OverlayChanged { to: Overlay::Automatic, from } => {
                ("automatic again".to_owned(), Some(format!("{} was lifted or ran out", spoken(from.name()))))
            }
            EventKind::OverlayChanged { to, .. } => (spoken(to.name()), Some("an operator".to_owned())),
            EventKind::Reset => ("reset to closed".to_owned(), Some("an operator".to_owned())),
            // What is new to this page is still worth a line.
            ref other => (spoken(other.name()), None),
        };
        self.note(kind, what, why);
    }
}

fn reason(trip: &Trip) -> String {
    in_words(trip.rule, trip.failures, trip.calls, trip.hinted)
}

/// Why a breaker tripped, as people say it.
pub(super) fn in_words(rule: Rule, failures: u32, calls: u32, hinted: bool) -> String {
    let mut text = match rule {
        Rule::FailureWindow | Rule::InARow => format!("{failures} {rule}"),
        Rule::FailureRate | Rule::SlowCalls => format!("{rule}: {failures} of {calls}"),
        Rule::Stall => format!("{failures} {rule}"),
        other => other.to_string(),
    };
    if hinted {
        text.push_str("; for as long as the upstream asked");
    }
    text
}

/// A name with underscores, as people say it.
pub(super) fn spoken(name: &str) -> String {
    name.replace('_', " ")
}

/// A duration to the tenth of a second.
pub(super) fn short(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// The wall clock.
pub(super) fn millis_since_1970() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use resilience::{Breaker, clock::Manual};

    fn whats(journal: &Journal) -> Vec<String> {
        journal.lines().into_iter().map(|line| line.what).collect()
    }

    #[test]
    fn a_breaker_tells_its_life_in_words() {
        let (journal, clock) = (Journal::new(), Manual::new());
        let breaker =
            Breaker::builder().jitter(0.0).stages(2).clock(clock.clone()).observer(journal.clone()).build().unwrap();
        for _ in 0..3 {
            breaker.try_acquire().unwrap().failure();
        }
        clock.advance(Duration::from_secs(1));
        for _ in 0..3 {
            breaker.try_acquire().unwrap().success();
        }
        breaker.force_open();
        breaker.auto();
        breaker.reset();
        assert_eq!(
            whats(&journal),
            [
                "open for 1.0 s, level 1",
                "half-open",
                "stage 2 of recovery",
                "closed",
                "forced open",
                "automatic again",
                "reset to closed"
            ]
        );
        assert_eq!(journal.lines()[0].why.as_deref(), Some("3 failures within the window"));
    }

    #[test]
    fn the_bell_rings_with_every_line_and_the_memory_is_bounded() {
        let journal = Journal::new();
        let mut bell = journal.bell();
        for number in 0..60 {
            journal.note("other", number.to_string(), None);
            assert!(bell.has_changed().unwrap());
            bell.mark_unchanged();
            bell.borrow_and_update();
        }
        assert_eq!(journal.lines().len(), KEPT);
        assert_eq!(whats(&journal).last().unwrap(), "59");
    }
}
