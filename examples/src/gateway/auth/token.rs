//! Whether a token holds, by RFC 7519, 8725 and 9068.
//!
//! | what | rule |
//! |---|---|
//! | `alg` | RS256, PS256, ES256 or `EdDSA`, and the one that the key is for |
//! | `typ` | `at+jwt` (or `application/at+jwt`); with `OAUTH_PLAIN_JWT` also `JWT`, or none |
//! | `crit` | none: there is no extension that this program knows |
//! | `kid` | a key of the set; may be missing where only one key has the algorithm |
//! | `jwk`, `jku`, `x5c`, `x5u` | passed over: a token does not say whom to trust |
//! | `iss`, `aud` | required; as configured, letter by letter, or among several audiences |
//! | `exp` | required, and not over |
//! | `nbf`, `iat` | if there, not in the future |
//! | `sub` | required: a client's idempotency keys are its own |
//! | `scope` | names with blanks between them; without it the token is good for nothing here |
//!
//! Clocks may differ by [`SKEW`] seconds.

use super::Scope;
use super::keys::Key;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde::Deserialize;

/// How far the clocks of the issuer and of this machine may differ, in seconds.
pub(super) const SKEW: f64 = 60.0;

/// What is wrong with a token. For the log; the client is told whether it has expired, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    #[error("it is no JWT")]
    Malformed,
    #[error("its algorithm is not accepted")]
    Algorithm,
    #[error("it asks for an extension")]
    Critical,
    #[error("its type is not accepted")]
    Type,
    #[error("its key is unknown")]
    Key,
    #[error("its signature is wrong")]
    Signature,
    #[error("it is of another issuer")]
    Issuer,
    #[error("it is for another audience")]
    Audience,
    #[error("a claim is missing")]
    Missing,
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet")]
    NotYet,
}

/// What is asked of a token.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) issuer: String,
    pub(super) audience: String,
    /// Whether tokens count that are not marked as access tokens.
    pub(super) plain: bool,
}

/// What a token says about its key, before anything of it is believed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) algorithm: Algorithm,
    pub(super) key: Option<String>,
}

/// What a token that holds says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) subject: String,
    scope: String,
}

impl Grant {
    pub(super) fn has(&self, scope: Scope) -> bool {
        self.scope.split(' ').any(|name| name == scope.name())
    }
}

#[derive(Deserialize)]
struct Claims {
    /// As the library reads it, too; but an issuer is one text here and never a list.
    #[serde(rename = "iss")]
    _issuer: String,
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
    #[serde(default)]
    scope: String,
}

impl Rules {
    /// Reads the head of a token, and refuses what no key could make good.
    pub(super) fn head(&self, token: &str) -> Result<Head, Flaw> {
        let Header { alg, typ, kid, crit, .. } = decode_header(token).map_err(|_| {
            // The library knows no `none`, and reads it as it reads any other nonsense.
            Flaw::Malformed
        })?;
        if !matches!(alg, Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256 | Algorithm::EdDSA) {
            return Err(Flaw::Algorithm);
        }
        if crit.is_some() {
            return Err(Flaw::Critical);
        }
        let typ = typ.map(|typ| typ.to_ascii_lowercase());
        match typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ)) {
            Some("at+jwt") => {}
            Some("jwt") | None if self.plain => {}
            _ => return Err(Flaw::Type),
        }
        Ok(Head { algorithm: alg, key: kid })
    }

    /// Checks the signature, and then the claims. `now` is in seconds since 1970.
    pub(super) fn check(&self, token: &str, algorithm: Algorithm, key: &Key, now: f64) -> Result<Grant, Flaw> {
        let mut rules = Validation::new(algorithm);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.set_issuer(&[&self.issuer]);
        rules.set_audience(&[&self.audience]);
        // Times are checked below, by the given clock.
        (rules.validate_exp, rules.validate_nbf) = (false, false);
        let claims = decode::<Claims>(token, &key.decoding, &rules).map_err(|error| flaw(&error))?.claims;
        if claims.sub.is_empty() {
            return Err(Flaw::Missing);
        }
        if now > claims.exp + SKEW {
            return Err(Flaw::Expired);
        }
        if [claims.nbf, claims.iat].into_iter().flatten().any(|from| from > now + SKEW) {
            return Err(Flaw::NotYet);
        }
        Ok(Grant { subject: claims.sub, scope: claims.scope })
    }
}

fn flaw(error: &Error) -> Flaw {
    match error.kind() {
        ErrorKind::InvalidAlgorithm => Flaw::Algorithm,
        ErrorKind::InvalidIssuer => Flaw::Issuer,
        ErrorKind::InvalidAudience => Flaw::Audience,
        ErrorKind::MissingRequiredClaim(_) => Flaw::Missing,
        ErrorKind::Base64(_) | ErrorKind::Json(_) | ErrorKind::Utf8(_) | ErrorKind::InvalidToken => Flaw::Malformed,
        // A key that cannot be used verifies nothing either.
        _ => Flaw::Signature,
    }
}

#[cfg(test)]
mod tests;
