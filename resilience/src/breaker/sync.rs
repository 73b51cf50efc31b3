//! The only door to the primitives that threads meet at, so that the model checker can stand behind it.

#[cfg(loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU32, AtomicU64, Ordering},
};
use std::sync::PoisonError;
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

/// Locks, and goes on where a panic left the lock poisoned: nothing that is guarded here is ever left half-changed by
/// code that can panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The one place that may.
    #[allow(clippy::disallowed_methods)]
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
