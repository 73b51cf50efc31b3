//! What well-known breakers get wrong, one test for each.
//!
//! Every test is named for the behaviour that is right, and each file begins with the traps that it guards against, in
//! their own words. They came from the source, the issue trackers and the post-mortems of breakers in many languages.
//! No test sleeps: the clock is moved by hand.

mod control;
mod late;
mod layers;
mod probes;
mod time;
mod windows;
