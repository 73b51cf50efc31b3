//! Who may do what: the first step of every request's path.
//!
//! | module | answers the question |
//! |---|---|
//! | `args` | what can be set? |
//! | `bearer` | what does the request bring? |
//! | `token` | does the token hold, and what for? |
//! | `keys`, `jwks`, `source` | which keys does the issuer sign with, and where do they come from? |
//! | `denied` | what is somebody told who may not? |
//!
//! With an issuer configured, every route but the page's own files, `/health`, `/ready` and `/openapi.json` asks for an
//! OAuth 2.0 bearer token with the scope of the route. Without one nobody is asked. That is for an address that only this
//! machine can reach, and [`Authenticator::check_address`] refuses every other at start.

mod args;
mod bearer;
mod denied;
mod jwks;
mod keys;
mod source;
mod token;

pub use args::OauthArgs;
pub(crate) use denied::Denied;

use super::config::ConfigError;
use aws_lc_rs::digest::{SHA256, digest};
use bearer::Credentials;
use http::header::HOST;
use http::request::Parts;
use jwks::{Keys, NoKey};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use token::{Flaw, Rules};

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

impl Scope {
    /// As it stands in a token.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Read => "events:read",
            Self::Write => "events:write",
            Self::Admin => "admin",
        }
    }
}

/// Who sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Nobody was asked.
    Anybody,
    /// This subject of this issuer.
    Subject { issuer: Arc<str>, subject: Arc<str> },
}

impl Caller {
    /// The idempotency key as the upstream is to see it: keys of different callers never meet. It is a hash, so that it
    /// has the same length whoever calls, and tells the upstream nobody's name.
    pub(crate) fn own_key(&self, key: String) -> String {
        let Self::Subject { issuer, subject } = self else { return key };
        // A key has no zero byte and an issuer, being a variable of the environment or an argument, neither: the first
        // and the last one are the borders, whatever the subject is.
        let hash = digest(&SHA256, format!("{issuer}\0{subject}\0{key}").as_bytes());
        hash.as_ref().iter().fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            write!(text, "{byte:02x}").ok();
            text
        })
    }
}

/// Decides whether a request may go on. Clones share the issuer's keys.
#[derive(Clone, Debug)]
pub(crate) enum Authenticator {
    /// Nobody is asked. The gateway listens on a loopback address.
    Off,
    /// A token is asked for.
    On(Arc<Bearer>),
}

/// What tokens are checked by.
#[derive(Debug)]
pub(crate) struct Bearer {
    rules: Rules,
    issuer: Arc<str>,
    keys: Keys,
    cooldown: Duration,
}

impl Authenticator {
    /// As the settings say. A file must be readable; an issuer that cannot be reached is asked again later, and until
    /// then nobody is let in.
    ///
    /// # Errors
    ///
    /// Names the variable that is out of its range.
    pub(crate) async fn new(args: &OauthArgs) -> Result<Self, ConfigError> {
        let Some((rules, place)) = args.settings()? else { return Ok(Self::Off) };
        let timing = args.timing();
        let wrong = |problem| ConfigError::new("OAUTH_JWKS", problem);
        let keys = Keys::new(source::source(place, timing).map_err(wrong)?, timing);
        if let Err(error) = keys.load().await {
            if !place.contains("://") {
                return Err(wrong(format!("cannot be used: {error}")));
            }
            tracing::warn!(error, "the issuer's keys cannot be read yet; nobody is let in until they are");
        }
        Ok(Self::On(Arc::new(Bearer { issuer: rules.issuer.as_str().into(), rules, keys, cooldown: timing.cooldown })))
    }

    /// Refuses to listen where strangers can come, with nobody asked who they are.
    ///
    /// # Errors
    ///
    /// Names the variable of the address.
    pub(crate) fn check_address(&self, address: SocketAddr) -> Result<(), ConfigError> {
        match self {
            _ if address.ip().is_loopback() => Ok(()),
            Self::On(_) => {
                tracing::warn!(%address, "tokens come in the clear unless a proxy in front of this gateway speaks TLS");
                Ok(())
            }
            Self::Off => {
                let message = format!(
                    "{address} can be reached from outside, and this gateway asks nobody who they are; use 127.0.0.1 \
                     or [::1], or set OAUTH_ISSUER, OAUTH_AUDIENCE and OAUTH_JWKS"
                );
                Err(ConfigError::new("GATEWAY_ADDR", message))
            }
        }
    }

    /// Whether tokens are asked for.
    pub(crate) fn asks(&self) -> bool {
        matches!(self, Self::On(_))
    }

    /// Whether tokens can be checked, if they are to be.
    pub(crate) fn is_ready(&self) -> bool {
        match self {
            Self::Off => true,
            Self::On(bearer) => bearer.keys.are_there(),
        }
    }

    /// Who sent this request, if they may do what `scope` says. Takes the credentials out of it.
    pub(crate) async fn authorize(&self, request: &mut Parts, scope: Scope) -> Result<Caller, Denied> {
        let credentials = bearer::take(&mut request.headers);
        match self {
            Self::Off if scope == Scope::Admin && !names_this_machine(request) => Err(Denied::ForeignHost),
            Self::Off => Ok(Caller::Anybody),
            Self::On(bearer) => match credentials {
                Credentials::None => Err(Denied::NoToken),
                Credentials::Malformed(what) => Err(Denied::Malformed(what)),
                Credentials::Token(token) => bearer.authorize(&token, scope, now()).await,
            },
        }
    }
}

impl Bearer {
    async fn authorize(&self, token: &str, scope: Scope, now: f64) -> Result<Caller, Denied> {
        let flawed = |flaw| {
            // The reason only: a token that fails here may well hold elsewhere.
            tracing::debug!(%flaw, "a token was refused");
            Denied::Invalid(flaw)
        };
        let head = self.rules.head(token).map_err(flawed)?;
        let key = self.keys.find(head.key.as_deref(), head.algorithm).await.map_err(|none| match none {
            NoKey::Unknown => flawed(Flaw::Key),
            NoKey::NoKeys => Denied::NoKeys(self.cooldown),
        })?;
        let grant = self.rules.check(token, head.algorithm, &key, now).map_err(flawed)?;
        if !grant.has(scope) {
            return Err(Denied::Insufficient(scope));
        }
        Ok(Caller::Subject { issuer: Arc::clone(&self.issuer), subject: grant.subject.into() })
    }
}

/// Seconds since 1970 by the wall clock, which is what tokens speak of.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
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

    async fn operator(host: &str) -> Result<Caller, Denied> {
        let mut request = http::Request::builder().header(HOST, host).body(()).unwrap().into_parts().0;
        Authenticator::Off.authorize(&mut request, Scope::Admin).await
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

    #[tokio::test]
    async fn an_operator_addresses_this_machine_by_name() {
        for host in ["localhost:3000", "LOCALHOST", "127.0.0.1:3000", "[::1]:3000"] {
            assert_eq!(operator(host).await, Ok(Caller::Anybody), "{host}");
        }
        for host in ["evil.example:3000", "localhost.evil.example", "192.0.2.1", "127.0.0.1.evil.example", ""] {
            assert_eq!(operator(host).await, Err(Denied::ForeignHost), "{host}");
        }
    }

    #[test]
    fn the_keys_of_two_callers_never_meet() {
        let key = |issuer: &str, subject: &str, key: &str| {
            Caller::Subject { issuer: issuer.into(), subject: subject.into() }.own_key(key.to_owned())
        };
        assert_eq!(key("i", "ada", "k"), key("i", "ada", "k"));
        let others = [
            key("i", "ada", "k"),
            key("i", "bob", "k"),
            key("j", "ada", "k"),
            key("i", "ada", "l"),
            key("i", "ada\0k", "l"),
            key("i", "ad", "ak"),
        ];
        assert_eq!(std::collections::HashSet::from(others.clone()).len(), others.len());
        assert!(others.iter().all(|key| key.len() == 64));
        assert_eq!(Caller::Anybody.own_key("k".to_owned()), "k");
    }
}
