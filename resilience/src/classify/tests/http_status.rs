use super::{err, ok, response};
use crate::classify::{Classify, ClassifyExt, Custom, EndOfBody, HttpStatus};
use crate::clock::wall;
use crate::{Hint, Verdict};
use std::io;
use std::time::Duration;

const NINE: Duration = Duration::from_secs(9);

fn bare(classifier: &impl Classify<http::Response<&'static str>, io::Error>, status: u16) -> Verdict {
    ok(classifier, &response(status, &[]))
}

#[test]
fn the_preset_judges_every_status_there_is() {
    for status in 100..1000 {
        let expected = match status {
            408 | 425 => Verdict::Ignore,
            429 | 500.. => Verdict::Failure(None),
            400.. => Verdict::Reachable,
            _ => Verdict::Success,
        };
        assert_eq!(bare(&HttpStatus::new(), status), expected, "{status}");
    }
}

#[test]
fn transport_errors_fail_in_every_form() {
    fn judge(classifier: &impl Classify<http::Response<&'static str>, io::Error>) -> Verdict {
        classifier.classify(Err(&io::ErrorKind::ConnectionRefused.into()))
    }
    assert_eq!(judge(&HttpStatus::new()), Verdict::Failure(None));
    assert_eq!(judge(&HttpStatus::failures([])), Verdict::Failure(None));
    assert_eq!(judge(&HttpStatus::new().judged_at_end()), Verdict::Failure(None));
}

#[test]
fn failures_carry_the_hint_of_the_answer() {
    for (status, expected) in [
        (429, Verdict::Failure(Some(Hint::limiting(NINE)))),
        (503, Verdict::Failure(Some(Hint::limiting(NINE)))),
        (500, Verdict::Failure(Some(Hint::after(NINE)))),
        (599, Verdict::Failure(Some(Hint::after(NINE)))),
        (408, Verdict::Ignore),
        (404, Verdict::Reachable),
        (301, Verdict::Success),
        (200, Verdict::Success),
    ] {
        for headers in [[("retry-after", "9")], [("ratelimit", r#""a";r=0;t=9"#)]] {
            assert_eq!(ok(&HttpStatus::new(), &response(status, &headers)), expected, "{status} {headers:?}");
        }
    }
}

#[test]
fn a_hint_may_be_a_date() {
    let date = httpdate::fmt_http_date(wall().unwrap() + Duration::from_secs(3600));
    let verdict = ok(&HttpStatus::new(), &response(503, &[("retry-after", &date)]));
    assert!(matches!(verdict, Verdict::Failure(Some(hint)) if hint.is_limiting() && hint.wait().as_secs() > 3000));
}

#[test]
fn a_hint_that_is_garbage_is_as_if_absent() {
    for garbage in ["-9", "0", "soon", "Thu, 01 Jan 1970 00:00:00 GMT"] {
        assert_eq!(ok(&HttpStatus::new(), &response(503, &[("retry-after", garbage)])), Verdict::Failure(None));
    }
}

#[test]
fn a_named_set_judges_every_status_there_is() {
    let gateway = HttpStatus::failures([502, 503, 504]);
    for status in 100..1000 {
        let expected = match status {
            502..=504 => Verdict::Failure(None),
            200..=399 => Verdict::Success,
            _ => Verdict::Reachable,
        };
        assert_eq!(bare(&gateway, status), expected, "{status}");
    }
}

#[test]
fn a_status_of_the_set_carries_its_hint() {
    let gateway = HttpStatus::failures([404, 503]);
    let judge = |status| ok(&gateway, &response(status, &[("retry-after", "9")]));
    assert_eq!(judge(503), Verdict::Failure(Some(Hint::limiting(NINE))));
    assert_eq!(judge(404), Verdict::Failure(Some(Hint::after(NINE))));
}

#[test]
fn outside_the_set_a_503_or_429_with_a_hint_is_limited() {
    let classifier = HttpStatus::failures([500]);
    let judge = |status| ok(&classifier, &response(status, &[("retry-after", "9")]));
    assert_eq!(judge(429), Verdict::Limited(NINE));
    assert_eq!(judge(503), Verdict::Limited(NINE));
    assert_eq!(judge(502), Verdict::Reachable, "says when to come back, but does not limit anybody");
    assert_eq!(judge(200), Verdict::Success);
    assert_eq!(bare(&classifier, 503), Verdict::Reachable);
    assert_eq!(bare(&classifier, 429), Verdict::Reachable);
}

#[test]
fn a_set_may_name_any_status_and_more() {
    let odd = HttpStatus::failures([100, 200, 999, 1024, u16::MAX]);
    for status in [100, 200, 999] {
        assert_eq!(bare(&odd, status), Verdict::Failure(None), "{status}");
    }
    assert_eq!(bare(&odd, 201), Verdict::Success);
    assert_eq!(bare(&HttpStatus::failures([]), 500), Verdict::Reachable);
}

#[test]
fn the_preset_with_settings_of_its_own_judges_as_before() {
    let custom: HttpStatus<Custom> = HttpStatus::new().into();
    for status in 100..1000 {
        assert_eq!(bare(&custom, status), bare(&HttpStatus::new(), status), "{status}");
    }
}

#[test]
fn settings_of_a_copy_leave_the_original_alone() {
    let original = HttpStatus::failures([500]);
    let copy = original.judged_at_end();
    let healthy = response(200, &[]);
    assert!(Classify::<_, ()>::at_end(&original, &healthy).is_none());
    assert!(Classify::<_, ()>::at_end(&copy, &healthy).is_some());
    assert_eq!(bare(&copy, 500), Verdict::Failure(None));
}

#[test]
fn the_head_decides_unless_the_end_is_asked_for() {
    let healthy = response(200, &[]);
    assert!(Classify::<_, ()>::at_end(&HttpStatus::new(), &healthy).is_none());
    assert!(Classify::<_, ()>::at_end(&HttpStatus::failures([503]), &healthy).is_none());
}

#[test]
fn a_body_that_is_cut_short_is_a_failure_and_a_whole_one_is_what_the_head_was() {
    let classifier = HttpStatus::new().judged_at_end();
    for (status, head) in [(200, Verdict::Success), (304, Verdict::Success), (404, Verdict::Reachable)] {
        let at_end = Classify::<_, ()>::at_end(&classifier, &response(status, &[])).unwrap();
        assert_eq!(at_end.judge(EndOfBody::Complete(None)), head, "{status}");
        assert_eq!(at_end.judge(EndOfBody::Failed), Verdict::Failure(None), "{status}");
    }
}

#[test]
fn a_head_that_has_said_it_all_does_not_wait_for_the_end() {
    let classifier = HttpStatus::failures([500]).judged_at_end();
    let headers: [(&str, &str); 1] = [("retry-after", "9")];
    for status in [500, 503] {
        assert!(Classify::<_, ()>::at_end(&classifier, &response(status, &headers)).is_none(), "{status}");
    }
    assert!(Classify::<_, ()>::at_end(&HttpStatus::new().judged_at_end(), &response(408, &[])).is_none());
}

#[test]
fn bent_classifiers_pass_the_end_on() {
    type Res = http::Response<&'static str>;
    let classifier = HttpStatus::new()
        .judged_at_end()
        .or_failure_if(|outcome: Result<&Res, &io::Error>| outcome.is_ok_and(|r| r.headers().contains_key("bad")))
        .ignore_if(|outcome: Result<&Res, &io::Error>| outcome.is_ok_and(|r| r.headers().contains_key("skip")))
        .ignore_error::<std::fmt::Error>()
        .ignore_refusals();
    assert!(classifier.at_end(&response(200, &[])).is_some());
    assert!(classifier.at_end(&response(200, &[("bad", "")])).is_none(), "a failure already");
    assert!(classifier.at_end(&response(200, &[("skip", "")])).is_none(), "ignored already");
}

#[test]
fn the_preset_takes_no_space_and_the_other_forms_one_pointer() {
    assert_eq!(size_of::<HttpStatus>(), 0);
    assert_eq!(size_of::<HttpStatus<Custom>>(), size_of::<usize>());
}

#[test]
fn debug_lists_the_statuses_of_a_set() {
    let shown = format!("{:?}", HttpStatus::failures([504, 502]).trust_refusals_of(["edge"]));
    assert!(shown.contains("{502, 504}") && shown.contains("edge"), "{shown}");
}

#[test]
fn the_error_may_be_of_any_type() {
    struct NoTraitsAtAll;
    let outcome: Result<&http::Response<()>, _> = Err(&NoTraitsAtAll);
    assert_eq!(HttpStatus::new().classify(outcome), Verdict::Failure(None));
    assert_eq!(err(&crate::classify::ErrorsFail, &NoTraitsAtAll), Verdict::Failure(None));
}
