use super::response;
use crate::Verdict;
use crate::classify::{AtEnd, Classify, ClassifyExt, EndOfBody, GrpcStatus, HttpStatus};
use http::{HeaderMap, HeaderValue};

fn trailers(grpc_status: &'static str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(grpc_status));
    trailers
}

#[test]
fn a_rule_of_ones_own_sees_the_end() {
    let at_end = AtEnd::from_fn(|end| match end {
        EndOfBody::Complete(Some(_)) => Verdict::Success,
        EndOfBody::Complete(None) => Verdict::Reachable,
        EndOfBody::Failed => Verdict::Ignore,
    });
    assert_eq!(at_end.judge(EndOfBody::Complete(Some(&HeaderMap::new()))), Verdict::Success);
    assert_eq!(at_end.judge(EndOfBody::Complete(None)), Verdict::Reachable);
    assert_eq!(at_end.clone().judge(EndOfBody::Failed), Verdict::Ignore);
}

#[test]
fn a_mapped_classifier_maps_the_end_as_well() {
    let classifier = GrpcStatus::new()
        .map_verdict(|verdict| if verdict == Verdict::Reachable { Verdict::Success } else { verdict })
        .map_verdict(|verdict| if verdict == Verdict::Success { Verdict::Ignore } else { verdict });
    let at_end = Classify::<_, ()>::at_end(&classifier, &response(200, &[])).unwrap();
    assert_eq!(at_end.judge(EndOfBody::Complete(Some(&trailers("5")))), Verdict::Ignore, "in the right order");
    assert_eq!(at_end.judge(EndOfBody::Complete(Some(&trailers("14")))), Verdict::Failure(None));
    assert_eq!(at_end.judge(EndOfBody::Failed), Verdict::Failure(None));
}

#[test]
fn a_failure_that_was_mapped_away_does_not_wait_for_the_end() {
    struct EverythingFails;
    impl Classify<http::Response<&'static str>, ()> for EverythingFails {
        fn classify(&self, _: Result<&http::Response<&'static str>, &()>) -> Verdict {
            Verdict::Failure(None)
        }
        fn at_end(&self, _: &http::Response<&'static str>) -> Option<AtEnd> {
            unreachable!("the head was a failure")
        }
    }
    let classifier = EverythingFails.map_verdict(|_| Verdict::Ignore);
    assert!(classifier.at_end(&response(500, &[])).is_none());
}

#[test]
fn it_can_be_sent_along_with_any_body() {
    fn sendable<T: Send + Sync + Unpin + Clone + 'static>() {}
    sendable::<AtEnd>();
    sendable::<HttpStatus>();
    sendable::<GrpcStatus>();
}

#[test]
fn debug_tells_the_rule() {
    assert_eq!(
        format!("{:?}", AtEnd::whole_body(Verdict::Reachable)),
        "AtEnd { rule: Whole(Reachable), mapped: false }"
    );
    assert!(format!("{:?}", AtEnd::from_fn(|_| Verdict::Success)).contains("Custom"));
}
