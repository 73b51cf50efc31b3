//! Policies to play to, as a flag names them.

use crate::config::toml_problem;
use resilience::Policy;
use resilience::config::{ConfigError, VARIABLES};
use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

/// What a policy is called where nobody has named one.
const DEFAULT: &str = "default";

/// A value of `--policy`: a file, settings, or the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyArg {
    name: String,
    source: Source,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    File(String),
    /// Variables of the library, without a prefix.
    Settings(Vec<(String, String)>),
}

/// Why there is no policy. Reads as one line that names the flag, or the file, and the place in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyProblem {
    /// A setting, or what is in a file, makes no sense.
    #[error("--policy {name}: {problem}")]
    Config {
        /// What the policy is called.
        name: String,
        /// The library's word, which names the setting, or the file and the place in it.
        problem: ConfigError,
    },
    /// The file cannot be read, or is no TOML.
    #[error("--policy {name}: {file}: {problem}")]
    File {
        /// What the policy is called.
        name: String,
        /// Which file.
        file: String,
        /// The system's word, or the parser's.
        problem: String,
    },
    /// Two columns of a table would be called alike.
    #[error(
        "--policy {0}: there are two of this name; give them names, as in --policy NAME:failures=5 or NAME=FILE.toml"
    )]
    Twice(String),
}

impl Default for PolicyArg {
    fn default() -> Self {
        Self { name: DEFAULT.to_owned(), source: Source::Settings(Vec::new()) }
    }
}

impl FromStr for PolicyArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == DEFAULT {
            return Ok(Self::default());
        }
        if Path::new(text).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) {
            let (name, file) = text.split_once('=').unwrap_or_else(|| {
                let stem = Path::new(text).file_stem().and_then(|stem| stem.to_str());
                (stem.unwrap_or(text), text)
            });
            return named(name, Source::File(file.to_owned()));
        }
        let (name, settings) = match text.split_once(':') {
            Some((name, settings)) if !name.contains('=') => (name, settings),
            _ => (text, text),
        };
        named(name, Source::Settings(settings_of(settings)?))
    }
}

fn named(name: &str, source: Source) -> Result<PolicyArg, String> {
    let name = name.trim();
    if name.is_empty() {
        return Err("it has no name; expected NAME=FILE.toml or NAME:failures=3,within=30s".to_owned());
    }
    Ok(PolicyArg { name: name.replace(char::is_control, "?"), source })
}

/// Settings by the names of the library's variables, small letters and dashes allowed. What has no name belongs to the one
/// before: `delays=1s,5s` is one setting.
fn settings_of(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut settings: Vec<(String, String)> = Vec::new();
    for part in text.split(',').map(str::trim) {
        match (part.split_once('='), settings.last_mut()) {
            (Some((name, value)), _) => {
                let name = match name.trim().to_ascii_uppercase().replace('-', "_") {
                    // As the builder and the documents call it.
                    within if within == "WITHIN" => "WINDOW".to_owned(),
                    name => name,
                };
                if settings.iter().any(|(set, _)| *set == name) {
                    return Err(format!("{name} is set twice"));
                }
                settings.push((name, value.trim().to_owned()));
            }
            (None, Some((_, value))) => *value = format!("{value},{part}"),
            (None, None) => {
                return Err("expected NAME=FILE.toml, or settings like failures=3,within=30s".to_owned());
            }
        }
    }
    Ok(settings)
}

impl PolicyArg {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The policy, checked.
    ///
    /// # Errors
    ///
    /// What makes no sense, and where.
    pub fn policy(&self) -> Result<Policy, PolicyProblem> {
        let name = || self.name.clone();
        match &self.source {
            Source::Settings(settings) => {
                let vars = settings.iter().map(|(name, value)| (name, value));
                let policy = Policy::default().with_vars("", vars);
                policy.map_err(|problem| PolicyProblem::Config { name: name(), problem })
            }
            Source::File(file) => {
                let problem = |problem: String| PolicyProblem::File { name: name(), file: file.clone(), problem };
                let text = fs::read_to_string(file).map_err(|error| problem(error.to_string()))?;
                let document = toml::Deserializer::parse(&text).map_err(|error| problem(toml_problem(&error)))?;
                let policy = Policy::from_document(file, document);
                policy.map_err(|problem| PolicyProblem::Config { name: name(), problem })
            }
        }
    }

    /// All of these, checked; the default one, if there is none.
    ///
    /// # Errors
    ///
    /// That of the first one that makes no sense.
    pub fn all(args: &[Self]) -> Result<Vec<(String, Policy)>, PolicyProblem> {
        let mut policies: Vec<(String, Policy)> = Vec::new();
        let default = [Self::default()];
        for arg in if args.is_empty() { &default } else { args } {
            if policies.iter().any(|(name, _)| *name == arg.name) {
                return Err(PolicyProblem::Twice(arg.name.clone()));
            }
            policies.push((arg.name.clone(), arg.policy()?));
        }
        Ok(policies)
    }
}

impl fmt::Display for PolicyArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What sets a policy apart from the default one, as settings that [`PolicyArg`] reads.
pub(super) fn described(policy: &Policy) -> String {
    let (ours, defaults) = (policy.to_vars(""), Policy::default().to_vars(""));
    let mut settings: Vec<String> = Vec::new();
    for (name, value) in ours.iter().filter(|setting| !defaults.contains(setting)) {
        debug_assert!(VARIABLES.iter().any(|variable| variable.name == name));
        settings.push(format!("{}={}", name.to_ascii_lowercase().replace('_', "-"), value.replace(", ", ",")));
    }
    if settings.is_empty() { "the defaults".to_owned() } else { settings.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use resilience::policy::CoolDown;
    use std::time::Duration;

    fn arg(text: &str) -> PolicyArg {
        text.parse().unwrap()
    }

    fn problem(text: &str) -> String {
        match text.parse::<PolicyArg>() {
            Ok(arg) => arg.policy().unwrap_err().to_string(),
            Err(problem) => problem,
        }
    }

    #[test]
    fn settings_are_the_variables_of_the_library_and_a_list_may_have_commas() {
        let patient = arg("patient: failures=5, within=1m, delays=1s,5s,30s, probe-patience=delay");
        let policy = patient.policy().unwrap();
        assert_eq!(patient.name(), "patient");
        assert_eq!(policy.window.unwrap().within, Duration::from_secs(60));
        assert_eq!(policy.cool_down, CoolDown::ByLevel([1, 5, 30].map(Duration::from_secs).to_vec()));
        assert_eq!(arg("failures=off,in-a-row=4").name(), "failures=off,in-a-row=4");
        assert_eq!(arg("default").policy().unwrap(), Policy::default());
    }

    #[test]
    fn what_is_described_can_be_given_again() {
        for text in
            ["default", "failures=5,within=90s", "failures=off,failure-rate=0.5,min-calls=10", "delays=1s,1m 5s"]
        {
            let policy = arg(text).policy().unwrap();
            let described = described(&policy);
            let again = if described == "the defaults" { DEFAULT.to_owned() } else { described };
            assert_eq!(arg(&again).policy().unwrap(), policy, "{again}");
        }
        assert_eq!(described(&Policy::default()), "the defaults");
        assert_eq!(described(&arg("failures=5").policy().unwrap()), "failures=5");
    }

    #[test]
    fn a_file_is_a_whole_policy() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("strict.toml");
        fs::write(&file, "stages = 1\n[window]\nfailures = 2\n").unwrap();
        let file = file.to_str().unwrap();
        for (text, name) in [(file.to_owned(), "strict"), (format!("mine={file}"), "mine")] {
            let arg = arg(&text);
            assert_eq!((arg.name(), arg.policy().unwrap().stages), (name, 1));
        }
        for (text, said) in [
            ("stages = 0", "stages: is 0; must be from 1 to"),
            ("stage = 1", "stage: "),
            ("stages", "TOML parse error at line 1, column 7: key with no value, expected `=`"),
        ] {
            fs::write(file, text).unwrap();
            let line = problem(&format!("mine={file}"));
            let start = format!("--policy mine: {file}: {said}");
            assert!(line.starts_with(&start) && line.lines().count() == 1, "{line} and not {start}");
        }
        assert!(problem("mine=/nowhere/a.toml").starts_with("--policy mine: /nowhere/a.toml: No such file"));
    }

    #[test]
    fn what_makes_no_sense_names_the_flag_and_the_setting() {
        for (text, said) in [
            ("failure=3", "--policy failure=3: FAILURE: is not known; did you mean FAILURES?"),
            ("a:within=soon", "--policy a: WINDOW: is \"soon\"; must be a duration like 30s or 250ms"),
            ("a:failures=0", "--policy a: FAILURES: is 0; must be from 1 to 1048576"),
            ("a:failures=1,failures=2", "FAILURES is set twice"),
            ("a:window=1s,within=2s", "WINDOW is set twice"),
            ("nonsense", "expected NAME=FILE.toml, or settings like failures=3,within=30s"),
            ("", "expected NAME=FILE.toml, or settings like failures=3,within=30s"),
            (":failures=3", "it has no name; expected NAME=FILE.toml or NAME:failures=3,within=30s"),
        ] {
            assert_eq!(problem(text), said);
        }
        let twice = PolicyArg::all(&[arg("a:failures=2"), arg("a:failures=3")]).unwrap_err();
        assert!(twice.to_string().starts_with("--policy a: there are two of this name"), "{twice}");
    }
}
