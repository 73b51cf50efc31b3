//! The seeds of the fuzz targets, played to what the targets check: a change that breaks one is noticed without a fuzzer, and
//! so is a seed that has become one of garbage, which leads the fuzzer nowhere.

#[path = "fuzz/checks/config.rs"]
mod config;
#[path = "fuzz/checks/hints.rs"]
mod hints;
#[cfg(feature = "services")]
#[path = "fuzz/checks/request.rs"]
mod request;
#[path = "fuzz/checks/restore.rs"]
mod restore;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What is in a directory of the fuzz package, sorted.
fn entries(directory: impl AsRef<Path>) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(directory);
    let read = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut entries: Vec<_> = read.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// Plays all seeds of a target to its check, which says whether it made anything of one.
fn play(target: &str, check: fn(&[u8]) -> bool) {
    let seeds = entries(Path::new("seeds").join(target));
    assert!(!seeds.is_empty(), "{target} has no seeds");
    for seed in seeds {
        // Where the check fails this is the last that is printed.
        println!("{}", seed.display());
        assert!(check(&fs::read(&seed).unwrap()), "nothing was made of {}", seed.display());
    }
}

#[test]
fn seeds_of_configuration_are_policies() {
    play("config", config::check);
}

#[test]
fn seeds_of_headers_are_hints() {
    play("hints", hints::check);
}

#[test]
fn seeds_of_snapshots_come_back_to_health() {
    play("restore", restore::check);
}

#[cfg(feature = "services")]
#[test]
fn seeds_of_requests_are_answered() {
    play("request", request::check);
}

#[test]
fn each_target_has_a_check_and_seeds_and_is_played_here() {
    let names = |directory| -> BTreeSet<_> {
        entries(directory).iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let targets = names("fuzz_targets");
    assert_eq!(names("checks"), targets);
    assert_eq!(names("seeds"), targets);
    for target in targets {
        assert!(include_str!("seeds.rs").contains(&format!("play(\"{target}\", {target}::check)")), "{target}");
    }
}
