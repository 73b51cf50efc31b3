use crate::PolicyError;
use std::fmt;

/// What is wrong with a configuration, and where: one line.
///
/// ```
/// use resilience::Policy;
///
/// let error = Policy::default().with_vars("X_", [("X_WINDOW", "soon")]).unwrap_err();
/// assert_eq!(error.variable(), Some("X_WINDOW"));
/// assert_eq!(error.field(), Some("window.within"));
/// assert_eq!(error.to_string(), "X_WINDOW: is \"soon\"; must be a duration like 30s or 250ms");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    place: Place,
    field: Option<String>,
    problem: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Variable(String),
    Document(String),
}

impl ConfigError {
    pub(super) fn variable_is(variable: String, field: Option<&str>, problem: impl Into<String>) -> Self {
        Self { place: Place::Variable(variable), field: field.map(str::to_owned), problem: one_line(&problem.into()) }
    }

    #[cfg(feature = "serde")]
    pub(super) fn document_is(document: &str, path: Option<String>, problem: &str) -> Self {
        Self { place: Place::Document(one_line(document)), field: path, problem: one_line(problem) }
    }

    /// A value of a policy in this document is out of its range. `path` leads to the policy; empty, if the document is one.
    ///
    /// For documents in which a policy is one setting of many, and which you read yourself.
    ///
    /// ```
    /// use resilience::{Policy, config::ConfigError};
    ///
    /// let policy = Policy { probes: 0, ..Policy::default() };
    /// let error = policy.check().map_err(|error| ConfigError::of_document("service.toml", "breakers.orders", &error));
    /// assert_eq!(
    ///     error.unwrap_err().to_string(),
    ///     "service.toml: breakers.orders.probes: is 0; must be from 1 to 4096"
    /// );
    /// ```
    #[must_use]
    pub fn of_document(document: &str, path: &str, error: &PolicyError) -> Self {
        let path = if path.is_empty() { error.field().to_owned() } else { format!("{path}.{}", error.field()) };
        let problem = format!("is {}; must be {}", error.value(), error.range());
        Self { place: Place::Document(one_line(document)), field: Some(path), problem: one_line(&problem) }
    }

    /// The variable, if it is one that is wrong.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match &self.place {
            Place::Variable(name) => Some(name),
            Place::Document(_) => None,
        }
    }

    /// The document, if it is one that is wrong.
    #[must_use]
    pub fn document(&self) -> Option<&str> {
        match &self.place {
            Place::Document(name) => Some(name),
            Place::Variable(_) => None,
        }
    }

    /// The field: by its path in [`Policy`](crate::Policy), for a document by its path in that; none for what is not known.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// What is wrong with it, without the place.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

/// Values and names come from outside: no line of a log, and no terminal, shall be somebody's to forge.
fn one_line(text: &str) -> String {
    text.split('\n')
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
        .replace(char::is_control, "?")
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, field, problem } = self;
        match (place, field) {
            (Place::Variable(name), _) => write!(f, "{name}: {problem}"),
            (Place::Document(name), Some(path)) => write!(f, "{name}: {path}: {problem}"),
            (Place::Document(name), None) => write!(f, "{name}: {problem}"),
        }
    }
}

impl std::error::Error for ConfigError {}
