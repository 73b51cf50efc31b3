//! An issuer for trying things out: a key pair in a directory, and tokens that it signs.
//!
//! It is no authorization server: whoever can read the directory can make any token. The directory and the private key
//! are readable by their owner only.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use clap::Parser;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

use crate::config::positive_duration;

const KEY_FILE: &str = "private-key.der";
const SET_FILE: &str = "jwks.json";

/// Makes a token for the gateway, and the keys to check it with, if there are none yet.
///
/// The token is all that is written to standard output; how to start a gateway that takes it is written to standard error.
#[derive(Parser, Clone, Debug, PartialEq, Eq)]
#[command(name = "token", version)]
pub struct Request {
    /// Where the keys are kept.
    #[arg(long, env = "TOKEN_DIR", default_value = "./data/oauth")]
    pub dir: PathBuf,
    /// What the token is good for: some of `events:read`, `events:write` and `admin`, with blanks between them.
    #[arg(long, env = "TOKEN_SCOPE", default_value = "events:read events:write admin")]
    pub scope: String,
    /// Whom it speaks of.
    #[arg(long, env = "TOKEN_SUBJECT", default_value = "ada")]
    pub subject: String,
    /// How long it holds.
    #[arg(long, env = "TOKEN_TTL", default_value = "1h", value_parser = positive_duration)]
    pub ttl: Duration,
    /// Who is said to have made it.
    #[arg(long, env = "OAUTH_ISSUER", default_value = "https://issuer.example")]
    pub issuer: String,
    /// Whom it is for.
    #[arg(long, env = "OAUTH_AUDIENCE", default_value = "gateway")]
    pub audience: String,
    /// Signs with a new key from now on. Tokens of the older ones go on to hold.
    #[arg(long)]
    pub rotate: bool,
}

impl Default for Request {
    /// Every setting at its default, whatever the environment says.
    fn default() -> Self {
        Self {
            dir: "./data/oauth".into(),
            scope: "events:read events:write admin".to_owned(),
            subject: "ada".to_owned(),
            ttl: Duration::from_hours(1),
            issuer: "https://issuer.example".to_owned(),
            audience: "gateway".to_owned(),
            rotate: false,
        }
    }
}

/// A token, and what to do with it.
#[derive(Clone)]
pub struct Made {
    /// The token.
    pub token: String,
    /// Lines for a shell.
    pub advice: String,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// A file cannot be read or written.
    #[error("TOKEN_DIR: {path}: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// What is in the directory are not the keys that were put there.
    #[error("TOKEN_DIR: {0} is not what this program writes; remove it")]
    Foreign(PathBuf),
    /// The cryptographic library refused.
    #[error("no key can be made or used")]
    Crypto,
}

/// Makes a token. Makes a key, too, if there is none yet or another one is wanted.
///
/// # Errors
///
/// [`TokenError`].
pub fn make(request: &Request) -> Result<Made, TokenError> {
    let (key_path, set_path) = (request.dir.join(KEY_FILE), request.dir.join(SET_FILE));
    let key = match read(&key_path)? {
        Some(bytes) if !request.rotate && set_path.exists() => SigningKey(bytes),
        _ => {
            let key = SigningKey::generate()?;
            private_directory(&request.dir)?;
            // The public half first: a token that nobody can check yet helps nobody.
            let mut keys = keys_in(&set_path)?;
            keys.push(key.public()?);
            write(&set_path, &serde_json::to_vec_pretty(&json!({ "keys": keys })).map_err(|_| TokenError::Crypto)?)?;
            write(&key_path, &key.0)?;
            key
        }
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = json!({
        "iss": request.issuer,
        "aud": request.audience,
        "sub": request.subject,
        "client_id": "token-example",
        "scope": request.scope,
        "iat": now,
        "exp": now.saturating_add(request.ttl.as_secs().max(1)),
        "jti": Uuid::now_v7(),
    });
    let token = key.sign("at+jwt", &claims)?;
    let mut advice = String::new();
    // Writing to a string does not fail.
    let mut line = |arguments: std::fmt::Arguments<'_>| writeln!(advice, "{arguments}").ok();
    line(format_args!("# a gateway that takes this token:"));
    line(format_args!("export OAUTH_ISSUER={}", quoted(&request.issuer)));
    line(format_args!("export OAUTH_AUDIENCE={}", quoted(&request.audience)));
    line(format_args!("export OAUTH_JWKS={}", quoted(&set_path.display().to_string())));
    line(format_args!("cargo run --example gateway"));
    line(format_args!("# a request with it, where the token is in $TOKEN:"));
    line(format_args!("curl -s http://127.0.0.1:3000/getUsers -H \"authorization: Bearer $TOKEN\""));
    Ok(Made { token, advice })
}

/// A private key for ES256.
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    ///
    /// If the library cannot make one.
    pub fn generate() -> Result<Self, TokenError> {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        Ok(Self(key.map_err(|_| TokenError::Crypto)?.as_ref().to_vec()))
    }

    /// The public half as a JSON Web Key. Its id is its thumbprint, RFC 7638.
    ///
    /// # Errors
    ///
    /// If this is no key.
    pub fn public(&self) -> Result<Value, TokenError> {
        let mut key = self.jwk()?;
        key.common.key_id = Some(self.id()?);
        key.common.public_key_use = Some(PublicKeyUse::Signature);
        serde_json::to_value(key).map_err(|_| TokenError::Crypto)
    }

    /// Signs claims. `typ` is the type that the token's head says.
    ///
    /// # Errors
    ///
    /// If this is no key.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, TokenError> {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.id()?);
        encode(&header, claims, &self.encoding()).map_err(|_| TokenError::Crypto)
    }

    /// The key as the library takes it.
    pub(crate) fn encoding(&self) -> EncodingKey {
        EncodingKey::from_ec_der(&self.0)
    }

    /// The id under which the public half is found.
    pub(crate) fn id(&self) -> Result<String, TokenError> {
        self.jwk()?.thumbprint(ThumbprintHash::SHA256).map_err(|_| TokenError::Crypto)
    }

    fn jwk(&self) -> Result<Jwk, TokenError> {
        Jwk::from_encoding_key(&self.encoding(), Algorithm::ES256).map_err(|_| TokenError::Crypto)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Made").field("advice", &self.advice).finish_non_exhaustive()
    }
}

fn keys_in(path: &Path) -> Result<Vec<Value>, TokenError> {
    let Some(bytes) = read(path)? else { return Ok(Vec::new()) };
    let document: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    document["keys"].as_array().cloned().ok_or_else(|| TokenError::Foreign(path.to_owned()))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, TokenError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(TokenError::File { path: path.to_owned(), cause }),
    }
}

fn private_directory(path: &Path) -> Result<(), TokenError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|cause| TokenError::File { path: path.to_owned(), cause })
}

/// Writes a file that only its owner can read, whole or not at all: a gateway may be reading it.
fn write(path: &Path, bytes: &[u8]) -> Result<(), TokenError> {
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&draft).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&draft, path)).map_err(|cause| {
        // What is left of it is of no use to anybody.
        fs::remove_file(&draft).ok();
        TokenError::File { path: path.to_owned(), cause }
    })
}

/// As a shell takes any text literally.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(dir: &Path, rotate: bool) -> Request {
        Request { dir: dir.to_owned(), rotate, ..Request::default() }
    }

    #[test]
    fn the_defaults_of_the_flags_are_those_of_the_type() {
        let command = <Request as clap::CommandFactory>::command();
        let command = command.mut_args(|argument| argument.env(clap::builder::Resettable::Reset));
        let matches = command.try_get_matches_from(["token"]).unwrap();
        assert_eq!(<Request as clap::FromArgMatches>::from_arg_matches(&matches).unwrap(), Request::default());
    }

    #[test]
    fn keys_are_made_once_kept_and_rotated_on_demand() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("a/b");
        let keys = || keys_in(&dir.join(SET_FILE)).unwrap();
        let kid = |made: &Made| jsonwebtoken::decode_header(&made.token).unwrap().kid;
        let first = make(&request(&dir, false)).unwrap();
        assert!(first.advice.contains("export OAUTH_ISSUER='https://issuer.example'\n"), "{}", first.advice);
        assert!(!first.advice.contains(&first.token));
        let again = make(&request(&dir, false)).unwrap();
        assert_eq!((kid(&first), keys().len()), (kid(&again), 1));
        let rotated = make(&request(&dir, true)).unwrap();
        assert_ne!(kid(&first), kid(&rotated));
        let ids: Vec<_> = keys().iter().map(|key| key["kid"].as_str().map(str::to_owned)).collect();
        assert_eq!(ids, [kid(&first), kid(&rotated)], "the old one stays");
        assert!(keys().iter().all(|key| key.get("d").is_none()), "public halves only");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_private_key() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("keys");
        make(&request(&dir, false)).unwrap();
        make(&request(&dir, true)).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&dir.join(KEY_FILE))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2, "no drafts are left");
    }

    #[test]
    fn what_others_wrote_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(SET_FILE), "mine").unwrap();
        assert!(matches!(make(&request(dir.path(), false)), Err(TokenError::Foreign(_))));
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
