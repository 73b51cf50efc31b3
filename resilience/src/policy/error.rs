use std::fmt;

/// A value of a policy that is out of its range: names the field, the value and the range.
///
/// ```
/// use std::time::Duration;
/// use resilience::Breaker;
///
/// let error = Breaker::builder().failures(0).within(Duration::from_secs(30)).build().unwrap_err();
/// assert_eq!(error.field(), "window.failures");
/// assert_eq!(error.to_string(), "`window.failures` is 0; it must be from 1 to 1048576");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    field: &'static str,
    value: String,
    range: &'static str,
}

impl PolicyError {
    pub(crate) fn new(field: &'static str, value: impl fmt::Debug, range: &'static str) -> Self {
        Self { field, value: format!("{value:?}"), range }
    }

    /// The field, by its path in [`Policy`](super::Policy), or in what else was to be built.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// The value that is out of its range, as `Debug` writes it.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What the field may be, in words.
    #[must_use]
    pub const fn range(&self) -> &'static str {
        self.range
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is {}; it must be {}", self.field, self.value, self.range)
    }
}

impl std::error::Error for PolicyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_parts_are_those_of_the_sentence() {
        let error = PolicyError::new("probes", 0, "from 1 to 4096");
        assert_eq!((error.field(), error.value(), error.range()), ("probes", "0", "from 1 to 4096"));
        assert_eq!(error.to_string(), "`probes` is 0; it must be from 1 to 4096");
    }
}
