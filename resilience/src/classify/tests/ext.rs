use super::{err, ok};
use crate::classify::{Classify, ClassifyExt, ErrorsFail};
use crate::{Hint, Verdict};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(9);

fn verdicts() -> [(Verdict, Verdict); 7] {
    [
        (Verdict::Success, Verdict::Failure(None)),
        (Verdict::Reachable, Verdict::Failure(None)),
        (Verdict::Ignore, Verdict::Failure(None)),
        (Verdict::Failure(None), Verdict::Failure(None)),
        (Verdict::Failure(Some(Hint::after(WAIT))), Verdict::Failure(Some(Hint::after(WAIT)))),
        (Verdict::Limited(WAIT), Verdict::Failure(Some(Hint::limiting(WAIT)))),
        (Verdict::Relayed(Some(WAIT)), Verdict::Failure(Some(Hint::after(WAIT)))),
    ]
}

/// Says the same whatever the outcome.
fn always(verdict: Verdict) -> impl Fn(Result<&u32, &io::Error>) -> Verdict {
    move |_| verdict
}

#[test]
fn a_failure_on_top_keeps_the_wait_that_was_there() {
    for (verdict, failure) in verdicts() {
        let classifier = always(verdict).or_failure_if(|_: Result<&u32, &io::Error>| true);
        assert_eq!(ok(&classifier, &1), failure, "{verdict:?}");
    }
}

#[test]
fn a_condition_that_does_not_hold_changes_nothing() {
    for (verdict, _) in verdicts() {
        let classifier = always(verdict)
            .or_failure_if(|outcome: Result<&u32, &io::Error>| outcome.is_ok_and(|ok| *ok == 0))
            .ignore_if(|outcome: Result<&u32, &io::Error>| outcome.is_err());
        assert_eq!(ok(&classifier, &1), verdict);
    }
}

#[test]
fn what_is_ignored_is_ignored_whatever_the_classifier_says() {
    for (verdict, _) in verdicts() {
        let classifier = always(verdict).ignore_if(|_: Result<&u32, &io::Error>| true);
        assert_eq!(ok(&classifier, &1), Verdict::Ignore);
    }
}

#[test]
fn the_outermost_has_the_last_word() {
    let yes = |_: Result<&u32, &io::Error>| true;
    assert_eq!(ok(&ErrorsFail.ignore_if(yes).or_failure_if(yes), &1), Verdict::Failure(None));
    assert_eq!(ok(&ErrorsFail.or_failure_if(yes).ignore_if(yes), &1), Verdict::Ignore);
}

#[test]
fn verdicts_are_mapped_one_after_the_other() {
    let classifier = ErrorsFail
        .map_verdict(|verdict| if verdict == Verdict::Success { Verdict::Reachable } else { verdict })
        .map_verdict(|verdict| if verdict == Verdict::Reachable { Verdict::Ignore } else { verdict });
    assert_eq!(ok(&classifier, &1), Verdict::Ignore);
    assert_eq!(err(&classifier, &()), Verdict::Failure(None));
}

#[cfg(feature = "http")]
#[test]
fn however_a_verdict_is_bent_what_the_server_says_of_its_quota_and_of_retries_stays() {
    #[derive(Clone, Copy)]
    struct Strict;
    impl<Res, E> Classify<Res, E> for Strict {
        fn classify(&self, _: Result<&Res, &E>) -> Verdict {
            Verdict::Success
        }
        fn forbids_retry(&self, outcome: Result<&Res, &E>) -> bool {
            outcome.is_ok()
        }
        fn quota(&self, outcome: Result<&Res, &E>) -> Option<crate::hint::Quota> {
            outcome.is_err().then(|| crate::hint::Quota::new(7, WAIT))
        }
    }
    #[track_caller]
    fn says_the_same(classifier: &impl Classify<u32, io::Error>) {
        let error = io::Error::other("reset");
        assert_eq!([Ok(&1), Err(&error)].map(|outcome| classifier.forbids_retry(outcome)), [true, false]);
        let left = |outcome| classifier.quota(outcome).and_then(|quota| quota.remaining());
        assert_eq!([Ok(&1), Err(&error)].map(left), [None, Some(7)]);
    }
    let yes = |_: Result<&u32, &io::Error>| true;
    says_the_same(&Strict);
    says_the_same(&Strict.map_verdict(|_| Verdict::Ignore));
    says_the_same(&Strict.or_failure_if(yes));
    says_the_same(&Strict.ignore_if(yes));
    says_the_same(&Strict.ignore_error::<io::Error>());
    says_the_same(&Strict.ignore_refusals());
}

#[test]
fn a_clone_judges_the_same_and_what_a_closure_cannot_clone_it_shares() {
    struct NotClone(Verdict);
    let held = Arc::new(NotClone(Verdict::Reachable));
    let classifier = ErrorsFail.ignore_error::<fmt::Error>().ignore_refusals().map_verdict(move |_| held.0);
    let clone = classifier.clone();
    assert_eq!(err(&classifier, &fmt::Error), Verdict::Reachable);
    assert_eq!(err(&clone, &fmt::Error), Verdict::Reachable);
}

#[test]
fn what_bends_nothing_takes_no_space() {
    assert_eq!(size_of_val(&ErrorsFail.ignore_error::<fmt::Error>().ignore_refusals()), 0);
}

#[test]
fn debug_shows_what_is_within_but_not_the_closures() {
    let classifier = ErrorsFail
        .ignore_error::<fmt::Error>()
        .or_failure_if(|_: Result<&u32, &()>| false)
        .ignore_if(|_: Result<&u32, &()>| false)
        .map_verdict(|verdict| verdict);
    assert_eq!(Classify::<u32, fmt::Error>::classify(&ErrorsFail, Ok(&1)), Verdict::Success);
    let shown = format!("{classifier:?}");
    for part in
        ["MapVerdict", "IgnoreIf", "OrFailureIf", "IgnoreError", "core::fmt::Error", "ErrorsFail", "{{closure}}"]
    {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}
