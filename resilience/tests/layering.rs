//! Which module may know of what: the table of the crate's layers, held against its sources.
//!
//! The core is a pure machine with a thin shell. It must build, and stay readable, without any of the protocols and
//! runtimes that are wrapped around it, so what each part must not name is written down here and not left to taste.

use std::fs;
use std::path::{Path, PathBuf};

/// What only the outer layers speak.
const PROTOCOLS: &[&str] =
    &["bytes", "http", "http_body", "http_body_util", "httpdate", "hyper", "hyper_util", "tonic"];
const TOWER: &[&str] = &["tower", "tower_layer", "tower_service"];
const RUNTIMES: &[&str] = &["tokio", "futures", "futures_util"];
/// What a pure function of state, input and time has no use for.
const WORLD: &[&str] = &["rustix", "std::env", "std::fs", "std::net", "std::process", "std::sync", "std::thread"];

struct Row {
    /// A directory or a file below `src`.
    part: &'static str,
    /// Files in it for which the row does not hold.
    except: &'static [&'static str],
    never: &'static [&'static [&'static str]],
}

const TABLE: &[Row] = &[
    Row {
        part: "machine",
        except: &[],
        never: &[
            PROTOCOLS,
            TOWER,
            RUNTIMES,
            WORLD,
            &["tracing", "crate::breaker", "crate::classify", "crate::layer", "crate::observe", "crate::respond"],
        ],
    },
    Row {
        part: "policy",
        except: &[],
        never: &[
            PROTOCOLS,
            TOWER,
            RUNTIMES,
            WORLD,
            &["tracing", "crate::breaker", "crate::classify", "crate::layer", "crate::observe", "crate::respond"],
        ],
    },
    Row {
        part: "breaker",
        except: &[],
        never: &[PROTOCOLS, TOWER, RUNTIMES, &["tracing", "crate::classify", "crate::layer", "crate::respond"]],
    },
    Row {
        part: "keyed",
        except: &[],
        never: &[PROTOCOLS, TOWER, RUNTIMES, &["tracing", "crate::classify", "crate::layer", "crate::respond"]],
    },
    Row { part: "clock.rs", except: &[], never: &[PROTOCOLS, TOWER, &["tracing", "crate::breaker", "crate::machine"]] },
    Row { part: "verdict.rs", except: &[], never: &[PROTOCOLS, TOWER, RUNTIMES, WORLD, &["tracing"]] },
    Row {
        part: "observe",
        except: &["tracing.rs"],
        never: &[PROTOCOLS, TOWER, RUNTIMES, &["tracing", "crate::layer", "crate::classify", "crate::respond"]],
    },
    Row {
        part: "classify",
        except: &[],
        never: &[
            &["hyper", "hyper_util", "tonic", "reqwest"],
            TOWER,
            RUNTIMES,
            &["tracing", "crate::breaker", "crate::layer"],
        ],
    },
    Row {
        part: "hint",
        except: &[],
        never: &[&["hyper", "hyper_util", "tonic"], TOWER, RUNTIMES, &["tracing", "crate::breaker", "crate::layer"]],
    },
    Row {
        part: "respond",
        except: &[],
        never: &[&["hyper", "hyper_util", "tonic", "reqwest"], TOWER, RUNTIMES, &["tracing", "crate::classify"]],
    },
    Row {
        part: "testing",
        // The steps of services that speak HTTP.
        except: &["statuses.rs"],
        never: &[PROTOCOLS, RUNTIMES, &["tower", "tower_layer", "tracing", "crate::classify", "crate::respond"]],
    },
    // The two traits are all that the layer needs of tower, and nothing is spawned or slept on where calls pass.
    Row {
        part: "layer",
        except: &["back_pressure.rs"],
        never: &[&["hyper", "hyper_util", "tonic", "reqwest", "tower"], RUNTIMES, &["tracing"]],
    },
];

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The sources of a part, without its tests.
fn files(part: &Path) -> Vec<PathBuf> {
    let mut found = vec![part.to_owned()];
    while let Some(at) = found.iter().position(|path| path.is_dir()) {
        let directory = found.swap_remove(at);
        let tests = tests_of(&directory);
        let entries = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
        found.extend(entries.filter(|path| !tests.contains(&path.file_stem().unwrap().to_string_lossy().into_owned())));
    }
    found
}

/// The modules that are compiled for tests only, as the files of a directory declare them.
fn tests_of(directory: &Path) -> Vec<String> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let code = files.map(|file| fs::read_to_string(file).unwrap()).collect::<String>();
    let declared = code.split("#[cfg(").filter(|rest| rest.starts_with("test)") || rest.starts_with("all(test"));
    let named = declared.filter_map(|rest| {
        let module = rest.lines().nth(1)?;
        module.strip_prefix("pub(crate) ").unwrap_or(module).strip_prefix("mod ")?.strip_suffix(';')
    });
    named.map(str::to_owned).chain(["tests".to_owned()]).collect()
}

/// The first line of code that names this crate or module as the beginning of a path.
fn first_mention<'a>(code: &'a str, path: &str) -> Option<(usize, &'a str)> {
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or(code);
    code.lines().enumerate().find(|(_, line)| {
        let line = line.split("//").next().unwrap_or("");
        line.match_indices(path).any(|(at, _)| {
            let (before, after) = (&line[..at], &line[at + path.len()..]);
            let begins = !before.ends_with(|c: char| c.is_alphanumeric() || "_:\"".contains(c));
            let goes_on = after.starts_with("::") || before.ends_with("use ") && after.starts_with([';', ' ']);
            begins && goes_on
        })
    })
}

#[test]
fn no_module_names_what_its_layer_must_not_know() {
    let mut offences = Vec::new();
    for Row { part, except, never } in TABLE {
        for file in files(&sources().join(part)) {
            if except.iter().any(|name| file.ends_with(name)) {
                continue;
            }
            let code = fs::read_to_string(&file).unwrap();
            for path in never.iter().copied().flatten() {
                if let Some((line, text)) = first_mention(&code, path) {
                    offences.push(format!("{}:{}: `{path}` in {}", file.display(), line + 1, text.trim()));
                }
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn what_is_looked_for_is_found_where_it_is_named_and_nowhere_else() {
    let names = |code: &str, path: &str| first_mention(code, path).is_some();
    for code in ["use http::Request;", "    fn f(r: &http::Request<()>) {}", "use http as h;", "pub use {http::Uri};"] {
        assert!(names(code, "http"), "{code}");
    }
    for code in ["use http_body::Body;", "mod http;", "use self::http::X;", "// http::Request", "/// [`http::Uri`]"] {
        assert!(!names(code, "http"), "{code}");
    }
    assert!(names("use std::sync::Arc;", "std::sync"));
    assert!(!names("#[cfg(feature = \"tokio\")]", "tokio"));
}

/// The lines of the library that are code, but for those of `sync.rs` and of tests, with their file.
fn code() -> Vec<(PathBuf, String)> {
    let mut found = files(&sources());
    found.retain(|file| !file.ends_with("breaker/sync.rs"));
    let lines = |file: PathBuf| {
        let code = fs::read_to_string(&file).unwrap();
        let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or("").to_owned();
        let lines: Vec<_> = code.lines().map(|line| line.split("//").next().unwrap_or("").to_owned()).collect();
        lines.into_iter().map(move |line| (file.clone(), line))
    };
    found.into_iter().flat_map(lines).collect()
}

#[test]
fn locks_come_through_the_one_door_that_the_model_checker_stands_behind() {
    for (file, line) in code() {
        let lock = ["Mutex", "RwLock", "Condvar"].into_iter().any(|lock| line.contains(lock));
        assert!(!(lock && line.contains("std::sync")), "{}: {line}", file.display());
    }
}

#[test]
fn the_library_starts_no_task_and_no_thread_but_the_one_that_is_asked_for() {
    // `observe::Background` is that thread: for observers that block, made by who wants it.
    for (file, line) in code().into_iter().filter(|(file, _)| !file.ends_with("observe/background.rs")) {
        let starts = ["spawn(", "spawn_blocking(", "spawn_local("].into_iter().any(|start| line.contains(start));
        assert!(!starts, "{}: {line}", file.display());
    }
}

#[test]
fn panics_of_code_that_is_somebody_elses_are_caught_at_one_place() {
    // Which knows that what they panicked with may panic again.
    for (file, line) in code().into_iter().filter(|(file, _)| !file.ends_with("breaker/foreign.rs")) {
        let in_tests = file.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs");
        assert!(in_tests || !line.contains("catch_unwind"), "{}: {line}", file.display());
    }
}
