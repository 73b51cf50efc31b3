//! Code that is somebody else's: observers, wakers, keys.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs it where no lock is held. A panic of it goes no further: it must not take the call down that happened to bring it
/// about, nor keep others from being told.
pub(crate) fn contained(code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(code)) {
        // What it panicked with is somebody else's, too, and may panic as it goes. Where it does there is no end to it, so
        // what comes then stays for good.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
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
