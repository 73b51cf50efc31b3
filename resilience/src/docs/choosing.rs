//! Which rule, which numbers.
//!
//! # Start with nothing
//!
//! [`Breaker::new`](crate::Breaker::new) trips at 3 failures within 30 s. It needs no minimum of traffic, so it works for
//! three calls a minute as for three thousand a second, and a success clears what was recorded before its call, so that a
//! service which mostly works does not trip by bad luck. Use it until something tells you otherwise.
//!
//! # Which rule
//!
//! | your upstream | set | why |
//! |---|---|---|
//! | is called rarely, a few times an hour | `.in_a_row(5)` | the window forgets between the calls |
//! | fails for some callers or some inputs as a matter of course | `.without_failure_window().failure_rate(0.5)…`, and never `.keep_on_success()` | a constant background of failures is no outage |
//! | half works: every second call fails | `.failure_rate(0.3).over(60 s).min_calls(20)` | successes between the failures clear the window |
//! | gets slow before it fails | `.slow_calls(0.5).slower_than(2 s)…` | waiting is what hurts the callers |
//! | hangs, and nobody cuts the calls | `.stalled(10).for_longer_than(5 s)` | a call that never ends never fails |
//! | takes so many calls a minute | `.quota(100).per(60 s)` | no call is made that it would refuse |
//! | limits its callers as a whole | `.hints(Hints::Obey)` | the first `429` says all there is to know |
//!
//! Several rules can be set; any of them trips, but the quota, which only refuses. `.without_failure_window()` takes the
//! default one away.
//!
//! # Which numbers
//!
//! - **Failures and window.** The window should hold several calls in good health. Fewer failures detect faster; more
//!   tolerate more noise. An outage costs you at most `failures` calls before the breaker opens, plus those in flight.
//! - **First cool-down.** As long as a restart of the upstream's fastest part takes: a second. Too short only costs a
//!   probe.
//! - **Ceiling.** How long you can bear to be refused after the upstream is well again. Half of it is the mean delay of
//!   detecting recovery after a long outage.
//! - **Stages.** Three (1, 2, 4 probes) for an upstream that suffers from a rush; one where a single good answer proves
//!   everything.
//! - **Probe deadline.** Longer than your slowest good answer, or recovery never ends.
//! - **Probe patience.** How long the others wait behind one hung probe.
//! - **Forgiveness.** At once, unless the upstream comes back for seconds at a time and each return hurts it: forgiving
//!   by time then drives the cool-down to its ceiling, and fewer calls are served.
//!
//! Do not guess where there is an access log. `cargo run --example replay -- access.log --policy …`, in the repository of this
//! crate, plays it to several policies and tells of each when it would have tripped, what it would have refused, rightly and
//! in vain, and which failures would have got through.
//!
//! # A quota
//!
//! An upstream with a known limit need not be found out by its refusals. Say the limit, `.quota(100).per(60 s)`, and in no
//! minute are more than 100 calls admitted: traffic, probes and the stages of recovery draw from one bucket, which trips,
//! closing and [`reset`](crate::Breaker::reset) leave as it is. What would exceed it is refused with
//! [`Reason::Quota`](crate::Reason::Quota) and the wait until the next token, as a `503`: `429` would blame the caller. Such
//! a refusal is no failure. Only what an operator forces through ([`force_closed`](crate::Breaker::force_closed),
//! [`shadow`](crate::Breaker::shadow)) passes it by.
//!
//! - **Burst.** So many may come at once, a tenth of the limit by default; the others are spread evenly. With a burst of 10
//!   out of 100 a steady stream gets 91 calls a minute.
//! - **The server's own word.** A layer for HTTP reads `RateLimit` and its elders from every answer, and `Retry-After` from a
//!   `429`. What remains by it, calls that are still out taken off, is all that is admitted until its reset, at most for
//!   `max_hint`. Others, and replicas, may use up the same limit: this is how each hears of it. Other clients tell it by
//!   [`learn_quota`](crate::Breaker::learn_quota), other classifiers by [`Classify::quota`](crate::classify::Classify);
//!   [`Hints::Ignore`](crate::Hints::Ignore) turns the headers off, where they tell of one tenant's share, say.
//! - **The price.** Each call takes the breaker's lock, on its way in and on its way out.
//!
//! # One breaker per what?
//!
//! Per thing that fails as a whole: a host, a database, a tenant's shard. One breaker over several things that fail
//! apart refuses the good with the bad; one per request path of the same host learns everything several times.
