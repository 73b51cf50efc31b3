//! What a caller is told who is turned away, RFC 6750 §3.

use super::Scope;
use super::token::Flaw;
use crate::http::Problem;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use std::time::Duration;

/// Why a caller is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The request was addressed to a name that is not this machine's: some page had its own name resolve to this
    /// address (DNS rebinding) and now speaks for whoever looks at it.
    ForeignHost,
    /// There is no token.
    NoToken,
    /// The credentials are malformed; the words say how.
    Malformed(&'static str),
    /// The token does not hold.
    Invalid(Flaw),
    /// The token holds, but not for this.
    Insufficient(Scope),
    /// Nobody can tell: the issuer's keys cannot be had. After this long it is worth another try.
    NoKeys(Duration),
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let unauthorized = Self::new(StatusCode::UNAUTHORIZED);
        match denied {
            Denied::ForeignHost => {
                Self::new(StatusCode::FORBIDDEN).detail("An operator addresses this gateway by a name of this machine.")
            }
            // Without an error code, because nothing is wrong with a request by somebody who does not know yet.
            Denied::NoToken => challenged(unauthorized.detail("A bearer token is needed."), ""),
            Denied::Malformed(what) => challenged(Self::bad_request(what), r#", error="invalid_request""#),
            Denied::Invalid(Flaw::Expired) => challenged(
                unauthorized.detail("The token has expired."),
                r#", error="invalid_token", error_description="The token has expired""#,
            ),
            Denied::Invalid(_) => {
                challenged(unauthorized.detail("The token is not accepted."), r#", error="invalid_token""#)
            }
            Denied::Insufficient(scope) => {
                let name = scope.name();
                let problem = Self::new(StatusCode::FORBIDDEN).detail(format!("The token lacks the scope {name}."));
                challenged(problem, &format!(r#", error="insufficient_scope", scope="{name}""#))
            }
            Denied::NoKeys(wait) => Self::unavailable("Tokens cannot be checked at the moment.", Some(wait)),
        }
    }
}

fn challenged(problem: Problem, parameters: &str) -> Problem {
    let challenge = HeaderValue::try_from(format!(r#"Bearer realm="gateway"{parameters}"#));
    // Every part of it is a text of this program, and visible ASCII.
    problem.header(WWW_AUTHENTICATE, challenge.unwrap_or(HeaderValue::from_static("Bearer")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(denied: Denied) -> (u16, String) {
        let response = Problem::from(denied).into_response();
        let challenge = response.headers().get(WWW_AUTHENTICATE).map_or("", |value| value.to_str().unwrap());
        (response.status().as_u16(), challenge.to_owned())
    }

    #[test]
    fn every_refusal_has_its_status_and_its_challenge() {
        assert_eq!(told(Denied::NoToken), (401, r#"Bearer realm="gateway""#.to_owned()));
        let invalid = r#"Bearer realm="gateway", error="invalid_token""#;
        assert_eq!(told(Denied::Invalid(Flaw::Signature)), (401, invalid.to_owned()));
        assert!(told(Denied::Invalid(Flaw::Expired)).1.starts_with(invalid));
        let insufficient = r#"Bearer realm="gateway", error="insufficient_scope", scope="events:write""#;
        assert_eq!(told(Denied::Insufficient(Scope::Write)), (403, insufficient.to_owned()));
        let malformed = r#"Bearer realm="gateway", error="invalid_request""#;
        assert_eq!(told(Denied::Malformed("x")), (400, malformed.to_owned()));
        assert_eq!(told(Denied::NoKeys(Duration::from_secs(30))), (503, String::new()));
    }

    #[test]
    fn a_client_learns_only_that_its_token_has_expired() {
        let flaws = [Flaw::Signature, Flaw::Key, Flaw::Issuer, Flaw::Audience, Flaw::Missing, Flaw::Type];
        let told: Vec<_> = flaws.map(|flaw| told(Denied::Invalid(flaw))).to_vec();
        assert!(told.iter().all(|answer| *answer == told[0]));
    }
}
