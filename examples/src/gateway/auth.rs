//! Who may do what: the first step of every request's path.
//!
//! [`Authenticator::Off`] lets everybody do everything. It is for an address that only this machine can reach, and
//! [`Authenticator::check_address`] refuses every other at start. What takes its place answers the same question, a
//! [`Scope`] at a time, so the routes do not change.

use super::config::ConfigError;
use crate::http::Problem;
use http::StatusCode;
use http::header::HOST;
use http::request::Parts;
use std::net::{IpAddr, SocketAddr};

/// What a route asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// To read users and events, and the status of the breaker.
    Read,
    /// To add users and events.
    Write,
    /// To force the breaker or to change the upstream's fault plan.
    Admin,
}

/// Why a caller is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The request was addressed to a name that is not this machine's: some page had its own name resolve to this
    /// address (DNS rebinding) and now speaks for whoever looks at it.
    ForeignHost,
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let Denied::ForeignHost = denied;
        Self::new(StatusCode::FORBIDDEN).detail("An operator addresses this gateway by a name of this machine.")
    }
}

/// Decides whether a request may go on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Authenticator {
    /// Nobody is asked. The gateway listens on a loopback address.
    Off,
}

impl Authenticator {
    /// Refuses to listen where strangers can come, with nobody asked who they are.
    ///
    /// # Errors
    ///
    /// Names the variable of the address.
    pub(crate) fn check_address(self, address: SocketAddr) -> Result<(), ConfigError> {
        let Self::Off = self;
        if address.ip().is_loopback() {
            return Ok(());
        }
        let message = format!(
            "{address} can be reached from outside, and this gateway asks nobody who they are; use 127.0.0.1 or [::1]"
        );
        Err(ConfigError::new("GATEWAY_ADDR", message))
    }

    /// Whether this request may do what `scope` says.
    pub(crate) fn authorize(self, request: &Parts, scope: Scope) -> Result<(), Denied> {
        let Self::Off = self;
        match scope {
            Scope::Read | Scope::Write => Ok(()),
            Scope::Admin if names_this_machine(request) => Ok(()),
            Scope::Admin => Err(Denied::ForeignHost),
        }
    }
}

fn names_this_machine(request: &Parts) -> bool {
    let Some(host) = request.headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
    let Ok(authority) = host.parse::<http::uri::Authority>() else { return false };
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(host: &str) -> Parts {
        http::Request::builder().header(HOST, host).body(()).unwrap().into_parts().0
    }

    #[test]
    fn an_address_that_others_can_reach_is_refused_by_name() {
        for address in ["0.0.0.0:3000", "[::]:3000", "192.0.2.1:80"] {
            let error = Authenticator::Off.check_address(address.parse().unwrap()).unwrap_err();
            assert!(error.to_string().starts_with("GATEWAY_ADDR"), "{error}");
        }
        for address in ["127.0.0.1:0", "127.0.0.9:3000", "[::1]:3000"] {
            assert!(Authenticator::Off.check_address(address.parse().unwrap()).is_ok());
        }
    }

    #[test]
    fn an_operator_addresses_this_machine_by_name() {
        for host in ["localhost:3000", "LOCALHOST", "127.0.0.1:3000", "[::1]:3000"] {
            assert_eq!(Authenticator::Off.authorize(&request(host), Scope::Admin), Ok(()), "{host}");
        }
        for host in ["evil.example:3000", "localhost.evil.example", "192.0.2.1", "127.0.0.1.evil.example", ""] {
            assert_eq!(Authenticator::Off.authorize(&request(host), Scope::Admin), Err(Denied::ForeignHost), "{host}");
        }
    }
}
