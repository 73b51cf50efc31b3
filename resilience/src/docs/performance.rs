//! How the healthy path works, and what it costs.
//!
//! A breaker in good health has nothing to write down. What a call needs to know is one word, the *gate*: is the breaker
//! closed, has nothing failed lately, and which epoch is it? The call reads it on the way in and takes it along as its
//! permit. On the way out, if the call succeeded, it reads the word again: if it is the same, there is nothing to do. A few
//! reads of a cache line that nobody writes; no lock, no clock, no allocation, no atomic read-modify-write, not even a
//! reference count. So any number of threads share one breaker at full speed.
//!
//! Everything else goes to a cold function, and most of that behind one short lock around a pure state machine: a failure
//! (which reads the clock once), a probe, the operator.
//!
//! # What the compiler makes of it
//!
//! All of a healthy call through the layer around a service that answers at once, with readiness, call and poll inlined into
//! one function; `benches/instructions.sh --listing` shows it, this is its straight way (x86-64, Rust 1.95, `--release`; the
//! prologue, which keeps the registers, is left out):
//!
//! ```text
//! mov    (%rsi),%rdi          poll_ready: the slot of the breaker,
//! mov    0x10(%rdi),%rax      and its gate
//! test   $0x8,%al             does it admit every call?
//! jne    …                      no: look twice
//! movb   $0x0,0xc(%rsi)       the service was not found refusing
//! mov    (%rsi),%rdi          call: the slot,
//! mov    0x10(%rdi),%r15      and the gate, which is the permit
//! test   $0xf,%r15b           closed, nothing failed lately, nothing to count?
//! je     +5                     yes: over what another gate would want
//! test   $0x1,%r14b           the inner service: an odd number fails
//! jne    …
//! mov    0x10(%rdi),%rsi      the outcome: the gate
//! cmp    %r15,%rsi            is it still the same?
//! je     …                      yes: that is all
//! ```
//!
//! Three reads of one word and a store to the service's own memory. There is no instruction with a `lock` prefix and no call
//! in it. Counted by callgrind that is 12 instructions over the bare service; a peer takes 66 or more. `.ci/run instructions`
//! counts again and fails if it becomes more, or if a lock, a clock or the allocator turns up.
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
//! Nearly nine of its thirteen nanoseconds are two readings of the coarse clock: one when the service is asked whether it is
//! ready, so that a dead upstream is not, and one when it is called, as time may have passed. That makes it less than half of
//! the cheapest peer's and a little more than a tenth of tower-resilience's. What would make it cheaper, and why it is not done:
//!
//! - *To remember the first reading until the call.* A service may be ready for long before it is called, and would then tell
//!   a wait from the past; it would also be eight bytes larger for good.
//! - *To ask the inner service for its readiness without looking at the clock.* Then each refused call reserves what only an
//!   admitted one may have (a place in a limit or a buffer, a connection to an upstream that is down).
//! - *To compute the wait only when somebody asks for it.* By then the breaker may have tripped again, and the wait would be
//!   that of another trip; and a `503` asks for it always.
//! - *To call the kernel's clock page without the C library.* Saves nearly three nanoseconds, and such a program cannot be run
//!   under valgrind ([rustix#1559](https://github.com/bytecodealliance/rustix/issues/1559)), which is how this crate's costs
//!   are watched.
//!
//! # A failure
//!
//! An exact window of time has to know when each failure was, so a failure takes a lock, reads the clock, keeps the instant
//! beside the two before it, and compares the oldest with the window: 437 instructions, of which the clock and the two
//! atomic operations of the lock take most of the time. It is the same after ten failures and after a hundred thousand.
//!
//! # Rules about shares
//!
//! A failure rate has to count successes, too. Each thread counts on a stripe of its own, a ring of 65 buckets that know
//! their time; the sum is made when a failure is recorded. A success reads the coarse clock and adds one to a word that no
//! other thread writes: 99 instructions over the bare service. Cost and memory are the same with ten calls in the window
//! and with a hundred thousand.
//!
//! # What it does not do
//!
//! - It does not time calls, unless a rule about slow calls asks for it: a call that waits reads one clock, one that is
//!   answered at once reads none.
//! - It does not count successes, unless a rule or the operator asks for it.
//! - A call in half-open takes the lock three times (is it refused, which probe is it, how did it end). Recovery admits a
//!   handful of calls, and each of them reaches an upstream that may be down.
//!
//! # Figures
//!
//! ```text
//! cargo bench -p benches --bench report        everything beside the bare service and beside other crates, as Markdown and SVG
//! cargo bench -p benches --bench contention    two threads and four on one breaker, and on one each
//! benches/instructions.sh                      instructions by callgrind
//! .ci/run instructions                         the same for this crate alone, against limits
//! ```
//!
//! The results are in `benches/report/RESULTS.md`. They are of two processors of one kind; more of them, and other kinds,
//! were not measured. That no healthy call writes to memory which another thread reads is what lets one expect that more
//! threads scale as two do.
