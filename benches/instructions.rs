//! One subject in one state for a number of calls, for a tool that counts instructions: see `instructions.sh`.
//!
//! `instructions SUBJECT STATE CALLS [BEFORE]` brings the subject into the state, makes `BEFORE` calls that are there
//! only to fill its window, and then `CALLS` calls. Two runs that differ in `CALLS` alone differ by those calls alone,
//! so the difference of their instructions is free of everything else that a program does.
//! Run as a benchmark or a test it does that for everything once, which proves that every row can be counted.
#![allow(missing_docs)]

use std::hint::black_box;

use subjects::{Args, Mode, Ours, OursKeyed, Scenario, Subject, Visitor, every_subject, start};

/// What the command line asks for.
struct Row {
    subject: String,
    /// The name of a scenario, or `clone`.
    state: String,
    calls: u64,
    before: u64,
    found: bool,
}

impl Row {
    fn from_words(words: &[String]) -> Option<Self> {
        let [subject, state, calls, before @ ..] = words else { return None };
        if subject.starts_with('-') {
            return None;
        }
        let before = before.first().map_or(Some(0), |before| before.parse().ok())?;
        let calls = calls.parse().ok()?;
        Some(Self { subject: subject.clone(), state: state.clone(), calls, before, found: false })
    }
}

impl Visitor for Row {
    fn visit<S: Subject>(&mut self) {
        if S::NAME != self.subject {
            return;
        }
        if self.state == "clone" {
            let Some(subject) = start::<S>(Scenario::Healthy) else { return };
            clones(&subject, self.calls);
            self.found = true;
        }
        let Some(scenario) = Scenario::ALL.into_iter().find(|scenario| scenario.name() == self.state) else { return };
        let Some(mut subject) = start::<S>(scenario) else { return };
        for calls in [self.before, self.calls] {
            scenario.assert::<S>(scenario.run(&mut subject, calls));
        }
        self.found = true;
    }
}

#[inline(never)]
fn clones<S: Subject>(subject: &S, times: u64) {
    for _ in 0..times {
        drop(black_box(black_box(subject).clone()));
    }
}

/// The whole of a healthy call of this crate's layer in one function, for a disassembler to be looked at.
#[inline(never)]
fn healthy_call(service: &mut Ours, request: u64) -> Result<u64, <Ours as Subject>::Error> {
    service.call(request)
}

/// Every row, a few calls each; with `names`, only says which rows there are.
struct Every {
    names: bool,
}

impl Visitor for Every {
    fn visit<S: Subject>(&mut self) {
        for scenario in Scenario::ALL {
            let Some(mut subject) = start::<S>(scenario) else { continue };
            if self.names {
                println!("{} {}", S::NAME, scenario.name());
            }
            scenario.assert::<S>(scenario.run(&mut subject, 100));
        }
        if self.names {
            println!("{} clone", S::NAME);
        }
    }
}

/// The subjects of every table, and this crate's layer with a breaker for each key, which has no peer.
fn all_subjects<V: Visitor>(visitor: &mut V) {
    every_subject(visitor);
    visitor.visit::<OursKeyed<false>>();
    visitor.visit::<OursKeyed<true>>();
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "rows") {
        all_subjects(&mut Every { names: true });
        return;
    }
    if let Some(mut row) = Row::from_words(&words) {
        all_subjects(&mut row);
        // Not a failure: the table has a gap where a subject cannot be kept in a state.
        std::process::exit(if row.found { 0 } else { 3 });
    }
    let args = Args::or_list("instructions");
    if let Some(mut service) = start::<Ours>(Scenario::Healthy) {
        assert!(black_box(healthy_call(&mut service, black_box(2))).is_ok());
    }
    all_subjects(&mut Every { names: false });
    if args.mode != Mode::Test {
        println!("instructions: every row can be counted; benches/instructions.sh counts them");
    }
}
