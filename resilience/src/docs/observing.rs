//! How to see what a breaker does.
//!
//! Three ways, and none of them costs a healthy call anything:
//!
//! - **Ask it.** [`snapshot`](crate::Breaker::snapshot) tells where it stands and why; it serialises (feature `serde`),
//!   for an admin page or a restart.
//! - **Be told.** An [`Observer`](crate::observe::Observer) hears of every transition, in order;
//!   `observe::Tracing` (feature `tracing`) makes log lines of them.
//! - **Watch it.** A set of breakers, [`Watched`](crate::observe::Watched), gives the numbers for a dashboard, asked for
//!   at each scrape.
//!
//! # Metrics
//!
//! Add each breaker to a [`Watched`](crate::observe::Watched) under a name of its own, and give the set to what you have:
//!
//! | you have | feature | once | at each scrape |
//! |---|---|---|---|
//! | `prometheus-client` | `prometheus` | `registry.register_collector(Box::new(watched.clone()))` | nothing |
//! | OpenTelemetry | `opentelemetry` | `observe::opentelemetry::register(&meter, &watched)` | nothing |
//! | the `metrics` facade | `metrics` | `observe::metrics::describe()` | `observe::metrics::record(&watched)` |
//! | something else | | | [`watched.samples()`](crate::observe::Watched::samples) |
//!
//! ```
//! use resilience::{Breaker, observe::Watched};
//!
//! let watched = Watched::new();
//! let breaker = Breaker::builder().name("orders").build()?;
//! watched.add(&breaker)?;
//!
//! // An exporter of one's own, here in the form of statsd.
//! let lines: Vec<String> = watched
//!     .samples()
//!     .iter()
//!     .map(|sample| format!("{}.{}:{}|g", sample.metric.otel_name, sample.breaker, sample.value.as_f64()))
//!     .collect();
//! assert!(lines.contains(&"resilience.level.orders:0|g".to_owned()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! These are all there are, under these names whichever way they go out:
//!
//! | Prometheus, `metrics` | OpenTelemetry | | labels | |
//! |---|---|---|---|---|
//! | `resilience_state` | `resilience.state` | gauge | `name`, `state` | 1 for the state that callers meet, 0 for the others |
//! | `resilience_overlay` | `resilience.overlay` | gauge | `name`, `overlay` | 1 for what an operator laid over the breaker, 0 for the others |
//! | `resilience_transitions_total` | `resilience.transitions` | counter | `name`, `from`, `to`, `reason` | Changes of the state that callers meet |
//! | `resilience_open_seconds_total` | `resilience.open` | counter | `name` | How long callers met it open |
//! | `resilience_refusals_total` | `resilience.refusals` | counter | `name`, `reason` | Calls refused |
//! | `resilience_shadow_refusals_total` | `resilience.shadow_refusals` | counter | `name` | Calls that shadow mode admitted although they would have been refused |
//! | `resilience_failures_total` | `resilience.failures` | counter | `name` | Failures recorded, those of probes included |
//! | `resilience_successes_total` | `resilience.successes` | counter | `name` | Successes, where the breaker counts them |
//! | `resilience_late_outcomes_total` | `resilience.late_outcomes` | counter | `name` | Outcomes that came back in another epoch and changed nothing |
//! | `resilience_probes_total` | `resilience.probes` | counter | `name` | Probes admitted |
//! | `resilience_probe_results_total` | `resilience.probe_results` | counter | `name`, `result` | What came of the probes |
//! | `resilience_probes_out` | `resilience.probes_out` | gauge | `name` | Probes that take up a slot |
//! | `resilience_level` | `resilience.level` | gauge | `name` | Trips not yet forgiven |
//! | `resilience_window_failures` | `resilience.window_failures` | gauge | `name` | Failures in the window |
//! | `resilience_remaining_seconds` | `resilience.remaining` | gauge | `name` | How long every call is still refused; 0 where none is, or no end is known |
//! | `resilience_quota_tokens` | `resilience.quota_tokens` | gauge | `name` | Calls that the quota of the policy would admit at once, where there is one |
//! | `resilience_quota_remaining` | `resilience.quota_remaining` | gauge | `name` | Calls that the server still takes by its own word, where it said so |
//!
//! Apart from the breaker's name no label takes any other value than these, and each is there from the beginning, as an
//! explicit zero:
//!
//! | label | of | values |
//! |---|---|---|
//! | `state` | `resilience_state` | `closed`, `open`, `half_open` |
//! | `overlay` | `resilience_overlay` | `automatic`, `forced_open`, `forced_closed`, `shadow` |
//! | `from` | `resilience_transitions_total` | `closed`, `open`, `half_open` |
//! | `to` | `resilience_transitions_total` | `open`, `half_open`, `closed` |
//! | `reason` | `resilience_transitions_total` | `failure_window`, `in_a_row`, `failure_rate`, `slow_calls`, `stall`, `hint`, `operator`, `cool_down_over`, `reset`, `probe`, `probe_deadline`, `recovered` |
//! | `reason` | `resilience_refusals_total` | `open`, `probes_out`, `may_not_probe`, `forced_open`, `stale_readiness`, `quota` |
//! | `result` | `resilience_probe_results_total` | `success`, `failure`, `ignored`, `abandoned`, `overdue` |
//!
//! What to know about them:
//!
//! - The state is that of the moment of the scrape: an open whose time is over reads `half_open` although no call came.
//!   Exactly one series of `resilience_state` is 1.
//! - Counters begin when the breaker is added, or go on after a [restart](crate::Builder::restore). They never go down.
//! - Successes are counted where [`count_successes`](crate::Builder::count_successes) is set, because that costs a write a
//!   call. Refusals cost one each as soon as the breaker is watched.
//! - Two breakers of one name are refused by [`add`](crate::observe::Watched::add): name them for what they guard, never for
//!   a request.
//! - With the `metrics` facade counters are whole, so seconds are cut.
//!
//! # Questions and their queries
//!
//! | question | query of Prometheus |
//! |---|---|
//! | What is open now? | `resilience_state{state="open"} == 1` |
//! | Which share of the last hour was it open? | `rate(resilience_open_seconds_total[1h])` |
//! | Why does it trip? | `sum by (name, reason) (increase(resilience_transitions_total{to="open"}[1h]))` |
//! | How many callers are turned away? | `sum by (name, reason) (rate(resilience_refusals_total[5m]))` |
//! | Does recovery fail? | `increase(resilience_probe_results_total{result!="success"}[15m])` |
//! | What would a policy in shadow do? | `rate(resilience_shadow_refusals_total[5m])` |
//! | Has somebody forgotten to lift what was forced? | `resilience_overlay{overlay!="automatic"} == 1` |
//!
//! Worth an alert: open for most of the time (`rate(resilience_open_seconds_total[10m]) > 0.8`; the state itself reads
//! half-open for a moment after each cool-down), closing and tripping again, a large share of callers turned away, a server
//! that asks to be left alone for long, and an overlay that nobody lifts. A trip by itself is the breaker at work.
//!
//! The repository has these alerts as rules for Prometheus, `examples/grafana/alerts.yaml`, and a dashboard for Grafana,
//! `examples/grafana/resilience.json`; tests hold both against the names above. The gateway of the examples exports them at
//! `/metrics`.
