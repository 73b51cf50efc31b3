//! The results as Markdown.

use std::fmt::Write as _;
use std::time::Duration;

use subjects::{Table, figure};

use crate::breakers::{Kind, Subject};
use crate::case::{CALLS_A_SECOND, Case};
use crate::machine;
use crate::measure::{Figures, mean};
use crate::ours;
use crate::{Amount, Row};

/// What holds for all cases.
const INTRODUCTION: &str = "\
# How well it protects

Written by `cargo bench -p benches --bench protection`; do not edit. The same stream of calls goes through each breaker
to an upstream that falls ill and recovers by the same script: 50 calls a second, which come whether or not those before them
have ended. A good answer takes 20 to 60 ms, an error 5 to 25 ms. What is no good answer is
an `Err` to the peers; this crate's layer for HTTP is given responses. Every decision is that of the breaker as released, and
every call's end is checked.

- **wasted**: calls that were let through although the upstream could not answer them. Without a breaker, all.
- **in vain**: calls that were refused although the upstream would have answered them: the price.
- **first refusal**: seconds from when the upstream fell ill; zero where the breaker was still open.
- **back**: seconds from when the upstream was well until nothing was refused any more.
- **answered**: of all calls.

";

fn how(kind: &Kind) -> String {
    match kind {
        Kind::None => "–".to_owned(),
        Kind::Ours(_) | Kind::Frozen(_) => "virtual".to_owned(),
        Kind::Real(pace, _) => format!("real, {} times as fast", pace.0),
    }
}

fn name(subject: &Subject) -> String {
    if subject.is_ours() { format!("**{}**", subject.name) } else { subject.name.to_owned() }
}

/// The whole page.
pub(crate) fn results(
    cases: &[Case],
    subjects: &[Subject],
    rows: &[Row<'_>],
    amount: Amount,
    late: Duration,
) -> String {
    let mut text = String::from(INTRODUCTION);
    let Amount { by_hand, real, .. } = amount;
    let _ = writeln!(
        text,
        "\"Set alike\" is as near to \"3 failures within 30 s, open for 5 s\" as the peer can be set.\n\n\
         Figures are means of {by_hand} runs where time is virtual (this crate has a clock that is moved by hand, failsafe one for\n\
         its own tests), and of {real} where the breaker reads the system's clock: these ran faster than a clock, with all their\n\
         durations divided by as much, and change a little from run to run; no event came later than {:.2} s of simulated time.\n\
         In a third of the runs each the upstream is ill for as long as the case says, and for 5/3 s less and more, because a\n\
         length that is a multiple of a cool-down would flatter it. The pictures show a run of the length that the case says.\n\n{}",
        late.as_secs_f64(),
        machine::describe(),
    );
    let mut table = Table::new(&["", "set to", "time"]);
    for subject in subjects.iter().filter(|subject| !subject.control) {
        table.row([name(subject), subject.settings.to_owned(), how(&subject.kind)]);
    }
    // Settings are text, and so is how time is told.
    let table = table.to_string().replace("---:", "---");
    let _ = writeln!(text, "{table}\n## In short\n\n{}", summary(subjects, rows));
    for case in cases {
        let _ = writeln!(
            text,
            "## {}\n\n{}\n\n![{}]({}.svg)\n\n{}",
            case.title,
            case.about,
            case.title,
            case.name,
            table_of(case, rows)
        );
    }
    let _ = writeln!(text, "{}", control(rows));
    text
}

/// The table of one case.
pub(crate) fn table_of(case: &Case, rows: &[Row<'_>]) -> Table {
    let weak = case.name == "overload";
    let timed = !case.spells().is_empty();
    let mut headings = vec!["", "wasted"];
    headings.extend(weak.then_some(["wasted while it was weak", "answered while it was weak"]).into_iter().flatten());
    headings.push("in vain");
    headings.extend(timed.then_some(["first refusal, s", "back, s"]).into_iter().flatten());
    headings.push("answered, %");
    let mut table = Table::new(&headings);
    for row in rows.iter().filter(|row| row.case.name == case.name && !row.subject.control) {
        let figures = &row.figures;
        let mut cells = vec![name(row.subject), count(figures.wasted)];
        cells.extend(weak.then(|| [count(figures.over), count(figures.served)]).into_iter().flatten());
        cells.push(count(figures.vain));
        if timed {
            let shown = |turns: &[f64]| if row.subject.name == "no breaker" { "–".to_owned() } else { mean(turns) };
            cells.extend([shown(&figures.detect), back(figures)]);
        }
        cells.push(format!("{:.1}", figures.answered));
        table.cells(cells);
    }
    table
}

/// Who never left need not come back.
fn back(figures: &Figures) -> String {
    if figures.refuses() { mean(&figures.back) } else { "–".to_owned() }
}

fn count(calls: f64) -> String {
    if calls < 100.0 { format!("{calls:.0}") } else { figure(calls) }
}

/// What of all the tables is said first.
pub(crate) fn summary(subjects: &[Subject], rows: &[Row<'_>]) -> Table {
    type Shown = fn(&Figures) -> String;
    let wasted: Shown = |figures| count(figures.wasted);
    let answered: Shown = |figures| format!("{:.0}", figures.answered);
    let columns: [(&str, &str, Shown); 10] = [
        ("40 s down: wasted", "outage", wasted),
        ("back, s", "outage", back),
        ("5 s down: wasted", "short", wasted),
        ("back, s", "short", back),
        ("flapping: answered, %", "flapping", answered),
        ("30 % fail: answered, %", "partial", answered),
        ("weak: calls over", "overload", |figures| count(figures.over)),
        ("hanging: wasted", "hanging", wasted),
        ("dropped: wasted", "dropped", wasted),
        ("rate limit: wasted", "limited", wasted),
    ];
    let headings: Vec<&str> = std::iter::once("").chain(columns.iter().map(|(heading, ..)| *heading)).collect();
    let mut table = Table::new(&headings);
    for subject in subjects.iter().filter(|subject| !subject.control && subject.only.is_empty()) {
        let mut cells = vec![name(subject)];
        for (_, case, shown) in &columns {
            let row = rows.iter().find(|row| row.case.name == *case && row.subject.name == subject.name);
            cells.push(row.map_or("–".to_owned(), |row| shown(&row.figures)));
        }
        table.cells(cells);
    }
    table
}

/// The same settings in virtual and in real time.
fn control(rows: &[Row<'_>]) -> String {
    let mut table =
        Table::new(&["", "wasted, virtual", "real", "in vain, virtual", "real", "back, s, virtual", "real"]);
    for real in rows.iter().filter(|row| row.subject.name == ours::CONTROL) {
        let Some(by_hand) = crate::same_settings(rows, real) else { continue };
        let (by_hand, real_) = (&by_hand.figures, &real.figures);
        table.row([
            real.case.title.to_owned(),
            count(by_hand.wasted),
            count(real_.wasted),
            count(by_hand.vain),
            count(real_.vain),
            mean(&by_hand.back),
            mean(&real_.back),
        ]);
    }
    format!(
        "## Is real time as good as virtual time?\n\n`resilience, constant` in both, in all cases but the last one, whose \
         hints are whole seconds. For refusals it reads the\nsystem's clock to 4 ms, which is 0.12 s here, or {} calls at a turn.\n\n{table}",
        CALLS_A_SECOND * 12 / 100,
    )
}
