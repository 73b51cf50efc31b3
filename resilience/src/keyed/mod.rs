//! A breaker for each key: for each host, route, tenant, with state for those in trouble only.
//!
//! One breaker over many upstreams refuses the good with the bad; a map of breakers grows with everybody who ever called. A
//! [`Keyed`] is neither: a key in good health holds no memory at all, however many there are, because a breaker in good
//! health has nothing to write down. Only when a call of a key fails, the registry begins to keep it, and when it has
//! recovered (a success has answered its failures, they have aged, or its probes have brought it back) it lets it go.
//!
//! ```
//! use resilience::{Breaker, Reason, State, clock::Manual, keyed::Keyed};
//! use std::time::Duration;
//!
//! let clock = Manual::new();
//! let hosts: Keyed<&str> = Keyed::builder()
//!     .each(Breaker::builder().failures(3).within(Duration::from_secs(30)).stages(1).jitter(0.0))
//!     .name("hosts")
//!     .clock(clock.clone())
//!     .build()?;
//!
//! for _ in 0..3 {
//!     hosts.try_acquire(&"b.example")?.failure();
//!     hosts.try_acquire(&"a.example")?.success();
//! }
//! assert_eq!((hosts.state(&"a.example"), hosts.state(&"b.example")), (State::Closed, State::Open));
//! let rejected = hosts.try_acquire(&"b.example").unwrap_err();
//! assert_eq!((rejected.reason(), rejected.retry_after()), (Reason::Open, Duration::from_secs(1)));
//! assert_eq!(hosts.key_of(&rejected), Some("b.example"));
//! assert_eq!(hosts.kept(), 1, "all others hold no memory");
//!
//! clock.advance(Duration::from_secs(1));
//! hosts.try_acquire(&"b.example")?.success();
//! assert_eq!(hosts.kept(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In a tower stack: [`KeyedLayer`](crate::layer::KeyedLayer), with the classifiers, refusals and probes of
//! [`BreakerLayer`](crate::BreakerLayer). Each key behaves as a breaker of its own by the same machine and the same policy;
//! the tests compare the two step by step. What is different is said here.
//!
//! # What a call costs
//!
//! While no key is in trouble a call reads one word more than that of a single breaker, and does not even hash its key.
//! While some are, it hashes the key and reads a bit of 8 KiB; only if that is set (one of the keys that share the bit is
//! in trouble) it takes a short lock. On the way out a success of a key that was well does nothing at all. Neither writes
//! what another thread reads, and neither counts a reference.
//!
//! A key in trouble takes up at most 128 bytes while it is closed or open, a key of 8 bytes included (more for a policy that
//! keeps more than 3 failures: 8 bytes each). One whose failures carried hints, which is being probed, or which an operator
//! has forced, takes a block of some hundred bytes besides, until that is over. The registry itself takes some 10 KiB. What a key owns (the
//! text of a `String`) is kept once for each key in trouble and once for each of its calls: where keys are chosen by others,
//! see to it that they are short.
//!
//! # Rules
//!
//! The failure window and failures in a row work as ever. Rules that would have to watch healthy calls (`failure_rate`,
//! `slow_calls`, `stall`, `quota`) cannot, as a healthy key has nothing to count in: [`build`](KeyedBuilder::build) refuses
//! them by name. Under `in_a_row` a key with a failure is kept until it succeeds, for failures in a row do not age.
//!
//! A call from before its key recovered is late, as ever, although the key is kept no longer. That is remembered of the last
//! 64 keys that have recovered in each part of the registry: a call that is still out when as many others have recovered
//! since counts as a failure of its key, if it fails.
//!
//! # When there is no room
//!
//! Whoever chooses keys (a tenant in a header, a host in a URL) can make any number of them fail. So there is a hard cap,
//! [`most_keys`](KeyedBuilder::most_keys), and what gives way is fixed:
//!
//! | there is no room, and | then |
//! |---|---|
//! | some keys that are kept are closed | the one of them whose last failure (or recovery) is the longest ago is let go: its failures, or its level, are forgotten |
//! | none is closed: all are open, half-open or forced | the failure of a further key is not kept: calls of that key are admitted unguarded until there is room, and the [parent](#a-parent) hears of it as of a trip |
//! | an operator forces a further key | [`NoRoom`] |
//!
//! So a flood of failing keys can make the registry forget a failure here and there, but it can neither take more memory than
//! that nor bring one open breaker back. Both are counted: [`KeyedStats`]. A registry for more than 2048 keys is divided
//! into up to 16 parts, and the cap is kept for each part; keys are spread evenly by their hashes, whose seed nobody outside
//! knows.
//!
//! # A parent
//!
//! Where many keys fail together, what they have in common has failed: the network, a proxy, the shared database. A
//! [parent](KeyedBuilder::parent) is a breaker with a policy of its own that trips then.
//!
//! - **What it sees.** A failure for each key that trips from closed: once per key within the parent's own window, so
//!   that one key which comes and goes does not count as many. (`failures(5).within(60 s)` reads: five different keys
//!   within a minute. The last 1024 keys are told apart.) A probe that fails is none: the key was known to be down.
//!   Nothing else: a success of one key clears none of the others' trips; they only age.
//! - **What it does.** While it is open every call is refused, of all keys and of none, with the parent's refusal: its
//!   name, its wait, its trip. No key is looked at.
//! - **How it recovers.** As ever, by probes: the next calls, of whichever keys. They are judged as calls, not as trips:
//!   one that fails opens the parent again. A key that is itself open still refuses its own; such a call is no probe.
//! - It can be the parent of several registries, and guard other calls, too.
//!
//! # Control and sight
//!
//! [`snapshot`](Keyed::snapshot) tells of every key in trouble, [`stats`](Keyed::stats) counts them, [`kept`](Keyed::kept)
//! is one read; [`restore`](Keyed::restore) takes snapshots up after a restart. Keys can be forced and reset one by one
//! or all at once, and the policy can be changed while they run. Events go to [`KeyedObserver`]s.
//!
//! # When not to use it
//!
//! - A few upstreams that are known when the program is written: a [`Breaker`](crate::Breaker) each has all rules, and a
//!   name in your metrics.
//! - Keys that fail together, such as paths of one host: each would learn the same for itself. Take the host.
//! - Keys that are chosen so that each occurs once (a request id, a URL with its query): nothing ever trips.

mod builder;
mod control;
mod handle;
#[cfg(all(test, loom))]
mod loom_tests;
mod observe;
mod parent;
mod pass;
mod permit;
mod registry;
mod shard;
mod sieve;
mod snapshot;
mod table;
#[cfg(all(test, not(loom)))]
mod tests;

pub use builder::KeyedBuilder;
pub use handle::Keyed;
pub use observe::{KeyedObserver, WithoutKeys};
pub use permit::KeyedPermit;
pub use snapshot::{KeySnapshot, KeyedStats, NoRoom};

pub(crate) use permit::KeyedCall;

use std::hash::Hash;

/// What can be a key: everything that can be hashed, compared, cloned and sent about.
pub trait Key: Hash + Eq + Clone + Send + Sync + 'static {}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Key for K {}
