//! Whether a request that changes something comes from the status page, or from a program; a foreign page may not.
//!
//! A browser sends along what its user may do, and nobody is asked who they are on a loopback address at all. Three
//! things keep a foreign page out, each by itself enough in today's browsers: control requests must be JSON (a page may
//! not send that to another origin without being allowed to, and nobody ever is), what the browser says about the
//! sender must name this gateway, and the name that the request was sent to must be this machine's (that is the
//! authenticator's part).

use crate::http::Problem;
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, StatusCode};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what a browser sent for a page of another origin.
///
/// # Errors
///
/// 403.
pub(crate) fn check(headers: &HeaderMap) -> Result<(), Problem> {
    let site = headers.get(SEC_FETCH_SITE).is_none_or(|site| site == "same-origin" || site == "none");
    let mut origins = headers.get_all(ORIGIN).iter();
    let origin = match (origins.next(), origins.next()) {
        // Programs send none.
        (None, _) => true,
        (Some(origin), None) => origin.to_str().is_ok_and(|origin| is_own(origin, headers)),
        (Some(_), Some(_)) => false,
    };
    if site && origin {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN).detail("A page of another origin may not do this."))
}

fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some() && authority == host
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "localhost:3000".parse().unwrap());
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        check(&headers).is_ok()
    }

    #[test]
    fn programs_and_the_own_page_may() {
        assert!(allowed(&[]));
        assert!(allowed(&[("origin", "http://localhost:3000")]));
        assert!(allowed(&[("origin", "http://localhost:3000"), ("sec-fetch-site", "same-origin")]));
        assert!(allowed(&[("sec-fetch-site", "none")]));
    }

    #[test]
    fn foreign_pages_may_not() {
        for origin in [
            "http://evil.example",
            "http://localhost:3001",
            "http://localhost:3000.evil.example",
            "http://localhost",
            "null",
            "",
            "localhost:3000",
        ] {
            assert!(!allowed(&[("origin", origin)]), "{origin}");
        }
        assert!(!allowed(&[("origin", "http://localhost:3000"), ("origin", "http://evil.example")]));
        assert!(!allowed(&[("sec-fetch-site", "cross-site")]));
        assert!(!allowed(&[("sec-fetch-site", "same-site")]));
    }
}
