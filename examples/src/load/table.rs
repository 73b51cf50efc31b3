//! The numbers side by side, for people.

use super::stats::Summary;
use std::collections::BTreeSet;
use std::fmt::Write;

/// A row of text for each number, a column for each run.
pub(super) fn table(runs: &[Summary]) -> String {
    let mut rows = vec![(String::new(), columns(runs, |run| super::title(run.layer).to_owned()))];
    let mut row = |label: &str, cell: &dyn Fn(&Summary) -> String| rows.push((label.to_owned(), columns(runs, cell)));
    row("requests", &|run| run.requests.to_string());
    let names: BTreeSet<&String> = runs.iter().flat_map(|run| run.answers.keys()).collect();
    for name in names {
        row(&format!("  {name}"), &|run| run.answers.get(name).copied().unwrap_or(0).to_string());
    }
    row("latency", &|_| String::new());
    row("  p50", &|run| time(run.latency_ms.p50));
    row("  p90", &|run| time(run.latency_ms.p90));
    row("  p99", &|run| time(run.latency_ms.p99));
    row("  max", &|run| time(run.latency_ms.max));
    row("latency while it was sick", &|_| String::new());
    row("  p50", &|run| time(run.latency_while_sick_ms.p50));
    row("  p99", &|run| time(run.latency_while_sick_ms.p99));
    row("calls that reached the sick upstream", &|run| run.reached_while_sick.to_string());
    row("sick → first refusal", &|run| optional(run.detect_ms));
    row("well → first success", &|run| optional(run.first_success_ms));
    row("well → nothing but successes", &|run| optional(run.steady_success_ms));

    let wide = |place: usize| rows.iter().map(|(_, cells)| cells[place].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..runs.len()).map(wide).collect();
    let first = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (label, cells) in &rows {
        let mut line = format!("{label:first$}");
        for (cell, width) in cells.iter().zip(&widths) {
            // Writing to a string does not fail.
            let _ = write!(line, "   {cell:>width$}");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn columns(runs: &[Summary], cell: impl Fn(&Summary) -> String) -> Vec<String> {
    runs.iter().map(cell).collect()
}

fn optional(millis: Option<f64>) -> String {
    millis.map_or_else(|| "–".to_owned(), time)
}

/// A time to about three digits.
fn time(millis: f64) -> String {
    match millis {
        short if short < 10.0 => format!("{short:.2} ms"),
        medium if medium < 1000.0 => format!("{medium:.0} ms"),
        long => format!("{:.2} s", long / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::stats::Latency;
    use std::collections::BTreeMap;

    #[test]
    fn every_answer_of_every_run_has_a_row_and_the_columns_stand_below_one_another() {
        let run = |layer, answers: &[(&str, u64)]| Summary {
            layer,
            requests: 1500,
            answers: answers.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<BTreeMap<_, _>>(),
            latency_ms: Latency { p50: 1.234, p90: 56.7, p99: 1500.0, max: 2000.0 },
            latency_while_sick_ms: Latency::default(),
            reached_while_sick: 9,
            detect_ms: layer.then_some(110.0),
            first_success_ms: None,
            steady_success_ms: Some(3.0),
        };
        let text = table(&[run(false, &[("201", 900), ("503", 600)]), run(true, &[("201", 800), ("502", 3)])]);
        for line in ["  502", "  503", "sick → first refusal", "latency while it was sick"] {
            assert!(text.lines().any(|found| found.starts_with(line)), "{line} in\n{text}");
        }
        for cell in ["1.23 ms", "57 ms", "1.50 s", "–", "110 ms"] {
            assert!(text.contains(cell), "{cell} in\n{text}");
        }
        let ends: Vec<_> = text
            .lines()
            .filter(|line| line.ends_with(|last: char| last.is_alphanumeric()))
            .map(|l| l.chars().count())
            .collect();
        assert!(ends.iter().filter(|end| **end == ends[0]).count() > 10, "{text}");
    }
}
