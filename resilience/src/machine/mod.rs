//! The breaker as a pure machine: `(state, input, now) → effects`.
//!
//! A [`Machine`] holds no lock, no atomic, no clock and no runtime, and it calls nobody. Everything else wraps it:
//! [`Breaker`](crate::Breaker) publishes one to many threads, the tower layer drives that, a model checker explores it,
//! a replay tool feeds it an access log.
//!
//! - **Closed**: every call is admitted; rules watch the outcomes.
//! - **Open**: every call is refused until the cool-down is over.
//! - **Half-open**: a bounded number of calls is admitted as probes; stage by stage twice as many.
//!
//! Over the phase lies the operator's [`Overlay`]. Every change of phase or overlay starts a new *epoch*; a [`Ticket`]
//! names the epoch of its admission, and an outcome that comes back in another epoch changes nothing.
//!
//! ```
//! use resilience::clock::Instant;
//! use resilience::machine::{Context, Machine, Phase, Report};
//! use resilience::policy::Rules;
//! use resilience::Verdict;
//!
//! let rules = Rules::default();
//! let mut machine = Machine::new(&rules);
//! let mut effects = Vec::new();
//! for second in 0..3 {
//!     let cx = Context::new(&rules, Instant::from_nanos(second * 1_000_000_000));
//!     let ticket = machine.admit(&cx, true, &mut effects).unwrap();
//!     machine.record(&cx, ticket, Report::new(Verdict::Failure(None)), &mut effects);
//! }
//! let cx = Context::new(&rules, Instant::from_nanos(2_000_000_000));
//! assert!(matches!(machine.view(&cx).phase, Phase::Open { .. }));
//! assert!(machine.admit(&cx, true, &mut effects).is_err());
//! assert_eq!(effects.len(), 1);
//! ```

mod admit;
mod command;
mod core;
#[cfg(all(test, not(loom)))]
mod edges;
mod event;
mod half_open;
mod input;
mod log;
mod outcome;
mod packed;
mod quota;
mod saved;
#[cfg(all(test, not(loom)))]
mod scene;
mod stall;
mod trip;
mod view;

pub use self::core::Machine;
pub use event::{Event, EventKind};
pub use input::{Command, Context, Report, Ticket};
#[cfg(feature = "retry")]
pub(crate) use outcome::mix;
pub(crate) use packed::Packed;
pub use quota::QuotaLeft;
pub use saved::Saved;
pub use trip::{Reason, Refusal, Rule, Tally, Trip};
pub(crate) use view::MOST_RESTORED;
pub use view::{Counts, Overlay, Phase, ProbeResults, View};
