//! The numbers of headers: digits and nothing else.

use std::time::Duration;

/// A whole number of digits only: no sign, no point, no blank. One that is too large for its type counts as the largest.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |sum, byte| {
        byte.is_ascii_digit().then(|| sum.saturating_mul(10).saturating_add(u64::from(byte - b'0')))
    })
}

/// A header's value without the blanks around it, which are no part of it.
pub(super) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// A wait that is worth the name: none at all is as good as not having been asked.
pub(super) fn wait(length: Duration) -> Option<Duration> {
    (!length.is_zero()).then_some(length)
}
