//! What to know before you rely on it.
//!
//! - **One process.** Each replica has its own breaker and learns for itself. Ten replicas send ten first
//!   probes, and ten times a quota: give each its share.
//! - **A policy, not an oracle.** A failure window cannot tell a sick upstream from a sick request. If some callers can
//!   make calls fail at will, they can open the breaker for all: judge such answers as
//!   [`Reachable`](crate::Verdict::Reachable) or [`Ignore`](crate::Verdict::Ignore), or give them a breaker of their own.
//! - **No fallback.** An open breaker refuses everything; it has no other answer to give, and it does not let a share
//!   through. `force_closed` is the way around it.
//! - **A write as a probe.** Any request may be the first to try an upstream that was down. If repeating it would hurt,
//!   say which requests may ([`probe_if`](crate::BreakerLayer::probe_if)).
//! - **Bodies.** A verdict is that of the head unless you ask for the end of the body
//!   ([`judged_at_end`](crate::classify::HttpStatus::judged_at_end)); gRPC waits for the trailers. Both need a
//!   form of refusal that wraps the body, as the layers for HTTP and gRPC have: under
//!   [the others](crate::respond#the-end-of-a-body) the head decides. A body that nobody reads keeps its permit until it is
//!   dropped.
//! - **Shares are exact to a 64th of their window**; the failure window and the run are exact.
//! - **What was readied stays readied.** A service of tower that is ready may have reserved something for the next call (a
//!   concurrency limit does), and there is no way to tell it that no call will come. If the breaker trips in between, the
//!   reservation is kept until that instance is called again or dropped; an instance that is kept idle then may keep the
//!   others, and the probe, from being made. Make one for each call (`clone().oneshot(…)`).
//! - **Sequence numbers wrap.** A call that outlives 16 million failures without a trip in between is taken for a younger
//!   one when it succeeds; under `.stalled` and `.quota` so is one that outlives 16 million calls.
//! - **Memory is reused, not returned.** The 128 bytes of a breaker that is gone serve the next one, and so do the buckets
//!   of one that counted shares, successes or refusals; they do not go back to the allocator. This is what lets a call
//!   reach its breaker without counting references.
//! - **Clocks.** The default clock is monotonic; on Linux it does not advance while the machine sleeps. Refusals far
//!   from the deadline read the kernel's coarse clock, whose lag (a few milliseconds) can only lengthen what they tell
//!   to wait.
//! - **Observers run on the thread of a call.** Outside any lock, but one that blocks delays the call that delivers.
//!   For slow work there is [`Background`](crate::observe::Background), which has a thread of its own, or take a
//!   [subscription](crate::Breaker::subscribe) to a task of yours.
#![cfg_attr(not(feature = "http"), allow(rustdoc::broken_intra_doc_links))] // what it links to is not there
