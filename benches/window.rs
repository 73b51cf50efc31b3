//! What a call costs when the window already holds 10 … 100,000 calls.
//!
//! Not criterion's loop: a window that grows must not grow by the measurement, so only a few calls are timed for each
//! filling. `memory` shows the heap for the same windows, `instructions.sh` that this crate's count does not change.
#![allow(missing_docs)]

use std::time::Duration;

use subjects::{Args, Scenario, Subject, Table, Visitor, WINDOWS, every_window, figure, window_cost};

struct Rows {
    table: Table,
    windows: &'static [u64],
    patience: Duration,
    args: Args,
}

impl Visitor for Rows {
    fn visit<S: Subject>(&mut self) {
        for scenario in [Scenario::Healthy, Scenario::Failing] {
            let name = format!("{}, {}", S::NAME, scenario.name());
            if !self.args.wants(&name) {
                continue;
            }
            let cost = |&held: &u64| window_cost::<S>(scenario, held, self.patience).map_or("-".to_owned(), figure);
            let row = std::iter::once(name.clone()).chain(self.windows.iter().map(cost));
            self.table.cells(row.collect());
        }
    }
}

fn main() {
    let args = Args::or_list("window");
    let windows = args.pick(&WINDOWS[..2], &WINDOWS[..4], &WINDOWS[..]);
    let mut headings = vec!["ns a call by calls in the window".to_owned()];
    headings.extend(windows.iter().map(ToString::to_string));
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let patience = args.pick(Duration::ZERO, Duration::from_millis(100), Duration::from_millis(500));
    let mut rows = Rows { table: Table::new(&headings), windows, patience, args };
    every_window(&mut rows);
    println!("{}", rows.table);
}
