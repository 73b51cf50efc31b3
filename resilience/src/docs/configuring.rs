//! How to configure it: in code, from the environment, from a file, and while it runs.
//!
//! A [`Policy`](crate::Policy) is plain data, so it comes from wherever your configuration comes from. It is checked before
//! a breaker runs by it, and what is wrong is one line that names the place.
//!
//! | from | feature | how |
//! |---|---|---|
//! | code | | [`Breaker::builder`](crate::Breaker::builder), or [`Policy`](crate::Policy) as a struct |
//! | the environment | `config` | `Policy::from_env("ORDERS_")` |
//! | a document of its own, TOML, JSON, YAML, … | `config`, `serde` | `Policy::from_document("orders.toml", deserializer)` |
//! | a part of your own configuration | `serde` | a field of the type [`Policy`](crate::Policy), and [`check`](crate::Policy::check) |
//!
//! `config` alone needs no serde.
//!
//! # A file, and the environment over it
#![cfg_attr(all(feature = "config", feature = "serde"), doc = "```")]
#![cfg_attr(not(all(feature = "config", feature = "serde")), doc = "```ignore")]
//! use resilience::{Breaker, Policy};
//!
//! /// What is in the file, changed by `ORDERS_FAILURES` and the like.
//! fn policy(name: &str, text: &str) -> Result<Policy, Box<dyn std::error::Error>> {
//!     // What is no TOML at all is for the parser to say, which does not know the file.
//!     let document = toml::Deserializer::parse(text).map_err(|error| format!("{name}: {error}"))?;
//!     Ok(Policy::from_document(name, document)?.with_env("ORDERS_")?)
//! }
//!
//! let file = r#"
//!     stages = 2
//!
//!     [window]
//!     failures = 5
//!     within = "1m"
//!
//!     [cool_down.exponential]
//!     delay = "500ms"
//!     factor = 2.0
//!     max_delay = "30s"
//! "#;
//! let breaker = Breaker::builder().name("orders").policy(policy("orders.toml", file)?).build()?;
//!
//! // Later: the file has changed, or SIGHUP has come. The state stays as it is: what is open stays open.
//! let changed = file.replace("failures = 5", "failures = 7");
//! breaker.set_policy(policy("orders.toml", &changed)?)?;
//! assert_eq!(breaker.policy().window.unwrap().failures, 7);
//!
//! // What is wrong changes nothing, and says where.
//! let misspelt = file.replace("failures", "failure");
//! let error = policy("orders.toml", &misspelt).unwrap_err();
//! assert!(error.to_string().starts_with("orders.toml: window.failure: "));
//! assert_eq!(breaker.policy().window.unwrap().failures, 7);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Variables
//!
//! Each after a prefix of yours. The rules that may be off are switched off by `off`. A name that begins with the prefix
//! and is none of these is an error that says which one is near.
//!
//! | variable | field | takes | |
//! |---|---|---|---|
//! | `FAILURES` | `window.failures` | a whole number, or off | How many failures within the window trip it |
//! | `WINDOW` | `window.within` | a duration like 30s or 250ms | How far apart the first and the last of them may lie |
//! | `ON_SUCCESS` | `window.on_success` | clear or keep | Whether a success clears the failures before it, or leaves them to age |
//! | `IN_A_ROW` | `in_a_row` | a whole number, or off | Trips after this many failures in a row, however far apart |
//! | `FAILURE_RATE` | `failure_rate.ratio` | a number, or off | Trips when this share of the calls failed, above 0 and at most 1 |
//! | `RATE_WINDOW` | `failure_rate.over` | a duration like 30s or 250ms | The sliding window of that share (30s unless set) |
//! | `MIN_CALLS` | `failure_rate.min_calls` | a whole number | The fewest calls that it is taken of (20 unless set) |
//! | `SLOW_CALLS` | `slow_calls.ratio` | a number, or off | Trips when this share of the calls was slow, above 0 and at most 1; wants SLOWER_THAN |
//! | `SLOWER_THAN` | `slow_calls.slower_than` | a duration like 30s or 250ms | A call that takes longer than this is slow |
//! | `SLOW_WINDOW` | `slow_calls.over` | a duration like 30s or 250ms | The sliding window of that share (30s unless set) |
//! | `SLOW_MIN_CALLS` | `slow_calls.min_calls` | a whole number | The fewest calls that it is taken of (20 unless set) |
//! | `STALLED` | `stall.calls` | a whole number, or off | Trips when this many calls are out and nobody is answered; wants STALL_TIME |
//! | `STALL_TIME` | `stall.longer_than` | a duration like 30s or 250ms | For how long they have to be out |
//! | `QUOTA` | `quota.calls` | a whole number, or off | The most calls in QUOTA_TIME, which it wants: what would exceed it is refused |
//! | `QUOTA_TIME` | `quota.per` | a duration like 30s or 250ms | The time in which so many calls are made at most |
//! | `QUOTA_BURST` | `quota.burst` | a whole number | How many of them at once (a tenth unless set) |
//! | `DELAY` | `cool_down.delay` | a duration like 30s or 250ms | The first cool-down |
//! | `MAX_DELAY` | `cool_down.max_delay` | a duration like 30s or 250ms | The longest cool-down |
//! | `FACTOR` | `cool_down.factor` | a number | By how much each cool-down is longer than the one before |
//! | `DELAYS` | `cool_down.by_level` | durations like 1s,5s,30s | The cool-down of each level, the last one repeated, in place of the three before |
//! | `JITTER` | `jitter` | a number | The largest share that is added to a cool-down at random |
//! | `FORGIVE` | `forgive.each` | at-once, or a duration like 30s | What closing does to the level: sets it to zero, or takes one off for each such time spent closed |
//! | `HINTS` | `hints` | extend, ignore or obey | How a Retry-After of the upstream is taken |
//! | `MAX_HINT` | `max_hint` | a duration like 30s or 250ms | The longest Retry-After that is followed |
//! | `PROBES` | `probes` | a whole number | Calls in flight in the first stage of recovery; each stage doubles it |
//! | `STAGES` | `stages` | a whole number | Stages of recovery |
//! | `STAGE_TIME` | `stage_time` | a duration like 30s or 250ms | The least time a stage lasts |
//! | `PROBE_DEADLINE` | `probe_deadline` | a duration like 30s or 250ms | A probe that is out for this long has failed |
//! | `PROBE_PATIENCE` | `probe_patience` | a duration like 30s, or delay | A probe that is out for this long makes room for another; delay is the first cool-down |
//! | `ABANDON_AFTER` | `abandon_after` | a duration like 30s or 250ms | A call that is given up at this age or older is a failure; younger, it says nothing |
//!
//! # A new policy while it runs
//!
//! [`set_policy`](crate::Breaker::set_policy) is the whole of it; what calls it is yours, because only you know where your
//! configuration comes from. On Unix a signal is the custom, with tokio say:
//!
//! ```ignore
//! let mut hangup = tokio::signal::unix::signal(SignalKind::hangup())?;
//! while hangup.recv().await.is_some() {
//!     let reloaded = policy().and_then(|policy| Ok(breaker.set_policy(policy)?));
//!     if let Err(error) = reloaded {
//!         tracing::error!(%error, "the policy stays as it was");
//!     }
//! }
//! ```
//!
//! The gateway of the examples does that, with a file and its environment.
#![allow(clippy::doc_markdown)] // the tables are those of the code, word by word
