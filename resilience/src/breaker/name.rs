//! The names of breakers by number, so that a refusal can tell who refused without holding a count.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a breaker is called that was given no name.
pub(super) const UNNAMED: &str = "resilience";

/// Number 0 is nobody's.
static NAMES: Mutex<Vec<Option<Arc<str>>>> = Mutex::new(Vec::new());

fn names() -> MutexGuard<'static, Vec<Option<Arc<str>>>> {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A name and its number. The number is free again when the last breaker that bears it is gone; a refusal that is older
/// than that may then be told of by another breaker's name.
#[derive(Debug)]
pub(super) struct Name {
    text: Arc<str>,
    number: u32,
}

impl Name {
    pub(super) fn new(text: Arc<str>) -> Self {
        if text.as_ref() == UNNAMED {
            return Self { text, number: 0 };
        }
        let mut names = names();
        let free = names.iter().position(Option::is_none).unwrap_or(names.len());
        let Ok(number) = u32::try_from(free + 1) else { return Self { text, number: 0 } };
        if free == names.len() {
            names.push(None);
        }
        if let Some(place) = names.get_mut(free) {
            *place = Some(Arc::clone(&text));
        }
        Self { text, number }
    }

    pub(super) fn text(&self) -> &Arc<str> {
        &self.text
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let mut names = names();
        if let Some(place) = self.number.checked_sub(1).and_then(|index| names.get_mut(index as usize)) {
            *place = None;
        }
    }
}

/// The name of this number.
pub(super) fn of(number: u32) -> Arc<str> {
    let known = number.checked_sub(1).and_then(|index| names().get(index as usize).cloned().flatten());
    known.unwrap_or_else(|| Arc::from(UNNAMED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_finds_its_name_for_as_long_as_that_is_borne() {
        let orders = Name::new(Arc::from("orders"));
        let users = Name::new(Arc::from("users"));
        assert_ne!(orders.number(), users.number());
        assert_eq!((of(orders.number()).as_ref(), of(users.number()).as_ref()), ("orders", "users"));
        let number = users.number();
        drop(users);
        assert_ne!(of(number).as_ref(), "users");
        assert_eq!(of(0).as_ref(), UNNAMED);
        assert_eq!(of(u32::MAX).as_ref(), UNNAMED);
    }
}
