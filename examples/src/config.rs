//! What the command lines of both programs share: durations, shares, and a clear word about a bad value.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

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
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("bad configuration");
    let variable = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) => {
            let long = flag.split_whitespace().next().unwrap_or_default().trim_start_matches("--");
            let argument = command.get_arguments().find(|argument| argument.get_long() == Some(long));
            argument.and_then(clap::Arg::get_env).map(|name| name.to_string_lossy().into_owned())
        }
        _ => None,
    };
    let first: String = first.chars().flat_map(char::escape_debug).collect();
    match variable {
        Some(variable) => format!("{variable}: {}", first.trim_start_matches("error: ")),
        None => first,
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
    fn a_bad_value_is_one_line_that_names_the_variable() {
        let text = line(&["x", "--timeout", "soon\n\u{1b}[31m"]);
        assert!(text.starts_with("EXAMPLES_TEST_TIMEOUT: invalid value"), "{text}");
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(line(&["x", "--nope"]).contains("--nope"));
    }
}
