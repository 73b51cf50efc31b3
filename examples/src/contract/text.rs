//! Rules for texts that people see.

/// What a validator returns.
type Checked = garde::Result;

fn wrong(message: impl std::fmt::Display) -> Checked {
    Err(garde::Error::new(message))
}

pub(super) fn user_name(text: &str, (): &()) -> Checked {
    line(text, 64)
}

pub(super) fn event_name(text: &str, (): &()) -> Checked {
    line(text, 100)
}

pub(super) fn details(text: &str, (): &()) -> Checked {
    const LONGEST: usize = 4096;
    if text.chars().count() > LONGEST {
        return wrong(format_args!("must not be longer than {LONGEST} characters"));
    }
    visible(text.chars().filter(|character| !['\n', '\r', '\t'].contains(character)))
}

/// A text of one line.
fn line(text: &str, longest: usize) -> Checked {
    let length = text.chars().count();
    if !(1..=longest).contains(&length) {
        return wrong(format_args!("must be 1 to {longest} characters long"));
    }
    if text.trim() != text {
        return wrong("must not begin or end with a blank");
    }
    visible(text.chars())
}

/// Refuses characters that make a text look like another one.
fn visible(mut text: impl Iterator<Item = char>) -> Checked {
    let deceives = |character: char| {
        character.is_control()
            || matches!(character,
                // Marks, embeddings, overrides and isolates of the writing direction.
                '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
                // Line and paragraph separators, a blank without width, a byte order mark.
                | '\u{2028}' | '\u{2029}' | '\u{200b}' | '\u{feff}')
    };
    if text.any(deceives) { wrong("must not hold control characters or invisible ones") } else { Ok(()) }
}

pub(super) fn email(text: &str, (): &()) -> Checked {
    const LONGEST: usize = 254;
    const LONGEST_LOCAL: usize = 64;
    let address = text.split_once('@').filter(|(local, domain)| {
        text.len() <= LONGEST && local.len() <= LONGEST_LOCAL && is_local(local) && is_domain(domain)
    });
    if address.is_none() { wrong("must be an email address like name@example.org") } else { Ok(()) }
}

/// RFC 5321 without quoted strings, which nobody's address has.
fn is_local(text: &str) -> bool {
    let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    text.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom))
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.contains('.') && text.split('.').all(is_label)
}
