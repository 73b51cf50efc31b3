//! How it compares, and when to take something else.
//!
//! What is said here of others was read in their released sources, at the versions named; the [sources](#sources) say which
//! file. Most of them are older, and all of them are used by more people than this crate is.
//!
//! # In Rust
//!
//! | | resilience | tower-resilience-circuitbreaker 0.14 | seatbelt 0.11 | failsafe 1.3 | recloser 1.4 | circuitbreaker-rs 0.1.1 | nobreak 0.1 |
//! |---|---|---|---|---|---|---|---|
//! | trips on | N failures within a time; in a row; share of failed or of slow calls; calls that hang | share of failed or slow calls; in a row | share of failed calls in a sliding time | in a row; success rate, averaged over a time; either | share of failed calls in a ring of the last N | error rate or in a row; a policy of your own | in a row |
//! | as it comes | 3 within 30 s | 50 % of at least 100 calls | 10 % of at least 100 calls in 30 s | 5 in a row, or below 80 % success in 30 s | 50 % of 100 calls | 50 % of at least 10 calls, or 5 in a row | 5 in a row |
//! | stays open for | growing times, with jitter | a constant time | a constant time | constant, growing, or jittered times | a constant time, or a function of yours | a constant time | a constant time |
//! | hears `Retry-After` and its like | yes | no | no | no | no | no | no |
//! | half-open lets in | 1, 2, 4 calls in flight | a number of calls | 0.1, 1, 5, 10, 25, 50 % of the traffic, or one call | everybody | everybody, until its ring is full | a number of calls | everybody |
//! | a probe that never ends | fails at a deadline; makes room before | keeps its place | another one follows after a time | keeps nobody out | keeps nobody out | keeps its place | keeps nobody out |
//! | a call that is dropped | is judged by its age | gives its place back, says nothing | is counted apart; a policy says what it means | says nothing | says nothing | says nothing | says nothing |
//! | an answer from before the trip | changes nothing | can end half-open | is told apart in half-open | can end half-open | is counted in half-open | can end half-open | is counted in half-open |
//! | judges | answers and errors, at the head or at the end of a body | answers and errors | answers and errors | errors | errors | every `Err` | every `Err` |
//! | a refusal says | why, and when to come back; or is a `503` or `UNAVAILABLE` that does | that it is one | what you make of it; not when to come back | that it is one | that it is one | that it is one | that it is one |
//! | tower | a layer; nothing is boxed | a layer; the future is boxed, the inner service cloned | a service, by a feature; the future is boxed | no | no | no | no |
//! | without tower or a runtime | yes | no | no | yes | yes | yes | yes |
//! | one layer, applied many times | one breaker | one for each service, or one where a handle is asked for | one for each service, or for each key in it | – | – | – | – |
//! | a breaker for each key | yes; healthy keys hold no memory, and those in trouble have a hard limit | no | yes, each of which is kept for good | no | no | no | no |
//! | the operator | forces open or closed, shadows, resets, changes the policy | forces open or closed, resets; a manual mode | switches it on or off when it is built | resets | – | forces open or closed | – |
//! | sight | snapshots, observers, `tracing`, `metrics`, OpenTelemetry, Prometheus | listeners, `tracing`, `metrics`, health checks | OpenTelemetry, `tracing`, callbacks | a trait | `tracing` | hooks, a trait for metrics | the state |
//! | from a file | yes | no | yes | no | no | no | no |
//! | a fallback | no | yes | yes, beside it | no | no | no | no |
//!
//! # In other languages
//!
//! | | resilience4j | Polly 8 | gobreaker 2 | failsafe-go |
//! |---|---|---|---|---|
//! | trips on | share of failed or slow calls, of the last N or in a time | share of failed calls in a time | what your function makes of its counts | in a row; m of n; N within a time; a share |
//! | as it comes | 50 % of 100 calls | 10 % of at least 100 calls in 30 s | more than 5 in a row | a single failure |
//! | stays open for | 60 s, or a function of yours | 5 s, or a function of yours | 60 s | 1 min, or a function of yours, which sees the result |
//! | half-open lets in | 10 calls; it can be given a longest time | one | `MaxRequests`, 1 | as many as decide |
//! | an answer from before the trip | is counted | is counted | changes nothing | is counted |
//! | a refusal says when to come back | no | yes (`RetryAfter`) | no | no |
//! | the operator | forces open, disables, only measures | isolates, closes | – | opens, half-opens, closes |
//!
//! # How well they protect
//!
//! Simulated: 50 calls a second to an upstream that falls ill by the same script for each. The breakers are those released,
//! each as it comes, and set as near as it can be to "3 failures within 30 s, open for 5 s". *Wasted* calls were let through
//! although the upstream could not answer them; *back* is how long after its recovery calls were still refused.
//!
//! | | 40 s down: wasted | back, s | 5 s down: wasted | back, s | flapping: answered, % | 30 % fail: answered, % | weak: calls over | hanging: wasted | dropped: wasted | rate limit: wasted |
//! |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
//! | no breaker | 2,000 | – | 250 | – | 73 | 86 | 1,196 | 2,000 | 2,000 | 3,600 |
//! | **resilience** | 10 | 12.0 | 5 | 1.5 | 67 | 42 | 2 | 114 | 114 | 13 |
//! | **resilience, constant** | 10 | 2.0 | 3 | 1.8 | 68 | 53 | 6 | 107 | 107 | 15 |
//! | **resilience, by rate** | 259 | 11.5 | 223 | 0.4 | 69 | 86 | 3 | 315 | 315 | 1,014 |
//! | nobreak | 7 | 20.1 | 6 | 25.1 | 53 | 51 | 41 | 204 | 2,000 | 18 |
//! | nobreak, set alike | 12 | 1.9 | 4 | 1.8 | 69 | 57 | 23 | 502 | 2,000 | 26 |
//! | recloser | 61 | 21.2 | 50 | 26.0 | 52 | 86 | 85 | 259 | 2,000 | 151 |
//! | recloser, set alike | 21 | 2.1 | 5 | 1.8 | 68 | 58 | 24 | 607 | 2,000 | 40 |
//! | failsafe | 8 | 13.7 | 6 | 4.5 | 42 | 68 | 36 | 304 | 2,000 | 26 |
//! | failsafe, set alike | 11 | 1.9 | 4 | 1.8 | 69 | 60 | 23 | 602 | 2,000 | 27 |
//! | circuitbreaker-rs | 7 | 20.1 | 6 | 25.1 | 53 | 51 | 6 | 110 | 2,000 | 18 |
//! | circuitbreaker-rs, set alike | 11 | 1.9 | 4 | 1.8 | 69 | 57 | 23 | 132 | 2,000 | 28 |
//! | seatbelt | 158 | 33.7 | 150 | 33.4 | 35 | 38 | 12 | 237 | 1,368 | 129 |
//! | seatbelt, set alike | 10 | 2.0 | 3 | 1.8 | 69 | 52 | 7 | 107 | 1,360 | 19 |
//! | tower-resilience | 1,500 | 20.1 | 250 | – | 73 | 86 | 673 | 1,599 | 2,000 | 1,497 |
//! | tower-resilience, set alike | 11 | 2.0 | 4 | 1.8 | 69 | 59 | 24 | 107 | 2,000 | 24 |
//!
//! - Set alike, they hardly differ in a plain outage. What differs is what they come set to: how long they stay open, and
//!   whether a share of the calls has to fail, which takes the longer the longer all was well.
//! - **Growing cool-downs have a price**: as it comes, this crate is back 12 s after an outage of 40 s, where a constant 5 s
//!   is back after 2, and wastes as many calls; after one of many minutes it can be a minute late. Growth is for long outages,
//!   and for upstreams that a whole fleet asks. Where it is not wanted there are
//!   [`CoolDown::Constant`](crate::policy::CoolDown::Constant) and [`max_delay`](crate::breaker::Builder::max_delay).
//! - **Where a part of the calls fails for long, the default rule is wrong**: three failures in a row come about soon, and then
//!   seven probes in a row have to succeed. It answers 42 % of the calls of that case, less than all others but seatbelt. A
//!   [`failure_rate`](crate::breaker::Builder::failure_rate) does not trip there; but it all but overlooks an outage of 5 s.
//! - **None is gentle with an upstream that is weak at first.** In 30 s it could answer 304 calls. This crate sends it 2 to 6
//!   too many and gets 12 to 36 answers; the others set alike send 23 or 24 and get 38 to 41, but for seatbelt, with 7 and 36.
//!   As it comes, seatbelt does best, by growing shares of the traffic: 12 and 96. A limit that is known is for
//!   [`quota`](crate::breaker::Builder::quota).
//! - **Hanging calls**: with a timeout inside, nobody trips before it has cut some. Those whose half-open lets everybody in
//!   waste 502 to 607 calls, set alike, the others 107 to 132. Told to look at calls that are out, by
//!   [`stalled`](crate::breaker::Builder::stalled), this crate trips after 0.7 s and wastes 48. With a timeout outside, which
//!   drops the calls, only it and, after 27 s, seatbelt trip at all.
//! - **A rate limit**: who hears `Retry-After` does not ask before. With [`Hints::Obey`](crate::Hints::Obey) 5 calls are
//!   wasted and 189 refused in vain, most of them for the jitter on top of the hint (33 where there is none); the others set
//!   alike waste 19 to 40 and refuse 391 to 408 in vain.
//!
//! `cargo bench -p benches --bench protection` runs it, in about two minutes, and writes `benches/protection/RESULTS.md`:
//! what each is set to, how it is told the time, all figures, and a picture of each case.
//!
//! # Where others do more
//!
//! - **seatbelt** brings retries, timeouts, hedging, fallbacks and the injection of faults from one hand, with one clock. Its
//!   recovery by share of the traffic is finer than 1, 2, 4 calls where there are thousands a second, and its policy for
//!   dropped calls can weigh them against all others.
//! - **tower-resilience** is a family: bulkhead, cache, retry, rate limiter, hedging, chaos and more, each a tower layer; its
//!   breaker takes a fallback and feeds health checks.
//! - **failsafe**, **recloser** and **nobreak** are small. nobreak is 250 lines without a dependency: it can be read in ten
//!   minutes.
//! - **resilience4j** and **Polly** have a decade of production behind them, and are wired into Spring and .NET: dashboards,
//!   configuration, dependency injection.
//! - **gobreaker** can share its state between processes through Redis. This crate does not share state at all.
//! - **failsafe-go** has limiters that find the limit by themselves, which is what overload, as opposed to failure, asks for.
//!
//! # When not to use it
//!
//! - **A breaker is not a timeout.** If calls hang, bound them first; a breaker only keeps the next ones from waiting, too.
//! - **Nor is it a limit of concurrency.** Where a service is slow because too much is asked of it at once, limit what is in
//!   flight; a breaker would alternate between all and nothing.
//! - **Few calls, each of which matters.** A nightly batch of ten uploads should retry each until it is done. Refusing them
//!   helps nobody.
//! - **There is no cheaper answer.** If the caller can do nothing with a refusal but call again at once, the load is the same;
//!   the caller has to wait, fall back, or give up.
//! - **Many upstreams behind one address.** If one of twenty replicas is sick, a breaker on the address sees 5 % of failures
//!   and trips too late or for all. Balance the load and give each replica its own (see
//!   [`back_pressure`](crate::BreakerLayer::back_pressure)).
//! - **Work that has to be accepted.** Put a queue before it, and the breaker behind the queue.
//! - **A call within the process.** What fails there is a bug, and fails for all.
//! - **A mesh does it already.** Two breakers on one path hide from each other; if the proxy ejects hosts, let it, or make one
//!   of the two much slower to trip.
//!
//! # Sources
//!
//! | | files |
//! |---|---|
//! | tower-resilience-circuitbreaker 0.14.0 | `src/circuit.rs` (window, permits, transitions), `src/layer.rs` (`make_service`, presets), `src/lib.rs` (`Service`), `src/error.rs`, `src/handle.rs` |
//! | seatbelt 0.11.0 | `src/breaker/mod.rs` ("Defaults"), `constants.rs`, `half_open_mode.rs`, `abandoned_policy.rs`, `engine/engines.rs` (a breaker for each key), `engine/engine_core.rs` (`exit`), `engine/probing/`, `service.rs` (`BreakerFuture`), `config.rs` |
//! | failsafe 1.3.0 | `src/failure_policy.rs`, `src/backoff.rs`, `src/state_machine.rs` (`is_call_permitted`, `on_success`), `src/error.rs` |
//! | recloser 1.4.0 | `README.md`, `src/recloser.rs` (`call_permitted`, `on_success`, `open_wait_strategy`), `src/error.rs` |
//! | circuitbreaker-rs 0.1.1 | `src/breaker.rs` (`pre_call`, `post_call`), `src/policy.rs`, `src/config.rs` |
//! | nobreak 0.1.0 | `src/lib.rs` |
//! | resilience4j 027f1a9 | `CircuitBreakerConfig.java`, `internal/CircuitBreakerStateMachine.java` |
//! | Polly 023b054 | `docs/strategies/circuit-breaker.md`, `BrokenCircuitException.cs`, `CircuitStateController.cs` |
//! | gobreaker 0a18939 | `v2/gobreaker.go`, `v2/distributed_gobreaker.go` |
//! | failsafe-go 0e452f4 | `circuitbreaker/circuitbreakerbuilder.go`, `circuitbreaker/circuitstates.go` |
//!
//! What it costs beside the others in Rust is measured: see [`performance`](super::performance).
#![cfg_attr(not(feature = "tokio"), allow(rustdoc::broken_intra_doc_links))] // what it links to is not there
