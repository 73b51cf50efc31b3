//! The `Authorization` header, RFC 6750 §2.1. A token in a query or in a body is none (§5.3: it ends up in logs).

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

/// The longest token that is looked at.
const LONGEST: usize = 8192;

/// What a request brings to show who sent it.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    /// Nothing, or something that is no bearer token.
    None,
    /// A token, not yet looked into.
    Token(String),
    /// More than one header, or what is no token; the words say what.
    Malformed(&'static str),
}

/// Takes the credentials out of the headers: nothing that comes later sees them, and nothing can log them.
pub(super) fn take(headers: &mut HeaderMap) -> Credentials {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let credentials = match (values.next(), values.next()) {
        (None, _) => Credentials::None,
        (Some(value), None) => parse(value),
        // Which of them counts would be a matter of taste.
        (Some(_), Some(_)) => Credentials::Malformed("Authorization stands more than once."),
    };
    headers.remove(AUTHORIZATION);
    credentials
}

fn parse(value: &HeaderValue) -> Credentials {
    let Ok(text) = value.to_str() else { return Credentials::Malformed("Authorization is not visible ASCII.") };
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Credentials::None;
    }
    let token = token.trim_matches(' ');
    if token.len() > LONGEST {
        return Credentials::Malformed("The token is too long.");
    }
    if is_b64token(token) { Credentials::Token(token.to_owned()) } else { Credentials::Malformed("That is no token.") }
}

/// `b64token` of RFC 6750 §2.1.
fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(values: &[&str]) -> Credentials {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        let credentials = take(&mut headers);
        assert!(headers.is_empty(), "it goes no further");
        credentials
    }

    #[test]
    fn a_scheme_has_no_case_and_another_scheme_is_no_credential() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c "] {
            assert!(taken(&[value]) == Credentials::Token("a.b.c".to_owned()), "{value}");
        }
        for value in ["Basic dXNlcjpwYXNz", "Bearertoken", ""] {
            assert!(taken(&[value]) == Credentials::None, "{value}");
        }
        assert!(taken(&[]) == Credentials::None);
    }

    #[test]
    fn two_headers_and_what_is_no_token_are_malformed() {
        let long = format!("Bearer {}", "a".repeat(LONGEST + 1));
        for values in [&["Bearer a", "Bearer a"][..], &["Basic a", "Bearer b"], &["Bearer"], &["Bearer a b"], &[&long]]
        {
            assert!(matches!(taken(values), Credentials::Malformed(_)));
        }
        assert!(matches!(taken(&["Bearer a,Bearer b"]), Credentials::Malformed(_)));
    }
}
