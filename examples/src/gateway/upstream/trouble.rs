//! What can go wrong between the gateway and its upstream, and what a client is told of it.

use crate::http::Problem;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

/// Why the upstream gave the gateway nothing that could be passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No connection: refused, unreachable, or a name that does not resolve. Nothing was sent.
    Unreachable,
    /// It answered with something that is no answer; the words say what. A request may have been carried out.
    Broken(&'static str),
    /// Nothing came within the time for one try, perhaps not even a connection. A request may have been carried out.
    Silent,
    /// It answered, with a status that says no.
    Refused(Refusal),
}

/// An answer of the upstream that is not a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The upstream's status.
    pub(crate) status: StatusCode,
    /// When it asked to be called again, in its own words.
    pub(crate) retry_after: Option<HeaderValue>,
    /// The fields that it objects to, where it named any.
    pub(crate) fields: Vec<String>,
}

/// The fields that a client of the gateway knows of. What else an upstream names is its own business.
const FIELDS: [&str; 6] = ["userName", "email", "name", "userId", "details", "Idempotency-Key"];

impl Trouble {
    /// The answer to the client of the gateway. It names no host, no path and no library.
    ///
    /// The breaker judges by its status: 502, 503 and 504 are failures, and so is what carries a hint; the rest proves
    /// that the upstream can be reached.
    pub(crate) fn problem(&self) -> Problem {
        match self {
            Self::Unreachable => bad_gateway("The event service cannot be reached."),
            Self::Broken(what) => bad_gateway(format!("The event service answered with {what}.")),
            Self::Silent => {
                Problem::new(StatusCode::GATEWAY_TIMEOUT).detail("The event service did not answer in time.")
            }
            Self::Refused(refusal) => refusal.problem(),
        }
    }

    /// Whether the upstream said that there is no such thing.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == StatusCode::NOT_FOUND)
    }

    /// A word for metrics.
    pub(crate) const fn label(&self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Broken(_) => "broken",
            Self::Silent => "silent",
            Self::Refused(_) => "refused",
        }
    }
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        trouble.problem()
    }
}

fn bad_gateway(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_GATEWAY).detail(detail)
}

impl Refusal {
    fn problem(&self) -> Problem {
        let status = self.status;
        let known = self.fields.iter().filter(|field| FIELDS.contains(&field.as_str()));
        let problem = match status {
            StatusCode::NOT_FOUND => Problem::not_found("There is no such item."),
            StatusCode::CONFLICT => match known.clone().next() {
                Some(field) => return Problem::taken(field),
                None => Problem::new(status).detail("Another request with this Idempotency-Key is being worked on."),
            },
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => known.fold(
                Problem::new(status).detail("The event service does not accept the request."),
                |problem, field| problem.field(field, "is not accepted"),
            ),
            StatusCode::TOO_MANY_REQUESTS => Problem::new(status).detail("The event service limits its callers."),
            _ if status.is_server_error() => Problem::new(status).detail("The event service is unavailable."),
            // 401, 405, 415 and the like speak of the gateway's own request, which its client cannot mend. It is no 502
            // either: the upstream was reached, and the breaker must not count it as a failure.
            _ => Problem::internal(),
        };
        match &self.retry_after {
            // The hint goes to the client as it came, and past the breaker on its way.
            Some(hint) if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                problem.header(RETRY_AFTER, hint.clone())
            }
            _ => problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16) -> Refusal {
        let status = StatusCode::from_u16(status).unwrap();
        Refusal { status, retry_after: Some(HeaderValue::from_static("7")), fields: Vec::new() }
    }

    #[test]
    fn what_is_no_answer_is_502_and_silence_is_504() {
        assert_eq!(Trouble::Unreachable.problem().status(), 502);
        assert_eq!(Trouble::Broken("a cut body").problem().status(), 502);
        assert_eq!(Trouble::Silent.problem().status(), 504);
    }

    #[test]
    fn what_the_client_can_act_on_goes_through() {
        for status in [400, 404, 409, 422, 429, 500, 502, 503, 504] {
            assert_eq!(refusal(status).problem().status(), status);
        }
    }

    #[test]
    fn what_speaks_of_the_gateways_own_request_is_the_gateways_own_error() {
        for status in [401, 403, 405, 407, 413, 415] {
            assert_eq!(refusal(status).problem().status(), 500);
        }
    }

    #[test]
    fn a_hint_goes_through_where_it_is_one() {
        for (status, hint) in [(503, true), (429, true), (404, false), (409, false)] {
            let response = refusal(status).problem().into_response();
            assert_eq!(response.headers().contains_key(RETRY_AFTER), hint, "{status}");
        }
    }

    #[test]
    fn fields_go_through_only_if_a_client_knows_them() {
        let taken = Refusal { fields: vec!["email".to_owned()], ..refusal(409) };
        assert_eq!(taken.problem().details().errors[0].field, "email");
        let internal = Refusal { fields: vec!["db_shard".to_owned(), "name".to_owned()], ..refusal(422) };
        let problem = internal.problem();
        assert_eq!(problem.details().errors.len(), 1);
        assert_eq!(problem.details().errors[0].field, "name");
    }
}
