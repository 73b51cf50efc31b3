//! The peers, from their released packages.
//!
//! Each keeps its default policy, or its "N failures in a row" where it has one; only where a scenario needs it (that
//! nothing trips, that it stays open, that it stays half-open) a threshold or a duration is changed, and nothing else.

mod circuitbreaker_rs;
mod failsafe;
mod nobreak;
mod recloser;
mod seatbelt;
mod tower_resilience;

pub use circuitbreaker_rs::CircuitBreakerRs;
pub use failsafe::{Failsafe, FailsafeDefault, FailsafeInARow};
pub use nobreak::Nobreak;
pub use recloser::Recloser;
pub use seatbelt::{SeatbeltLayered, SeatbeltTower};
pub use tower_resilience::{TowerResilience, TowerResilienceInARow, TowerResilienceTimed};
