//! What the benchmarks share.
//!
//! A [`Subject`] is one way of calling the same trivial [`Upstream`]: bare, through this crate's layer, or through a
//! peer as it is released. A [`Scenario`] is a state that a subject is measured in. [`start`] brings a subject into
//! the state and proves that it is there, because a benchmark of a breaker that has silently tripped measures
//! refusals; [`run`] is the measured loop, one monomorphic copy for each subject, so that everything inlines as it
//! would in a service.

mod args;
mod ours;
mod peers;
mod scenario;
mod subject;
mod table;
mod threads;
mod timing;
mod upstream;
mod window;

pub use args::{Args, Mode};
pub use ours::{Ours, OursKeyed, OursRate};
pub use peers::{
    CircuitBreakerRs, Failsafe, FailsafeDefault, FailsafeInARow, Nobreak, Recloser, SeatbeltLayered, SeatbeltTower,
    TowerResilience, TowerResilienceInARow, TowerResilienceTimed,
};
pub use scenario::{Scenario, Seen, run, start};
pub use subject::{
    Bare, Form, Refusal, Sizes, Subject, Visitor, every_subject, every_window, poll_now, poll_on, tower_call,
    tower_ready, tower_sizes,
};
pub use table::{Table, figure};
pub use threads::{Together, together};
pub use timing::{cpu_time, median};
pub use upstream::{Fail, Upstream, answer};
pub use window::{WINDOWS, window_cost};
