//! Who wants to be woken when a breaker changes its mind.
//!
//! Two kinds wait: a caller who is kept back until calls are admitted, and one whose inner service is not ready, until
//! calls are refused. Both say what they found, and are woken by the first step of the machine that makes it untrue (a
//! slot of half-open that becomes free is no transition, so it is what a caller would meet that is compared), and by
//! every event. What time alone brings about is no step: who waits for a deadline needs a timer, too.
//!
//! The room is made with the first who waits, and hangs on the breaker's setup: breakers that nobody waits for have none.
//! A place belongs to one service for as long as that lives, so that a wake-up never meets another's.

use super::Breaker;
use super::foreign::contained;
use super::setup::Setup;
use super::slot::Slot;
use super::sync::{Mutex, lock};
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

/// Where they wait.
#[derive(Debug, Default)]
pub(crate) struct WaitingRoom(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    places: Vec<Place>,
    free: Vec<u32>,
    /// How many wait that found calls admitted, and that found them refused: most steps concern nobody.
    waiting: [usize; 2],
}

#[derive(Debug)]
enum Place {
    Free,
    /// Somebody's who does not wait just now.
    Kept,
    Waits {
        waker: Waker,
        /// What was found: whether calls would be refused.
        refusing: bool,
    },
}

impl Place {
    /// The owner waits no longer.
    fn rise(&mut self, waiting: &mut [usize; 2]) -> Option<Waker> {
        match std::mem::replace(self, Self::Kept) {
            Self::Waits { waker, refusing } => {
                waiting[usize::from(refusing)] -= 1;
                Some(waker)
            }
            Self::Free | Self::Kept => None,
        }
    }
}

impl WaitingRoom {
    /// Takes a place (or keeps the one whose number, from 1 on, is given) and waits there. Gives its number, and a waker
    /// that has to be dropped where no lock is held: wakers are the user's.
    pub(super) fn wait(&self, number: u32, waker: Waker, refusing: bool) -> (u32, Option<Waker>) {
        let mut guard = lock(&self.0);
        let Places { places, free, waiting } = &mut *guard;
        let number = match number {
            0 => free.pop().unwrap_or_else(|| {
                places.push(Place::Free);
                // Memory ends long before the numbers do.
                u32::try_from(places.len()).unwrap_or(u32::MAX)
            }),
            number => number,
        };
        let old = places.get_mut(number as usize - 1).and_then(|place| {
            let old = place.rise(waiting);
            *place = Place::Waits { waker, refusing };
            waiting[usize::from(refusing)] += 1;
            old
        });
        (number, old)
    }

    /// Gives a place up.
    pub(super) fn leave(&self, number: u32) -> Option<Waker> {
        let mut guard = lock(&self.0);
        let Places { places, free, waiting } = &mut *guard;
        let place = places.get_mut(number as usize - 1)?;
        let old = place.rise(waiting);
        *place = Place::Free;
        free.push(number);
        if free.len() == places.len() {
            // What a rush of waiting services took up is given back.
            *guard = Places::default();
        }
        old
    }

    /// Those to be woken after a step: all if there was news, else those for whom calls fare otherwise than they found.
    pub(super) fn woken(&self, refusing: bool, news: bool) -> Vec<Waker> {
        let mut guard = lock(&self.0);
        let Places { places, free: _, waiting } = &mut *guard;
        if waiting[usize::from(!refusing)] == 0 && (!news || waiting[usize::from(refusing)] == 0) {
            return Vec::new();
        }
        let concerned =
            |place: &&mut Place| matches!(place, Place::Waits { refusing: found, .. } if news || *found != refusing);
        places.iter_mut().filter(concerned).filter_map(|place| place.rise(waiting)).collect()
    }
}

impl Drop for WaitingRoom {
    /// The breaker is gone: those who do not keep it alive have to see that.
    fn drop(&mut self) {
        wake(self.woken(false, true));
    }
}

/// Where no lock is held. Wakers are somebody else's code, as observers are: one that panics takes no call down, and keeps
/// nobody else asleep.
pub(super) fn wake(woken: Vec<Waker>) {
    for waker in woken {
        contained(|| waker.wake());
    }
}

impl Slot {
    pub(crate) fn waiting_room(&self) -> Arc<WaitingRoom> {
        let room = self.read(|cell, _| cell.setup.room.clone());
        room.unwrap_or_else(|| {
            self.step_cell(|cell, _, _, _| {
                if let Some(room) = &cell.setup.room {
                    return Arc::clone(room);
                }
                let room = Arc::new(WaitingRoom::default());
                cell.setup = Arc::new(Setup { room: Some(Arc::clone(&room)), ..Setup::clone(&cell.setup) });
                room
            })
        })
    }
}

/// A service's handle on its breaker, with a place to wait at.
///
/// As large as a handle and a flag: the place is known by its number, and looked for only by those who have one.
pub(crate) struct Seat {
    breaker: Breaker,
    /// From 1 on; 0: none yet.
    place: u32,
    /// What the service found when it was last asked whether it is ready; kept here because here it takes no space.
    pub(crate) refusing: bool,
}

impl Seat {
    pub(crate) const fn new(breaker: Breaker) -> Self {
        Self { breaker, place: 0, refusing: false }
    }

    pub(crate) const fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Has the task woken when it is no longer true that calls would be refused (or would not be). To be asked for first,
    /// and looked at then whether it is still true: so no change falls in between.
    #[cold]
    #[inline(never)]
    pub(crate) fn wait(&mut self, waker: &Waker, refusing: bool) {
        let room = self.breaker.slot().waiting_room();
        let (place, old) = room.wait(self.place, waker.clone(), refusing);
        self.place = place;
        drop(old);
    }

    #[cold]
    #[inline(never)]
    fn leave(&self) {
        drop(self.breaker.slot().waiting_room().leave(self.place));
    }
}

impl Drop for Seat {
    #[inline]
    fn drop(&mut self) {
        if self.place != 0 {
            self.leave();
        }
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { breaker, place, refusing } = self;
        f.debug_struct("Seat").field("breaker", breaker).field("place", place).field("refusing", refusing).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn waker() -> (Arc<Woken>, Waker) {
        let woken = Arc::new(Woken::default());
        (Arc::clone(&woken), Waker::from(woken))
    }

    fn times(woken: &Woken) -> usize {
        woken.0.load(Ordering::Relaxed)
    }

    #[test]
    fn a_seat_is_no_larger_than_a_handle_and_a_flag() {
        assert_eq!(size_of::<Seat>(), size_of::<(Breaker, bool)>());
    }

    #[test]
    fn each_is_woken_once_by_what_makes_untrue_what_it_found() {
        let breaker = Breaker::new();
        let (mut admitted, mut refused) = (Seat::new(breaker.clone()), Seat::new(breaker.clone()));
        let ((first, admitted_waker), (second, refused_waker)) = (waker(), waker());
        admitted.wait(&admitted_waker, false);
        // Found out of date: the next step tells, whatever it is.
        refused.wait(&refused_waker, true);
        breaker.try_acquire().unwrap().failure();
        assert_eq!((times(&first), times(&second)), (0, 1));
        refused.wait(&refused_waker, true);
        breaker.force_open();
        assert_eq!((times(&first), times(&second)), (1, 2));
        breaker.reset();
        assert_eq!((times(&first), times(&second)), (1, 2));
    }

    #[test]
    fn who_waits_twice_or_with_another_waker_has_one_place() {
        let breaker = Breaker::new();
        let mut seat = Seat::new(breaker.clone());
        let ((first, old), (second, new)) = (waker(), waker());
        seat.wait(&old, false);
        seat.wait(&new, false);
        breaker.force_open();
        assert_eq!((times(&first), times(&second)), (0, 1));
        drop((seat, old, new));
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 1));
    }

    #[test]
    fn a_place_that_was_given_up_is_taken_by_the_next_and_wakes_nobody_else() {
        let breaker = Breaker::new();
        let (mut one, mut two) = (Seat::new(breaker.clone()), Seat::new(breaker.clone()));
        let ((first, one_waker), (second, two_waker), (third, three_waker)) = (waker(), waker(), waker());
        one.wait(&one_waker, false);
        two.wait(&two_waker, false);
        drop(one);
        let mut three = Seat::new(breaker.clone());
        three.wait(&three_waker, false);
        assert_eq!(three.place, 1);
        breaker.force_open();
        assert_eq!((times(&first), times(&second), times(&third)), (0, 1, 1));
    }

    #[test]
    fn a_waker_that_panics_takes_no_call_down_and_keeps_nobody_asleep() {
        struct Panics;
        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                panic!("a waker that panics");
            }
        }
        let breaker = Breaker::new();
        let mut events = breaker.subscribe();
        let (mut first, mut second) = (Seat::new(breaker.clone()), Seat::new(breaker.clone()));
        first.wait(&Waker::from(Arc::new(Panics)), false);
        let (woken, waker) = waker();
        second.wait(&waker, false);
        breaker.force_open();
        assert_eq!(times(&woken), 1);
        assert!(events.try_next().is_some(), "those who listen are told as well");
    }

    #[test]
    fn those_who_do_not_keep_it_alive_are_woken_by_its_end() {
        let breaker = Breaker::new();
        let room = breaker.slot().waiting_room();
        let (woken, waker) = waker();
        room.wait(0, waker, false);
        drop(breaker);
        drop(room);
        assert_eq!(times(&woken), 1);
    }
}
