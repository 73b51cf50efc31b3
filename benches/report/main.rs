//! Measures everything in one go and writes `RESULTS.md` and its plots beside this file.
//!
//! `cargo bench -p benches --bench report` takes about five minutes; with `-- --quick` about one. The tables of
//! `memory`, `window`, `gateway` and `instructions.sh` are taken over as those print them.
//!
//! With names it only times the rows that contain one of them, on one thread, and prints those:
//! `cargo bench -p benches --bench report -- /healthy nobreak/refusing`.
#![allow(missing_docs)]

mod machine;
mod plot;
mod rounds;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{env, fs, io};

use plot::Series;
use rounds::{Row, Scaling};
use subjects::{Args, Form, Mode, Scenario, Subject, Table, Visitor, WINDOWS, every_window, figure, window_cost};

fn main() -> io::Result<()> {
    let args = Args::or_list("report");
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("report");
    let calls = rounds::calls(&args);
    if args.is_filtered() {
        let mut text = String::new();
        states(&mut text, &calls);
        println!("{text}");
        return Ok(());
    }
    let threads = rounds::threads(args.pick(1, 9, 25));
    let mut windows = Windows::new(&args);
    every_window(&mut windows);

    let mut text = String::from(INTRODUCTION);
    let _ = writeln!(text, "{}", machine::describe());
    states(&mut text, &calls);
    scaling(&mut text, &threads);
    windows.write(&mut text);
    if args.mode == Mode::Test {
        println!("report: measured, nothing written");
        return Ok(());
    }
    others(&mut text, args.mode);

    fs::write(here.join("RESULTS.md"), text)?;
    for (name, plot) in plots(&calls, &threads, &windows) {
        fs::write(here.join(name), plot)?;
    }
    println!("report: {}", here.join("RESULTS.md").display());
    Ok(())
}

const INTRODUCTION: &str = "\
# What a breaker costs

Written by `cargo bench -p benches --bench report`; do not edit. Every subject calls the same trivial service, in the
same loop (`poll_ready`, `call`, one poll), and every call's end is checked, so that no row measures another state than
it says. Times of one thread are processor time in interleaved rounds; differences and ratios are medians over the rounds
of what one round shows. Absolute times are this machine's; the ratios and the counts are what to compare.

Subjects marked ¹ have a future that borrows the breaker: they are driven as they are, which spares them the reference
count that a tower future needs. Those marked ² bring a future type that a few lines here make a tower service.

";

fn name(subject: &str, form: Form) -> String {
    match form {
        Form::Ours => format!("**{subject}**"),
        Form::Borrowing => format!("{subject} ¹"),
        Form::Adapted => format!("{subject} ²"),
        Form::Bare | Form::Tower => subject.to_owned(),
    }
}

fn is_peer(form: Form) -> bool {
    !matches!(form, Form::Bare | Form::Ours)
}

/// A heading, and a table for each state of one thread.
fn states(text: &mut String, rows: &[Row]) {
    let _ = writeln!(text, "## One thread\n\n![A healthy call](healthy.svg)\n\n![A refusal](refusing.svg)\n");
    for state in Scenario::ALL.map(Scenario::name).into_iter().chain(["clone"]) {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.state == state).collect();
        let bare = rows.iter().find(|row| row.form == Form::Bare).copied();
        // What the breaker costs: all of a refusal, and of a call what it takes longer than without a breaker.
        let over = |cost: f64, bare: Option<f64>| cost - bare.unwrap_or(0.0);
        let cost = |row: &Row| bare.map_or(row.cost(), |bare| row.against(bare, |this, bare| this - bare));
        let best = |wanted: fn(Form) -> bool| {
            rows.iter().filter(|row| wanted(row.form)).min_by(|a, b| cost(a).total_cmp(&cost(b))).copied()
        };
        let (peer, tower) = (best(is_peer), best(|form| form == Form::Tower));
        let against = |row: &Row, other: Option<&Row>| -> String {
            let Some(other) = other else { return "-".to_owned() };
            let ratios = (0..row.costs.len()).map(|round| {
                let bare = bare.map(|bare| bare.costs[round]);
                over(row.costs[round], bare) / over(other.costs[round], bare)
            });
            format!("{:.3}", subjects::median(ratios.collect()))
        };
        let mut table = Table::new(&[state, "ns", "ns over bare", "÷ best peer", "÷ best tower peer"]);
        for row in &rows {
            let ratios = if row.form == Form::Bare {
                ["-".to_owned(), "-".to_owned()]
            } else {
                [against(row, peer), against(row, tower)]
            };
            let [peer, tower] = ratios;
            let over = if bare.is_some() { figure(cost(row)) } else { "-".to_owned() };
            table.row([name(row.subject, row.form), figure(row.cost()), over, peer, tower]);
        }
        let _ = writeln!(text, "{table}");
    }
}

fn scaling(text: &mut String, rows: &[Scaling]) {
    let _ = writeln!(
        text,
        "## Two threads\n\nMillions of calls a second in windows of 2 ms; windows in which a thread was not running are left \
         out. What two threads can do at all is in the row `bare` and in the column \"2 apart\".\n\n![Two threads on one breaker](threads.svg)\n"
    );
    let mut table = Table::new(&["", "1 thread", "2 sharing", "2 apart", "sharing ÷ 1", "sharing ÷ apart", "windows"]);
    for row in rows {
        let show = |value: Option<f64>| value.map_or("-".to_owned(), figure);
        table.row([
            format!("{}, {}", name(row.subject, row.form), row.scenario.name()),
            show(row.one),
            show(row.sharing),
            show(row.apart),
            show(row.over_one()),
            show(row.over_apart()),
            format!("{} of {}", row.clean.0, row.clean.1),
        ]);
    }
    let _ = writeln!(text, "{table}");
}

/// The cost of a call by the calls in the window.
struct Windows {
    sizes: &'static [u64],
    patience: Duration,
    rows: Vec<(&'static str, Form, Scenario, Vec<f64>)>,
}

impl Windows {
    fn new(args: &Args) -> Self {
        let sizes = args.pick(&WINDOWS[..2], &WINDOWS[..4], &WINDOWS[..]);
        let patience = args.pick(Duration::ZERO, Duration::from_millis(100), Duration::from_millis(500));
        Self { sizes, patience, rows: Vec::new() }
    }

    fn write(&self, text: &mut String) {
        let mut headings = vec!["ns a call by calls in the window".to_owned()];
        headings.extend(self.sizes.iter().map(ToString::to_string));
        let mut table = Table::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
        for (subject, form, scenario, costs) in &self.rows {
            let mut cells = vec![format!("{}, {}", name(subject, *form), scenario.name())];
            cells.extend(costs.iter().map(|cost| figure(*cost)));
            table.cells(cells);
        }
        let _ = writeln!(text, "## Windows\n\n![A call by the calls in the window](window.svg)\n\n{table}");
    }
}

impl Visitor for Windows {
    fn visit<S: Subject>(&mut self) {
        for scenario in [Scenario::Healthy, Scenario::Failing] {
            let cost = |size: &u64| window_cost::<S>(scenario, *size, self.patience);
            let costs: Vec<f64> = self.sizes.iter().filter_map(cost).collect();
            self.rows.push((S::NAME, S::FORM, scenario, costs));
        }
    }
}

/// What the other benches print, which have a process of their own for a reason: one counts allocations.
fn others(text: &mut String, mode: Mode) {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let quick: &[&str] = if mode == Mode::Quick { &["--quick"] } else { &[] };
    for (heading, bench) in [("Memory", "memory"), ("End to end", "gateway")] {
        let mut command = Command::new(&cargo);
        command.args(["bench", "--quiet", "-p", "benches", "--bench", bench, "--"]).args(quick);
        section(text, heading, &mut command);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.sh");
    section(text, "Instructions", &mut Command::new(script));
}

fn section(text: &mut String, heading: &str, command: &mut Command) {
    match command.output() {
        Ok(output) if output.status.success() => {
            let _ = writeln!(text, "## {heading}\n\n{}\n", String::from_utf8_lossy(&output.stdout).trim());
        }
        // The instructions want valgrind, which not every machine has.
        answer => eprintln!("report: left out {heading}: {answer:?}"),
    }
}

fn plots(calls: &[Row], threads: &[Scaling], windows: &Windows) -> Vec<(&'static str, String)> {
    let bare = calls.iter().find(|row| row.form == Form::Bare && row.state == Scenario::Healthy.name());
    let series = |name: &str, form: Form, value: f64| Series {
        name: name.to_owned(),
        ours: form == Form::Ours,
        values: vec![value],
    };
    let healthy = calls
        .iter()
        .filter(|row| row.form != Form::Bare && row.state == Scenario::Healthy.name())
        .map(|row| {
            let over = bare.map_or(row.cost(), |bare| row.against(bare, |this, bare| this - bare));
            series(row.subject, row.form, over)
        })
        .collect();
    let refusing = calls
        .iter()
        .filter(|row| row.state == Scenario::Refusing.name())
        .map(|row| series(row.subject, row.form, row.cost()))
        .collect();
    let scaling = threads
        .iter()
        .filter(|row| row.scenario == Scenario::Healthy)
        .filter_map(|row| Some(series(row.subject, row.form, row.over_one()?)))
        .collect();
    #[allow(clippy::cast_precision_loss)]
    let places: Vec<f64> = windows.sizes.iter().map(|size| *size as f64).collect();
    let grown: Vec<Series> = windows
        .rows
        .iter()
        .filter(|(_, _, scenario, _)| *scenario == Scenario::Healthy)
        .map(|(subject, form, _, values)| Series {
            name: (*subject).to_owned(),
            ours: *form == Form::Ours,
            values: values.clone(),
        })
        .collect();
    vec![
        ("healthy.svg", plot::bars("A healthy call: nanoseconds over the bare service", true, healthy)),
        ("refusing.svg", plot::bars("A refusal: nanoseconds", true, refusing)),
        ("threads.svg", plot::bars("Two threads on one breaker: throughput, one thread = 1", false, scaling)),
        ("window.svg", plot::lines("A call by the calls in the window: nanoseconds", &places, &grown)),
    ]
}
