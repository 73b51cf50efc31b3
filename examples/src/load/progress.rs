//! What there is to see while a run goes on: a bar on a terminal, and nothing where nobody looks.

use super::pace::{Outcome, Sample};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// On standard output.
    Shown,
    /// Not at all.
    Hidden,
}

impl Progress {
    /// Shown where standard output is a terminal.
    #[must_use]
    pub fn on_a_terminal() -> Self {
        if stdout().is_terminal() { Self::Shown } else { Self::Hidden }
    }

    pub(super) fn bar(self, layer: bool, requests: u64) -> Bar {
        let target = match self {
            Self::Shown => ProgressDrawTarget::stdout(),
            Self::Hidden => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(requests), target);
        // The template is a constant; if it were none, the plain bar would do.
        if let Ok(style) = ProgressStyle::with_template("{prefix:18} {bar:30} {pos:>6}/{len} {elapsed} {msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(super::title(layer));
        Bar { bar, counts: Arc::default() }
    }
}

/// The bar of one run; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    counts: Arc<[AtomicU64; 3]>,
}

impl Bar {
    pub(super) fn tell(&self, sample: &Sample) {
        let kind = match sample.outcome {
            Outcome::Added => 0,
            Outcome::Refused => 1,
            _ => 2,
        };
        self.counts[kind].fetch_add(1, Ordering::Relaxed);
        let [added, refused, failed] = [0, 1, 2].map(|kind: usize| self.counts[kind].load(Ordering::Relaxed));
        self.bar.inc(1);
        // Drawn a few times a second, however often it is told.
        self.bar.set_message(format!("{added} added, {refused} refused, {failed} failed"));
    }

    pub(super) fn end(&self) {
        self.bar.finish();
    }
}
