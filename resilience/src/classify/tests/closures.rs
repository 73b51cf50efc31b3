//! How closures come to be classifiers: what a caller may leave out, and what must be written.

use crate::Verdict;
use crate::classify::{Classify, ErrorsFail};

/// As a layer holds it: nothing is asked of the classifier until a service is called.
struct Layer<C>(C);

impl<C> Layer<C> {
    fn classify<D>(self, classifier: D) -> Layer<D> {
        Layer(classifier)
    }

    fn judge<Res, E>(&self, outcome: &Result<Res, E>) -> Verdict
    where
        C: Classify<Res, E>,
    {
        self.0.classify(outcome.as_ref())
    }
}

#[test]
fn a_closure_may_leave_the_types_to_be_inferred() {
    let layer = Layer(ErrorsFail).classify(|outcome: Result<&_, &_>| Verdict::failure_if(matches!(outcome, Ok(7_u8))));
    assert_eq!(layer.judge(&Ok::<_, ()>(7)), Verdict::Failure(None));
    assert_eq!(layer.judge(&Err::<u8, _>(())), Verdict::Success);
}

#[test]
fn a_closure_may_name_the_types() {
    let layer = Layer(ErrorsFail).classify(|outcome: Result<&String, &std::fmt::Error>| {
        Verdict::failure_if(outcome.is_ok_and(String::is_empty))
    });
    assert_eq!(layer.judge(&Ok(String::new())), Verdict::Failure(None));
}

#[test]
fn a_closure_may_hold_on_to_things() {
    let bad = [3, 5];
    let layer = Layer(ErrorsFail)
        .classify(move |outcome: Result<&u8, &()>| Verdict::failure_if(outcome.is_ok_and(|ok| bad.contains(ok))));
    assert_eq!(layer.judge(&Ok(5)), Verdict::Failure(None));
    assert_eq!(layer.judge(&Ok(4)), Verdict::Success);
}

#[test]
fn a_function_is_a_classifier() {
    fn judge(outcome: Result<&u8, &()>) -> Verdict {
        if outcome.is_ok() { Verdict::Reachable } else { Verdict::Ignore }
    }
    let layer = Layer(ErrorsFail).classify(judge);
    assert_eq!(layer.judge(&Ok(1)), Verdict::Reachable);
    assert_eq!(layer.judge(&Err(())), Verdict::Ignore);
}

#[cfg(feature = "http")]
#[test]
fn a_closure_may_leave_the_body_and_the_error_to_be_inferred() {
    let layer = Layer(ErrorsFail).classify(|outcome: Result<&http::Response<_>, &_>| {
        Verdict::failure_if(outcome.is_ok_and(|response| response.status() == 418))
    });
    let teapot = http::Response::builder().status(418).body("short and stout").unwrap();
    assert_eq!(layer.judge(&Ok::<_, ()>(teapot)), Verdict::Failure(None));
}

#[cfg(feature = "http")]
#[test]
fn a_closure_never_waits_for_the_end_of_a_body() {
    let closure = |_: Result<&http::Response<()>, &()>| Verdict::Success;
    assert!(Classify::at_end(&closure, &http::Response::new(())).is_none());
}
