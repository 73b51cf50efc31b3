//! What a breaker costs in memory: bytes of the service and of the future, heap of a breaker, allocations of a call.
//!
//! The figures are counts and not times, so they are the same in every mode, and what this crate promises is asserted.
#![allow(missing_docs)]

use std::alloc::System;
use std::any::Any;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use subjects::{Args, Form, Scenario, Sizes, Subject, Table, Visitor, WINDOWS, every_subject, every_window, start};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// So many at once, so that what a process pays once (the first block of an arena, say) does not hide what each costs.
const BREAKERS: usize = 1_000;
const CALLS: u64 = 2_000;

/// Allocations, and bytes that are still held, of what `act` does.
fn heap<T>(act: impl FnOnce() -> T) -> (usize, isize, T) {
    let region = Region::new(ALLOCATOR);
    let made = act();
    let change = region.change();
    // What is grown or shrunk in place is in neither of the two sums.
    let held = change.bytes_allocated.cast_signed() - change.bytes_deallocated.cast_signed() + change.bytes_reallocated;
    (change.allocations + change.reallocations, held, made)
}

#[allow(clippy::cast_precision_loss)]
fn per(total: usize, count: usize) -> f64 {
    total as f64 / count as f64
}

fn show(value: f64) -> String {
    if value.fract() < 0.005 { format!("{value:.0}") } else { format!("{value:.2}") }
}

struct Rows {
    table: Table,
    args: Args,
}

/// What one subject costs.
struct Cost {
    sizes: Sizes,
    breaker: f64,
    blocks: f64,
    used: f64,
    settings: f64,
    clone: f64,
    /// By scenario, in the order of [`Scenario::ALL`].
    calls: Vec<Option<f64>>,
}

impl Cost {
    fn of<S: Subject>() -> Option<Self> {
        // Whatever is made once for the process is made here.
        let sizes = start::<S>(Scenario::Healthy)?.sizes();
        let mut subjects = Vec::with_capacity(BREAKERS);
        let (blocks, fresh, ()) = heap(|| subjects.extend((0..BREAKERS).filter_map(|_| S::new(Scenario::Healthy))));
        let (_, grown, ()) = heap(|| {
            for subject in &mut subjects {
                Scenario::Healthy.assert::<S>(Scenario::Healthy.run(subject, CALLS));
            }
        });
        // Here no subject can do with its defaults, so that settings which are shared as long as they are nobody's own show.
        let mut own = Vec::with_capacity(BREAKERS);
        let (_, settings, ()) = heap(|| own.extend((0..BREAKERS).filter_map(|_| S::new(Scenario::Failing))));
        drop(own);
        let mut clones = Vec::with_capacity(BREAKERS);
        let (cloned, ..) = heap(|| clones.extend(subjects.iter().cloned()));
        let calls = Scenario::ALL.map(|scenario| {
            let mut subject = start::<S>(scenario)?;
            let (allocations, _, seen) = heap(|| scenario.run(&mut subject, CALLS));
            scenario.assert::<S>(seen);
            Some(per(allocations, usize::try_from(CALLS).unwrap_or(usize::MAX)))
        });
        Some(Self {
            sizes,
            breaker: per(fresh.unsigned_abs(), BREAKERS),
            blocks: per(blocks, BREAKERS),
            used: per((fresh + grown).unsigned_abs(), BREAKERS),
            settings: per(settings.unsigned_abs(), BREAKERS),
            clone: per(cloned, BREAKERS),
            calls: calls.into(),
        })
    }

    /// A future that allocates in good health is a boxed one; the size of the box says nothing.
    fn boxes(&self) -> bool {
        self.calls[0].is_some_and(|allocations| allocations > 0.0)
    }

    /// What this crate promises.
    fn assert_promises(&self) {
        assert!(
            self.calls.iter().flatten().all(|&allocations| allocations == 0.0),
            "a call allocates: {:?}",
            self.calls
        );
        assert!(self.clone == 0.0, "a clone of the service allocates");
        assert!(self.sizes.service <= 16, "the service adds {} bytes", self.sizes.service);
        assert!(self.sizes.future <= 24, "the future adds {} bytes", self.sizes.future);
        assert!((self.used - self.breaker).abs() < 1.0, "a breaker grows with traffic");
    }
}

impl Visitor for Rows {
    fn visit<S: Subject>(&mut self) {
        if !self.args.wants(S::NAME) {
            return;
        }
        let Some(cost) = Cost::of::<S>() else { return };
        if S::FORM == Form::Ours {
            cost.assert_promises();
        }
        let mut row = vec![
            S::NAME.to_owned(),
            cost.sizes.service.to_string(),
            if cost.boxes() { "boxed".to_owned() } else { format!("{:+}", cost.sizes.future) },
            format!("{} ({})", show(cost.breaker), show(cost.blocks)),
            show(cost.used),
            show(cost.settings),
            show(cost.clone),
        ];
        row.extend(cost.calls.into_iter().map(|allocations| allocations.map_or("-".to_owned(), show)));
        self.table.cells(row);
    }
}

/// The heap of a breaker by the calls that its window holds.
struct Grown {
    table: Table,
    windows: &'static [u64],
    args: Args,
    /// All that was measured, so that no breaker takes over memory from one that is gone.
    kept: Vec<Box<dyn Any>>,
}

impl Visitor for Grown {
    fn visit<S: Subject>(&mut self) {
        for scenario in [Scenario::Healthy, Scenario::Failing] {
            let name = format!("{}, {}", S::NAME, scenario.name());
            if !self.args.wants(&name) {
                continue;
            }
            // Whatever is made once for the process is made here.
            self.kept.push(Box::new(S::new(scenario)));
            let mut row = vec![name];
            let mut first = None;
            for &calls in self.windows {
                let (_, held, subject) = heap(|| {
                    let mut subject = S::new(scenario)?;
                    scenario.assert::<S>(scenario.run(&mut subject, calls));
                    Some(subject)
                });
                row.push(if subject.is_some() { held.to_string() } else { "-".to_owned() });
                self.kept.push(Box::new(subject));
                let grown = held - *first.get_or_insert(held);
                assert!(S::FORM != Form::Ours || grown == 0, "{} grows by {grown} bytes in {calls} calls", S::NAME);
            }
            self.table.cells(row);
        }
    }
}

fn main() {
    let args = Args::or_list("memory");
    // First, while no breaker is gone that another could take over from.
    let windows = args.pick(&WINDOWS[..2], &WINDOWS[..4], &WINDOWS[..]);
    let mut headings = vec!["bytes of heap by calls in the window".to_owned()];
    headings.extend(windows.iter().map(ToString::to_string));
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let mut grown = Grown { table: Table::new(&headings), windows, args: args.clone(), kept: Vec::new() };
    every_window(&mut grown);
    println!("{}", grown.table);

    let mut headings = vec![
        "subject",
        "service, B over inner",
        "future, B over inner",
        "heap of a breaker, B (allocations)",
        "after 2,000 calls, B",
        "with settings of its own, B",
        "allocations: clone",
    ];
    headings.extend(Scenario::ALL.map(Scenario::name));
    let mut rows = Rows { table: Table::new(&headings), args };
    every_subject(&mut rows);
    println!("{}", rows.table);
}
