//! What it comes to: a table with a column for each policy, then the trips of each; or the same as JSON.

use super::log::{Log, Unreadable};
use super::play::{Tripped, Verdict};
use super::policies::described;
use super::traffic::{Count, Traffic};
use jiff::Timestamp;
use resilience::machine::{Rule, Trip};
use resilience::{Policy, PolicyError, State};
use serde::Serialize;
use std::fmt::Write;
use std::time::Duration;

/// A log, and what each policy would have done with it.
#[derive(Clone, Debug)]
pub struct Report {
    files: String,
    count: Count,
    /// In microseconds since 1970.
    span: (i64, i64),
    /// The middle one, and the longest.
    durations: (Duration, Duration),
    untimed: u64,
    whole_seconds: u64,
    passed_over: u64,
    unreadable: Unreadable,
    played: Vec<Played>,
}

/// One policy.
#[derive(Clone, Debug)]
pub struct Played {
    /// What it is called.
    pub name: String,
    /// What it says.
    pub policy: Policy,
    /// What it would have done.
    pub verdict: Verdict,
}

impl Report {
    /// Plays a log to these policies. `files` is what the log is called.
    ///
    /// # Errors
    ///
    /// That of a policy which is out of its range.
    pub fn new(files: String, log: Log, policies: Vec<(String, Policy)>) -> Result<Self, PolicyError> {
        let traffic = Traffic::new(log.entries);
        let played = policies.into_iter().map(|(name, policy)| {
            let verdict = traffic.play(&policy)?;
            Ok(Played { name, policy, verdict })
        });
        Ok(Self {
            files,
            count: traffic.count(),
            span: traffic.span(),
            durations: traffic.durations(),
            untimed: log.untimed,
            whole_seconds: log.whole_seconds,
            passed_over: log.passed_over,
            unreadable: log.unreadable,
            played: played.collect::<Result<_, PolicyError>>()?,
        })
    }

    /// What was played, and to which policies.
    #[must_use]
    pub fn played(&self) -> &[Played] {
        &self.played
    }

    /// For people. Of each policy the first few trips are listed.
    #[must_use]
    pub fn text(&self, trips: usize) -> String {
        let mut text = self.head();
        text.push('\n');
        text.push_str(&aligned(&self.rows(), 1));
        for played in &self.played {
            let _ = write!(text, "\n{}: {}\n", played.name, described(&played.policy));
            text.push_str(&listed(&played.verdict.trips, trips));
        }
        text
    }

    fn head(&self) -> String {
        let Self { files, count, span: (from, to), durations: (middle, longest), .. } = self;
        let mut text = String::new();
        // Writing to a string does not fail.
        let mut line = |arguments: std::fmt::Arguments<'_>| writeln!(text, "{arguments}").unwrap_or_default();
        let length = time(Duration::from_micros(to.abs_diff(*from)));
        line(format_args!("{files}: {} calls in {length}, from {} on", count.calls, date(*from)));
        line(format_args!(
            "{} were answered, {} failed, {} say nothing of the upstream; half took up to {}, the longest {}",
            count.answered,
            count.failed,
            count.neither(),
            time(*middle),
            time(*longest),
        ));
        if self.passed_over > 0 {
            line(format_args!("{} more were passed over: --path, --host", self.passed_over));
        }
        if self.untimed > 0 {
            line(format_args!("{} have no duration, and are taken to be over at once", self.untimed));
        }
        if self.whole_seconds > 0 {
            line(format_args!("{} have a time in whole seconds: what is told is no more exact", self.whole_seconds));
        }
        if self.unreadable.lines > 0 {
            line(format_args!("{} lines cannot be read:", self.unreadable.lines));
            for complaint in &self.unreadable.first {
                line(format_args!("  {complaint}"));
            }
            let more = self.unreadable.lines - self.unreadable.first.len() as u64;
            if more > 0 {
                line(format_args!("  … and {more} more"));
            }
        }
        text
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        let mut row = |label: &str, cell: &dyn Fn(&Played) -> String| {
            rows.push(std::iter::once(label.to_owned()).chain(self.played.iter().map(cell)).collect());
        };
        row("", &|played| played.name.clone());
        row("trips", &|played| played.verdict.trips.len().to_string());
        row("  by failed probes", &|played| by_probes(&played.verdict).to_string());
        row("open", &|played| time(played.verdict.open));
        row("open or half-open", &|played| time(played.verdict.not_closed));
        row("when the log ends", &|played| played.verdict.state.map_or("–", State::name).to_owned());
        row("refused", &|played| played.verdict.refused.calls.to_string());
        row(&format!("  rightly, of {} that failed", self.count.failed), &|played| {
            played.verdict.refused.failed.to_string()
        });
        row(&format!("  in vain, of {} that were answered", self.count.answered), &|played| {
            played.verdict.refused.answered.to_string()
        });
        if self.played.iter().any(|played| played.verdict.refused.neither() > 0) {
            row("  neither", &|played| played.verdict.refused.neither().to_string());
        }
        if self.played.iter().any(|played| played.verdict.reasons.contains_key("quota")) {
            row("  for the quota", &|played| played.verdict.reasons.get("quota").unwrap_or(&0).to_string());
        }
        row("let through", &|played| played.verdict.admitted.calls.to_string());
        row("  that failed", &|played| played.verdict.admitted.failed.to_string());
        rows
    }

    /// For machines.
    ///
    /// # Errors
    ///
    /// If the serialiser fails.
    pub fn json(&self) -> serde_json::Result<String> {
        let policies = self.played.iter().map(|Played { name, policy, verdict }| PolicyDocument {
            name,
            policy,
            trips: verdict.trips.iter().map(TripDocument::of).collect(),
            open_ms: millis(verdict.open),
            not_closed_ms: millis(verdict.not_closed),
            state: verdict.state.map(State::name),
            refused: verdict.refused,
            refused_for: &verdict.reasons,
            let_through: verdict.admitted,
        });
        let document = Document {
            files: &self.files,
            from: date(self.span.0),
            to: date(self.span.1),
            traffic: self.count,
            median_duration_ms: millis(self.durations.0),
            longest_duration_ms: millis(self.durations.1),
            without_duration: self.untimed,
            in_whole_seconds: self.whole_seconds,
            passed_over: self.passed_over,
            unreadable: &self.unreadable,
            policies: policies.collect(),
        };
        Ok(serde_json::to_string_pretty(&document)? + "\n")
    }
}

#[derive(Serialize)]
struct Document<'r> {
    files: &'r str,
    from: String,
    to: String,
    traffic: Count,
    median_duration_ms: f64,
    longest_duration_ms: f64,
    without_duration: u64,
    in_whole_seconds: u64,
    passed_over: u64,
    unreadable: &'r Unreadable,
    policies: Vec<PolicyDocument<'r>>,
}

#[derive(Serialize)]
struct PolicyDocument<'r> {
    name: &'r str,
    policy: &'r Policy,
    open_ms: f64,
    not_closed_ms: f64,
    state: Option<&'static str>,
    refused: Count,
    refused_for: &'r std::collections::BTreeMap<&'static str, u64>,
    let_through: Count,
    trips: Vec<TripDocument>,
}

#[derive(Serialize)]
struct TripDocument {
    at: String,
    rule: &'static str,
    reason: String,
    level: u32,
    open_for_ms: f64,
    closed_after_ms: Option<f64>,
    refused: Count,
}

impl TripDocument {
    fn of(tripped: &Tripped) -> Self {
        Self {
            at: date(tripped.at),
            rule: tripped.trip.rule.name(),
            reason: reason(&tripped.trip),
            level: tripped.trip.level,
            open_for_ms: millis(tripped.trip.open_for()),
            closed_after_ms: tripped.closed_after.map(millis),
            refused: tripped.refused,
        }
    }
}

fn by_probes(verdict: &Verdict) -> usize {
    let by_probe = |tripped: &&Tripped| matches!(tripped.trip.rule, Rule::Probe | Rule::ProbeDeadline);
    verdict.trips.iter().filter(by_probe).count()
}

fn listed(trips: &[Tripped], most: usize) -> String {
    if trips.is_empty() {
        return "  never trips\n".to_owned();
    }
    let titles = ["  tripped at", "because", "open for", "refused", "closed after"].map(str::to_owned).to_vec();
    let mut rows = vec![titles];
    rows.extend(trips.iter().take(most).map(|tripped| {
        vec![
            format!("  {}", date(tripped.at)),
            reason(&tripped.trip),
            time(tripped.trip.open_for()),
            tripped.refused.calls.to_string(),
            tripped.closed_after.map_or_else(|| "–".to_owned(), time),
        ]
    }));
    let mut text = aligned(&rows, 2);
    if trips.len() > most {
        let _ = writeln!(text, "  … and {} more: --trips", trips.len() - most);
    }
    text
}

fn reason(trip: &Trip) -> String {
    let Trip { rule, failures, calls, first, last, .. } = trip;
    match rule {
        Rule::FailureWindow => format!("{failures} failures within {}", time(last.saturating_since(*first))),
        Rule::InARow => format!("{failures} failures in a row"),
        Rule::FailureRate => format!("{failures} of {calls} calls failed"),
        Rule::SlowCalls => format!("{failures} of {calls} calls were slow"),
        Rule::Stall => format!("{failures} calls out and nobody answered"),
        other => other.to_string(),
    }
}

/// Columns below one another: the first few begin where they begin, the others end where they end.
fn aligned(rows: &[Vec<String>], texts: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![0; columns];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = if column == 0 { "" } else { "   " };
            let _ =
                if column < texts { write!(line, "{gap}{cell:width$}") } else { write!(line, "{gap}{cell:>width$}") };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A point in time, to the millisecond; as a number where the calendar ends.
fn date(micros: i64) -> String {
    Timestamp::from_microsecond(micros)
        .map_or_else(|_| format!("{micros} µs since 1970"), |timestamp| format!("{timestamp:.3}"))
}

/// A time to about three digits.
fn time(time: Duration) -> String {
    const MINUTE: u64 = 60;
    match time {
        short if short < Duration::from_secs(1) => format!("{} ms", short.as_millis()),
        medium if medium < Duration::from_secs(MINUTE) => {
            let text = format!("{:.2}", medium.as_secs_f64());
            format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
        }
        long => humantime::format_duration(Duration::from_secs(long.as_secs())).to_string(),
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
