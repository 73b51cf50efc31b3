//! A set of public keys, RFC 7517, read with care: a key is for one algorithm, and only for signatures.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// One public key.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

/// The keys that an issuer signs with.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Arc<Key>>);

/// What a set has for a token.
#[derive(Debug)]
pub(super) enum Found {
    /// The key.
    Key(Arc<Key>),
    /// A newer set may have it.
    NotYet,
    /// No newer set would help: the key is there, but for another algorithm, or the token does not say which it is.
    Never,
}

/// Why a document is no set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeySetError {
    #[error("it is no JSON Web Key Set")]
    Malformed,
    #[error("it has no key that could be used")]
    Empty,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set. Keys of other kinds, for other purposes, or for algorithms that are not accepted are passed over.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        let Document { keys } = serde_json::from_slice(bytes).map_err(|_| KeySetError::Malformed)?;
        let keys: Vec<_> = keys.into_iter().filter_map(usable).map(Arc::new).collect();
        // Of a set without keys it is likelier that it is broken than that its owner means it: what is held stays.
        if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(Self(keys)) }
    }

    /// The key with this id, if it is for this algorithm. A token without an id is fine where there is no choice.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Found {
        let mut fitting = self.0.iter().filter(|key| key.algorithm == algorithm);
        let Some(id) = id else {
            return match (fitting.next(), fitting.next()) {
                (Some(only), None) => Found::Key(Arc::clone(only)),
                _ => Found::Never,
            };
        };
        let is_it = |key: &&Arc<Key>| key.id.as_deref() == Some(id);
        match fitting.find(is_it) {
            Some(key) => Found::Key(Arc::clone(key)),
            None if self.0.iter().any(|key| is_it(&key)) => Found::Never,
            None => Found::NotYet,
        }
    }
}

fn usable(key: Value) -> Option<Key> {
    let key: Jwk = serde_json::from_value(key).ok()?;
    let common = &key.common;
    let signs = common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|allowed| allowed.contains(&KeyOperations::Verify));
    let algorithm = algorithm(&key).filter(|_| signs)?;
    Some(Key { id: common.key_id.clone(), algorithm, decoding: DecodingKey::from_jwk(&key).ok()? })
}

/// The one algorithm that the key is for. This is also the list of those that are accepted: none of them takes a secret,
/// so a public key can never be mistaken for one.
fn algorithm(key: &Jwk) -> Option<Algorithm> {
    match (&key.algorithm, key.common.key_algorithm) {
        // What a key of RSA says nothing about is the algorithm that everybody has to support.
        (AlgorithmParameters::RSA(_), Some(KeyAlgorithm::RS256) | None) => Some(Algorithm::RS256),
        (AlgorithmParameters::RSA(_), Some(KeyAlgorithm::PS256)) => Some(Algorithm::PS256),
        (AlgorithmParameters::EllipticCurve(curve), Some(KeyAlgorithm::ES256) | None) => {
            (curve.curve == EllipticCurve::P256).then_some(Algorithm::ES256)
        }
        (AlgorithmParameters::OctetKeyPair(pair), Some(KeyAlgorithm::EdDSA) | None) => {
            (pair.curve == EllipticCurve::Ed25519).then_some(Algorithm::EdDSA)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn set(keys: &Value) -> Result<KeySet, KeySetError> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn keys_for_other_purposes_are_passed_over() {
        let ed = |more: Value| {
            let mut key = json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": "a" });
            key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            key
        };
        for good in [json!({}), json!({ "use": "sig" }), json!({ "key_ops": ["verify"] }), json!({ "alg": "EdDSA" })] {
            assert!(set(&json!([ed(good.clone())])).is_ok(), "{good}");
        }
        for bad in [
            json!({ "use": "enc" }),
            json!({ "key_ops": ["sign"] }),
            json!({ "alg": "ES256" }),
            json!({ "alg": "HS256" }),
            json!({ "crv": "X25519" }),
        ] {
            assert_eq!(set(&json!([ed(bad.clone())])).unwrap_err(), KeySetError::Empty, "{bad}");
        }
        let secret = json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "a" });
        assert_eq!(set(&json!([secret])).unwrap_err(), KeySetError::Empty);
        let strange = json!({ "kty": "new", "kid": "b" });
        assert!(set(&json!([secret, strange, 7, ed(json!({}))])).is_ok());
        assert_eq!(KeySet::parse(b"<html>").unwrap_err(), KeySetError::Malformed);
    }

    #[test]
    fn a_key_is_found_by_its_id_for_its_algorithm_only() {
        let keys = |ids: &[&str]| {
            let keys: Vec<_> =
                ids.iter().map(|id| json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": id })).collect();
            set(&json!(keys)).unwrap()
        };
        let two = keys(&["a", "b"]);
        assert!(matches!(two.find(Some("b"), Algorithm::EdDSA), Found::Key(key) if key.id.as_deref() == Some("b")));
        assert!(matches!(two.find(Some("b"), Algorithm::ES256), Found::Never));
        assert!(matches!(two.find(Some("c"), Algorithm::EdDSA), Found::NotYet));
        assert!(matches!(two.find(None, Algorithm::EdDSA), Found::Never));
        assert!(matches!(keys(&["a"]).find(None, Algorithm::EdDSA), Found::Key(_)));
    }
}
