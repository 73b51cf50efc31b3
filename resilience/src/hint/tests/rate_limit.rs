use super::{headers, secs};
use crate::hint::{Quota, rate_limit};
use http::HeaderMap;

fn of(value: &str) -> Option<Quota> {
    rate_limit(&headers(&[("ratelimit", value)]))
}

fn remaining_and_reset(value: &str) -> Option<(Option<u64>, Option<u64>)> {
    of(value).map(|quota| (quota.remaining(), quota.reset().map(|reset| reset.as_secs())))
}

#[test]
fn no_header_is_no_quota() {
    assert_eq!(rate_limit(&HeaderMap::new()), None);
}

#[test]
fn a_policy_tells_what_is_left_and_until_when() {
    assert_eq!(remaining_and_reset(r#""burst";r=50;t=30"#), Some((Some(50), Some(30))));
    assert_eq!(remaining_and_reset(r#""burst";t=30;r=0"#), Some((Some(0), Some(30))));
    assert_eq!(remaining_and_reset(r#""burst";r=0"#), Some((Some(0), None)));
    assert!(of(r#""burst";r=0;t=30"#).unwrap().is_exhausted());
    assert!(!of(r#""burst";r=1;t=30"#).unwrap().is_exhausted());
}

#[test]
fn names_without_quotes_are_accepted() {
    assert_eq!(remaining_and_reset("default;r=50;t=30"), Some((Some(50), Some(30))));
}

#[test]
fn parameters_that_nobody_knows_are_comments() {
    let value = r#""u";r=1;pk=:cHsdsRa894==:;acme-x="y\"z";acme-d=1.5;flag;no=?0;at=@1659578233;say=%"f%c3%bc";t=7"#;
    assert_eq!(remaining_and_reset(value), Some((Some(1), Some(7))));
}

#[test]
fn of_several_policies_the_one_that_binds_counts() {
    assert_eq!(remaining_and_reset(r#""a";r=9;t=5, "b";r=0;t=30, "c";r=3;t=900"#), Some((Some(0), Some(30))));
    assert_eq!(remaining_and_reset(r#""a";r=0;t=5,"b";r=0;t=30,"c";r=0"#), Some((Some(0), Some(30))));
    assert_eq!(remaining_and_reset(r#""a";r=0,"b";r=0;t=30"#), Some((Some(0), Some(30))));
}

#[test]
fn policies_may_stand_in_several_lines() {
    let map = headers(&[("ratelimit", r#""a";r=9;t=5"#), ("ratelimit", ""), ("ratelimit", r#""b";r=0;t=30"#)]);
    assert_eq!(rate_limit(&map).unwrap().reset(), Some(secs(30)));
}

#[test]
fn the_limit_is_that_of_the_policy_that_binds() {
    let map = headers(&[
        ("ratelimit", r#""day";r=4;t=7200, "b\\u";r=0;t=30"#),
        ("ratelimit-policy", r#""day";q=1000;w=86400"#),
        ("ratelimit-policy", r#""b\\u";q=100;w=60;qu="requests""#),
    ]);
    let quota = rate_limit(&map).unwrap();
    assert_eq!((quota.limit(), quota.window()), (Some(100), Some(secs(60))));
}

#[test]
fn a_malformed_policy_leaves_the_rest_of_the_quota_alone() {
    for policy in
        [r#""b";w=60"#, r#""b";q=-1"#, r#""b";q=100;"#, r#""b";q=100;w=1.5"#, r#""other";q=5"#, "100;w=60", "(1 2)"]
    {
        let quota = rate_limit(&headers(&[("ratelimit", r#""b";r=0;t=30"#), ("ratelimit-policy", policy)])).unwrap();
        assert_eq!((quota.reset(), quota.limit(), quota.window()), (Some(secs(30)), None, None), "{policy}");
    }
}

#[test]
fn one_mistake_anywhere_makes_the_field_worthless() {
    for value in [
        "",
        " ",
        ",",
        r#""a""#,
        r#""a";t=30"#,
        r#""a";r"#,
        r#""a";r=-1;t=30"#,
        r#""a";r=1.0;t=30"#,
        r#""a";r="1";t=30"#,
        r#""a";r=1;t=-30"#,
        r#""a";r=1;t=30.5"#,
        r#""a";r=1;t"#,
        r#""a";r=1;t=30,"#,
        r#""a";r=1;t=30,,"b";r=0"#,
        r#""a";r=1;t=30 "b";r=0"#,
        r#""a;r=1;t=30"#,
        r#""a";r=1;T=30"#,
        r#""a";r=1 ;t=30"#,
        r#"("a");r=1;t=30"#,
        "5;r=1;t=30",
        r#""a";r=9999999999999999;t=30"#,
        r#""a";r=1;t=30, "b";r=oops"#,
        "'a';r=1;t=30",
        r#""ä";r=1;t=30"#,
    ] {
        assert_eq!(of(value), None, "{value:?}");
    }
}

#[test]
fn the_last_of_two_equal_parameters_counts() {
    assert_eq!(remaining_and_reset(r#""a";r=1;t=30;r=0"#), Some((Some(0), Some(30))));
}

#[test]
fn the_dictionary_of_an_older_draft_is_read() {
    let quota = of("limit=100, remaining=0, reset=30, more=?1").unwrap();
    assert_eq!((quota.limit(), quota.remaining(), quota.reset()), (Some(100), Some(0), Some(secs(30))));
    assert_eq!(remaining_and_reset("reset=30"), Some((None, Some(30))));
    for value in ["limit", "limit=100, remaining=x", "limit=100, reset=-1", "colour=5", "limit=100,"] {
        assert_eq!(of(value), None, "{value:?}");
    }
}

#[test]
fn the_three_fields_of_the_oldest_drafts_are_read() {
    let map = headers(&[
        ("ratelimit-limit", "100, 100;w=60, 1000;w=3600"),
        ("ratelimit-remaining", "0"),
        ("ratelimit-reset", "12"),
    ]);
    let quota = rate_limit(&map).unwrap();
    assert_eq!((quota.limit(), quota.remaining(), quota.reset()), (Some(100), Some(0), Some(secs(12))));
    assert_eq!(quota.window(), None);
}

#[test]
fn the_newer_field_wins_over_the_older_ones_unless_it_is_malformed() {
    let both =
        |newer| rate_limit(&headers(&[("ratelimit", newer), ("ratelimit-remaining", "0"), ("ratelimit-reset", "12")]));
    assert_eq!(both(r#""a";r=0;t=30"#).unwrap().reset(), Some(secs(30)));
    assert_eq!(both("?").unwrap().reset(), Some(secs(12)));
}

#[test]
fn a_field_that_comes_several_times_gives_the_number_that_binds() {
    let map = headers(&[
        ("ratelimit-remaining", "5"),
        ("ratelimit-remaining", "0"),
        ("ratelimit-reset", "12"),
        ("ratelimit-reset", "60"),
    ]);
    let quota = rate_limit(&map).unwrap();
    assert_eq!((quota.remaining(), quota.reset()), (Some(0), Some(secs(60))));
    assert_eq!(rate_limit(&headers(&[("ratelimit-reset", "12"), ("ratelimit-reset", "x")])), None);
}

#[test]
fn malformed_fields_of_the_three_are_as_if_absent() {
    for reset in ["", "-1", "1.5", "soon", "12;w=5"] {
        let quota = rate_limit(&headers(&[("ratelimit-remaining", "0"), ("ratelimit-reset", reset)])).unwrap();
        assert_eq!((quota.remaining(), quota.reset()), (Some(0), None), "{reset:?}");
    }
    assert_eq!(rate_limit(&headers(&[("ratelimit-limit", "100")])), None, "a limit alone says nothing about now");
    assert_eq!(rate_limit(&headers(&[("ratelimit-reset", "1767225600")])), None);
    let quota = rate_limit(&headers(&[("ratelimit-limit", "100, x"), ("ratelimit-remaining", "7")])).unwrap();
    assert_eq!((quota.limit(), quota.remaining()), (None, Some(7)));
}

#[test]
fn a_reset_that_is_an_instant_is_as_if_absent() {
    assert_eq!(remaining_and_reset(r#""a";r=0;t=1767225600"#), Some((Some(0), None)));
    assert_eq!(of("remaining=0, reset=1767225600").unwrap().reset(), None);
    let map = headers(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "1767225600")]);
    assert_eq!(rate_limit(&map).unwrap().reset(), None);
    assert_eq!(of(r#""a";r=0;t=999999999"#).unwrap().reset(), Some(secs(999_999_999)));
}

#[test]
fn the_nonstandard_family_is_not_read() {
    assert_eq!(rate_limit(&headers(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "12")])), None);
}
