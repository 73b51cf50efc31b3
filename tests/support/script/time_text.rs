//! Times as text: seconds with as many decimals as are needed.

use crate::model::Nanos;

const SECOND: Nanos = 1_000_000_000;

/// `1.5s`.
#[must_use]
pub fn show_time(time: Nanos) -> String {
    let (seconds, rest) = (time / SECOND, time % SECOND);
    if rest == 0 {
        return format!("{seconds}s");
    }
    let decimals = format!("{rest:09}");
    format!("{seconds}.{}s", decimals.trim_end_matches('0'))
}

/// The next word of a text as a time.
///
/// # Panics
///
/// If it is none.
pub fn take_time<'a>(words: &mut impl Iterator<Item = &'a str>) -> Nanos {
    let word = words.next().expect("a time is missing");
    parse(word).unwrap_or_else(|| panic!("{word} is not a time like 1.5s"))
}

fn parse(word: &str) -> Option<Nanos> {
    let number = word.strip_suffix('s')?;
    let (seconds, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let rest: Nanos = format!("{decimals:0<9}").parse().ok()?;
    Some(seconds.parse::<Nanos>().ok()? * SECOND + rest)
}
