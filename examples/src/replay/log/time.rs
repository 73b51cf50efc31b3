//! When a line was written, and how long its call took.

use jiff::Timestamp;
use jiff::fmt::strtime;
use std::time::Duration;

/// `10/Oct/2000:13:55:36 -0700`, as Apache and nginx write it.
const COMMON: &str = "%d/%b/%Y:%H:%M:%S %z";

/// A point in time, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) micros: i64,
    /// It was written without a fraction of a second.
    pub(super) whole: bool,
}

/// Reads a date as logs have it: with a month's name, by RFC 3339, or as a number since 1970.
pub(super) fn stamp(text: &str) -> Option<Stamp> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return text.parse().ok().and_then(since_1970).map(|stamp| Stamp { whole: !text.contains('.'), ..stamp });
    }
    let date = if text.contains('/') {
        strtime::parse(COMMON, text).and_then(|date| date.to_timestamp())
    } else {
        text.parse::<Timestamp>()
    };
    let micros = date.ok()?.as_microsecond();
    Some(Stamp { micros, whole: !text.contains('.') })
}

/// A number of seconds since 1970, or of milli-, micro- or nanoseconds. Which of them is told by its size: they are a factor
/// of a thousand apart, and so each stands for the years from 1973 on.
pub(super) fn since_1970(number: f64) -> Option<Stamp> {
    const UNITS: [f64; 4] = [1e6, 1e3, 1.0, 1e-3];
    const FIRST_MILLIS: f64 = 1e11;
    let mut below = FIRST_MILLIS;
    let unit = UNITS.into_iter().find(|_| {
        let found = number < below;
        below *= 1e3;
        found
    })?;
    let micros = number * unit;
    // Years that an i64 has room for, and the fraction of a microsecond is dropped on purpose.
    #[allow(clippy::cast_possible_truncation)]
    (micros.is_finite() && micros >= 0.0).then_some(Stamp { micros: micros.round() as i64, whole: false })
}

/// Reads a duration: a number of this unit, or one that says its own, as `12ms` does. Several of them are the tries of one
/// request, separated as nginx does it, and add up; `-` is a try that took no time. In microseconds.
pub(super) fn took(text: &str, unit: Duration) -> Option<u64> {
    let tries = text.split([',', ':']).map(str::trim).filter(|part| !part.is_empty() && *part != "-");
    let mut sum = None;
    for part in tries {
        sum = Some(u64::checked_add(sum.unwrap_or(0), one(part, unit)?)?);
    }
    sum
}

fn one(text: &str, unit: Duration) -> Option<u64> {
    const UNITS: [(&str, f64); 6] = [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0)];
    // A number begins with a digit: `inf` and `nan` are none.
    text.starts_with(|first: char| first.is_ascii_digit()).then_some(())?;
    let own = UNITS.iter().find_map(|(name, seconds)| Some((text.strip_suffix(name)?, *seconds)));
    let (number, seconds) = own.unwrap_or((text, unit.as_secs_f64()));
    micros(number.parse().ok()?, seconds)
}

/// So many units of so many seconds each, in microseconds.
pub(super) fn micros(number: f64, seconds: f64) -> Option<u64> {
    let took = Duration::try_from_secs_f64(number * seconds).ok()?;
    u64::try_from(took.as_nanos().div_ceil(500) / 2).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_date_is_read_in_every_form_that_logs_have() {
        let at = |micros, whole| Some(Stamp { micros, whole });
        assert_eq!(stamp("10/Oct/2000:13:55:36 -0700"), at(971_211_336_000_000, true));
        assert_eq!(stamp("2000-10-10T20:55:36Z"), at(971_211_336_000_000, true));
        assert_eq!(stamp("2000-10-10T22:55:36.25+02:00"), at(971_211_336_250_000, false));
        assert_eq!(stamp("971211336.123456"), at(971_211_336_123_456, false));
        assert_eq!(stamp("971211336"), at(971_211_336_000_000, true));
        assert_eq!(since_1970(971_211_336_123.0), at(971_211_336_123_000, false));
        assert_eq!(since_1970(971_211_336_123_456_000.0), at(971_211_336_123_456, false));
        for bad in ["", ".", "1.2.3", "yesterday", "32/Oct/2000:13:55:36 -0700", "2000-10-10 20:55:36", "1/2", "-5"] {
            assert_eq!(stamp(bad), None, "{bad}");
        }
        for bad in [-1.0, f64::NAN, f64::INFINITY, 1e30] {
            assert_eq!(since_1970(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_duration_is_read_by_its_unit_and_tries_add_up() {
        assert_eq!(took("0.123", SECOND), Some(123_000));
        assert_eq!(took("123", Duration::from_micros(1)), Some(123));
        assert_eq!(took("1.5ms", SECOND), Some(1500));
        assert_eq!(took("51.2µs", SECOND), Some(51));
        assert_eq!(took("0.001, 0.120 : -", SECOND), Some(121_000));
        for bad in ["-", "", "192.0.2.1", "inf", "nan", "-1", "1e300", "soon", "+5"] {
            assert_eq!(took(bad, SECOND), None, "{bad}");
        }
    }
}
