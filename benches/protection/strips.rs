//! A case as a picture: for each breaker the calls that it let through, second by second. Without fonts or colours of its
//! own, as the plots of the report are.

use std::fmt::Write as _;

use crate::case::{CALLS_A_SECOND, Case};
use crate::simulation::Record;

const WIDTH: f64 = 760.0;
const LABELS: f64 = 200.0;
const RIGHT: f64 = 16.0;
const ROW: f64 = 34.0;
/// What a row is tall when every call is let through.
const FULL: f64 = 27.0;
const TOP: f64 = 66.0;

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}.t{font-weight:600;font-size:15px}\
    .g{stroke:#8c959f;stroke-opacity:.4}.d{fill:#8c959f;fill-opacity:.22}.o{fill:#1a7f37}.p{fill:#57606a}.w{fill:#cf222e}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.o{fill:#3fb950}.p{fill:#8b949e}.w{fill:#f85149}}";

/// A row.
pub(crate) struct Strip<'a> {
    pub(crate) name: &'a str,
    pub(crate) ours: bool,
    pub(crate) records: &'a [Record],
}

#[allow(clippy::cast_precision_loss)]
fn number(count: u64) -> f64 {
    count as f64
}

/// Of each second the calls that were let through and answered, and those that were let through and not.
fn seconds(case: &Case, records: &[Record]) -> Vec<(u64, u64)> {
    let mut seconds = vec![(0, 0); usize::try_from(case.length().as_secs()).unwrap_or(0)];
    for record in records.iter().filter(|record| record.sent) {
        let second = usize::try_from(record.at.as_secs()).unwrap_or(usize::MAX);
        if let Some((answered, wasted)) = seconds.get_mut(second) {
            *(if record.could { answered } else { wasted }) += 1;
        }
    }
    seconds
}

/// Blocks on `base`: of what was answered, or of what was wasted, above that.
fn blocks(heights: &[(u64, u64)], x: impl Fn(f64) -> f64, base: f64, wasted: bool) -> String {
    let tall = |calls: u64| base - FULL * number(calls) / number(CALLS_A_SECOND);
    let mut path = String::new();
    let mut begun = 0;
    for alike in heights.chunk_by(|one, next| one == next) {
        let (answered, failed) = alike.first().copied().unwrap_or_default();
        let (from, to) = if wasted { (answered, answered + failed) } else { (0, answered) };
        let ended = begun + alike.len() as u64;
        if from < to {
            // A single call would otherwise be thinner than can be seen.
            let (top, bottom) = (tall(to).min(tall(from) - 1.0), tall(from));
            let _ = write!(path, "M{:.1} {bottom:.1}V{top:.1}H{:.1}V{bottom:.1}z", x(number(begun)), x(number(ended)));
        }
        begun = ended;
    }
    path
}

/// The picture.
pub(crate) fn strips(case: &Case, rows: &[Strip<'_>]) -> String {
    let length = case.length().as_secs_f64();
    let x = |second: f64| LABELS + (WIDTH - LABELS - RIGHT) * second / length;
    let bottom = TOP + ROW * number(rows.len() as u64);
    let height = bottom + 26.0;
    let title = case.title;
    let mut body = format!(
        "<rect class=\"o\" x=\"{LABELS}\" y=\"34\" width=\"10\" height=\"10\"/>\
         <rect class=\"p\" x=\"{:.0}\" y=\"34\" width=\"10\" height=\"10\"/><text x=\"{:.0}\" y=\"44\">answered</text>\
         <rect class=\"w\" x=\"{:.0}\" y=\"34\" width=\"10\" height=\"10\"/><text x=\"{:.0}\" y=\"44\">wasted</text>",
        LABELS + 14.0,
        LABELS + 30.0,
        LABELS + 110.0,
        LABELS + 126.0,
    );
    let spells = case.spells();
    if !spells.is_empty() {
        let _ = write!(
            body,
            "<rect class=\"d\" x=\"{:.0}\" y=\"34\" width=\"10\" height=\"10\"/><text x=\"{:.0}\" y=\"44\">the upstream is not well</text>",
            LABELS + 190.0,
            LABELS + 206.0,
        );
    }
    body.push('\n');
    for (from, to) in spells {
        let _ = writeln!(
            body,
            "<rect class=\"d\" x=\"{:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.0}\"/>",
            x(from),
            x(to) - x(from),
            bottom - TOP
        );
    }
    let mut tick = 0.0;
    while tick <= length {
        let _ = writeln!(
            body,
            "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{tick} s</text>",
            x(tick).min(WIDTH - RIGHT - 6.0),
            bottom + 18.0
        );
        tick += 10.0 * (length / 80.0).ceil();
    }
    let mut base = TOP + ROW;
    for row in rows {
        let heights = seconds(case, row.records);
        let _ = writeln!(
            body,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\
             <line class=\"g\" x1=\"{LABELS}\" x2=\"{:.0}\" y1=\"{base}\" y2=\"{base}\"/>\
             <path class=\"{}\" d=\"{}\"/><path class=\"w\" d=\"{}\"/>",
            LABELS - 8.0,
            base - 9.0,
            row.name,
            WIDTH - RIGHT,
            if row.ours { "o" } else { "p" },
            blocks(&heights, x, base, false),
            blocks(&heights, x, base, true),
        );
        base += ROW;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-label=\"{title}\"><style>{STYLE}</style><text class=\"t\" x=\"8\" y=\"20\">{title}: calls let \
         through, of {CALLS_A_SECOND} a second</text>\n{body}</svg>\n"
    )
}
