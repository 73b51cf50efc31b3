//! Where a breaker's time comes from.
//!
//! A breaker reads time only when something is wrong: a failure is recorded, a call is refused, a probe is admitted, a
//! call has to wait. All of it goes through one [`Clock`], so that a test which moves that clock moves everything.
//!
//! The default is the process's monotonic clock ([`Monotonic`]): wall-clock steps (NTP, daylight saving, an operator)
//! do not touch a cool-down. On Linux it does not advance while the machine is suspended.
//!
//! ```
//! use std::time::Duration;
//! use resilience::{Breaker, State, clock::Manual};
//!
//! let clock = Manual::new();
//! let breaker = Breaker::builder().delay(Duration::from_secs(1)).jitter(0.0).clock(clock.clone()).build()?;
//! for _ in 0..3 {
//!     breaker.try_acquire()?.failure();
//! }
//! assert_eq!(breaker.state(), State::Open);
//! clock.advance(Duration::from_secs(1));
//! assert_eq!(breaker.state(), State::HalfOpen);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// The one place that may name the standard library's clock.
#![allow(clippy::disallowed_types)]

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// A point in time on a breaker's clock, in nanoseconds since that clock's own origin.
///
/// Instants of different clocks must not be compared. All arithmetic saturates.
///
/// ```
/// use std::time::Duration;
/// use resilience::clock::Instant;
///
/// let then = Instant::from_nanos(5);
/// let later = then.saturating_add(Duration::from_nanos(7));
/// assert_eq!(later.saturating_since(then), Duration::from_nanos(7));
/// assert_eq!(then.saturating_since(later), Duration::ZERO);
/// assert_eq!(later.saturating_add(Duration::MAX), Instant::FAR_FUTURE);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The last instant there is, 584 years after the origin: what arithmetic saturates at. It reads as "never".
    pub const FAR_FUTURE: Self = Self(u64::MAX);

    /// The instant this many nanoseconds after the clock's origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This much later; [`FAR_FUTURE`](Self::FAR_FUTURE) where that would overflow.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        self.plus(nanos(by))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.since(earlier))
    }

    pub(crate) const fn plus(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    pub(crate) const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A duration in whole nanoseconds, at most 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// How long after their origins the clocks of this module begin, in nanoseconds: a year.
const PAST: u64 = 365 * 86_400 * 1_000_000_000;

/// A source of monotonic time.
///
/// Implement it to drive a breaker from a simulator or from a runtime's own clock. The clocks of this module begin a year
/// after their origin, so that there is a past for what was restored from before a restart; on a clock that begins at its
/// origin, restored failures are no older than the clock.
///
/// ```
/// use resilience::clock::{Clock, Instant};
///
/// #[derive(Debug)]
/// struct Stopped;
///
/// impl Clock for Stopped {
///     fn now(&self) -> Instant {
///         Instant::from_nanos(42)
///     }
/// }
/// assert_eq!(Stopped.now().as_nanos(), 42);
/// ```
pub trait Clock: fmt::Debug + Send + Sync {
    /// The present instant. Must not go backwards, and must not call into the breaker that it serves.
    fn now(&self) -> Instant;
}

/// The process's monotonic clock: what a breaker uses unless told otherwise.
///
/// ```
/// use resilience::clock::{Clock, Monotonic};
///
/// let before = Monotonic.now();
/// assert!(Monotonic.now() >= before);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Monotonic;

impl Clock for Monotonic {
    fn now(&self) -> Instant {
        exact()
    }
}

/// A clock that stands still until it is moved: for tests of your own service.
///
/// Clones share the time.
///
/// ```
/// use std::time::Duration;
/// use resilience::clock::{Clock, Manual};
///
/// let clock = Manual::new();
/// let before = clock.now();
/// clock.advance(Duration::from_millis(250));
/// assert_eq!(clock.now().saturating_since(before), Duration::from_millis(250));
/// ```
#[derive(Clone, Debug)]
pub struct Manual(Arc<AtomicU64>);

impl Manual {
    /// A clock that stands still, a year after its origin: see [`Clock`].
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(PAST)))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let by = nanos(by);
        // `fetch_update` with a closure that always answers `Some` cannot fail.
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| Some(now.saturating_add(by)));
    }
}

impl Default for Manual {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for Manual {
    fn now(&self) -> Instant {
        Instant(self.0.load(Ordering::Acquire))
    }
}

/// The clock of tokio: under `tokio::time::pause` it stands still, and `advance` moves it.
///
/// Time counts from when the clock was made, so use one clock for one breaker.
///
/// ```
/// use std::time::Duration;
/// use resilience::{Breaker, State, clock::Tokio};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
/// let breaker = Breaker::builder().jitter(0.0).clock(Tokio::new()).build()?;
/// for _ in 0..3 {
///     breaker.try_acquire()?.failure();
/// }
/// tokio::time::advance(Duration::from_secs(1)).await;
/// assert_eq!(breaker.state(), State::HalfOpen);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
#[derive(Clone, Copy, Debug)]
pub struct Tokio {
    origin: tokio::time::Instant,
}

#[cfg(feature = "tokio")]
impl Tokio {
    /// A clock that begins now.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: tokio::time::Instant::now() }
    }
}

#[cfg(feature = "tokio")]
impl Default for Tokio {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "tokio")]
impl Clock for Tokio {
    fn now(&self) -> Instant {
        Instant(PAST).plus(nanos(tokio::time::Instant::now().saturating_duration_since(self.origin)))
    }
}

/// When a timer goes off that waits for about so long.
#[cfg(feature = "tokio")]
pub(crate) fn timer(wait: Duration) -> tokio::time::Instant {
    // Tokio's timers resolve no less; and there are platforms whose instants overflow, while waking up once a day costs
    // nothing.
    const SHORTEST: Duration = Duration::from_millis(1);
    const LONGEST: Duration = Duration::from_secs(86_400);
    tokio::time::Instant::now() + wait.clamp(SHORTEST, LONGEST)
}

/// What the wall clock says. Bare WebAssembly has none, and asking for it panics there.
pub(crate) fn wall() -> Option<SystemTime> {
    // It steps, so whoever asks says why that does no harm.
    #[allow(clippy::disallowed_methods)]
    (!cfg!(all(target_family = "wasm", target_os = "unknown"))).then(SystemTime::now)
}

/// How much the coarse reading may lag behind the exact one: the longest kernel tick there is (100 Hz), twice.
///
/// Closer to a deadline than this, the exact clock is asked.
pub(crate) const COARSE_SLACK: u64 = 20_000_000;

// Both readings come from the kernel's one monotonic time line, so they can be compared. Miri has no vDSO, and its
// isolation wants the standard library's clock.
#[cfg(all(feature = "coarse-clock", target_os = "linux", not(miri), not(all(loom, test))))]
mod source {
    use super::{Instant, PAST};
    use rustix::time::{ClockId, clock_gettime};

    #[inline]
    fn read(id: ClockId) -> Instant {
        let time = clock_gettime(id);
        // Monotonic time is never negative, and 584 years fit.
        #[allow(clippy::cast_sign_loss)]
        Instant((time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64).wrapping_add(PAST))
    }

    #[inline]
    pub(crate) fn exact() -> Instant {
        read(ClockId::Monotonic)
    }

    #[inline]
    pub(crate) fn coarse() -> Instant {
        read(ClockId::MonotonicCoarse)
    }
}

#[cfg(not(any(all(feature = "coarse-clock", target_os = "linux", not(miri)), all(loom, test))))]
mod source {
    use super::{Instant, PAST, nanos};
    use std::sync::LazyLock;

    static ORIGIN: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);

    pub(crate) fn exact() -> Instant {
        let origin = *ORIGIN;
        Instant(PAST).plus(nanos(std::time::Instant::now().saturating_duration_since(origin)))
    }

    /// There is no cheaper clock here.
    pub(crate) fn coarse() -> Instant {
        exact()
    }
}

/// Under the model checker the process's clock stands still until a model moves it: it has to read the same each time
/// that an interleaving is run. A model's threads are coroutines of one thread, so they share this.
#[cfg(all(loom, test))]
mod source {
    use super::Instant;
    use std::cell::Cell;

    thread_local! {
        static NOW: Cell<Instant> = const { Cell::new(Instant(0)) };
    }

    pub(crate) fn set(now: Instant) {
        NOW.set(now);
    }

    pub(crate) fn exact() -> Instant {
        NOW.get()
    }

    pub(crate) fn coarse() -> Instant {
        NOW.get()
    }
}

#[cfg(all(loom, test))]
pub(crate) use source::set;
pub(crate) use source::{coarse, exact};
