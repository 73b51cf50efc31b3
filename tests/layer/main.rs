//! The tower layer: readiness, admission, outcomes, refusals, bodies.

mod bodies;
mod dropped;
mod herd;
mod outcomes;
mod probe_if;
mod readiness;
mod refusals;
