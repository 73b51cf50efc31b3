//! What the calls of a run show of the breaker.

use crate::case::Case;
use crate::simulation::Record;

/// The figures of one run or of several; times are infinite where it never came to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figures {
    /// Calls that were sent although the upstream could not answer them.
    pub(crate) wasted: f64,
    /// Of these, the ones that a weak upstream had no room for.
    pub(crate) over: f64,
    /// Calls that a weak upstream answered.
    pub(crate) served: f64,
    /// Calls that were refused although the upstream would have answered them.
    pub(crate) vain: f64,
    /// Calls that were refused.
    refused: f64,
    /// Seconds from when the upstream fell ill to the first refusal, for each time that it did.
    pub(crate) detect: Vec<f64>,
    /// Seconds from when the upstream was well to when nothing was refused any more, likewise.
    pub(crate) back: Vec<f64>,
    /// The percentage of all calls that were answered.
    pub(crate) answered: f64,
}

impl Figures {
    pub(crate) fn of(case: &Case, records: &[Record]) -> Self {
        let count = |which: fn(&Record) -> bool| share(records.iter().filter(|record| which(record)).count());
        let spells = case.spells();
        let end = case.length().as_secs_f64();
        // From one spell to the next.
        let nexts = spells.iter().skip(1).map(|spell| spell.0).chain([end]);
        Self {
            wasted: count(|record| record.sent && !record.could),
            over: count(|record| record.sent && !record.could && record.weak),
            served: count(|record| record.sent && record.could && record.weak),
            vain: count(|record| !record.sent && record.could),
            refused: count(|record| !record.sent),
            detect: spells.iter().map(|spell| first_refusal(records, *spell)).collect(),
            back: spells.iter().zip(nexts).map(|(spell, next)| last_refusal(records, (spell.1, next))).collect(),
            answered: 100.0 * count(|record| record.sent && record.could) / share(records.len()),
        }
    }

    /// The mean over several runs, and all of their times.
    pub(crate) fn mean(runs: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| runs.iter().map(figure).sum::<f64>() / share(runs.len());
        let all = |times: fn(&Self) -> &Vec<f64>| runs.iter().flat_map(|run| times(run).iter().copied()).collect();
        Self {
            wasted: of(|run| run.wasted),
            over: of(|run| run.over),
            served: of(|run| run.served),
            vain: of(|run| run.vain),
            refused: of(|run| run.refused),
            detect: all(|run| &run.detect),
            back: all(|run| &run.back),
            answered: of(|run| run.answered),
        }
    }

    /// Whether it ever refused.
    pub(crate) fn refuses(&self) -> bool {
        self.refused > 0.0
    }
}

#[allow(clippy::cast_precision_loss)]
fn share(count: usize) -> f64 {
    count as f64
}

fn within(records: &[Record], (from, to): (f64, f64)) -> impl Iterator<Item = (f64, bool)> {
    let calls = records.iter().map(|record| (record.at.as_secs_f64(), record.sent));
    calls.filter(move |(at, _)| (from..to).contains(at)).map(move |(at, sent)| (at - from, sent))
}

fn first_refusal(records: &[Record], spell: (f64, f64)) -> f64 {
    within(records, spell).find(|(_, sent)| !sent).map_or(f64::INFINITY, |(at, _)| at)
}

/// When the first call came after which none was refused: never, where the last one was.
fn last_refusal(records: &[Record], spell: (f64, f64)) -> f64 {
    let mut back = f64::INFINITY;
    for (at, sent) in within(records, spell) {
        if !sent {
            back = f64::INFINITY;
        } else if back.is_infinite() {
            back = at;
        }
    }
    back
}

/// A mean over turns, of those that came to it, and how many did.
pub(crate) fn mean(turns: &[f64]) -> String {
    let came: Vec<f64> = turns.iter().copied().filter(|turn| turn.is_finite()).collect();
    if came.is_empty() {
        return if turns.is_empty() { "–" } else { "never" }.to_owned();
    }
    let mean = came.iter().sum::<f64>() / share(came.len());
    let part = 100.0 * share(came.len()) / share(turns.len());
    let part = if came.len() < turns.len() { format!(" ({part:.0} %)") } else { String::new() };
    format!("{mean:.1}{part}")
}

/// What is said of the figures above, of this code.
pub(crate) fn check() {
    use std::time::Duration;
    let case = Case::all(0.0).into_iter().find(|case| case.name == "short").expect("there is such a case");
    // Ten calls a second: the upstream is down from 30 to 35; the breaker refuses from 31 to 40.
    let records: Vec<Record> = (0..950)
        .map(|n| Record {
            at: Duration::from_millis(100 * n),
            sent: !(310..400).contains(&n),
            could: !(300..350).contains(&n),
            weak: false,
        })
        .collect();
    let figures = Figures::of(&case, &records);
    assert_eq!((figures.wasted, figures.over, figures.vain), (10.0, 0.0, 50.0));
    assert_eq!((mean(&figures.detect), mean(&figures.back)), ("1.0".to_owned(), "5.0".to_owned()));
    assert!((figures.answered - 100.0 * 850.0 / 950.0).abs() < 1e-9);
    let refused: Vec<Record> = records.iter().map(|record| Record { sent: false, ..*record }).collect();
    assert_eq!(mean(&Figures::of(&case, &refused).back), "never");
    let both = Figures::mean(&[figures.clone(), Figures { wasted: 20.0, ..figures }]);
    assert_eq!((both.wasted, both.vain, mean(&both.back)), (15.0, 50.0, "5.0".to_owned()));
    assert_eq!(mean(&[1.0, f64::INFINITY, 3.0]), "2.0 (67 %)");
}
