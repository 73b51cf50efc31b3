use super::headers;
use crate::hint::structured::{Item, Malformed, dictionary, list};
use http::HeaderName;

static FIELD: HeaderName = HeaderName::from_static("field");

/// The values of a list, written out.
fn items(value: &str) -> Result<Vec<String>, Malformed> {
    let map = headers(&[("field", value)]);
    let mut items = Vec::new();
    list(&map, &FIELD, |member| {
        items.push(match member.item {
            Item::Integer(number) => number.to_string(),
            item if item.name().is_ok() => format!("{:?}", item.name()),
            _ => "other".to_owned(),
        });
        Ok(())
    })?;
    Ok(items)
}

fn is_list(value: &str) -> bool {
    items(value).is_ok()
}

#[test]
fn integers_have_up_to_fifteen_digits() {
    assert_eq!(items("0, -0, 42, -999999999999999").unwrap(), ["0", "0", "42", "-999999999999999"]);
    for value in ["-", "--1", "+1", "1000000000000000", "1a", "1 2"] {
        assert!(!is_list(value), "{value}");
    }
}

#[test]
fn decimals_have_twelve_digits_before_the_point_and_three_after() {
    assert_eq!(items("1.5, -123456789012.123").unwrap(), ["other", "other"]);
    for value in ["1.", ".5", "1.2345", "1234567890123.1", "1.5.5", "-.5"] {
        assert!(!is_list(value), "{value}");
    }
}

#[test]
fn strings_may_escape_quotes_and_backslashes_only() {
    let map = headers(&[("field", r#""a \"b\" \\""#)]);
    let mut matched = false;
    list(&map, &FIELD, |member| {
        matched = member.item.name()?.is(r#"a "b" \"#);
        Ok(())
    })
    .unwrap();
    assert!(matched);
    for value in [r#"""#, r#""a"#, r#""\a""#, r#""\"#, "\"\t\"", "\"ä\""] {
        assert!(!is_list(value), "{value}");
    }
    assert!(is_list(r#""""#));
}

#[test]
fn tokens_begin_with_a_letter_or_a_star() {
    for value in ["a", "*a", "A/b:c", "a!#$%&'*+-.^_`|~1"] {
        assert!(is_list(value), "{value}");
    }
    for value in ["_a", "/a", "a@b", "a\\b", "a=b"] {
        assert!(!is_list(value), "{value}");
    }
}

#[test]
fn values_of_every_other_kind_are_recognised() {
    for value in [":aGk=:", "::", "?0", "?1", "@1659578233", "@-1", r#"%"f%c3%bc""#, r#"%"""#] {
        assert_eq!(items(value).unwrap(), ["other"], "{value}");
    }
    for value in [
        ":a",
        ":a b:",
        ":*:",
        "?",
        "?2",
        "@",
        "@1.5",
        "@a",
        "%",
        "%a",
        r#"%"a"#,
        r#"%"%C3""#,
        r#"%"%c""#,
        "%\"\u{e9}\"",
        "%\"\t\"",
    ] {
        assert!(!is_list(value), "{value}");
    }
}

#[test]
fn inner_lists_are_refused() {
    assert!(!is_list("(1 2)"));
    assert!(!is_list("a;x=(1)"));
}

#[test]
fn blanks_may_surround_members_but_not_parameters() {
    for value in ["1,2", "1 , 2", "1\t,\t2", "1  ", "1; a=1", "1;  a;b"] {
        assert!(is_list(value), "{value:?}");
    }
    for value in ["1,", "1, ", ",1", "1,,2", "1 ;a", "1;a =1", "1;a= 1", "1;", "1;A=1", "1;1=1", "1;\ta"] {
        assert!(!is_list(value), "{value:?}");
    }
}

#[test]
fn an_empty_field_is_an_empty_list() {
    assert_eq!(items("").unwrap(), Vec::<String>::new());
    assert_eq!(items("  ").unwrap(), Vec::<String>::new());
}

#[test]
fn a_parameter_without_a_value_is_there_but_neither_number_nor_token() {
    let map = headers(&[("field", "a;flag;n=5;t=tok")]);
    list(&map, &FIELD, |member| {
        assert!(member.parameter("flag").is_some_and(|item| item.count().is_err() && !item.is_token("flag")));
        assert!(member.parameter("n").is_some_and(|item| item.count() == Ok(5)));
        assert!(member.parameter("t").is_some_and(|item| item.is_token("tok")));
        assert!(member.parameter("fla").is_none());
        Ok(())
    })
    .unwrap();
}

#[test]
fn what_the_visitor_refuses_is_refused() {
    assert_eq!(list(&headers(&[("field", "1")]), &FIELD, |_| Err(Malformed)), Err(Malformed));
}

#[test]
fn a_dictionary_gives_keys_and_values() {
    let map = headers(&[("field", "a=1, b;x=2, *c-d.e_f=tok")]);
    let mut seen = Vec::new();
    dictionary(&map, &FIELD, |key, item| {
        seen.push((key, item.count().ok()));
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, [(&b"a"[..], Some(1)), (b"b", None), (b"*c-d.e_f", None)]);
    for value in ["a=", "=1", "A=1", "a=1,", "a=(1)", "a=1 b=2", "5"] {
        assert!(dictionary(&headers(&[("field", value)]), &FIELD, |_, _| Ok(())).is_err(), "{value}");
    }
}
