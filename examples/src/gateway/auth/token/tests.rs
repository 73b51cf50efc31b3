//! Every rule by what it refuses, on tokens that are good but for one thing.

use super::*;
use crate::gateway::auth::keys::{Found, KeySet};
use crate::token::SigningKey;
use jsonwebtoken::{EncodingKey, encode};
use serde_json::{Value, json};
use std::sync::Arc;

const NOW: f64 = 1_800_000_000.0;

struct Issuer {
    key: SigningKey,
    rules: Rules,
}

fn issuer() -> Issuer {
    let rules = Rules { issuer: "https://issuer.example".into(), audience: "gateway".into(), plain: false };
    Issuer { key: SigningKey::generate().unwrap(), rules }
}

fn header() -> Header {
    Header { typ: Some("at+jwt".to_owned()), ..Header::new(Algorithm::ES256) }
}

/// Good claims, with these on top of them; what is null is taken away.
fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": "https://issuer.example", "aud": "gateway", "sub": "ada", "client_id": "c", "jti": "1",
        "iat": NOW, "exp": NOW + 300.0, "scope": "events:read other",
    });
    let map = claims.as_object_mut().unwrap();
    map.extend(changes.as_object().unwrap().clone());
    map.retain(|_, value| !value.is_null());
    claims
}

impl Issuer {
    fn key(&self) -> Arc<Key> {
        let set = KeySet::parse(json!({ "keys": [self.key.public().unwrap()] }).to_string().as_bytes()).unwrap();
        let Found::Key(key) = set.find(None, Algorithm::ES256) else { panic!("no key") };
        key
    }

    fn token(&self, header: &Header, changes: &Value) -> String {
        encode(header, &claims(changes), &self.key.encoding()).unwrap()
    }

    fn check_at(&self, token: &str, now: f64) -> Result<Grant, Flaw> {
        let head = self.rules.head(token)?;
        self.rules.check(token, head.algorithm, &self.key(), now)
    }

    fn check(&self, token: &str) -> Result<Grant, Flaw> {
        self.check_at(token, NOW)
    }

    fn flaw(&self, changes: &Value) -> Option<Flaw> {
        self.check(&self.token(&header(), changes)).err()
    }
}

/// A token from parts that no library would make.
fn raw(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    format!("{}.{}.{signature}", part(header), part(claims))
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(group >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

#[test]
fn a_good_token_holds_and_says_whom_it_speaks_of_and_what_for() {
    let issuer = issuer();
    let grant = issuer.check(&issuer.token(&header(), &json!({}))).unwrap();
    assert_eq!(grant.subject, "ada");
    assert!(grant.has(Scope::Read) && !grant.has(Scope::Write) && !grant.has(Scope::Admin));
}

#[test]
fn a_token_that_was_changed_or_signed_by_another_is_refused() {
    let (issuer, other) = (issuer(), issuer());
    let good = issuer.token(&header(), &json!({}));
    let signature = good.rsplit_once('.').unwrap().1;
    let admin = raw(&json!({ "typ": "at+jwt", "alg": "ES256" }), &claims(&json!({ "scope": "admin" })), signature);
    assert_eq!(issuer.check(&admin), Err(Flaw::Signature));
    assert_eq!(issuer.check(&other.token(&header(), &json!({}))), Err(Flaw::Signature));
    for nonsense in ["", ".", "..", "a.b.c", "a.b", &good[..good.len() / 2], &format!("{good}.x")] {
        assert!(issuer.check(nonsense).is_err(), "{nonsense}");
    }
}

#[test]
fn no_algorithm_at_all_is_refused() {
    let issuer = issuer();
    for none in ["none", "None", "NONE", "nOnE"] {
        let token = raw(&json!({ "typ": "at+jwt", "alg": none }), &claims(&json!({})), "");
        assert_eq!(issuer.check(&token), Err(Flaw::Malformed), "{none}");
    }
}

#[test]
fn a_secret_that_is_the_public_key_is_refused() {
    let issuer = issuer();
    let public = issuer.key.public().unwrap();
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        for secret in [public.to_string(), public["x"].as_str().unwrap().to_owned()] {
            let header = Header { alg: algorithm, ..header() };
            let token = encode(&header, &claims(&json!({})), &EncodingKey::from_secret(secret.as_bytes())).unwrap();
            assert_eq!(issuer.check(&token), Err(Flaw::Algorithm));
        }
    }
}

#[test]
fn an_algorithm_that_the_key_is_not_for_is_refused() {
    let issuer = issuer();
    let good = issuer.token(&header(), &json!({}));
    let signature = good.rsplit_once('.').unwrap().1;
    for (name, flaw) in
        [("RS256", Flaw::Signature), ("EdDSA", Flaw::Signature), ("RS512", Flaw::Algorithm), ("ES384", Flaw::Algorithm)]
    {
        let token = raw(&json!({ "typ": "at+jwt", "alg": name }), &claims(&json!({})), signature);
        assert_eq!(issuer.check(&token), Err(flaw), "{name}");
    }
}

#[test]
fn an_extension_that_must_be_understood_is_refused() {
    let issuer = issuer();
    let header = Header { crit: Some(vec!["b64".to_owned()]), ..header() };
    assert_eq!(issuer.check(&issuer.token(&header, &json!({}))), Err(Flaw::Critical));
}

#[test]
fn a_token_of_another_type_is_refused_and_a_plain_one_only_on_demand() {
    let mut issuer = issuer();
    let check = |issuer: &Issuer, typ: Option<&str>| {
        issuer.check(&issuer.token(&Header { typ: typ.map(str::to_owned), ..header() }, &json!({}))).err()
    };
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        assert_eq!(check(&issuer, Some(typ)), None, "{typ}");
    }
    for typ in [None, Some("JWT"), Some("logout+jwt"), Some("secevent+jwt"), Some("dpop+jwt"), Some("")] {
        assert_eq!(check(&issuer, typ), Some(Flaw::Type), "{typ:?}");
    }
    issuer.rules.plain = true;
    assert_eq!((check(&issuer, None), check(&issuer, Some("JWT")), check(&issuer, Some("at+jwt"))), (None, None, None));
    assert_eq!(check(&issuer, Some("logout+jwt")), Some(Flaw::Type));
}

#[test]
fn a_key_that_the_token_brings_along_is_not_used() {
    let (issuer, other) = (issuer(), issuer());
    let jwk = serde_json::from_value(other.key.public().unwrap()).unwrap();
    let header = Header { jwk: Some(jwk), jku: Some("http://127.0.0.1/".to_owned()), ..header() };
    assert_eq!(issuer.check(&other.token(&header, &json!({}))), Err(Flaw::Signature));
}

#[test]
fn an_issuer_that_is_absent_or_another_is_refused() {
    let issuer = issuer();
    assert_eq!(issuer.flaw(&json!({ "iss": "https://issuer.example/" })), Some(Flaw::Issuer));
    for iss in [json!(null), json!(["https://issuer.example"]), json!(7)] {
        assert!(issuer.flaw(&json!({ "iss": iss })).is_some(), "{iss}");
    }
}

#[test]
fn an_audience_that_is_absent_or_another_is_refused() {
    let issuer = issuer();
    assert_eq!(issuer.flaw(&json!({ "aud": null })), Some(Flaw::Missing));
    for aud in [json!("gateway2"), json!(""), json!(["a", "b"]), json!([])] {
        assert_eq!(issuer.flaw(&json!({ "aud": aud })), Some(Flaw::Audience), "{aud}");
    }
    assert!(issuer.flaw(&json!({ "aud": { "gateway": true } })).is_some());
    assert_eq!(issuer.flaw(&json!({ "aud": ["other", "gateway"] })), None);
}

#[test]
fn a_token_without_an_end_or_a_subject_is_refused() {
    let issuer = issuer();
    for changes in [
        json!({ "exp": null }),
        json!({ "exp": "2100-01-01" }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": 7 }),
    ] {
        assert!(issuer.flaw(&changes).is_some(), "{changes}");
    }
}

#[test]
fn a_minute_of_skew_is_tolerated_and_no_more() {
    let issuer = issuer();
    let expiring = issuer.token(&header(), &json!({ "exp": NOW }));
    assert!(issuer.check_at(&expiring, NOW + 60.0).is_ok());
    assert_eq!(issuer.check_at(&expiring, NOW + 61.0), Err(Flaw::Expired));
    for claim in ["nbf", "iat"] {
        assert_eq!(issuer.flaw(&json!({ claim: NOW + 60.0 })), None, "{claim}");
        assert_eq!(issuer.flaw(&json!({ claim: NOW + 61.0 })), Some(Flaw::NotYet), "{claim}");
        assert!(issuer.flaw(&json!({ claim: "soon" })).is_some(), "{claim}");
    }
    assert_eq!(issuer.flaw(&json!({ "iat": null })), None);
}

#[test]
fn a_scope_is_a_whole_name() {
    let issuer = issuer();
    let grant = |scope: Value| issuer.check(&issuer.token(&header(), &json!({ "scope": scope })));
    for (scope, reads) in [
        ("events:read", true),
        ("a events:read b", true),
        ("events:reader", false),
        ("EVENTS:READ", false),
        ("", false),
    ] {
        assert_eq!(grant(json!(scope)).unwrap().has(Scope::Read), reads, "{scope}");
    }
    assert!(!grant(json!(null)).unwrap().has(Scope::Read));
    assert!(!grant(json!("admin")).unwrap().has(Scope::Write), "none includes another");
    assert_eq!(grant(json!(["admin"])), Err(Flaw::Malformed));
}
