//! The timelines as a picture: SVG by hand, because it is little, and because it needs neither fonts nor C.
//!
//! For each run, from top to bottom: what it is and what it came to; the answers a second, stacked by kind, with the
//! time shaded in which the upstream was sick; a strip with the states of the breaker. The picture brings its own
//! background, so it can be read on a light page and on a dark one.

use super::run::Run;
use super::scenario::Phase;
use super::stats::{Bucket, Summary, timeline};
use resilience::State;
use std::fmt::Write;
use std::time::Duration;

/// What is drawn.
#[derive(Debug)]
pub struct Data<'d> {
    /// The scenario and the load, in words.
    pub subtitle: &'d str,
    /// How long the scenario takes.
    pub total: Duration,
    /// What the upstream did.
    pub phases: &'d [Phase],
    /// The runs, from top to bottom.
    pub panels: [(&'d Run, &'d Summary); 2],
}

const WIDTH: f64 = 960.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 936.0;
const TOP: f64 = 134.0;
const PLOT: f64 = 170.0;
const STRIP: f64 = 18.0;
const PANEL: f64 = 290.0;
const HEIGHT: f64 = TOP + 2.0 * PANEL - 24.0;

const STYLE: &str = "\
text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1f2328}\
.h{font-size:19px;font-weight:600}.b{font-size:15px;font-weight:600}.m{fill:#59636e}.e{text-anchor:end}.c{text-anchor:middle}\
.bg{fill:#fff;stroke:#d1d9e0}.g{stroke:#59636e;stroke-opacity:.18}.ax{stroke:#59636e;stroke-opacity:.7}\
.sick{fill:#59636e;fill-opacity:.14}.edge{stroke:#59636e;stroke-opacity:.7;stroke-dasharray:4 3}\
.added{fill:#2da44e}.refused{fill:#e3a008}.failed{fill:#d1242f}\
.closed{fill:#b4e2c1}.open{fill:#f2b8b5}.half{fill:#f7dc9a}.off{fill:none;stroke:#59636e;stroke-opacity:.5;stroke-dasharray:3 3}\
.s{font-size:11px;fill:#1f2328}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.m{fill:#9198a1}.bg{fill:#0d1117;stroke:#3d444d}\
.g,.ax,.edge,.off{stroke:#9198a1}.sick{fill:#9198a1;fill-opacity:.2}\
.added{fill:#2ea043}.refused{fill:#d29922}.failed{fill:#f85149}\
.closed{fill:#1b5e34}.open{fill:#8e2b27}.half{fill:#7a5a10}.s{fill:#e6edf3}}";

/// How finely time is divided: about sixty stretches, of a length that people would choose.
#[must_use]
pub fn bucket_width(total: Duration) -> Duration {
    let wanted = total / 60;
    let choices = [5, 10, 20, 50, 100, 250, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000, 1_800_000];
    choices.map(Duration::from_millis).into_iter().find(|width| *width >= wanted).unwrap_or(Duration::from_secs(3600))
}

/// Draws the picture.
#[must_use]
pub fn plot(data: &Data<'_>) -> String {
    let width = bucket_width(data.total);
    let timelines = data.panels.map(|(run, _)| timeline(&run.samples, width, data.total));
    // One scale for both, or they could not be compared.
    let longest = timelines.iter().map(Vec::len).max().unwrap_or(0);
    let seconds = seconds(longest, width).max(f64::MIN_POSITIVE);
    let highest = timelines.iter().flatten().map(|bucket| rate(total(bucket), width)).fold(1.0, f64::max);
    let step = nice(highest / 4.0);
    let scale = Scale { seconds, step, highest: (highest / step).ceil() * step };

    let mut svg = Svg::default();
    svg.line(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         role=\"img\" aria-labelledby=\"t d\"><title id=\"t\">A gateway under load while its upstream is sick</title>\
         <desc id=\"d\">{}</desc><style>{STYLE}</style>",
        escaped(&described(data))
    ));
    svg.line(format_args!(
        "<rect class=\"bg\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"8\"/>",
        WIDTH - 1.0,
        HEIGHT - 1.0
    ));
    svg.text("h", 24.0, 36.0, "A gateway under load while its upstream is sick");
    svg.text("m", 24.0, 58.0, data.subtitle);
    legend(&mut svg);
    let mut top = TOP;
    for ((run, summary), buckets) in data.panels.into_iter().zip(&timelines) {
        panel(&mut svg, data, run, summary, buckets, width, top, &scale);
        top += PANEL;
    }
    svg.line(format_args!("</svg>"));
    svg.0
}

/// Text that grows by lines.
#[derive(Default)]
struct Svg(String);

impl Svg {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{line}");
    }

    fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        self.line(format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(text)));
    }

    fn rect(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64) {
        self.line(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        ));
    }

    fn rule(&mut self, class: &str, x1: f64, y1: f64, x2: f64, y2: f64) {
        self.line(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }
}

/// The axes, the same for both runs.
struct Scale {
    seconds: f64,
    highest: f64,
    step: f64,
}

impl Scale {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + (seconds / self.seconds).clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    fn height(&self, rate: f64) -> f64 {
        (rate / self.highest).clamp(0.0, 1.0) * PLOT
    }
}

fn legend(svg: &mut Svg) {
    let entries = [
        ("added", "201"),
        ("refused", "refused by the breaker"),
        ("failed", "failed or timed out"),
        ("sick", "upstream sick"),
        ("closed", "closed"),
        ("open", "open"),
        ("half", "half-open"),
    ];
    let mut x = 24.0;
    for (class, text) in entries {
        svg.rect(class, x, 74.0, 14.0, 14.0);
        svg.text("", x + 20.0, 86.0, text);
        // About as wide as a letter is in most fonts; there is room for wider ones.
        x += 20.0 + text.chars().fold(0.0, |wide, _| wide + 7.0) + 20.0;
    }
}

#[allow(clippy::too_many_arguments, reason = "a picture is of many things")]
fn panel(
    svg: &mut Svg,
    data: &Data<'_>,
    run: &Run,
    summary: &Summary,
    buckets: &[Bucket],
    width: Duration,
    top: f64,
    scale: &Scale,
) {
    let bottom = top + PLOT;
    svg.text("b", LEFT, top - 10.0, if run.layer { "With the breaker" } else { "Without it" });
    let reached = format!(
        "{} calls reached the sick upstream · p99 {:.0} ms · {} of {} added",
        summary.reached_while_sick,
        summary.latency_ms.p99,
        summary.answers.get("201").copied().unwrap_or(0),
        summary.requests
    );
    svg.text("m e", RIGHT, top - 10.0, &reached);

    for phase in data.phases.iter().filter(|phase| phase.sick) {
        let (from, to) = (scale.x(phase.from.as_secs_f64()), scale.x(phase.to.as_secs_f64()));
        svg.rect("sick", from, top, to - from, PLOT);
    }
    let mut value = 0.0;
    while value <= scale.highest + 1e-9 {
        let y = bottom - scale.height(value);
        svg.rule("g", LEFT, y, RIGHT, y);
        svg.text("m e", LEFT - 8.0, y + 4.5, &number(value));
        value += scale.step;
    }
    svg.line(format_args!(
        "<text class=\"m c\" transform=\"translate(18 {:.1}) rotate(-90)\">answers per second</text>",
        top + PLOT / 2.0
    ));
    areas(svg, buckets, width, bottom, scale);
    // Above the areas, so that the begin and the end of the trouble are to be seen through them.
    for phase in data.phases.iter().filter(|phase| phase.sick) {
        for at in [phase.from, phase.to] {
            let x = scale.x(at.as_secs_f64());
            svg.rule("edge", x, top, x, bottom);
        }
    }
    svg.rule("ax", LEFT, bottom, RIGHT, bottom);
    strip(svg, run, bottom + 8.0, scale);

    let step = nice(scale.seconds / 12.0);
    let mut tick = 0.0;
    while tick <= scale.seconds + 1e-9 {
        let (x, y) = (scale.x(tick), bottom + STRIP + 26.0);
        svg.rule("ax", x, bottom, x, bottom + 4.0);
        svg.text("m c", x, y, &number(tick));
        tick += step;
    }
    svg.text("m c", f64::midpoint(LEFT, RIGHT), bottom + STRIP + 46.0, "seconds since the start");
}

/// The answers a second, stacked: what was refused on what succeeded, what failed on top.
fn areas(svg: &mut Svg, buckets: &[Bucket], width: Duration, bottom: f64, scale: &Scale) {
    let mut floor = vec![0; buckets.len()];
    for (kind, class) in ["added", "refused", "failed"].into_iter().enumerate() {
        let mut path = String::new();
        for (place, (bucket, floor)) in buckets.iter().zip(&mut floor).enumerate() {
            let count = [bucket.added, bucket.refused, bucket.failed][kind];
            if count > 0 {
                let (from, to) = (scale.x(seconds(place, width)), scale.x(seconds(place + 1, width)));
                let low = bottom - scale.height(rate(*floor, width));
                let high = bottom - scale.height(rate(*floor + count, width));
                let _ = write!(path, "M{from:.1} {low:.1}V{high:.1}H{to:.1}V{low:.1}Z");
                *floor += count;
            }
        }
        if !path.is_empty() {
            svg.line(format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
        }
    }
}

/// What the breaker was like.
fn strip(svg: &mut Svg, run: &Run, top: f64, scale: &Scale) {
    svg.text("m e s", LEFT - 8.0, top + 13.0, "breaker");
    if !run.layer {
        svg.rect("off", LEFT, top, RIGHT - LEFT, STRIP);
        svg.text("s c", f64::midpoint(LEFT, RIGHT), top + 13.0, "forced closed: it refuses nothing");
        return;
    }
    for (place, band) in run.bands.iter().enumerate() {
        let end = run.bands.get(place + 1).map_or(scale.seconds, |next| next.from.as_secs_f64());
        let (from, to) = (scale.x(band.from.as_secs_f64()), scale.x(end));
        let (class, name) = match band.state {
            State::Closed => ("closed", "closed"),
            State::Open => ("open", "open"),
            State::HalfOpen => ("half", "half-open"),
        };
        // What lasts a moment is still to be seen.
        svg.rect(class, from, top, (to - from).max(1.5), STRIP);
        if to - from > 60.0 || (name == "open" && to - from > 34.0) {
            svg.text("s c", f64::midpoint(from, to), top + 13.0, name);
        }
    }
}

fn described(data: &Data<'_>) -> String {
    let panels = data.panels.map(|(run, summary)| {
        format!("{}: {} calls reached the sick upstream", super::title(run.layer), summary.reached_while_sick)
    });
    format!("{}. {}.", data.subtitle, panels.join("; "))
}

fn total(bucket: &Bucket) -> u32 {
    bucket.added + bucket.refused + bucket.failed
}

fn rate(count: u32, width: Duration) -> f64 {
    f64::from(count) / width.as_secs_f64()
}

fn seconds(places: usize, width: Duration) -> f64 {
    u32::try_from(places).map_or(f64::MAX, |places| f64::from(places) * width.as_secs_f64())
}

/// A number on an axis, without what adding up leaves behind.
fn number(value: f64) -> String {
    ((value * 1000.0).round() / 1000.0).to_string()
}

/// The next number that people like on an axis: 1, 2, 2.5 or 5, times a power of ten.
fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-9).log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|digit| digit * power)
        .into_iter()
        .find(|nice| *nice >= value - 1e-9)
        .unwrap_or(value)
}

fn escaped(text: &str) -> String {
    // A control character has no place in XML, not even escaped.
    let plain: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
