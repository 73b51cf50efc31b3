//! How well circuit breakers protect an upstream: writes `RESULTS.md` and its plots beside this file.
//!
//! `cargo bench -p benches --bench protection` takes about two minutes. With the names of cases
//! (`-- outage flapping`) it only prints their tables, and so it does with `-- --quick`, which takes ten seconds and leaves
//! out the one that cannot be sped up as much.
//!
//! A simulation, of which only the upstream and the callers are simulated: every decision is that of the breaker as
//! released. Where one takes a clock, time is virtual; the others run in real time, sped up, on threads of their own.
#![allow(missing_docs)]

mod breakers;
mod call;
mod case;
#[path = "../report/machine.rs"]
mod machine;
mod measure;
mod ours;
mod simulation;
mod strips;
mod time;
mod write;

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;
use std::{fs, io, thread};

use breakers::{Kind, Subject};
use case::{Case, LONGER};
use measure::Figures;
use simulation::Record;
use strips::Strip;
use subjects::{Args, Mode};
use time::{ByHand, Frozen, Nobodys, Real, SLOW};

/// Later than this, in simulated time, and a run in real time is made again.
const LATE: Duration = Duration::from_millis(300);

/// How much is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    /// Of [`LONGER`].
    pub(crate) lengths: usize,
    /// Runs in virtual time.
    pub(crate) by_hand: usize,
    /// Runs in real time.
    pub(crate) real: usize,
    /// So many of these at the same time.
    at_once: usize,
    /// How often one is made again that was late.
    tries: usize,
}

/// What a subject did in a case.
pub(crate) struct Row<'a> {
    pub(crate) case: &'a Case,
    pub(crate) subject: &'a Subject,
    pub(crate) figures: Figures,
    /// The first run.
    pub(crate) records: Vec<Record>,
}

fn main() -> io::Result<()> {
    let args = Args::or_list("protection");
    case::check();
    measure::check();
    let lengths =
        LONGER.map(|longer| Case::all(longer).into_iter().filter(|case| args.wants(case.name)).collect::<Vec<Case>>());
    let mut subjects = Subject::all();
    if args.mode != Mode::Full {
        subjects.retain(|subject| subject.pace() != Some(SLOW));
    }
    let quick = Amount { lengths: 1, by_hand: 9, real: 1, at_once: 44, tries: 1 };
    let amount = args.pick(quick, quick, Amount { lengths: 3, by_hand: 99, real: 3, at_once: 24, tries: 4 });
    let (rows, late) = measure_all(&lengths, &subjects, amount);
    let [cases, ..] = &lengths;
    for row in &rows {
        assert_row(&rows, row);
    }
    if args.mode != Mode::Full || args.is_filtered() {
        for case in cases {
            println!("{}\n{}", case.title, write::table_of(case, &rows));
        }
        println!(
            "no event came later than {:.2} s of simulated time; illnesses of {} lengths; nothing was written",
            late.as_secs_f64(),
            amount.lengths
        );
        return Ok(());
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("protection");
    fs::write(here.join("RESULTS.md"), write::results(cases, &subjects, &rows, amount, late))?;
    for case in cases {
        let shown = rows.iter().filter(|row| row.case.name == case.name && !row.subject.control);
        let shown: Vec<Strip<'_>> = shown
            .map(|row| Strip { name: row.subject.name, ours: row.subject.is_ours(), records: &row.records })
            .collect();
        fs::write(here.join(format!("{}.svg", case.name)), strips::strips(case, &shown))?;
    }
    println!("protection: {}", here.join("RESULTS.md").display());
    Ok(())
}

/// All rows, and by how much the machine was late at most.
fn measure_all<'a>(lengths: &'a [Vec<Case>; 3], subjects: &'a [Subject], amount: Amount) -> (Vec<Row<'a>>, Duration) {
    let mut pairs: Vec<(usize, &Subject)> = Vec::new();
    for (number, case) in lengths[0].iter().enumerate() {
        // The hints of a response are whole seconds, which cannot be sped up.
        let fits = |subject: &&Subject| {
            (subject.only.is_empty() || subject.only.contains(&case.name)) && !(subject.control && case.quota.is_some())
        };
        pairs.extend(subjects.iter().filter(fits).map(|subject| (number, subject)));
    }
    // Those in real time are alone on the machine, or they would be late.
    let case = |number: usize, turn: usize| &lengths[turn % amount.lengths][number];
    let virtual_runs = in_threads(&pairs, 2, |(number, subject)| match subject.pace() {
        Some(_) => Vec::new(),
        None => (0..amount.by_hand).map(|turn| run(case(number, turn), subject).0).collect(),
    });
    let mut jobs: Vec<(usize, usize, &Subject)> = pairs
        .iter()
        .enumerate()
        .filter(|(_, (_, subject))| subject.pace().is_some())
        .flat_map(|(index, (_, subject))| (0..amount.real).map(move |turn| (index, turn, *subject)))
        .collect();
    // The long ones first, so that nobody waits for them at the end.
    jobs.sort_by_key(|(_, _, subject)| subject.pace().map(|pace| pace.0));
    let real_runs = in_threads(&jobs, amount.at_once, |(index, turn, subject)| {
        punctual(case(pairs[index].0, turn), subject, amount.tries)
    });

    let mut runs = virtual_runs;
    let mut late = Duration::ZERO;
    for ((index, ..), (records, was_late)) in jobs.into_iter().zip(real_runs) {
        late = late.max(was_late);
        runs[index].push(records);
    }
    let rows = pairs.into_iter().zip(runs).map(|((number, subject), runs)| {
        let figures: Vec<Figures> =
            runs.iter().enumerate().map(|(turn, records)| Figures::of(case(number, turn), records)).collect();
        let records = runs.into_iter().next().unwrap_or_default();
        Row { case: case(number, 0), subject, figures: Figures::mean(&figures), records }
    });
    (rows.collect(), late)
}

/// One run, and by how much the machine was late.
fn run(case: &Case, subject: &Subject) -> (Vec<Record>, Duration) {
    let records = match subject.kind {
        Kind::None => simulation::run(case, &mut breakers::none(), &mut Nobodys),
        Kind::Ours(settings) => {
            let mut time = ByHand::default();
            let policy = settings(resilience::Breaker::builder().clock(time.clock.clone()));
            simulation::run(case, &mut ours::caller(policy), &mut time)
        }
        Kind::Frozen(make) => {
            failsafe::clock::freeze(|clock| simulation::run(case, &mut make(), &mut Frozen::new(clock)))
        }
        Kind::Real(pace, make) => {
            let mut time = Real::new(pace);
            let records = simulation::run(case, &mut make(pace), &mut time);
            return (records, time.late);
        }
    };
    (records, Duration::ZERO)
}

/// The least late of a few runs.
fn punctual(case: &Case, subject: &Subject, tries: usize) -> (Vec<Record>, Duration) {
    let mut best = run(case, subject);
    for _ in 1..tries {
        if best.1 <= LATE {
            break;
        }
        let again = run(case, subject);
        if again.1 < best.1 {
            best = again;
        }
    }
    best
}

/// Does something with each of the items, a number of them at a time.
fn in_threads<I: Copy + Sync, O: Send>(items: &[I], threads: usize, work: impl Fn(I) -> O + Sync) -> Vec<O> {
    let next = Mutex::new(items.iter().copied().enumerate());
    let take = || next.lock().expect("nobody panics while taking").next();
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((index, item)) = take() {
                    let result = work(item);
                    done.lock().expect("nobody panics while pushing").push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("a thread's assertion failed");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The row with the settings of the control, in virtual time.
pub(crate) fn same_settings<'r, 'a>(rows: &'r [Row<'a>], control: &Row<'_>) -> Option<&'r Row<'a>> {
    rows.iter().find(|row| row.case.name == control.case.name && row.subject.name == "resilience, constant")
}

/// Fails unless the subject did what is said of it.
fn assert_row(rows: &[Row<'_>], row: &Row<'_>) {
    let Row { case, subject, figures, records } = row;
    let what = format!("{} in {}: {figures:?}", subject.name, case.name);
    let sent = records.iter().filter(|record| record.sent).count();
    if matches!(subject.kind, Kind::None) {
        assert!(sent == records.len() && figures.vain == 0.0, "{what}: it refuses");
        return;
    }
    let tripped = figures.detect.iter().any(|turn| turn.is_finite());
    let alike =
        subject.name.ends_with("alike") || subject.name == "resilience, constant" || subject.name == "resilience";
    match case.name {
        "outage" => {
            assert!(tripped, "{what}: it does not trip");
            // One whose open times double at random may take longer than there is.
            let back = figures.back.iter().filter(|turn| turn.is_finite()).count();
            assert!(back * 2 > figures.back.len(), "{what}: it does not come back");
            assert!(back == figures.back.len() || !subject.is_ours(), "{what}: it does not always come back");
            assert!(!alike || figures.detect.iter().all(|turn| *turn < 0.3), "{what}: three failures are not enough");
            if subject.is_ours() && alike {
                assert!(figures.wasted <= 20.0, "{what}: more than a few failures and a few probes");
            }
        }
        // They record nothing when a future is dropped; this crate judges it by its age.
        "dropped" if ["nobreak", "recloser", "failsafe"].iter().any(|name| subject.name.starts_with(name)) => {
            assert!(!tripped, "{what}: it judges calls that are dropped");
        }
        "limited" if subject.name == "resilience, obeying" => {
            assert!(figures.wasted <= 12.0, "{what}: it does not hear when to come back");
        }
        "dropped" if subject.is_ours() && alike => assert!(tripped, "{what}: it does not trip"),
        _ => {}
    }
    if subject.control
        && let Some(by_hand) = same_settings(rows, row)
    {
        let near = |this: f64, that: f64| (this - that).abs() <= 30.0 + 0.1 * that;
        assert!(
            near(figures.wasted, by_hand.figures.wasted) && near(figures.vain, by_hand.figures.vain),
            "{what}: not as in virtual time, {:?}",
            by_hand.figures
        );
    }
}
