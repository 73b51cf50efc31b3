//! What a program does around its server: logs, signals, exit codes.

use std::convert::Infallible;
use std::future::Future;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

/// Writes logs to standard error: by default from `info` on, otherwise as `RUST_LOG` says; as JSON if `LOG_FORMAT` is `json`.
///
/// Call it once, first. A second call changes nothing.
pub fn log_to_stderr() {
    log_to_stderr_from("info");
}

/// As [`log_to_stderr`], with another level where `RUST_LOG` says nothing.
pub fn log_to_stderr_from(level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let json = std::env::var_os("LOG_FORMAT").is_some_and(|format| format == "json");
    // It fails only if there is a subscriber already, which then is the one to keep.
    if json {
        builder.json().try_init().ok()
    } else {
        builder.try_init().ok()
    };
}

/// Says on standard error, in one line, why the program cannot go on.
pub fn failed(error: &impl std::fmt::Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

/// Waits for SIGTERM or ctrl-c, then for the given shutdown.
///
/// Exit code 0 when the shutdown has come to its end; a second signal ends the waiting, and the exit code is 130, because
/// work was dropped.
///
/// # Errors
///
/// If signals cannot be received.
pub async fn until_stopped<F: Future>(shutdown: impl FnOnce() -> F) -> io::Result<ExitCode> {
    let mut signals = Signals::new()?;
    signals.next().await;
    tracing::info!("shutting down; a second signal ends at once");
    tokio::select! {
        _ = shutdown() => Ok(ExitCode::SUCCESS),
        () = signals.next() => Ok(ExitCode::from(130)),
    }
}

/// The SIGHUPs of this process. Where there is no such signal, or it cannot be received, there are none.
#[derive(Debug)]
pub struct Hangups {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangups {
    /// Takes them over: from here on none of them ends the process. Where that cannot be done the log says so, and that is
    /// all: a server that cannot be told to read a file again is still a server.
    #[must_use]
    #[cfg(unix)]
    pub fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let received = signal(SignalKind::hangup());
        let signal = received.inspect_err(|error| tracing::warn!(%error, "SIGHUP cannot be received")).ok();
        Self { signal }
    }

    /// As on Unix, where there is such a signal.
    #[must_use]
    #[cfg(not(unix))]
    pub fn listen() -> Self {
        Self {}
    }

    /// Does this at each of them, for as long as it is polled.
    pub async fn each(self, act: impl FnMut()) -> Infallible {
        #[cfg(unix)]
        if let Some(mut signal) = self.signal {
            let mut act = act;
            while signal.recv().await.is_some() {
                act();
            }
        }
        #[cfg(not(unix))]
        drop(act);
        std::future::pending().await
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // Without a way to be told the program runs until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn a_signal_that_cannot_be_received_ends_nothing() {
        let without = Hangups { signal: None };
        assert!(without.each(|| panic!("there is none")).now_or_never().is_none());
    }
}
