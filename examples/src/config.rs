//! What the command lines of the programs share: durations, shares, and a clear word about a bad value.

use std::convert::Infallible;
use std::fmt;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, value_parser};

use crate::http::ServerLimits;
use crate::http::json::BodyLimits;

/// Reads a duration like `30s`, `250ms` or `1m 30s`; for clap's `value_parser`. Zero is allowed.
///
/// # Errors
///
/// A text for the user, if it is no duration.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; expected a duration like 30s or 250ms"))
}

/// Reads a duration that is not zero.
///
/// # Errors
///
/// A text for the user, if it is no duration or zero.
pub fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("must be longer than zero".to_owned()),
        duration => Ok(duration),
    }
}

/// Writes a duration as [`duration`] reads it.
#[must_use]
pub fn display_duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// Durations in JSON, as texts that [`duration`] reads.
pub mod duration_text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes a duration.
    ///
    /// # Errors
    ///
    /// If the serialiser fails.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*duration))
    }

    /// Reads a duration.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        super::duration(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }

    /// The same for a duration that may be absent.
    pub mod option {
        use super::*;

        /// Writes a duration.
        ///
        /// # Errors
        ///
        /// If the serialiser fails.
        #[allow(clippy::ref_option, reason = "serde hands over a reference to the field")]
        pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
            match duration {
                Some(duration) => super::serialize(duration, serializer),
                None => serializer.serialize_none(),
            }
        }

        /// Reads a duration.
        ///
        /// # Errors
        ///
        /// If it is neither absent nor a duration.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            text.map(|text| crate::config::duration(&text).map_err(serde::de::Error::custom)).transpose()
        }
    }
}

/// What is wrong with a text that is no TOML, in one line: where, and then why. The parser itself takes five lines for it, with
/// a picture between the two.
#[must_use]
pub fn toml_problem(error: &toml::de::Error) -> String {
    let picture = error.to_string();
    let place = picture.lines().next().unwrap_or_default();
    format!("{place}: {}", error.message()).replace(char::is_control, " ")
}

/// The address of a database. It may hold a password, so it is not shown, and what is wrong with it is said by whoever
/// connects: the word of the parser of flags would repeat it.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The address itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DatabaseUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(..)")
    }
}

/// The limits of a server as flags and variables, the same for both programs. See [`ServerLimits`] for what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitOptions {
    /// The longest request body, in bytes.
    #[arg(long, env = "MAX_BODY_BYTES", default_value_t = 65_536)]
    pub max_body_bytes: usize,
    /// The time for a whole body to arrive.
    #[arg(long, env = "BODY_TIMEOUT", value_parser = positive_duration, default_value = "10s")]
    pub body_timeout: Duration,
    /// The time for the head of a request to arrive.
    #[arg(long, env = "HEADER_TIMEOUT", value_parser = positive_duration, default_value = "10s")]
    pub header_timeout: Duration,
    /// How long a connection may be idle.
    #[arg(long, env = "IDLE_TIMEOUT", value_parser = positive_duration, default_value = "75s")]
    pub idle_timeout: Duration,
    /// How long a client may take nothing of its answer.
    #[arg(long, env = "WRITE_TIMEOUT", value_parser = positive_duration, default_value = "30s")]
    pub write_timeout: Duration,
    /// How long a client that has closed its own side is still owed an answer; zero: not at all.
    #[arg(long, env = "HALF_CLOSE_TIMEOUT", value_parser = duration, default_value = "5s")]
    pub half_close_timeout: Duration,
    /// The longest head of a request, in bytes; at least 8192.
    #[arg(long, env = "MAX_HEAD_BYTES", value_parser = value_parser!(u32).range(8192..=16_777_216), default_value_t = 32_768)]
    pub max_head_bytes: u32,
    /// Connections at a time.
    #[arg(long, env = "MAX_CONNECTIONS", value_parser = value_parser!(u32).range(1..), default_value_t = 1024)]
    pub max_connections: u32,
    /// The time that requests in flight get to finish at the end.
    #[arg(long, env = "GRACE", value_parser = duration, default_value = "10s")]
    pub grace: Duration,
}

impl From<LimitOptions> for ServerLimits {
    fn from(options: LimitOptions) -> Self {
        // A u32 that does not fit a usize is no limit at all there.
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Self {
            header_timeout: options.header_timeout,
            idle_timeout: options.idle_timeout,
            write_timeout: options.write_timeout,
            half_close_timeout: options.half_close_timeout,
            max_head_bytes: size(options.max_head_bytes),
            max_connections: size(options.max_connections),
            grace: options.grace,
            body: BodyLimits { max_bytes: options.max_body_bytes, timeout: options.body_timeout },
        }
    }
}

impl Default for LimitOptions {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self {
            max_body_bytes: 65_536,
            body_timeout: 10 * second,
            header_timeout: 10 * second,
            idle_timeout: 75 * second,
            write_timeout: 30 * second,
            half_close_timeout: 5 * second,
            max_head_bytes: 32_768,
            max_connections: 1024,
            grace: 10 * second,
        }
    }
}

/// Parses the command line and the environment.
///
/// # Errors
///
/// The exit code to end with: 0 after `--help` and `--version`, 2 after one line on standard error that names the
/// variable and says what is wrong with its value.
pub fn parse<C: Parser>() -> Result<C, ExitCode> {
    parse_from(std::env::args_os())
}

fn parse_from<C: Parser>(args: impl IntoIterator<Item = std::ffi::OsString>) -> Result<C, ExitCode> {
    C::try_parse_from(args).map_err(|error| {
        if error.use_stderr() {
            eprintln!("{}", one_line(&C::command(), &error));
            ExitCode::from(2)
        } else {
            // If standard output is closed there is nobody to tell.
            error.print().ok();
            ExitCode::SUCCESS
        }
    })
}

/// clap's word about a flag, as one line that also names the variable which the flag may have come from.
fn one_line(command: &clap::Command, error: &clap::Error) -> String {
    use clap::error::{ContextKind, ContextValue};
    let text = error.to_string();
    // The first paragraph says what is wrong; what follows is about how to get help.
    let words = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    let said = words.collect::<Vec<_>>().join(" ").replace(char::is_control, "?");
    let said = said.trim_start_matches("error: ");
    let variable = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) => {
            let long = flag.split_whitespace().next().unwrap_or_default().trim_start_matches("--");
            let argument = command.get_arguments().find(|argument| argument.get_long() == Some(long));
            argument.and_then(clap::Arg::get_env).map(|name| name.to_string_lossy().into_owned())
        }
        _ => None,
    };
    match variable {
        Some(variable) => format!("{variable}: {said}"),
        None => format!("error: {said}"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[derive(Debug, Parser)]
    struct Options {
        #[arg(long, env = "EXAMPLES_TEST_TIMEOUT", value_parser = positive_duration, default_value = "30s")]
        timeout: Duration,
    }

    fn line(args: &[&str]) -> String {
        let error = Options::try_parse_from(args).unwrap_err();
        one_line(&Options::command(), &error)
    }

    #[test]
    fn what_is_wrong_with_a_toml_document_is_one_line_that_says_where_and_why() {
        let said = |text: &str| toml_problem(&toml::Deserializer::parse(text).err().unwrap());
        assert_eq!(
            said("stages = 1\nnonsense"),
            "TOML parse error at line 2, column 9: key with no value, expected `=`"
        );
        for text in
            ["= nonsense =", "stages = ", "[window\nfailures = 3", "stages = \"\u{1}\"", "a = 1\na = 2", "\u{0}"]
        {
            let said = said(text);
            let (place, why) = said.split_once(": ").expect(&said);
            assert!(place.starts_with("TOML parse error at line ") && !why.is_empty(), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }

    #[test]
    fn durations_are_read_and_written_alike() {
        for text in ["30s", "250ms", "1m 30s", "0s"] {
            assert_eq!(display_duration(duration(text).unwrap()), text);
        }
        assert!(positive_duration("0s").is_err());
        for bad in ["", "30", "-1s", "1x", "99999999999999999999s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert_eq!(Options::parse_from(["x"]).timeout, Duration::from_secs(30));
    }

    #[test]
    fn the_defaults_of_the_flags_are_those_of_the_server() {
        #[derive(Debug, Parser)]
        struct Flags {
            #[command(flatten)]
            limits: LimitOptions,
        }
        let flags = Flags::parse_from(["x"]).limits;
        assert_eq!(flags, LimitOptions::default());
        assert_eq!(ServerLimits::from(flags), ServerLimits::default());
        for bad in [["x", "--max-connections", "0"], ["x", "--max-head-bytes", "1"], ["x", "--idle-timeout", "0s"]] {
            assert!(Flags::try_parse_from(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_bad_value_is_one_line_that_names_the_variable() {
        let text = line(&["x", "--timeout", "soon\n\u{1b}[31m"]);
        assert!(text.starts_with("EXAMPLES_TEST_TIMEOUT: invalid value"), "{text}");
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(line(&["x", "--nope"]).contains("--nope"));
    }
}
