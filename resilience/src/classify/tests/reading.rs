use super::response;
use crate::Verdict;
use crate::classify::{Classify, HttpStatus};
use http::{HeaderMap, Response, StatusCode};
use std::io;

/// An answer that is no `http::Response`.
struct Answer(Response<&'static str>);

fn head(answer: &Answer) -> (StatusCode, &HeaderMap) {
    (answer.0.status(), answer.0.headers())
}

#[test]
fn an_answer_of_another_type_is_judged_as_the_response_with_its_head_would_be() {
    fn same<C>(inner: &C, reading: &impl Classify<Answer, io::Error>)
    where
        C: Classify<Response<&'static str>, io::Error>,
    {
        for status in 100..1000 {
            for headers in [&[][..], &[("retry-after", "9")], &[("ratelimit", r#""all";r=0;t=30"#)]] {
                let answer = Answer(response(status, headers));
                assert_eq!(reading.classify(Ok(&answer)), inner.classify(Ok(&answer.0)), "{status} {headers:?}");
                assert_eq!(reading.quota(Ok(&answer)), inner.quota(Ok(&answer.0)), "{status} {headers:?}");
                assert!(reading.at_end(&answer).is_none());
            }
        }
        let error = io::ErrorKind::ConnectionRefused.into();
        assert_eq!(reading.classify(Err(&error)), Verdict::Failure(None));
        assert_eq!(reading.quota(Err(&error)), None);
    }
    same(&HttpStatus::new(), &HttpStatus::new().reading(head));
    same(&HttpStatus::failures([502, 503]), &HttpStatus::failures([502, 503]).reading(head));
    let trusting = HttpStatus::new().trust_refusals_of(["edge"]);
    same(&trusting, &trusting.reading(head));
    // There is no body to be watched, so the head decides.
    let to_the_end = HttpStatus::new().judged_at_end();
    same(&to_the_end, &to_the_end.reading(head));
}

#[test]
fn the_reader_of_a_head_is_shown_by_its_type() {
    let shown = format!("{:?}", HttpStatus::new().reading(head));
    assert!(shown.starts_with("Reading { status: HttpStatus") && shown.contains("reading::head"), "{shown}");
}
