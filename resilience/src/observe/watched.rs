use super::{Metric, Sample, sample};
use crate::breaker::WeakSight;
use crate::breaker::sync::{Mutex, lock};
use crate::{Breaker, Snapshot};
use std::fmt;
use std::sync::Arc;

/// The breakers that a dashboard shows.
///
/// Everything is asked for when somebody looks: the state is worked out at that moment, a healthy call records nothing,
/// and nobody keeps a copy that could go stale. Adding a breaker makes it count its refusals by reason (a write a
/// refusal, on a line of the thread's own) and its transitions. Successes are exported where the breaker
/// [counts them](crate::Builder::count_successes).
///
/// Clones share the set. It keeps no breaker alive: one whose last handle is gone is no longer shown.
///
/// How the numbers get out: `observe::metrics` (feature `metrics`), `observe::opentelemetry` (feature `opentelemetry`), or
/// as a collector of `prometheus-client` (feature `prometheus`); [`samples`](Self::samples) is all that an exporter of your
/// own needs.
///
/// ```
/// use resilience::{Breaker, State, observe::Watched};
///
/// let watched = Watched::new();
/// let breaker = Breaker::builder().name("orders").build()?;
/// watched.add(&breaker)?;
///
/// breaker.force_open();
/// let shown = watched.snapshots();
/// assert_eq!((shown[0].name.as_str(), shown[0].state), ("orders", State::Open));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Watched {
    breakers: Arc<Mutex<Vec<Entry>>>,
}

#[derive(Debug)]
struct Entry {
    name: Arc<str>,
    breaker: WeakSight,
}

impl Watched {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows this breaker from now on, under its name. Adding it twice changes nothing.
    ///
    /// # Errors
    ///
    /// Another breaker of that name is shown: their numbers could not be told apart.
    ///
    /// ```
    /// use resilience::{Breaker, observe::Watched};
    ///
    /// let watched = Watched::new();
    /// let (one, other) = (Breaker::new(), Breaker::new());
    /// watched.add(&one)?;
    /// watched.add(&one)?;
    /// assert_eq!(watched.add(&other).unwrap_err().name(), "resilience");
    /// drop(one);
    /// watched.add(&other)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add(&self, breaker: &Breaker) -> Result<(), NameTaken> {
        let name = breaker.name();
        if self.has(breaker, &name)? {
            return Ok(());
        }
        // Before the list is locked: a step of a breaker may wake somebody, and that is the user's code.
        let added = Entry { name: Arc::clone(&name), breaker: breaker.watch() };
        if !self.has(breaker, &name)? {
            lock(&self.breakers).push(added);
        }
        Ok(())
    }

    /// Whether this breaker is shown; an error, if another one of its name is.
    fn has(&self, breaker: &Breaker, name: &Arc<str>) -> Result<bool, NameTaken> {
        // What is found here may turn out to be the last handle of a breaker, and what goes with it is the user's, too.
        let mut shown: Vec<(Arc<str>, Breaker)> = Vec::new();
        lock(&self.breakers).retain(|Entry { name, breaker }| {
            let there = breaker.upgrade();
            let is_there = there.is_some();
            shown.extend(there.map(|there| (Arc::clone(name), there)));
            is_there
        });
        match shown.iter().find(|(shown, _)| shown == name) {
            Some((_, same)) if std::ptr::eq(same.slot(), breaker.slot()) => Ok(true),
            Some(_) => Err(NameTaken { name: Arc::clone(name) }),
            None => Ok(false),
        }
    }

    /// Where each of them stands, in the order in which they were added.
    #[must_use]
    pub fn snapshots(&self) -> Vec<Snapshot> {
        // The list is copied, so that no breaker is asked, or dropped, under its lock.
        let shown: Vec<Breaker> = lock(&self.breakers).iter().filter_map(|entry| entry.breaker.upgrade()).collect();
        shown.iter().map(Breaker::snapshot).collect()
    }

    /// Every series of every breaker, grouped by metric, in the order of the [table](super::METRICS).
    ///
    /// ```
    /// use resilience::{Breaker, observe::Watched};
    ///
    /// let watched = Watched::new();
    /// let breaker = Breaker::new();
    /// watched.add(&breaker)?;
    /// let samples = watched.samples();
    /// let states = samples.iter().filter(|sample| sample.metric.name == "resilience_state");
    /// let lit: Vec<_> = states.filter(|sample| sample.value.as_f64() == 1.0).collect();
    /// assert_eq!(lit.len(), 1);
    /// assert_eq!(lit[0].label("state"), Some("closed"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        let snapshots = self.snapshots();
        super::METRICS.iter().flat_map(|metric| of(&snapshots, metric)).collect()
    }

    /// The series of one metric.
    #[cfg(feature = "opentelemetry")]
    pub(super) fn samples_of(&self, metric: &'static Metric) -> Vec<Sample> {
        of(&self.snapshots(), metric).collect()
    }
}

fn of(snapshots: &[Snapshot], metric: &'static Metric) -> impl Iterator<Item = Sample> {
    snapshots.iter().flat_map(move |snapshot| sample::of(snapshot, metric))
}

/// Another breaker of this name is shown already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTaken {
    name: Arc<str>,
}

impl NameTaken {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for NameTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "another breaker called `{}` is watched already; give each a name of its own", self.name)
    }
}

impl std::error::Error for NameTaken {}
