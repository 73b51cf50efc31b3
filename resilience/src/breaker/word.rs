//! The gate word and the packed ticket: a phase, an argument and the epoch in 64 bits.
//!
//! The slot's *gate* holds the present one. A call that is admitted by a gate that says [`QUIET`] takes the gate's word
//! along as its ticket; if the gate still reads the same when the call has succeeded, there is nothing to do.

use crate::machine::Ticket;

// Gates. Those without `GUARDED` admit every call without a further look.

/// Gate and ticket: closed, and a success changes nothing. Zero, because nothing is tested for more cheaply.
pub(super) const QUIET: u64 = 0;
/// Gate: forced closed. Every call is admitted, no outcome matters.
pub(super) const FREE: u64 = 1;
/// Gate: closed, and a success may clear failures.
pub(super) const NOISY: u64 = 2;
/// Gate: closed, and every call is counted.
pub(super) const COUNTED: u64 = 4;
/// Gate: closed, every call is counted, and a success may clear failures.
pub(super) const COUNTED_NOISY: u64 = 6;
/// The bit of gates that do not admit every call; of tickets that have to be looked at whatever the gate says.
pub(super) const GUARDED: u64 = 8;
/// Gate: every call is refused until the slot's deadline; the process's clock tells, and nobody listens to refusals.
pub(super) const OPEN: u64 = GUARDED;
/// Gate: ask the machine.
pub(super) const LOCKED: u64 = GUARDED | 7;

// Tickets, besides `QUIET`. No gate reads like one of them.

/// Ticket: a call whose outcome does not matter.
pub(super) const UNTRACKED: u64 = GUARDED | FREE;
/// Ticket: a call. With `COUNTED` or without, as the gate was.
pub(super) const CALL: u64 = GUARDED | NOISY;
pub(super) const COUNTED_CALL: u64 = GUARDED | COUNTED;
pub(super) const COUNTED_NOISY_CALL: u64 = GUARDED | COUNTED_NOISY;
/// Ticket: a call under a rule that watches every call.
pub(super) const WATCHED: u64 = 3;
/// Ticket: a probe.
pub(super) const PROBE: u64 = GUARDED | 3;
/// Ticket: it has been given back.
pub(super) const NONE: u64 = GUARDED | 5;
/// A ticket that has been given back.
pub(super) const SPENT: u64 = NONE;

pub(super) const TAG_MASK: u64 = 0b1111;
/// Gate and ticket: the breaker has a clock of its own.
pub(super) const CUSTOM_CLOCK: u64 = 1 << 4;
const ARGUMENT_SHIFT: u32 = 5;
/// As wide as the numbers of probes.
const ARGUMENT_BITS: u32 = 24;
const ARGUMENT_MASK: u64 = (1 << ARGUMENT_BITS) - 1;
const EPOCH_SHIFT: u32 = ARGUMENT_SHIFT + ARGUMENT_BITS;
const EPOCH_MASK: u64 = u64::MAX >> EPOCH_SHIFT;

#[inline]
pub(super) const fn tag(word: u64) -> u64 {
    word & TAG_MASK
}

/// Whether the gate admits every call.
#[inline]
pub(super) const fn admits_all(gate: u64) -> bool {
    gate & GUARDED == 0
}

/// Whether the ticket is an ordinary call's that has to be looked at.
#[inline]
pub(super) const fn is_call(ticket: u64) -> bool {
    matches!(tag(ticket), CALL | COUNTED_CALL | COUNTED_NOISY_CALL | WATCHED)
}

#[inline]
pub(super) const fn with_tag(word: u64, tag: u64) -> u64 {
    word & !TAG_MASK | tag
}

#[inline]
pub(super) const fn argument(word: u64) -> u32 {
    // The mask leaves 24 bits.
    #[allow(clippy::cast_possible_truncation)]
    let argument = (word >> ARGUMENT_SHIFT & ARGUMENT_MASK) as u32;
    argument
}

#[inline]
pub(super) const fn epoch(word: u64) -> u64 {
    word >> EPOCH_SHIFT
}

/// 35 bits of epoch are packed: a breaker that changes its phase a thousand times a second begins anew after a year of
/// that, and a call that outlives a year of it may be taken for one of its own epoch.
#[inline]
pub(super) const fn pack(tag: u64, argument: u32, epoch: u64) -> u64 {
    tag | (argument as u64 & ARGUMENT_MASK) << ARGUMENT_SHIFT | epoch << EPOCH_SHIFT
}

/// The ticket of an admission in packed form.
pub(super) fn of_ticket(ticket: Ticket) -> u64 {
    match ticket {
        Ticket::Call { epoch, seen } => pack(CALL, seen, epoch),
        // The lower bits are packed.
        #[allow(clippy::cast_possible_truncation)]
        Ticket::Watched { epoch, number } => pack(WATCHED, number as u32, epoch),
        Ticket::Probe { epoch, number } => pack(PROBE, number, epoch),
        Ticket::Untracked => pack(UNTRACKED, 0, 0),
    }
}

/// Where the machine is now: what the packed numbers are restored by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present {
    pub(super) epoch: u64,
    /// The sequence number of the newest failure.
    pub(super) seq: u32,
    /// The number of the next watched call.
    pub(super) next_watched: u64,
}

/// The ticket that a packed one stands for.
///
/// Only 24 bits of a number are packed. The rest is restored as if fewer than 2^24 had been given out since; a call that
/// outlives more of them than that (without a trip in between) is taken for a younger one.
pub(super) fn to_ticket(word: u64, present: Present) -> Ticket {
    let Present { epoch: now, seq, next_watched } = present;
    let epoch = now.wrapping_sub(now.wrapping_sub(epoch(word)) & EPOCH_MASK);
    match tag(word) {
        PROBE => Ticket::Probe { epoch, number: argument(word) },
        WATCHED => {
            let newer = next_watched.wrapping_sub(u64::from(argument(word))) & ARGUMENT_MASK;
            Ticket::Watched { epoch, number: next_watched.wrapping_sub(newer) }
        }
        QUIET | CALL | COUNTED_CALL | COUNTED_NOISY_CALL => {
            #[allow(clippy::cast_possible_truncation)]
            let newer = seq.wrapping_sub(argument(word)) & ARGUMENT_MASK as u32;
            Ticket::Call { epoch, seen: seq.wrapping_sub(newer) }
        }
        _ => Ticket::Untracked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_comes_back_as_it_was_packed() {
        let numbers = [0, 1, 5, (1 << 24) - 1, 1 << 24, (1 << 24) + 3, u32::MAX];
        let epochs = [77, (1 << 35) - 1, 1 << 35, (1 << 35) + 5, 1 << 50];
        for (seq, epoch) in numbers.into_iter().flat_map(|seq| epochs.map(|epoch| (seq, epoch))) {
            let next_watched = u64::from(seq) << 8 | 1;
            let present = Present { epoch, seq, next_watched };
            for behind in [0, 1, 5] {
                let past = epoch - behind;
                let call = Ticket::Call { epoch: past, seen: seq.wrapping_sub((1 << 24) - 1) };
                let watched = Ticket::Watched { epoch: past, number: next_watched - 1 };
                let probe = Ticket::Probe { epoch: past, number: (1 << 24) - 1 };
                for ticket in [call, watched, probe, Ticket::Untracked] {
                    assert_eq!(to_ticket(of_ticket(ticket), present), ticket);
                }
            }
        }
    }

    #[test]
    fn no_ticket_that_has_to_be_looked_at_equals_a_gate() {
        let gates = [QUIET, FREE, NOISY, COUNTED, COUNTED_NOISY, OPEN, LOCKED];
        let tickets = [UNTRACKED, CALL, COUNTED_CALL, COUNTED_NOISY_CALL, WATCHED, PROBE, NONE];
        for ticket in tickets {
            assert!(!gates.contains(&ticket));
            assert_eq!(tickets.iter().filter(|other| **other == ticket).count(), 1);
        }
        for gate in [FREE, NOISY, COUNTED, COUNTED_NOISY] {
            assert!(admits_all(gate) && tickets.contains(&(gate | GUARDED)));
        }
        assert!(admits_all(QUIET) && !admits_all(OPEN) && !admits_all(LOCKED));
    }

    #[test]
    fn a_tag_is_replaced_and_nothing_else_of_the_word() {
        for word in [0, u64::MAX, pack(OPEN, 77, 99), pack(LOCKED, 1, 1)] {
            for tag in [QUIET, NOISY, LOCKED] {
                assert_eq!(with_tag(word, tag), word - word % 16 + tag);
            }
        }
    }

    #[test]
    fn the_tickets_of_calls_are_told_from_all_others() {
        for word in [CALL, COUNTED_CALL, COUNTED_NOISY_CALL, WATCHED] {
            assert!(is_call(word) && is_call(word | CUSTOM_CLOCK | 1 << EPOCH_SHIFT));
        }
        for word in [QUIET, UNTRACKED, PROBE, NONE, SPENT] {
            assert!(!is_call(word));
        }
    }

    #[test]
    fn a_number_that_is_too_large_does_not_run_into_the_epoch() {
        let word = pack(PROBE, u32::MAX, 5);
        assert_eq!((tag(word), argument(word), epoch(word)), (PROBE, (1 << 24) - 1, 5));
        assert_eq!(word & CUSTOM_CLOCK, 0);
    }
}
