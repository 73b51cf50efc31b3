//! Finding out whether an upstream is well again without sending it somebody's request.
//!
//! After its cool-down a breaker lets a few requests through to see how they fare. An [`ActiveProbe`] puts a check of your
//! own in their place (a `GET` on the path that matters, a `SELECT 1`): it waits until half-open begins, makes its check
//! under a permit, records the verdict, and goes on until the breaker has closed or tripped again; then it waits for the
//! next time. While the breaker is closed it does nothing at all.
//!
//! - It is a future, and you spawn it: [`run`](ActiveProbe::run). It can be dropped at any time; a check that is out then
//!   says nothing, and its slot is free.
//! - It does not keep the breaker alive: it ends when the last other handle is gone (a check that is out is waited for).
//! - It proves no more than its check does. A health check that answers `200` while the path that matters is broken closes
//!   the breaker, and opens the door for traffic that trips it again.
//! - Its checks come one after the other, with a [`pause`](ActiveProbe::pause) in between. One that takes longer than the
//!   policy's `probe_deadline` is dropped and has failed; one that panics has failed, and the panic goes on.
//! - In shadow mode it probes, too: what the breaker would do is to be seen.
//!
//! # Reserving the first stage
//!
//! Requests may still probe beside it. To keep them out until the check has succeeded once, say that none of them may:
//! [`probe_if(|_| false)`](crate::BreakerLayer::probe_if) on the layer, or
//! [`try_acquire_no_probe`](crate::Breaker::try_acquire_no_probe) in place of `try_acquire`. They are then refused in
//! half-open's first stage, and admitted from the second one on, within its limit. With `stages(1)` they are refused until
//! the check has closed the breaker.
//!
//! No predicate stops recovery: where no probe came for a whole further cool-down (the task has died, or its check hangs),
//! any request may probe.
//!
//! ```
//! use resilience::{Breaker, BreakerLayer, Reason, Rejected, State, Verdict, clock::Tokio, probe::ActiveProbe};
//! use std::time::Duration;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
//! # async fn answers() -> bool { true }
//! let breaker = Breaker::builder().jitter(0.0).clock(Tokio::new()).build()?;
//! let service = BreakerLayer::new(breaker.clone())
//!     .probe_if(|_: &u32| false)
//!     .layer(service_fn(|number: u32| async move { Ok::<_, std::io::Error>(number) }));
//!
//! tokio::spawn(ActiveProbe::new(&breaker, || async { Verdict::failure_if(!answers().await) }).run());
//!
//! for _ in 0..3 {
//!     breaker.try_acquire()?.failure();
//! }
//! tokio::time::sleep(Duration::from_secs(1)).await;
//! let refused = service.clone().oneshot(7).await.unwrap_err();
//! assert_eq!(refused.rejected().map(Rejected::reason), Some(Reason::MayNotProbe));
//!
//! tokio::time::sleep(Duration::from_secs(1)).await;
//! assert_eq!(breaker.state(), State::Closed, "seven checks have brought it back");
//! assert_eq!(service.oneshot(7).await?, 7);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::breaker::{Outpost, Permit, Turn};
use crate::clock;
use crate::{Breaker, Verdict};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;

const PAUSE: Duration = Duration::from_millis(100);

/// Probes a breaker's upstream by a check of your own: see the [module](self).
#[must_use = "a probe does nothing until it is run"]
pub struct ActiveProbe<F> {
    outpost: Outpost,
    check: F,
    pause: Duration,
}

impl<F, Fut> ActiveProbe<F>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Verdict>,
{
    /// A probe that makes this check. The breaker is not kept alive by it.
    ///
    /// A hint that comes with the verdict ([`Verdict::Failure`]) counts like that of any probe.
    pub fn new(breaker: &Breaker, check: F) -> Self {
        Self { outpost: Outpost::new(breaker), check, pause: PAUSE }
    }

    /// The pause after each check. Default: 100 ms; at least one millisecond is kept, which is what timers resolve.
    ///
    /// With the default stages it takes seven checks to close, so a pause of 1 s adds 6 s to an outage.
    pub fn pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Waits for the breaker to be half-open and probes then, again and again, until the breaker's last handle is gone.
    ///
    /// # Panics
    ///
    /// Panics if it is not polled within a tokio runtime that has its timers enabled, and if the check panics.
    ///
    /// ```
    /// use resilience::{Breaker, Verdict, probe::ActiveProbe};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let breaker = Breaker::new();
    /// let probe = tokio::spawn(ActiveProbe::new(&breaker, || async { Verdict::Success }).run());
    /// drop(breaker);
    /// probe.await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn run(mut self) {
        while let Some((permit, deadline)) = turn(&mut self.outpost).await {
            let verdict = tokio::time::timeout(deadline, (self.check)()).await;
            // If the deadline has passed for the breaker, too, this comes late and changes nothing.
            permit.record(verdict.unwrap_or(Verdict::Failure(None)));
            tokio::time::sleep_until(clock::timer(self.pause)).await;
        }
    }
}

/// The next permit to probe; `None` when the breaker is gone.
async fn turn(outpost: &mut Outpost) -> Option<(Permit, Duration)> {
    let mut timer = pin!(None::<Sleep>);
    poll_fn(|cx| {
        loop {
            match outpost.turn(cx.waker()) {
                Turn::Gone => return Poll::Ready(None),
                Turn::Probe(permit, deadline) => return Poll::Ready(Some((permit, deadline))),
                Turn::Wait(None) => return Poll::Pending,
                Turn::Wait(Some(wait)) => {
                    timer.set(Some(tokio::time::sleep_until(clock::timer(wait))));
                    if let Some(timer) = timer.as_mut().as_pin_mut() {
                        ready!(timer.poll(cx));
                    }
                }
            }
        }
    })
    .await
}

impl<F> fmt::Debug for ActiveProbe<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { outpost, check: _, pause } = self;
        f.debug_struct("ActiveProbe")
            .field("outpost", outpost)
            .field("check", &std::any::type_name::<F>())
            .field("pause", pause)
            .finish()
    }
}

#[cfg(test)]
mod tests;
