//! Code that is somebody else's: observers, wakers, keys.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

/// Runs it where no lock is held. A panic of it goes no further: it must not take the call down that happened to bring it
/// about, nor keep others from being told.
pub(crate) fn contained(code: impl FnOnce()) {
    if let Err(panic) = attempted(code) {
        panic.forget();
    }
}

/// Runs it; what it panics with waits until everything has been seen to.
pub(crate) fn attempted<R>(code: impl FnOnce() -> R) -> Result<R, Panic> {
    catch_unwind(AssertUnwindSafe(code)).map_err(Panic)
}

/// What somebody else's code has panicked with.
#[must_use = "a panic is passed on or forgotten on purpose"]
pub(crate) struct Panic(Box<dyn Any + Send>);

impl Panic {
    /// Goes on with it; where its thread is unwinding already, that panic goes on alone, for two would end the process.
    pub(crate) fn pass_on(self) {
        if thread::panicking() {
            self.forget();
        } else {
            resume_unwind(self.0);
        }
    }

    /// It is somebody else's, too, and may panic as it goes. Where it does there is no end to it, so what comes then stays
    /// for good.
    fn forget(self) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(self.0))) {
            std::mem::forget(payload);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::panic_any;

    #[test]
    fn a_panic_goes_no_further_whatever_it_panics_with() {
        struct PanicsAgain;
        impl Drop for PanicsAgain {
            fn drop(&mut self) {
                panic_any(Self);
            }
        }
        let mut ran = false;
        contained(|| ran = true);
        assert!(ran);
        contained(|| panic!("by itself"));
        contained(|| panic_any(PanicsAgain));
    }
}
