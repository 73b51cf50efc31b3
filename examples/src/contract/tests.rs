use http::{HeaderValue, Request};

use super::*;
use crate::http::json::parse;

fn fields<T: serde::de::DeserializeOwned + Validate<Context = ()>>(json: &serde_json::Value) -> (u16, Vec<String>) {
    match parse::<T>(json.to_string().as_bytes()) {
        Ok(_) => (200, Vec::new()),
        Err(problem) => {
            let fields = problem.details().errors.iter().map(|error| error.field.clone()).collect();
            (problem.status().as_u16(), fields)
        }
    }
}

fn user(user_name: &str, email: &str) -> (u16, Vec<String>) {
    fields::<AddUser>(&serde_json::json!({ "userName": user_name, "email": email }))
}

fn event(name: &str, details: Option<&str>) -> (u16, Vec<String>) {
    fields::<AddEvent>(&serde_json::json!({ "name": name, "userId": Uuid::max(), "details": details }))
}

#[test]
fn good_names_and_emails_are_taken() {
    for name in ["a", "Ann Lee", "安", "נועה", &"x".repeat(64), "👩\u{200d}🚀"] {
        assert_eq!(user(name, "a@example.org"), (200, vec![]), "{name}");
    }
    for email in
        ["a.b+c@example.org", "a@xn--bcher-kva.example", "o'hara@a.b.c", &format!("{}@example.org", "l".repeat(64))]
    {
        assert_eq!(user("ann", email), (200, vec![]), "{email}");
    }
}

#[test]
fn bad_names_are_refused_by_name() {
    let long = "x".repeat(10_000);
    for name in ["", " ", "\t", " a", "a ", "a\nb", "a\u{0}b", "\u{1b}[31m", "a\u{202e}b", "\u{200b}", &long] {
        assert_eq!(user(name, "a@example.org"), (422, vec!["userName".to_owned()]), "{name:?}");
        assert_eq!(event(name, None), (422, vec!["name".to_owned()]), "{name:?}");
    }
}

#[test]
fn bad_emails_are_refused_by_name() {
    let local = format!("{}@example.org", "l".repeat(65));
    let total = format!("a@{}.org", vec!["d".repeat(60); 4].join(".") + "ddddddddddd");
    for email in [
        "",
        "a",
        "@",
        "a@",
        "@b.c",
        "a@@b.c",
        "a@b@c.d",
        "a b@c.d",
        "a@b .c",
        "a@b.c\r\nbcc: x",
        "a@b",
        "a@-b.c",
        "a@b-.c",
        "a@b..c",
        ".a@b.c",
        "a.@b.c",
        "a..b@c.d",
        "\"a b\"@c.d",
        "a@bücher.example",
        "ä@b.c",
        "a@[127.0.0.1]",
        &local,
        &total,
    ] {
        assert_eq!(user("ann", email), (422, vec!["email".to_owned()]), "{email:?}");
    }
}

#[test]
fn every_bad_field_is_named_at_once() {
    assert_eq!(user("", ""), (422, vec!["email".to_owned(), "userName".to_owned()]));
}

#[test]
fn details_may_have_lines_but_no_end() {
    assert_eq!(event("n", Some("a\r\n\tb ")), (200, vec![]));
    assert_eq!(event("n", Some("")), (200, vec![]));
    for details in ["\u{0}", "\u{202e}", &"x".repeat(4097)] {
        assert_eq!(event("n", Some(details)), (422, vec!["details".to_owned()]));
    }
}

#[test]
fn an_event_names_its_user_by_a_uuid() {
    for id in ["", "7", "00000000000000000000000000000000", "{00000000-0000-0000-0000-000000000000}"] {
        let json = serde_json::json!({ "name": "n", "userId": id });
        assert_eq!(fields::<AddEvent>(&json), (400, vec!["userId".to_owned()]), "{id}");
    }
}

#[test]
fn a_request_reads_as_it_was_written() {
    let add = AddEvent { name: "n".to_owned(), user_id: Uuid::max(), details: None };
    assert_eq!(parse::<AddEvent>(&serde_json::to_vec(&add).unwrap()).unwrap(), add);
}

fn page_of(query: &str) -> Result<PageRequest, Problem> {
    let uri = format!("/getUsers{query}");
    page(&Call::new(Request::builder().uri(uri).body(crate::http::Body::empty()).unwrap()))
}

#[test]
fn a_page_is_asked_for_within_bounds() {
    assert_eq!(page_of("").unwrap(), PageRequest { after: None, limit: 50 });
    assert_eq!(page_of("?limit=200").unwrap().limit, 200);
    for limit in ["", "0", "-1", "+1", "abc", "201", "1000000000", "18446744073709551616", "1.5", "%31%00"] {
        let problem = page_of(&format!("?limit={limit}")).unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.details().errors[0].field.as_str()), (400, "limit"), "{limit}");
    }
    assert_eq!(page_of("?cursor=x").unwrap_err().details().errors[0].field, "cursor");
    assert_eq!(page_of("?offset=1").unwrap_err().status(), 400);
}

#[test]
fn a_key_is_one_visible_word() {
    let key = |values: &[&[u8]]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap());
        }
        idempotency_key(&headers).map_err(|problem| problem.status().as_u16())
    };
    assert_eq!(key(&[]), Ok(None));
    assert_eq!(key(&[b"8e03978e-40d5"]), Ok(Some("8e03978e-40d5".to_owned())));
    assert_eq!(key(&[b"\"8e03978e-40d5\""]), Ok(Some("8e03978e-40d5".to_owned())));
    for bad in [b"".as_slice(), b"\"\"", b"\"", b"a b", b"a\"b", "ä".as_bytes(), &[b'x'; 256]] {
        assert_eq!(key(&[bad]), Err(400), "{bad:?}");
    }
    assert_eq!(key(&[b"a", b"a"]), Err(400));
}
