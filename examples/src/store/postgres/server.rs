//! A server for the tests: the one that `TEST_DATABASE_URL` names, or one of our own, which needs nothing but the programs
//! of PostgreSQL. Where there is neither the tests that want it say that they were skipped, or fail if
//! `REQUIRE_POSTGRES` is set.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio_postgres::NoTls;

/// However busy the machine is, a database is made and comes up within this.
const LONGEST: Duration = Duration::from_secs(120);

/// Serves until its standard input ends, that is, until the tests are over, however they end. What is faster than it is
/// safe is good enough for data that is thrown away.
const SCRIPT: &str = r#"
    set -e
    cd "$1"
    [ -d data ] || "$2/initdb" -D data -U tests -A trust -E UTF8 --locale=C --no-sync >log 2>&1
    "$2/postgres" -D data -k "$1" -h '' -F >>log 2>&1 &
    read -r word || true
    kill -INT $!
    wait $! || true
    [ "$word" = keep ] || rm -rf "$1"
"#;

/// A server of our own.
pub(crate) struct Server {
    directory: PathBuf,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    child: Option<Child>,
}

impl Server {
    /// Makes a database and serves it, or says why that cannot be.
    pub(crate) async fn start() -> Result<Self, String> {
        let programs = programs().ok_or("neither TEST_DATABASE_URL nor the programs of PostgreSQL are there")?;
        let user = if id("-u", None)? == 0 {
            // PostgreSQL refuses to run as root.
            let name = ["postgres", "nobody"].into_iter().find(|name| id("-u", Some(name)).is_ok());
            let name = name.ok_or("root cannot run PostgreSQL, and there is no other user")?;
            Some((id("-u", Some(name))?, id("-g", Some(name))?))
        } else {
            None
        };
        // The script removes it, because nobody drops what is shared by all tests.
        let directory = TempDir::with_prefix("pg").map_err(|error| error.to_string())?.keep();
        if let Some((uid, gid)) = user {
            chown(&directory, Some(uid), Some(gid)).map_err(|error| error.to_string())?;
        }
        let mut server = Self { directory, programs, user, child: None };
        server.run().await?;
        Ok(server)
    }

    /// Serves the same database as before.
    pub(crate) async fn run(&mut self) -> Result<(), String> {
        let mut command = Command::new("sh");
        command.args([OsStr::new("-c"), OsStr::new(SCRIPT), OsStr::new("sh")]).arg(&self.directory).arg(&self.programs);
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().map_err(|error| error.to_string())?);
        let asked = Instant::now();
        while connect(&self.address()).await.is_err() {
            let ended = self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            if ended || asked.elapsed() > LONGEST {
                let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
                return Err(format!("PostgreSQL does not start: {log}"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Ends the server, and every connection to it, at once; the data stays.
    pub(crate) fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        child.stdin.take().unwrap().write_all(b"keep\n").unwrap();
        assert!(child.wait().unwrap().success());
    }

    pub(crate) fn address(&self) -> String {
        format!("host={} user=tests dbname=postgres", self.directory.display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            child.wait().ok();
        } else {
            fs::remove_dir_all(&self.directory).ok();
        }
    }
}

/// The address of an empty place for tables; none, having said why, where there is no server.
pub(crate) async fn empty_place() -> Option<String> {
    static SHARED: OnceLock<Result<String, String>> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let shared = match std::env::var("TEST_DATABASE_URL") {
        Ok(address) => Ok(address),
        // Tests that come meanwhile wait for the first one's server, which is then everybody's to the end.
        Err(_) => tokio::task::spawn_blocking(|| SHARED.get_or_init(start_shared).clone()).await.unwrap(),
    };
    let address = or_skip(shared)?;
    let place = format!("place_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let client = connect(&address).await.unwrap();
    client.batch_execute(&format!("CREATE SCHEMA {place}")).await.unwrap();
    Some(match address.split_once("://") {
        Some(_) if address.contains('?') => format!("{address}&options=-csearch_path%3D{place}"),
        Some(_) => format!("{address}?options=-csearch_path%3D{place}"),
        None => format!("{address} options=-csearch_path={place}"),
    })
}

fn start_shared() -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(Server::start())?;
    let address = server.address();
    // It ends with this process: its standard input does.
    std::mem::forget(server);
    Ok(address)
}

/// What there is, or nothing, and then a word about it that the test harness does not keep to itself.
pub(crate) fn or_skip<T>(found: Result<T, String>) -> Option<T> {
    match found {
        Ok(found) => Some(found),
        Err(reason) => {
            assert!(std::env::var_os("REQUIRE_POSTGRES").is_none(), "{reason}");
            let name = std::thread::current().name().unwrap_or("a test").to_owned();
            writeln!(std::io::stderr(), "SKIPPED {name}: {reason}").unwrap();
            None
        }
    }
}

pub(crate) async fn connect(address: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The directory with the newest programs of PostgreSQL.
fn programs() -> Option<PathBuf> {
    let has_both =
        |directory: &PathBuf| ["initdb", "postgres"].iter().all(|name| File::open(directory.join(name)).is_ok());
    let version = |directory: &Path| directory.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let mut packaged: Vec<_> = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().collect();
    packaged.sort_by_key(|entry| std::cmp::Reverse(version(&entry.path())));
    let packaged = packaged.into_iter().map(|entry| entry.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    packaged.chain(std::env::split_paths(&path)).find(has_both)
}

fn id(flag: &str, user: Option<&str>) -> Result<u32, String> {
    let output = Command::new("id").arg(flag).args(user).output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())
}
