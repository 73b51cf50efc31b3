//! Plots as SVG, without fonts or colours of their own: they follow the page's scheme.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const LABELS: f64 = 190.0;
const RIGHT: f64 = 90.0;
const ROW: f64 = 24.0;
const TOP: f64 = 46.0;

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}.t{font-weight:600;font-size:15px}\
    .g{stroke:#8c959f;stroke-opacity:.4}.o{fill:#1a7f37;stroke:#1a7f37}.p{fill:#6e7781;stroke:#6e7781}\
    polyline{fill:none!important;stroke-width:2}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.o{fill:#3fb950;stroke:#3fb950}.p{fill:#8b949e;stroke:#8b949e}}";

/// A bar, or a line.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) ours: bool,
    pub(crate) values: Vec<f64>,
}

impl Series {
    fn class(&self) -> &'static str {
        if self.ours { "o" } else { "p" }
    }
}

/// How a value becomes a place on an axis.
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    log: bool,
}

impl Scale {
    /// From the next power of ten below the smallest value to the one above the largest.
    fn log(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = values
            .filter(|value| *value > 0.0)
            .fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), value| (low.min(value), high.max(value)));
        Self { low: low.log10().floor(), high: high.log10().ceil(), from, to, log: true }
    }

    fn at(&self, value: f64) -> f64 {
        let value = if self.log { value.max(f64::MIN_POSITIVE).log10() } else { value };
        let part = (value - self.low) / (self.high - self.low).max(f64::EPSILON);
        self.from + part.clamp(0.0, 1.0) * (self.to - self.from)
    }

    fn ticks(&self) -> Vec<f64> {
        let mut ticks = Vec::new();
        let mut tick = self.low;
        while tick <= self.high + 1e-9 {
            ticks.push(if self.log { 10f64.powf(tick) } else { tick });
            tick += if self.log { 1.0 } else { 0.5 };
        }
        ticks
    }
}

fn page(title: &str, height: f64, body: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-label=\"{title}\"><style>{STYLE}</style>\
         <text class=\"t\" x=\"8\" y=\"20\">{title}</text>\n{body}</svg>\n"
    )
}

/// A bar for each row, the shortest first; on a logarithmic axis unless `log` says otherwise.
pub(crate) fn bars(title: &str, log: bool, mut rows: Vec<Series>) -> String {
    let value = |row: &Series| row.values.first().copied().unwrap_or(0.0);
    rows.sort_by(|a, b| value(a).total_cmp(&value(b)));
    let (from, to) = (LABELS, WIDTH - RIGHT);
    let scale = if log {
        Scale::log(rows.iter().map(value), from, to)
    } else {
        let high = rows.iter().map(value).fold(0.0, f64::max);
        Scale { low: 0.0, high: (high * 2.0).ceil() / 2.0, from, to, log: false }
    };
    let bottom = TOP + ROW * f64::from(u32::try_from(rows.len()).unwrap_or(0));
    let mut body = String::new();
    for tick in scale.ticks() {
        let x = scale.at(tick);
        let _ = writeln!(
            body,
            "<line class=\"g\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
             <text x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{tick}</text>",
            bottom + 16.0
        );
    }
    let mut y = TOP;
    for row in &rows {
        let end = scale.at(value(row));
        let _ = writeln!(
            body,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{}\" x=\"{from}\" y=\"{:.0}\" width=\"{:.1}\" height=\"{:.0}\"/>\
             <text x=\"{:.1}\" y=\"{:.0}\">{}</text>",
            from - 8.0,
            y + 16.0,
            row.name,
            row.class(),
            y + 3.0,
            (end - from).max(1.0),
            ROW - 6.0,
            end + 6.0,
            y + 16.0,
            subjects::figure(value(row)),
        );
        y += ROW;
    }
    page(title, bottom + 26.0, &body)
}

/// A line for each row over `places`, both axes logarithmic.
pub(crate) fn lines(title: &str, places: &[f64], rows: &[Series]) -> String {
    let bottom = 330.0;
    let across = Scale::log(places.iter().copied(), 70.0, WIDTH - LABELS);
    let up = Scale::log(rows.iter().flat_map(|row| row.values.iter().copied()), bottom, TOP);
    let mut body = String::new();
    for tick in across.ticks() {
        let x = across.at(tick);
        let _ = writeln!(body, "<text x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{tick}</text>", bottom + 18.0);
    }
    for tick in up.ticks() {
        let y = up.at(tick);
        let _ = writeln!(
            body,
            "<line class=\"g\" x1=\"70\" x2=\"{:.0}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"62\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
            WIDTH - LABELS,
            y + 4.0
        );
    }
    for row in rows {
        let points: Vec<String> = places
            .iter()
            .zip(&row.values)
            .map(|(place, value)| format!("{:.1},{:.1}", across.at(*place), up.at(*value)))
            .collect();
        let y = row.values.last().map_or(bottom, |value| up.at(*value));
        let _ = writeln!(
            body,
            "<polyline class=\"{}\" points=\"{}\"/><text x=\"{:.0}\" y=\"{:.1}\">{}</text>",
            row.class(),
            points.join(" "),
            WIDTH - LABELS + 8.0,
            y + 4.0,
            row.name
        );
    }
    page(title, bottom + 30.0, &body)
}
