//! Where and with what it was measured.

use std::fs;
use std::process::Command;

/// The packages that are compared, as Cargo.lock names them.
const COMPARED: [&str; 7] = [
    "circuitbreaker-rs",
    "failsafe",
    "nobreak",
    "recloser",
    "seatbelt",
    "tower-resilience-circuitbreaker",
    "resilience",
];

const LOCK: &str = include_str!("../../Cargo.lock");

/// A few lines of Markdown.
pub(crate) fn describe() -> String {
    let model = fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|info| Some(info.lines().find(|line| line.starts_with("model name"))?.split_once(": ")?.1.to_owned()))
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let rustc = Command::new("rustc").arg("--version").output().map(|answer| answer.stdout).unwrap_or_default();
    let versions: Vec<String> = COMPARED.iter().map(|name| format!("{name} {}", version(name))).collect();
    format!(
        "- Machine: {processors} processors of {model}; {} {}\n- Compiler: {}, profile `bench` of the workspace\n- Versions: {}\n",
        std::env::consts::OS,
        kernel.trim(),
        String::from_utf8_lossy(&rustc).trim(),
        versions.join(", "),
    )
}

fn version(name: &str) -> &str {
    LOCK.split("[[package]]")
        .find(|package| package.lines().any(|line| line == format!("name = \"{name}\"")))
        .and_then(|package| package.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"')))
        .unwrap_or("?")
}
