//! What an operator says, of one key or of all.

use super::{Key, Keyed, NoRoom};
use crate::machine::{Command, Overlay};
use std::hash::BuildHasher;
use std::time::Duration;

impl<K: Key, S: BuildHasher + Send + Sync + 'static> Keyed<K, S> {
    /// Refuses every call of this key until told otherwise; nothing is recorded meanwhile.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if nothing can be kept of the key.
    pub fn force_open(&self, key: &K) -> Result<(), NoRoom> {
        self.overlay(key, Overlay::ForcedOpen, None)
    }

    /// Refuses every call of this key for this long.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if nothing can be kept of the key.
    pub fn force_open_for(&self, key: &K, time: Duration) -> Result<(), NoRoom> {
        self.overlay(key, Overlay::ForcedOpen, Some(time))
    }

    /// Admits every call of this key until told otherwise; nothing is recorded meanwhile. The [parent](Self::parent) may
    /// refuse it all the same.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if nothing can be kept of the key.
    pub fn force_closed(&self, key: &K) -> Result<(), NoRoom> {
        self.overlay(key, Overlay::ForcedClosed, None)
    }

    /// Admits every call of this key for this long.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if nothing can be kept of the key.
    pub fn force_closed_for(&self, key: &K, time: Duration) -> Result<(), NoRoom> {
        self.overlay(key, Overlay::ForcedClosed, Some(time))
    }

    /// Lets the key run on, but refuses nothing: events and snapshots tell what it would do.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if nothing can be kept of the key.
    pub fn shadow(&self, key: &K) -> Result<(), NoRoom> {
        self.overlay(key, Overlay::Shadow, None)
    }

    /// Lifts whatever was laid over this key: it decides by itself again.
    pub fn auto(&self, key: &K) {
        // Of a key that is not kept there is nothing to lift, so no room is needed.
        let _ = self.command(key, |_| Command::Overlay(Overlay::Automatic, None), false);
    }

    /// The key is in good health again: back to closed at level zero, without an overlay.
    pub fn reset(&self, key: &K) {
        let _ = self.command(key, |_| Command::Reset, false);
    }

    fn overlay(&self, key: &K, overlay: Overlay, time: Option<Duration>) -> Result<(), NoRoom> {
        self.command(key, |cx| Command::Overlay(overlay, time.map(|time| cx.now().saturating_add(time))), true)
    }

    /// Refuses every call of every key until told otherwise, those without a key too; nothing is recorded meanwhile.
    ///
    /// What is said of all keys lies over what was said of one: where it ends, that is in force again.
    ///
    /// ```
    /// use resilience::{Reason, State, keyed::Keyed};
    ///
    /// let keyed: Keyed<u32> = Keyed::new();
    /// keyed.force_all_open();
    /// assert_eq!(keyed.try_acquire(&1).unwrap_err().reason(), Reason::ForcedOpen);
    /// assert_eq!(keyed.state(&1), State::Open);
    /// keyed.auto_all();
    /// keyed.try_acquire(&1)?.success();
    /// # Ok::<(), resilience::Rejected>(())
    /// ```
    pub fn force_all_open(&self) {
        self.over_all(Overlay::ForcedOpen, None);
    }

    /// Refuses every call of every key for this long.
    pub fn force_all_open_for(&self, time: Duration) {
        self.over_all(Overlay::ForcedOpen, Some(time));
    }

    /// Admits every call, as far as keys go, until told otherwise; nothing is recorded meanwhile. The
    /// [parent](Self::parent) may refuse them all the same.
    pub fn force_all_closed(&self) {
        self.over_all(Overlay::ForcedClosed, None);
    }

    /// Admits every call, as far as keys go, for this long.
    pub fn force_all_closed_for(&self, time: Duration) {
        self.over_all(Overlay::ForcedClosed, Some(time));
    }

    /// Lets all keys run on, but none of them refuses anything, and the [parent](Self::parent) hears of no trip.
    pub fn shadow_all(&self) {
        self.over_all(Overlay::Shadow, None);
    }

    /// Lets all keys run on in shadow for this long.
    pub fn shadow_all_for(&self, time: Duration) {
        self.over_all(Overlay::Shadow, Some(time));
    }

    /// Lifts what was laid over all keys: each decides by itself again.
    pub fn auto_all(&self) {
        self.over_all(Overlay::Automatic, None);
    }

    /// All keys are in good health again, without an overlay. The [parent](Self::parent) stays as it is.
    pub fn reset_all(&self) {
        self.forget_all();
    }
}
