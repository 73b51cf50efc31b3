//! How the healthy path works, and what it costs.
//!
//! A breaker in good health has nothing to write down. What a call needs to know is one word, the *gate*: is the breaker
//! closed, has nothing failed lately, and which epoch is it? The call reads it on the way in and takes it along as its
//! permit. On the way out, if the call succeeded, it reads the word again: if it is the same, there is nothing to do. Two
//! reads of a cache line that nobody writes; no lock, no clock, no allocation, no atomic read-modify-write, not even a
//! reference count. So any number of threads share one breaker at full speed.
//!
//! Everything else goes to a cold function, and most of that behind one short lock around a pure state machine: a failure
//! (which reads the clock once), a probe, the operator.
//!
//! # How a future reaches the state
//!
//! A call's future must reach its breaker whenever it ends, even after the last handle is gone; the usual answer, an
//! `Arc` clone a call, is two writes to a line that all threads share. Here the state lives in *slots* that are never
//! freed, only used again: a reference to one is always good. The slot's epoch never goes back, so what a future of a
//! former owner brings is just one more outcome from another epoch, and those change nothing by the breaker's own rules.
//! Nothing of this needs `unsafe`.
//!
//! # A refusal
//!
//! A refusal needs to know what time it is. The deadline and what refusals tell are published next to the gate; a refusal
//! reads them and one coarse clock, and compares. Closer to the deadline than that clock can be wrong, the exact clock is
//! asked. The refusal itself is two words.
//!
//! # Rules about shares
//!
//! A failure rate has to count successes, too. Each thread counts on a stripe of its own, a ring of 65 buckets that know
//! their time; the sum is made when a failure is recorded. Cost and memory are the same with ten calls in the window and
//! with a hundred thousand.
//!
//! # Figures
//!
//! `cargo bench -p benches` measures all of this beside the bare service and beside other crates; `benches/` has the
//! programs and the results.
