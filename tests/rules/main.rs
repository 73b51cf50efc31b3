//! Each rule at its boundaries: when it trips, how long it stays open, how it recovers.

mod cool_down;
mod hints;
mod recovery;
mod shares;
mod stall;
mod window;
