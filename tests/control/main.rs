//! The handle: overlays, policies, snapshots, and who is told.

mod observers;
mod overlays;
mod policies;
mod snapshots;
mod transitions;
