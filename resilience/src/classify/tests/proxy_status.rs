use super::{ok, response};
use crate::Verdict;
use crate::classify::HttpStatus;
use std::time::Duration;

/// The verdict on a `503` with this `Proxy-Status`, where `edge` and `two words` are trusted.
fn judge(proxy_status: &str) -> Verdict {
    let classifier = HttpStatus::new().trust_refusals_of(["edge", "two words"]);
    ok(&classifier, &response(503, &[("proxy-status", proxy_status)]))
}

#[test]
fn a_trusted_refusal_is_relayed() {
    for value in [
        "edge; error=destination_unavailable",
        "edge;error=destination_unavailable",
        r#""edge"; error=destination_unavailable"#,
        r#""two words"; error=destination_unavailable"#,
        r#""ed\"ge", edge; error=destination_unavailable; details="quoted, with; \"all\" of it""#,
        "edge; next-hop=\"10.0.0.1:80\"; error=destination_unavailable; received-status=503",
        "other; error=connection_refused, edge; error=destination_unavailable",
        "edge; error=destination_unavailable, outermost",
    ] {
        assert_eq!(judge(value), Verdict::Relayed(None), "{value}");
    }
}

#[test]
fn whatever_else_a_503_says_is_a_failure() {
    for value in [
        "",
        "edge",
        "edge; error",
        "edge; error=connection_refused",
        r#"edge; error="destination_unavailable""#,
        "edge; error=destination_unavailable_",
        "edge; details=destination_unavailable",
        "Edge; error=destination_unavailable",
        "edge2; error=destination_unavailable",
        "other; error=destination_unavailable",
        "other; error=destination_unavailable, edge",
        "other; details=\"edge; error=destination_unavailable\"",
        "edge; error=destination_unavailable,",
        "edge; error=destination_unavailable; details=\"torn",
        "edge error=destination_unavailable",
        "(edge); error=destination_unavailable",
        "edge; error=destination_unavailable, 5",
    ] {
        assert_eq!(judge(value), Verdict::Failure(None), "{value}");
    }
}

#[test]
fn the_last_of_two_errors_counts() {
    assert_eq!(judge("edge; error=dns_timeout; error=destination_unavailable"), Verdict::Relayed(None));
    assert_eq!(judge("edge; error=destination_unavailable; error=dns_timeout"), Verdict::Failure(None));
}

#[test]
fn the_wait_of_the_refusal_is_passed_on() {
    let refusal = response(503, &[("proxy-status", "edge; error=destination_unavailable"), ("retry-after", "9")]);
    let classifier = HttpStatus::failures([502]).trust_refusals_of(vec!["edge".to_owned()]);
    assert_eq!(ok(&classifier, &refusal), Verdict::Relayed(Some(Duration::from_secs(9))));
}

#[test]
fn only_a_503_can_be_a_refusal() {
    let classifier = HttpStatus::new().trust_refusals_of(["edge"]);
    let marked =
        |status| ok(&classifier, &response(status, &[("proxy-status", "edge; error=destination_unavailable")]));
    assert_eq!(marked(502), Verdict::Failure(None));
    assert_eq!(marked(200), Verdict::Success);
}

#[test]
fn nobody_is_trusted_unless_named() {
    let refusal = response(503, &[("proxy-status", "edge; error=destination_unavailable")]);
    assert_eq!(ok(&HttpStatus::new(), &refusal), Verdict::Failure(None));
    assert_eq!(ok(&HttpStatus::new().trust_refusals_of([""; 0]), &refusal), Verdict::Failure(None));
}

#[test]
fn names_can_be_added_one_after_the_other() {
    let classifier = HttpStatus::new().trust_refusals_of(["one"]).trust_refusals_of(["two"]);
    for name in ["one", "two"] {
        let refusal = response(503, &[("proxy-status", &format!("{name}; error=destination_unavailable"))]);
        assert_eq!(ok(&classifier, &refusal), Verdict::Relayed(None));
    }
}

#[test]
fn a_refusal_may_stand_in_a_line_of_its_own() {
    let refusal = response(503, &[("proxy-status", "cdn"), ("proxy-status", "edge; error=destination_unavailable")]);
    assert_eq!(ok(&HttpStatus::new().trust_refusals_of(["edge"]), &refusal), Verdict::Relayed(None));
}
