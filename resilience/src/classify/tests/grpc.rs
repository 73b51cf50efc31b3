use super::{ok, response};
use crate::classify::{Classify, EndOfBody, GrpcCode, GrpcStatus};
use crate::{Hint, Verdict};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::io;
use std::time::Duration;

const PUSHBACK: (&str, &str) = ("grpc-retry-pushback-ms", "1500");
const WAIT: Duration = Duration::from_millis(1500);

fn in_head(classifier: GrpcStatus, headers: &[(&str, &str)]) -> Verdict {
    ok(&classifier, &response(200, headers))
}

fn in_trailers(classifier: GrpcStatus, headers: &[(&'static str, &'static str)]) -> Verdict {
    let trailers: HeaderMap =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
    at_end(classifier, EndOfBody::Complete(Some(&trailers)))
}

fn at_end(classifier: GrpcStatus, end: EndOfBody<'_>) -> Verdict {
    Classify::<_, ()>::at_end(&classifier, &response(200, &[])).unwrap().judge(end)
}

const NUMBERS: [&str; 17] =
    ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"];

fn expected(code: usize) -> Verdict {
    match code {
        0 => Verdict::Success,
        1 => Verdict::Ignore,
        2 | 4 | 8 | 13 | 14 | 15 => Verdict::Failure(None),
        _ => Verdict::Reachable,
    }
}

#[test]
fn every_code_is_judged_alike_in_the_head_and_in_the_trailers() {
    for (code, number) in NUMBERS.into_iter().enumerate() {
        assert_eq!(in_head(GrpcStatus::new(), &[("grpc-status", number)]), expected(code), "{code}");
        assert_eq!(in_trailers(GrpcStatus::new(), &[("grpc-status", number)]), expected(code), "{code}");
    }
}

#[test]
fn a_status_that_makes_no_sense_is_unknown() {
    for nonsense in ["", "17", "99", "255", "-1", "+1", "00", "014", "1 4", "14.0", "OK", "unavailable"] {
        assert_eq!(in_head(GrpcStatus::new(), &[("grpc-status", nonsense)]), Verdict::Failure(None), "{nonsense:?}");
        assert_eq!(in_trailers(GrpcStatus::new(), &[("grpc-status", nonsense)]), Verdict::Failure(None));
        let known_only = GrpcStatus::failures([GrpcCode::Internal]);
        assert_eq!(in_head(known_only, &[("grpc-status", nonsense)]), Verdict::Reachable, "{nonsense:?}");
    }
}

#[test]
fn a_body_without_a_status_at_its_end_is_a_failure() {
    for classifier in [GrpcStatus::new(), GrpcStatus::failures([])] {
        assert_eq!(at_end(classifier, EndOfBody::Complete(None)), Verdict::Failure(None), "no trailers");
        assert_eq!(in_trailers(classifier, &[("grpc-message", "lost")]), Verdict::Failure(None), "trailers without it");
        assert_eq!(at_end(classifier, EndOfBody::Failed), Verdict::Failure(None), "cut short");
    }
}

#[test]
fn a_status_in_the_head_does_not_wait_for_the_end() {
    for head in [response(200, &[("grpc-status", "0")]), response(200, &[("grpc-status", "x")]), response(503, &[])] {
        assert!(Classify::<_, ()>::at_end(&GrpcStatus::new(), &head).is_none());
    }
}

#[test]
fn without_a_status_the_http_status_is_judged() {
    for (status, verdict) in [
        (200, Verdict::Success),
        (204, Verdict::Success),
        (404, Verdict::Reachable),
        (408, Verdict::Ignore),
        (429, Verdict::Failure(None)),
        (502, Verdict::Failure(None)),
    ] {
        assert_eq!(ok(&GrpcStatus::new(), &response(status, &[])), verdict, "{status}");
    }
    let limited = response(503, &[("retry-after", "9")]);
    let hint = Hint::limiting(Duration::from_secs(9));
    assert_eq!(ok(&GrpcStatus::new(), &limited), Verdict::Failure(Some(hint)));
}

#[test]
fn a_status_in_the_head_wins_over_the_http_status_unless_it_claims_success() {
    assert_eq!(ok(&GrpcStatus::new(), &response(400, &[("grpc-status", "13")])), Verdict::Failure(None));
    assert_eq!(ok(&GrpcStatus::new(), &response(503, &[("grpc-status", "5")])), Verdict::Reachable);
    assert_eq!(ok(&GrpcStatus::new(), &response(503, &[("grpc-status", "0")])), Verdict::Failure(None));
}

#[test]
fn transport_errors_fail() {
    let outcome: Result<&http::Response<()>, _> = Err(&io::ErrorKind::ConnectionReset);
    assert_eq!(GrpcStatus::new().classify(outcome), Verdict::Failure(None));
}

#[test]
fn pushback_is_the_hint_of_a_failure() {
    for (number, hint) in
        [("14", Hint::limiting(WAIT)), ("8", Hint::limiting(WAIT)), ("13", Hint::after(WAIT)), ("4", Hint::after(WAIT))]
    {
        let expected = Verdict::Failure(Some(hint));
        assert_eq!(in_head(GrpcStatus::new(), &[("grpc-status", number), PUSHBACK]), expected, "{number}");
        assert_eq!(in_trailers(GrpcStatus::new(), &[("grpc-status", number), PUSHBACK]), expected, "{number}");
    }
}

#[test]
fn pushback_on_what_is_no_failure_changes_nothing() {
    for (number, verdict) in [("0", Verdict::Success), ("1", Verdict::Ignore), ("5", Verdict::Reachable)] {
        assert_eq!(in_trailers(GrpcStatus::new(), &[("grpc-status", number), PUSHBACK]), verdict, "{number}");
    }
}

#[test]
fn a_pushback_that_forbids_to_try_again_is_no_hint() {
    for value in ["-1", "0", "garbage"] {
        let headers = [("grpc-status", "14"), ("grpc-retry-pushback-ms", value)];
        assert_eq!(in_head(GrpcStatus::new(), &headers), Verdict::Failure(None), "{value}");
    }
}

#[test]
fn outside_the_set_a_limit_with_pushback_is_limited() {
    let classifier = GrpcStatus::failures([GrpcCode::Internal]);
    for number in ["8", "14"] {
        assert_eq!(in_trailers(classifier, &[("grpc-status", number), PUSHBACK]), Verdict::Limited(WAIT));
        assert_eq!(in_head(classifier, &[("grpc-status", number)]), Verdict::Reachable);
    }
    assert_eq!(in_head(classifier, &[("grpc-status", "4"), PUSHBACK]), Verdict::Reachable);
}

#[test]
fn the_set_of_failures_can_be_named() {
    let classifier = GrpcStatus::failures([GrpcCode::NotFound, GrpcCode::Cancelled, GrpcCode::Ok]);
    assert_eq!(in_head(classifier, &[("grpc-status", "5")]), Verdict::Failure(None));
    assert_eq!(in_head(classifier, &[("grpc-status", "1")]), Verdict::Failure(None));
    assert_eq!(in_head(classifier, &[("grpc-status", "14")]), Verdict::Reachable);
    assert_eq!(in_head(classifier, &[("grpc-status", "0")]), Verdict::Success, "never a failure");
}

#[test]
fn grpc_web_is_judged_by_its_head_and_by_whether_the_body_is_whole() {
    for content_type in ["application/grpc-web", "application/grpc-web+proto", "application/grpc-web-text"] {
        let head = response(200, &[("content-type", content_type)]);
        let at_end = Classify::<_, ()>::at_end(&GrpcStatus::new(), &head).unwrap();
        assert_eq!(at_end.judge(EndOfBody::Complete(None)), Verdict::Success, "{content_type}");
        assert_eq!(at_end.judge(EndOfBody::Failed), Verdict::Failure(None), "{content_type}");
    }
    assert_eq!(
        in_head(GrpcStatus::new(), &[("content-type", "application/grpc-web"), ("grpc-status", "14")]),
        Verdict::Failure(None)
    );
}

#[test]
fn the_classifier_is_a_single_word() {
    assert!(size_of::<GrpcStatus>() <= 4);
    assert_eq!(GrpcStatus::default(), GrpcStatus::new());
}

#[test]
fn debug_lists_the_codes() {
    let shown = format!("{:?}", GrpcStatus::failures([GrpcCode::Unavailable, GrpcCode::Internal]));
    assert_eq!(shown, "GrpcStatus { failures: [Internal, Unavailable] }");
}

#[test]
fn codes_are_their_numbers() {
    for (number, text) in NUMBERS.into_iter().enumerate() {
        assert_eq!(GrpcCode::from_bytes(text.as_bytes()) as usize, number);
    }
}
