use super::ConfigError;
use crate::Policy;
use serde::Deserializer;

impl Policy {
    /// A policy that is a document of its own, in any format that serde knows. `document` is what it is called in errors,
    /// the name of a file say. What it leaves out keeps its default; what is not known in it is an error.
    ///
    /// # Errors
    ///
    /// What is wrong, with the document and the path in it.
    ///
    /// ```
    /// use resilience::Policy;
    ///
    /// let text = r#"{ "stages": 2, "window": { "failures": 5, "within": "1m" } }"#;
    /// let policy = Policy::from_document("orders.json", &mut serde_json::Deserializer::from_str(text))?;
    /// assert_eq!(policy.stages, 2);
    ///
    /// let text = r#"{ "window": { "within": "soon" } }"#;
    /// let error = Policy::from_document("orders.json", &mut serde_json::Deserializer::from_str(text)).unwrap_err();
    /// assert_eq!((error.document(), error.field()), (Some("orders.json"), Some("window.within")));
    ///
    /// let text = r#"{ "window": { "failures": 0 } }"#;
    /// let error = Policy::from_document("orders.json", &mut serde_json::Deserializer::from_str(text)).unwrap_err();
    /// assert_eq!(error.to_string(), "orders.json: window.failures: is 0; must be from 1 to 1048576");
    /// # Ok::<(), resilience::config::ConfigError>(())
    /// ```
    #[cfg_attr(docsrs, doc(cfg(all(feature = "config", feature = "serde"))))]
    pub fn from_document<'de>(document: &str, deserializer: impl Deserializer<'de>) -> Result<Self, ConfigError> {
        let policy: Self = serde_path_to_error::deserialize(deserializer).map_err(|error| {
            let path = Some(error.path().to_string()).filter(|path| path != ".");
            ConfigError::document_is(document, path, &without_drawing(&error.inner().to_string()))
        })?;
        policy.check().map_err(|error| ConfigError::of_document(document, "", &error))?;
        Ok(policy)
    }
}

/// Some formats draw the place below their words, with bars and arrows. In one line that is noise, and the words say it.
fn without_drawing(text: &str) -> String {
    let drawn = |line: &&str| !line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    text.lines().filter(drawn).collect::<Vec<_>>().join("\n")
}
