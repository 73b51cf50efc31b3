use super::{err, ok};
use crate::classify::error::{chain, chain_has, find, is_refusal};
use crate::classify::{Classify, ClassifyExt, ErrorsFail};
use crate::{Verdict, respond};
use std::error::Error;
use std::{fmt, io, ptr};

/// An error that another one caused.
#[derive(Debug)]
struct Wrap<E>(E);

impl<E: fmt::Debug> fmt::Display for Wrap<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "caused by {:?}", self.0)
    }
}

impl<E: Error + 'static> Error for Wrap<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// An error that claims to have caused itself.
#[derive(Debug)]
struct Ouroboros;

impl fmt::Display for Ouroboros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("see above")
    }
}

impl Error for Ouroboros {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self)
    }
}

#[test]
fn errors_fail_and_all_else_succeeds() {
    assert_eq!(err(&ErrorsFail, &()), Verdict::Failure(None));
    assert_eq!(ok(&ErrorsFail, &"whatever"), Verdict::Success);
    assert_eq!(size_of::<ErrorsFail>(), 0);
}

#[test]
fn a_chain_begins_with_the_error_and_ends_with_the_root() {
    let error = Wrap(Wrap(fmt::Error));
    let all: Vec<_> = chain(&error).map(ToString::to_string).collect();
    assert_eq!(all, ["caused by Wrap(Error)", "caused by Error", &fmt::Error.to_string()]);
}

#[test]
fn a_cause_is_found_at_any_depth() {
    assert!(chain_has::<fmt::Error>(&fmt::Error));
    assert!(chain_has::<fmt::Error>(&Wrap(Wrap(fmt::Error))));
    assert!(!chain_has::<io::Error>(&Wrap(Wrap(fmt::Error))));

    let error = Wrap(Wrap(fmt::Error));
    assert!(ptr::eq(find::<fmt::Error>(&error).unwrap(), &raw const error.0.0));
}

#[test]
fn a_boxed_error_is_looked_into() {
    let boxed: Box<dyn Error + Send + Sync> = Wrap(fmt::Error).into();
    assert!(chain_has::<fmt::Error>(&*boxed));
}

#[test]
fn what_an_io_error_was_made_from_is_not_skipped() {
    let error = Wrap(io::Error::other(Wrap(io::Error::other(fmt::Error))));
    assert_eq!(chain(&error).count(), 5);
    assert!(chain_has::<fmt::Error>(&error));
    assert_eq!(chain(&io::Error::from(io::ErrorKind::TimedOut)).count(), 1);
}

#[test]
fn a_chain_that_bites_its_own_tail_has_an_end() {
    assert_eq!(chain(&Ouroboros).count(), 64);
    assert!(!chain_has::<fmt::Error>(&Ouroboros));
    assert!(!is_refusal(&Ouroboros));
}

#[test]
fn errors_of_a_kind_can_be_ignored_wherever_they_are_in_the_chain() {
    let classifier = ErrorsFail.ignore_error::<fmt::Error>();
    assert_eq!(err(&classifier, &fmt::Error), Verdict::Ignore);
    assert_eq!(err(&classifier, &Wrap(fmt::Error)), Verdict::Ignore);
    assert_eq!(err(&classifier, &io::Error::other(Wrap(fmt::Error))), Verdict::Ignore);
    assert_eq!(err(&classifier, &io::Error::other(fmt::Error)), Verdict::Ignore);
    assert_eq!(err(&classifier, &io::Error::other("something else")), Verdict::Failure(None));
    assert_eq!(ok(&classifier, &1), Verdict::Success);
}

#[test]
fn errors_that_are_no_refusals_are_left_to_the_classifier() {
    let classifier = ErrorsFail.ignore_refusals();
    assert_eq!(err(&classifier, &Wrap(fmt::Error)), Verdict::Failure(None));
    assert_eq!(ok(&classifier, &1), Verdict::Success);
}

#[test]
fn an_error_that_a_layer_passed_on_is_found_within_it_and_within_what_wraps_that() {
    let inner = || respond::Error::Inner(io::Error::from(io::ErrorKind::TimedOut));
    assert!(chain_has::<io::Error>(&inner()));
    assert!(chain_has::<io::Error>(&io::Error::other(inner())));
    assert!(chain_has::<io::Error>(&respond::Error::Inner(inner())), "of two layers");
    assert!(!chain_has::<fmt::Error>(&inner()));
    let outer: Result<&(), _> = Err(&inner());
    assert_eq!(ErrorsFail.ignore_error::<io::Error>().classify(outer), Verdict::Ignore);
}
