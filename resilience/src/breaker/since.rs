use crate::clock::Instant;

/// When a call was first found waiting, if it was: what its age counts from.
///
/// One word, so that handing it on costs the healthy path one register and no test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Since(u64);

impl Since {
    /// The call never had to wait.
    pub(crate) const NEVER: Self = Self(0);

    pub(crate) fn at(at: Instant) -> Self {
        // An instant of exactly zero would read as "never": a nanosecond more does no harm.
        Self(at.as_nanos().max(1))
    }

    #[inline]
    pub(crate) fn is_never(self) -> bool {
        self == Self::NEVER
    }

    pub(crate) fn get(self) -> Option<Instant> {
        (!self.is_never()).then(|| Instant::from_nanos(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_waited_from_the_first_instant_on_has_waited() {
        assert_eq!(Since::NEVER.get(), None);
        assert_eq!(Since::at(Instant::from_nanos(0)).get(), Some(Instant::from_nanos(1)));
        assert_eq!(Since::at(Instant::FAR_FUTURE).get(), Some(Instant::FAR_FUTURE));
    }
}
