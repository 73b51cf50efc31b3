//! The layer's policy: the library's own variables, each of them a flag, too, over a file or over the gateway's defaults.

use crate::config::toml_problem;
use clap::builder::{PathBufValueParser, Str};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use resilience::Breaker;
use resilience::config::{ConfigError, VARIABLES};
use resilience::policy::{Hints, Policy};
use std::fs;
use std::path::PathBuf;

/// What the names of the variables begin with.
const PREFIX: &str = "RESILIENCE_";
const FILE: &str = "POLICY_FILE";
const HEADING: &str = "The breaker in front of /addEvent";

/// When `/addEvent` is refused, for how long, and how it comes back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyArgs {
    /// A TOML document with a whole policy, in place of the gateway's defaults.
    pub file: Option<PathBuf>,
    /// Variables, with their prefix. Of two of one name the later one counts.
    set: Vec<(String, String)>,
}

/// Why there is no policy. Reads as one line that names the variable, or the file and the place in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyProblem {
    /// A variable or the file says what makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file cannot be read, or is no TOML.
    #[error("{FILE}: {file}: {problem}")]
    File {
        /// Which file.
        file: String,
        /// The system's word, or the parser's.
        problem: String,
    },
}

/// The gateway's own: two stages, and what limits the upstream's callers is obeyed at once.
fn defaults() -> Policy {
    Policy { hints: Hints::Obey, stages: 2, ..Policy::default() }
}

impl PolicyArgs {
    /// Sets a variable by its name without the prefix, as a flag would.
    pub fn set(&mut self, name: &str, value: &str) {
        self.set.push((format!("{PREFIX}{name}"), value.to_owned()));
    }

    /// Takes whatever else these begin the names of with our prefix: a name that is misspelt is then an error, and not
    /// passed over.
    pub fn know_misspelt(&mut self, vars: impl IntoIterator<Item = (String, String)>) {
        let known = |name: &str| VARIABLES.iter().any(|variable| variable.name == name);
        let unknown = |name: &str| name.strip_prefix(PREFIX).is_some_and(|name| !known(name));
        self.set.extend(vars.into_iter().filter(|(name, _)| unknown(name)));
    }

    /// The policy, checked. The file is read each time.
    ///
    /// # Errors
    ///
    /// What makes no sense, and where.
    pub fn policy(&self) -> Result<Policy, PolicyProblem> {
        let base = self.file.as_ref().map_or_else(|| Ok(defaults()), read)?;
        Ok(base.with_vars(PREFIX, self.set.iter().map(|(name, value)| (name, value)))?)
    }

    /// Puts the policy in force as it is now, the file read anew. What is open stays open. If it makes no sense, the old
    /// one stays.
    pub(crate) fn reload(&self, breaker: &Breaker) {
        let reloaded = self.policy().map_err(|problem| problem.to_string());
        match reloaded.and_then(|policy| breaker.set_policy(policy).map_err(|error| error.to_string())) {
            Ok(()) => tracing::info!("the policy was read again"),
            Err(problem) => tracing::error!(%problem, "the policy stays as it was"),
        }
    }
}

fn read(file: &PathBuf) -> Result<Policy, PolicyProblem> {
    let name = file.display().to_string();
    let problem = |problem: String| PolicyProblem::File { file: name.clone(), problem };
    let text = fs::read_to_string(file).map_err(|error| problem(error.to_string()))?;
    let document = toml::Deserializer::parse(&text).map_err(|error| problem(toml_problem(&error)))?;
    Ok(Policy::from_document(&name, document)?)
}

// By hand and not derived: which variables there are, the library knows.

impl Args for PolicyArgs {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(FILE)
            .long("policy-file")
            .env(FILE)
            .value_name("FILE")
            .value_parser(PathBufValueParser::new())
            .help("A whole policy as TOML, in place of the defaults below; on Unix SIGHUP has it read again")
            .help_heading(HEADING);
        let defaults = defaults().to_vars("");
        VARIABLES.iter().fold(command.arg(file), |command, variable| {
            let flag = variable.name.to_ascii_lowercase().replace('_', "-");
            let argument = Arg::new(variable.name)
                .long(Str::from(flag))
                .env(clap::builder::OsStr::from(format!("{PREFIX}{}", variable.name)))
                .allow_hyphen_values(true)
                .help(format!("{}: {}", variable.help, variable.takes))
                .help_heading(HEADING);
            let default = defaults.iter().find(|(name, _)| name == variable.name);
            command.arg(match default {
                Some((_, value)) => argument.default_value(clap::builder::OsStr::from(value)),
                None => argument,
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for PolicyArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut args = Self::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        if let Some(file) = matches.get_one(FILE) {
            self.file = Some(PathBuf::clone(file));
        }
        for variable in VARIABLES {
            // A default is not set: there may be a file, which then counts.
            let set = !matches!(matches.value_source(variable.name), None | Some(ValueSource::DefaultValue));
            if let Some(value) = matches.get_one::<String>(variable.name).filter(|_| set) {
                self.set(variable.name, value);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use resilience::State;
    use std::time::Duration;

    fn parsed(flags: &[&str]) -> PolicyArgs {
        let command = PolicyArgs::augment_args(Command::new("gateway"));
        let command = command.mut_args(|argument| argument.env(clap::builder::Resettable::Reset));
        let matches = command.try_get_matches_from(["gateway"].iter().chain(flags)).unwrap();
        PolicyArgs::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn nothing_that_is_not_set_is_taken_for_set() {
        assert_eq!(parsed(&[]), PolicyArgs::default());
        assert_eq!(parsed(&[]).policy().unwrap(), defaults());
        let policy = parsed(&["--delay", "2s", "--failures", "off", "--in-a-row=5"]).policy().unwrap();
        assert_eq!((policy.window, policy.in_a_row, policy.stages), (None, Some(5), 2));
    }

    #[test]
    fn a_name_that_is_misspelt_is_an_error_and_those_of_others_are_none() {
        let mut args = PolicyArgs::default();
        args.know_misspelt([("HOME", "/"), ("RESILIENCE_STAGES", "9")].map(|(k, v)| (k.to_owned(), v.to_owned())));
        assert_eq!(args, PolicyArgs::default(), "clap has read those that are known");
        args.know_misspelt([("RESILIENCE_FAILURE".to_owned(), "3".to_owned())]);
        let line = args.policy().unwrap_err().to_string();
        assert_eq!(line, "RESILIENCE_FAILURE: is not known; did you mean RESILIENCE_FAILURES?");
    }

    #[test]
    fn a_file_is_read_again_under_the_variables_and_a_bad_one_changes_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let write = |text: &str| fs::write(file.path(), text).unwrap();
        write("stages = 5\n[window]\nfailures = 1\n");
        let args = parsed(&["--policy-file", file.path().to_str().unwrap(), "--probes", "2"]);
        let breaker = Breaker::builder().policy(args.policy().unwrap()).build().unwrap();
        breaker.try_acquire().unwrap().failure();
        assert_eq!((breaker.policy().stages, breaker.policy().probes), (5, 2));

        for bad in ["stages = 0", "stage = 1", "stages = ", "stages = \"two\""] {
            write(bad);
            let line = args.policy().unwrap_err().to_string();
            assert!(line.lines().count() == 1 && line.contains(file.path().to_str().unwrap()), "{line}");
            args.reload(&breaker);
            assert_eq!(breaker.policy().stages, 5, "{bad}");
        }
        write("stages = 4\n[window]\nwithin = \"5s\"\n");
        args.reload(&breaker);
        let policy = breaker.policy();
        assert_eq!((policy.stages, policy.probes, policy.window.unwrap().within), (4, 2, Duration::from_secs(5)));
        assert_eq!(breaker.state(), State::Open);
    }

    #[test]
    fn a_file_that_is_no_toml_says_where_and_why() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "stages = 5\nprobes").unwrap();
        let line = parsed(&["--policy-file", file.path().to_str().unwrap()]).policy().unwrap_err().to_string();
        assert!(line.ends_with(": TOML parse error at line 2, column 7: key with no value, expected `=`"), "{line}");
    }

    #[test]
    fn a_file_that_cannot_be_read_names_its_variable() {
        let args = PolicyArgs { file: Some(PathBuf::from("/nowhere/policy.toml")), ..PolicyArgs::default() };
        let line = args.policy().unwrap_err().to_string();
        assert!(line.starts_with("POLICY_FILE: /nowhere/policy.toml: "), "{line}");
    }
}
