//! The example programs as processes: started, signalled, killed.

use crate::client::Client;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

/// However busy the machine is, a program has done by then what it is asked for.
pub const LONGEST: Duration = Duration::from_secs(60);

/// A program, beside the test's own: `target/<profile>/deps/<test>` and `target/<profile>/examples/<name>`.
///
/// # Panics
///
/// If it is not there and cannot be built.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let own = env::current_exe().expect("a test has a path");
    let profile = own.parent().and_then(Path::parent).expect("the directory of a profile");
    let program = profile.join("examples").join(name);
    if !program.exists() {
        // A test of one package alone does not build the examples of another.
        let profile = match profile.file_name().and_then(|name| name.to_str()).expect("the name of a profile") {
            "debug" => "dev",
            profile => profile,
        };
        let mut cargo = std::process::Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
        let built = cargo.args(["build", "--package", "examples", "--example", name, "--profile", profile]).status();
        assert!(built.expect("cargo runs").success());
    }
    program
}

/// A program with these variables and no others.
#[must_use]
pub fn command(name: &str, variables: &[(&str, &str)]) -> Command {
    over_pipes(Command::new(program(name)), variables)
}

fn over_pipes(mut command: Command, variables: &[(&str, &str)]) -> Command {
    command.env_clear().envs(variables.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// The address that a program says it listens on, in its first line. What it says after that is read and dropped: whoever
/// reads no further lets the program stand still, or fail, at its next word.
///
/// # Panics
///
/// If it says nothing like that in time.
pub async fn address(stdout: ChildStdout) -> String {
    let mut lines = BufReader::new(stdout).lines();
    let line = timeout(LONGEST, lines.next_line()).await.expect("a line in time").expect("text").expect("a line");
    let (_, address) = line.split_once(" listening on http://").unwrap_or_else(|| panic!("{line}"));
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    address.to_owned()
}

/// A program at work.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Where it listens.
    pub address: String,
    /// Somebody to talk to it.
    pub client: Client,
}

impl Running {
    /// Starts it with these variables and no others.
    ///
    /// # Panics
    ///
    /// If it does not come up.
    pub async fn start(name: &str, variables: &[(&str, &str)]) -> Self {
        let mut child = command(name, variables).stderr(Stdio::inherit()).spawn().expect("it starts");
        let address = address(child.stdout.take().expect("it is piped")).await;
        Self { child, client: Client::new(&address), address }
    }

    /// As [`start`](Self::start), with what it says on standard error to be read.
    ///
    /// # Panics
    ///
    /// If it does not come up.
    pub async fn start_with_log(name: &str, variables: &[(&str, &str)]) -> (Self, Log) {
        Self::spawned(command(name, variables)).await
    }

    /// As [`start_with_log`](Self::start_with_log), and it may have only so many files and connections open.
    ///
    /// # Panics
    ///
    /// If it does not come up.
    pub async fn start_with_few_descriptors(name: &str, number: u32, variables: &[(&str, &str)]) -> (Self, Log) {
        let mut limited = over_pipes(Command::new("sh"), variables);
        limited.arg("-c").arg(format!("ulimit -n {number} && exec \"$0\"")).arg(program(name));
        Self::spawned(limited).await
    }

    async fn spawned(mut command: Command) -> (Self, Log) {
        let mut child = command.spawn().expect("it starts");
        let log = Log(BufReader::new(child.stderr.take().expect("it is piped")).lines());
        let address = address(child.stdout.take().expect("it is piped")).await;
        (Self { child, client: Client::new(&address), address }, log)
    }

    /// The id of the process.
    ///
    /// # Panics
    ///
    /// If it has ended.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Sends a signal, like `TERM`.
    ///
    /// # Panics
    ///
    /// If that fails.
    pub async fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().await.expect("a shell").success());
    }

    /// Ends it as a crash does: nothing of it runs any more.
    ///
    /// # Panics
    ///
    /// If it cannot be ended.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it can be killed");
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// If it does not come.
    pub async fn ended(mut self) -> ExitStatus {
        timeout(LONGEST, self.child.wait()).await.expect("it ends").expect("it has a status")
    }
}

/// What a program says on standard error. It has to be read: what is not would hold the program up once the pipe is full.
#[derive(Debug)]
pub struct Log(Lines<BufReader<ChildStderr>>);

impl Log {
    /// The next line in which this text stands.
    ///
    /// # Panics
    ///
    /// If it does not come.
    pub async fn line(&mut self, text: &str) -> String {
        let found = async {
            loop {
                let line = self.0.next_line().await.expect("text").unwrap_or_else(|| panic!("it ended without {text}"));
                if line.contains(text) {
                    return line;
                }
            }
        };
        timeout(LONGEST, found).await.unwrap_or_else(|_| panic!("in vain: {text}"))
    }
    /// All that is left to be said until it ends.
    ///
    /// # Panics
    ///
    /// If it is no text.
    pub async fn rest(mut self) -> String {
        let mut said = String::new();
        while let Some(line) = self.0.next_line().await.expect("text") {
            said.push_str(&line);
            said.push('\n');
        }
        said
    }
}
