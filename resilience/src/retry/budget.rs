use std::sync::atomic::{AtomicU64, Ordering};

/// How many parts a token has: each original request pays one share of a token in.
const TOKEN: u64 = 1000;

/// Retries that may be made: a bucket of tokens. Each original request pays a share of a token in, each retry takes one.
#[derive(Debug)]
pub(super) struct Budget {
    /// In parts of a token.
    balance: AtomicU64,
    share: u64,
    full: u64,
}

impl Budget {
    /// A full bucket of `reserve` tokens. The share is 1 at most.
    pub(super) fn new(share: f64, reserve: u32) -> Self {
        // The share is checked to lie between 0 and 1.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let share = (share * 1000.0).round() as u64;
        let full = u64::from(reserve) * TOKEN;
        Self { balance: AtomicU64::new(full), share, full }
    }

    /// An original request. While the bucket is full this writes nothing, so healthy callers share no line.
    pub(super) fn deposit(&self) {
        let more = |balance: u64| (balance < self.full).then(|| (balance + self.share).min(self.full));
        // Nothing else is published by the balance. A full bucket stays as it is.
        let _ = self.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// A retry; whether there is a token for it.
    pub(super) fn withdraw(&self) -> bool {
        self.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |balance| balance.checked_sub(TOKEN)).is_ok()
    }

    /// Whole tokens.
    pub(super) fn left(&self) -> u32 {
        u32::try_from(self.balance.load(Ordering::Relaxed) / TOKEN).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_spent_and_earned_again_by_original_requests() {
        let budget = Budget::new(0.2, 2);
        assert!(budget.withdraw() && budget.withdraw() && !budget.withdraw());
        for _ in 0..4 {
            budget.deposit();
        }
        assert!(!budget.withdraw());
        budget.deposit();
        assert!(budget.withdraw() && !budget.withdraw());
    }

    #[test]
    fn it_never_holds_more_than_its_reserve() {
        let budget = Budget::new(1.0, 3);
        for _ in 0..100 {
            budget.deposit();
        }
        assert_eq!(budget.left(), 3);
    }

    #[test]
    fn without_a_share_only_the_reserve_is_spent() {
        let budget = Budget::new(0.0, 1);
        assert!(budget.withdraw());
        budget.deposit();
        assert!(!budget.withdraw());
    }
}
