//! What is printed when the two disagree.

use std::fmt;

use super::{Seen, SeenView};
use crate::model::{Answer, Event, Model, Nanos};
use crate::script::{Script, show_time};

/// The script up to the step at which the two disagree, and what each of them says.
#[derive(Clone)]
pub struct Disagreement {
    /// Up to and with the step.
    pub script: Box<Script>,
    what: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "after the last step of\n\n{}\n{}", self.script, self.what)
    }
}

/// `unwrap` in a test prints the script, not its parts.
impl fmt::Debug for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

pub(super) fn disagreement(
    script: &Script,
    expected: Vec<(Model, Option<Answer>)>,
    now: Nanos,
    answer: Option<Seen>,
    events: &[Event],
    seen: Option<&SeenView>,
) -> Disagreement {
    let mut what = format!("at {}\nseen:     {answer:?}\n          {seen:?}\n          {events:?}\n", show_time(now));
    for (mut model, answer) in expected {
        what += &format!("expected: {answer:?}\n          {:?}\n          {:?}\n", model.read(now), model.events());
    }
    Disagreement { script: Box::new(script.clone()), what }
}
