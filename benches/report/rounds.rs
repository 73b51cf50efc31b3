//! Every subject in every state, in turn, again and again: what disturbs the machine disturbs all of them.

use std::hint::black_box;
use std::time::Duration;

use subjects::{Args, Form, Scenario, Subject, Visitor, cpu_time, every_subject, median, start, together};

/// How long one turn takes.
const TURN: Duration = Duration::from_millis(6);
/// How long several threads call at once: long against the time that a thread takes to start, short against the time
/// until something else wants a processor.
const WINDOW: Duration = Duration::from_millis(2);
/// The part of a window in which each thread must have been on a processor.
const RUNNING: f64 = 0.97;
/// The part of a window in which all threads must have been calling.
const TOGETHER: f64 = 0.9;

/// One measured row.
pub(crate) struct Row {
    pub(crate) subject: &'static str,
    pub(crate) form: Form,
    /// The name of a scenario, or `clone`.
    pub(crate) state: &'static str,
    /// Nanoseconds of a call, by round.
    pub(crate) costs: Vec<f64>,
    turn: Box<dyn FnMut(u64) -> Duration>,
    calls: u64,
}

impl Row {
    fn new<S: Subject>(state: &'static str, mut turn: impl FnMut(u64) + 'static) -> Self {
        let mut turn: Box<dyn FnMut(u64) -> Duration> = Box::new(move |calls| {
            let begun = cpu_time();
            turn(calls);
            cpu_time() - begun
        });
        let mut calls = 1_000;
        loop {
            let took = turn(calls);
            if took >= TURN / 4 {
                let times = TURN.as_secs_f64() / took.as_secs_f64();
                calls = scale(calls, times);
                break;
            }
            calls *= 4;
        }
        Self { subject: S::NAME, form: S::FORM, state, costs: Vec::new(), turn, calls }
    }

    pub(crate) fn cost(&self) -> f64 {
        median(self.costs.clone())
    }

    /// The median over the rounds of what `compare` makes of this row's cost and the other's.
    pub(crate) fn against(&self, other: &Self, compare: impl Fn(f64, f64) -> f64) -> f64 {
        median(self.costs.iter().zip(&other.costs).map(|(this, that)| compare(*this, *that)).collect())
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn scale(calls: u64, times: f64) -> u64 {
    (calls as f64 * times) as u64 + 1
}

struct Rows<'a> {
    args: &'a Args,
    rows: Vec<Row>,
}

impl Visitor for Rows<'_> {
    fn visit<S: Subject>(&mut self) {
        let wants = |state: &str| self.args.wants(&format!("{}/{state}", S::NAME));
        for scenario in Scenario::ALL.into_iter().filter(|scenario| wants(scenario.name())) {
            let Some(mut subject) = start::<S>(scenario) else { continue };
            self.rows.push(Row::new::<S>(scenario.name(), move |calls| {
                scenario.assert::<S>(scenario.run(&mut subject, calls));
            }));
        }
        if !wants("clone") {
            return;
        }
        let Some(subject) = start::<S>(Scenario::Healthy) else { return };
        self.rows.push(Row::new::<S>("clone", move |calls| {
            for _ in 0..calls {
                drop(black_box(black_box(&subject).clone()));
            }
        }));
    }
}

/// One thread.
pub(crate) fn calls(args: &Args) -> Vec<Row> {
    let mut rows = Rows { args, rows: Vec::new() };
    every_subject(&mut rows);
    for _ in 0..args.pick(1, 11, 41) {
        for row in &mut rows.rows {
            let took = (row.turn)(row.calls);
            row.costs.push(nanoseconds(took, row.calls));
        }
    }
    rows.rows
}

#[allow(clippy::cast_precision_loss)]
fn nanoseconds(took: Duration, calls: u64) -> f64 {
    took.as_secs_f64() * 1e9 / calls as f64
}

/// Throughput of one subject in millions of calls a second; `None` where the machine was too busy to tell.
pub(crate) struct Scaling {
    pub(crate) subject: &'static str,
    pub(crate) form: Form,
    pub(crate) scenario: Scenario,
    pub(crate) one: Option<f64>,
    pub(crate) sharing: Option<f64>,
    pub(crate) apart: Option<f64>,
    /// The windows of two threads in which both were running, of all.
    pub(crate) clean: (usize, usize),
}

impl Scaling {
    /// What a second thread on the same breaker makes of the first one's throughput.
    pub(crate) fn over_one(&self) -> Option<f64> {
        Some(self.sharing? / self.one?)
    }

    /// What sharing makes of what two threads can do.
    pub(crate) fn over_apart(&self) -> Option<f64> {
        Some(self.sharing? / self.apart?)
    }
}

/// One thread, two on one breaker, two on one each, in turn.
struct Threads {
    windows: usize,
    scenario: Scenario,
    rows: Vec<Scaling>,
}

impl Visitor for Threads {
    fn visit<S: Subject>(&mut self) {
        if !S::shares(self.scenario) {
            return;
        }
        let [Some(first), Some(second), Some(third)] = [0; 3].map(|_| start::<S>(self.scenario)) else { return };
        let arrangements = [vec![first.clone()], vec![first.clone(), first], vec![second, third]];
        let mut calls = [2_000_u64; 3];
        let mut rates: [Vec<f64>; 3] = Default::default();
        let mut tried = 0;
        // A busy machine gets more tries, but not for ever.
        while rates.iter().any(|rates| rates.len() < self.windows) && tried < self.windows * 20 {
            for ((subjects, calls), rates) in arrangements.iter().zip(&mut calls).zip(&mut rates) {
                if rates.len() >= self.windows {
                    continue;
                }
                let result = together(subjects, self.scenario, *calls);
                // The first windows only find out how many calls fill one.
                if result.running >= RUNNING && result.overlap >= TOGETHER && result.wall > WINDOW / 2 {
                    rates.push(result.rate / 1e6);
                }
                let times = (WINDOW.as_secs_f64() / result.wall.as_secs_f64()).clamp(0.5, 50.0);
                *calls = scale(*calls, times);
            }
            tried += 1;
        }
        let clean = (rates[1].len().min(rates[2].len()), tried);
        let enough = self.windows.min(5);
        let [one, sharing, apart] = rates.map(|rates| (rates.len() >= enough).then(|| median(rates)));
        self.rows.push(Scaling {
            subject: S::NAME,
            form: S::FORM,
            scenario: self.scenario,
            one,
            sharing,
            apart,
            clean,
        });
    }
}

/// Two threads.
pub(crate) fn threads(windows: usize) -> Vec<Scaling> {
    [Scenario::Healthy, Scenario::Failing, Scenario::Refusing]
        .into_iter()
        .flat_map(|scenario| {
            let mut threads = Threads { windows, scenario, rows: Vec::new() };
            every_subject(&mut threads);
            threads.rows
        })
        .collect()
}
