//! The flags that `cargo bench`, `cargo test --benches` and nextest hand to every bench.

/// How much is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `cargo test --benches`: run everything once, as fast as it goes; the assertions are what counts.
    Test,
    /// `cargo bench -- --quick`.
    Quick,
    /// `cargo bench`.
    Full,
}

/// What a bench without criterion's harness takes from the flags that are meant for criterion's.
///
/// All benches of the workspace get the same flags, so those that mean nothing here are passed over, with their values.
#[derive(Clone, Debug)]
pub struct Args {
    /// How much is asked for.
    pub mode: Mode,
    filters: Vec<String>,
}

/// Flags of criterion that are followed by a value.
const VALUED: [&str; 16] = [
    "--save-baseline",
    "--baseline",
    "--baseline-lenient",
    "--load-baseline",
    "--sample-size",
    "--warm-up-time",
    "--measurement-time",
    "--nresamples",
    "--noise-threshold",
    "--confidence-level",
    "--significance-level",
    "--profile-time",
    "--output-format",
    "--plotting-backend",
    "--color",
    "--format",
];

impl Args {
    /// Reads the command line; answers `--list` for the bench called `name` and leaves.
    #[must_use]
    pub fn or_list(name: &str) -> Self {
        let words: Vec<String> = std::env::args().skip(1).collect();
        if words.iter().any(|word| word == "--list") {
            // nextest asks a second time for what is ignored: nothing is.
            if !words.iter().any(|word| word == "--ignored") {
                println!("{name}: benchmark");
            }
            std::process::exit(0);
        }
        Self::parse(words)
    }

    fn parse(words: Vec<String>) -> Self {
        let (mut bench, mut quick, mut test) = (false, false, false);
        let mut filters = Vec::new();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--bench" => bench = true,
                "--quick" => quick = true,
                "--test" => test = true,
                flag if VALUED.contains(&flag) => drop(words.next()),
                flag if flag.starts_with('-') => {}
                _ => filters.push(word),
            }
        }
        let mode = match (bench && !test, quick) {
            (false, _) => Mode::Test,
            (true, true) => Mode::Quick,
            (true, false) => Mode::Full,
        };
        Self { mode, filters }
    }

    /// Whether the row called `row` is asked for: it contains one of the filters, or there are none.
    #[must_use]
    pub fn wants(&self, row: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| row.contains(filter.as_str()))
    }

    /// Whether only some rows are asked for.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        !self.filters.is_empty()
    }

    /// One of three, by the mode.
    #[must_use]
    pub fn pick<T>(&self, test: T, quick: T, full: T) -> T {
        match self.mode {
            Mode::Test => test,
            Mode::Quick => quick,
            Mode::Full => full,
        }
    }
}
