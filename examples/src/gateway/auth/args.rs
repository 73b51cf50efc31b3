//! What can be set about tokens.

use super::jwks::Timing;
use super::token::Rules;
use crate::config::positive_duration;
use crate::gateway::config::ConfigError;
use clap::{ArgAction, Args};
use std::time::Duration;

/// Who may call: OAuth 2.0 bearer tokens (JWT). Set all of the first three, or none: then nobody is asked, and the
/// gateway listens on a loopback address only.
///
/// The scopes are `events:read`, `events:write` and `admin`; none of them includes another.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Tokens (set the issuer, the audience and the keys, or nobody is asked who they are)")]
pub struct OauthArgs {
    /// The `iss` that tokens must have, letter by letter.
    #[arg(long, env = "OAUTH_ISSUER")]
    pub oauth_issuer: Option<String>,
    /// The `aud` that tokens must have, alone or among others.
    #[arg(long, env = "OAUTH_AUDIENCE")]
    pub oauth_audience: Option<String>,
    /// The issuer's public keys, a JSON Web Key Set: a file, or a URL (https, or http on this machine).
    #[arg(long, env = "OAUTH_JWKS")]
    pub oauth_jwks: Option<String>,
    /// The age at which the keys are read again.
    #[arg(long, env = "OAUTH_JWKS_TTL", default_value = "10m", value_parser = positive_duration)]
    pub oauth_jwks_ttl: Duration,
    /// The least time between two readings, whatever keys tokens name; at most an hour.
    #[arg(long, env = "OAUTH_JWKS_COOLDOWN", default_value = "30s", value_parser = cooldown)]
    pub oauth_jwks_cooldown: Duration,
    /// Whether tokens count whose `typ` is `JWT` or missing, as older issuers make them: `true` or `false`. Their ID
    /// tokens then count as well, if they are made for the audience.
    #[arg(long, env = "OAUTH_PLAIN_JWT", action = ArgAction::Set, default_value_t = false)]
    pub oauth_plain_jwt: bool,
}

/// Longer than this, a key that changed would be unknown for longer than anybody bears.
const LONGEST_COOLDOWN: Duration = Duration::from_hours(1);

fn cooldown(text: &str) -> Result<Duration, String> {
    let cooldown = positive_duration(text)?;
    if cooldown > LONGEST_COOLDOWN { Err("must be an hour or shorter".to_owned()) } else { Ok(cooldown) }
}

impl OauthArgs {
    pub(super) fn timing(&self) -> Timing {
        // The fields can be set past the flags' parsers.
        Timing { ttl: self.oauth_jwks_ttl, cooldown: self.oauth_jwks_cooldown.min(LONGEST_COOLDOWN) }
    }

    /// The rules for tokens and the place of the keys; none if nobody is to be asked.
    ///
    /// # Errors
    ///
    /// The variable that is missing or empty.
    pub(super) fn settings(&self) -> Result<Option<(Rules, &str)>, ConfigError> {
        let all = [
            ("OAUTH_ISSUER", &self.oauth_issuer),
            ("OAUTH_AUDIENCE", &self.oauth_audience),
            ("OAUTH_JWKS", &self.oauth_jwks),
        ];
        if let Some((variable, _)) = all.iter().find(|(_, value)| value.as_deref().is_some_and(str::is_empty)) {
            return Err(ConfigError::new(variable, "must not be empty"));
        }
        match (&self.oauth_issuer, &self.oauth_audience, &self.oauth_jwks) {
            (None, None, None) => Ok(None),
            (Some(issuer), Some(audience), Some(jwks)) => {
                let (issuer, audience) = (issuer.clone(), audience.clone());
                Ok(Some((Rules { issuer, audience, plain: self.oauth_plain_jwt }, jwks)))
            }
            _ => {
                let missing = all.iter().find(|(_, value)| value.is_none()).map_or("OAUTH_JWKS", |(name, _)| *name);
                Err(ConfigError::new(missing, "must be set, because the other ones of the issuer are"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Config;

    fn variable(issuer: Option<&str>, audience: Option<&str>, jwks: Option<&str>) -> Option<&'static str> {
        let oauth = OauthArgs {
            oauth_issuer: issuer.map(str::to_owned),
            oauth_audience: audience.map(str::to_owned),
            oauth_jwks: jwks.map(str::to_owned),
            ..Config::default().oauth
        };
        oauth.settings().err().map(|error| error.variable())
    }

    #[test]
    fn a_cooldown_is_longer_than_nothing_and_an_hour_at_the_most() {
        assert!(cooldown("1ms").is_ok() && cooldown("1h").is_ok());
        assert!(cooldown("0s").is_err() && cooldown("61m").is_err());
    }

    #[test]
    fn half_an_issuer_is_refused_by_the_name_of_what_is_missing() {
        assert_eq!(variable(None, None, None), None);
        assert_eq!(variable(Some("i"), Some("a"), Some("f")), None);
        assert_eq!(variable(None, Some("a"), Some("f")), Some("OAUTH_ISSUER"));
        assert_eq!(variable(Some("i"), None, Some("f")), Some("OAUTH_AUDIENCE"));
        assert_eq!(variable(Some("i"), Some("a"), None), Some("OAUTH_JWKS"));
        assert_eq!(variable(Some(""), Some("a"), Some("f")), Some("OAUTH_ISSUER"));
    }
}
