//! Variables and documents of any content: a policy that can be built and written down again, or an error in one line that
//! names the place.

use resilience::Breaker;
use resilience::config::ConfigError;
use resilience::policy::Policy;

fn is_told(error: &ConfigError) {
    let line = error.to_string();
    assert!(!line.contains('\n') && !line.is_empty(), "{line:?}");
}

fn is_good(policy: &Policy) {
    assert!(Breaker::builder().policy(policy.clone()).build().is_ok(), "{policy:?} was let through");
    let vars = policy.to_vars("P_");
    let again = Policy::default().with_vars("P_", vars).unwrap_or_else(|error| panic!("{error}: {policy:?}"));
    // Numbers may be rounded when they are written; nothing else is.
    assert_eq!((&again.window, again.in_a_row, again.stages), (&policy.window, policy.in_a_row, policy.stages));
}

/// Whether it was a policy other than the default one.
pub(crate) fn check(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let mut read = Vec::new();
    let vars = text.lines().filter_map(|line| line.split_once('='));
    match Policy::default().with_vars("RESILIENCE_", vars) {
        Ok(policy) => read.push(policy),
        Err(error) => is_told(&error),
    }
    if let Ok(document) = toml::Deserializer::parse(text) {
        match Policy::from_document("policy.toml", document) {
            Ok(policy) => read.push(policy),
            Err(error) => is_told(&error),
        }
    }
    if let Ok(policy) = Policy::from_document("policy.json", &mut serde_json::Deserializer::from_str(text)) {
        read.push(policy);
    }
    read.iter().for_each(is_good);
    read.iter().any(|policy| *policy != Policy::default())
}
