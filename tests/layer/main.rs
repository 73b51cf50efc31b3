//! The tower layer: readiness, admission, outcomes, refusals, bodies.

mod bodies;
mod dropped;
mod herd;
mod keyed;
mod outcomes;
mod probe_if;
mod readiness;
mod refusals;
