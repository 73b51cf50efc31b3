//! What the server says of its own count, in whatever order it is heard.

use super::super::QuotaGuard;
use super::{SECOND, quota};
use crate::clock::Instant;
use crate::policy::{Policy, Rules};

/// A guard to which so many calls are out, and the server has said this.
fn guard(out: u32, remaining: u64) -> QuotaGuard {
    let mut guard = QuotaGuard { out, ..QuotaGuard::default() };
    guard.learn(remaining, Instant::from_nanos(60 * SECOND), Instant::default());
    guard
}

fn server_left(guard: &QuotaGuard) -> u64 {
    guard.server.unwrap().left()
}

#[test]
fn answers_that_were_overtaken_change_nothing_and_the_next_one_does() {
    let mut guard = guard(4, 10);
    // Two of the four are given up: the server may have counted them.
    guard.out = 2;
    assert_eq!(server_left(&guard), 6);
    let learn = |guard: &mut QuotaGuard, remaining| {
        guard.out = guard.out.saturating_sub(1);
        guard.learn(remaining, Instant::from_nanos(60 * SECOND), Instant::default());
        server_left(guard)
    };
    // It has counted two: this one and another, whose own answer comes late.
    assert_eq!(learn(&mut guard, 8), 6);
    assert_eq!(learn(&mut guard, 9), 6);
    // Nobody is left to have been overtaken, so that one was counted before the first answer.
    assert_eq!(learn(&mut guard, 9), 7);
    assert_eq!(learn(&mut guard, 9), 8);
}

#[test]
fn the_end_of_the_server_s_window_is_that_of_the_answer_that_told_least() {
    let mut guard = guard(0, 10);
    let until = |guard: &QuotaGuard| guard.server.unwrap().until;
    let second = |at: u64| Instant::from_nanos(at * SECOND);
    guard.learn(12, second(90), second(0));
    assert_eq!(until(&guard), second(60), "an older answer");
    guard.learn(10, second(70), second(0));
    assert_eq!(until(&guard), second(70), "the same count, told later");
    guard.learn(10, second(65), second(0));
    assert_eq!(until(&guard), second(70));
    guard.learn(9, second(50), second(0));
    assert_eq!(until(&guard), second(50));
}

#[test]
fn a_window_of_the_server_is_over_at_its_end() {
    let rules = Rules::new(Policy { quota: Some(quota(5, SECOND, 5)), ..Policy::default() }).unwrap();
    let pace = rules.quota.as_ref().unwrap();
    let mut guard = guard(0, 0);
    let second = |at: u64| Instant::from_nanos(at * SECOND);
    assert_eq!((guard.wait(pace, second(59)), guard.wait(pace, second(60))), (SECOND, 0));
    assert!(guard.left(pace, second(59)).server.is_some() && guard.left(pace, second(60)).server.is_none());
    guard.forget_past(second(59));
    assert!(guard.server.is_some());
    guard.forget_past(second(60));
    assert_eq!(guard.server, None);
}
