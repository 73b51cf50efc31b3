//! How this is tested, with the results of the last long runs, and what is not tested.
//!
//! A breaker is code that matters on the worst day only, so that it works cannot be seen on the others. Each method here
//! finds what the others cannot; `CONTRIBUTING.md` has the command of each, and what is quick runs with every change.
//!
//! # The rules
//!
//! | method | what it shows | size of the last run | runs with every change |
//! |---|---|---|---|
//! | a reference model, written apart from the machine and as naively as possible, and random policies and scripts (proptest) | machine and breaker do what the rules say, whatever is called, answered, dropped, commanded or reconfigured in whatever order; a disagreement shrinks to a script that can be read | 1500 scripts of up to 60 steps, each played to the machine and to the breaker, looked at after each step and only where the script looks; 1500 more with jitter; with other seeds as many as one likes | yes |
//! | wrong models | the comparison finds a rule that is broken: models that are wrong on purpose have to be found out | each of them is | yes |
//! | exploration of all states of small machines, with up to three calls in flight | safety: never more probes than there are slots, no admission before the deadline, no effect of a late outcome, epochs that only grow. Liveness: from each state, if the upstream is well, it closes | 8 policies, 12,055 states, 107,480 steps, each compared with the model | yes |
//! | a test for each trap that another breaker has fallen into | their bugs are not ours; the table is at the head of each file | 94 tests | yes |
//! | `cargo mutants`, over the machine, the policies, the gate, permits, slots and the words they are packed in | a change of the code is noticed by a test | 1,170 changes, each tried on all tests that need no services: 84 do not compile, 1,030 are noticed, 122 of these by a test that did not end; 5 were missed, and have a test since or are gone. Of the 51 in constants among them 30 are noticed, 7 change nothing and 14 were not tried. What no test can tell (`^` for `\|` between fields that do not overlap, a look under the lock where none is needed) is left out by name, with its reason, in `.cargo/mutants.toml` | no |
//! | coverage (`cargo llvm-cov`) by the library's unit tests and the packages beside it, the services left out | which code no test reaches at all | 98.3 % of 8,439 lines, 92.4 % of 1,215 branches; the unit tests that stand in the same file count as lines of it, examples of the documentation are not run. What is not reached is mostly the second half of an `if let` whose value is always there, what only another thread brings about (the models of loom look at that), and words for people in `Debug` and `Display` | no |
//!
//! # Threads
//!
//! | method | what it shows | size of the last run | runs with every change |
//! |---|---|---|---|
//! | model checking (loom) | what publishes the state to threads is right in every order of up to four preemptions: admission beside a trip, outcomes beside an operator, a refusal that is read while it changes, the last handle dropped beside calls in flight, keys that fall ill and recover at once | 24 models | yes |
//! | an interpreter that sees data races, leaks and undefined behaviour (miri) | the library has no `unsafe` of its own, and what it stands on is used rightly | the unit tests and two files of integration tests | yes |
//! | threads in earnest, whose transitions are checked to be a legal chain | the same on a real processor | 4 threads, 60 rounds | yes |
//! | the thread sanitizer, on that | the same, and what the interpreter is too slow for | no report | no |
//!
//! # The world outside
//!
//! | method | what it shows | size of the last run | runs with every change |
//! |---|---|---|---|
//! | a simulated network in virtual time (turmoil) | the example gateway, its event API behind it, notices a partition, a crash, silence, what is held on the way, a slow answer and one that breaks off, and comes back from it, in a time that is asserted; of any sequence of them it recovers, and a client that repeats its request gets one event | 20 runs, of 10 to 35 seconds each | yes |
//! | frameworks over real sockets | axum, hyper, tonic, reqwest, tower's balancer, buffer, limits, retries and timeouts take the layer, and it does there what it does alone | 37 tests | yes |
//! | fuzzing (libFuzzer) of what comes from outside: hints, snapshots, configuration, requests | nothing panics; what is read keeps its promises; any snapshot recovers | two minutes each: 2.2, 4.1 and 0.6 million inputs, and 47,000 requests; nothing found | no |
//! | the example services, killed fifty times while they write | nothing that was acknowledged is lost, and one `Idempotency-Key` makes one event | 50 kills | yes |
//! | the example services under floods, garbage, slow and silent clients | no answer of 500, and descriptors and memory come back | 1200 connections | yes |
//! | a browser that clicks | the status page shows what happens | 3 stories | yes |
//!
//! # What a number promises
//!
//! That a healthy call takes no lock, allocates nothing and reads no clock is asserted by a counting allocator, by the
//! count of instructions (callgrind) and by a look at the compiled code; sizes and the memory of keys are asserted, too.
//! [Performance](super::performance) has the figures.
//!
//! # What is not tested
//!
//! - **Processors other than x86-64**, and more than two of them at once, but for what the model checker says of the order
//!   of memory accesses. Loom knows no order that is weaker than its model of C11, and bounds preemptions.
//! - **Windows and macOS**: the workflow runs the tests there, nobody measures.
//! - **Clocks that run backwards** are refused by contract, not by code, for clocks of your own; the machine survives them
//!   without a panic, and recovers when they have caught up.
//! - **Years.** Counters that wrap after decades are looked at by arithmetic, not by waiting.
//! - **Peers' own tests.** What is said of other crates was measured with their released versions, by us.
