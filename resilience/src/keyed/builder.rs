use super::observe::{ForAll, KeyedObserver, Observers};
use super::registry::{MOST_KEYS, Parts, Registry};
use super::{Key, Keyed};
use crate::breaker::{Breaker, Builder, Keys};
use crate::clock::Clock;
use crate::observe::Observer;
use crate::policy::{Policy, PolicyError, Rules};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Weak};

/// So many keys are kept unless another number is set.
const KEYS: usize = 8192;

/// Builds a [`Keyed`]; see [`Keyed::builder`].
#[must_use = "a builder does nothing until it is built"]
pub struct KeyedBuilder<K, S = RandomState> {
    policy: Policy,
    name: Option<Arc<str>>,
    clock: Option<Arc<dyn Clock>>,
    observers: Vec<Arc<dyn KeyedObserver<K>>>,
    parent: Option<Breaker>,
    most_keys: usize,
    hasher: S,
    refused: Option<PolicyError>,
}

impl<K: Key> KeyedBuilder<K> {
    pub(super) fn new() -> Self {
        Self {
            policy: Policy::default(),
            name: None,
            clock: None,
            observers: Vec::new(),
            parent: None,
            most_keys: KEYS,
            hasher: RandomState::new(),
            refused: None,
        }
    }
}

impl<K: Key, S: BuildHasher + Send + Sync + 'static> KeyedBuilder<K, S> {
    /// The policy of each key.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The policy of each key, said as for a single breaker; its name and its clock, if it was given any, become those of
    /// the registry. Observers, a snapshot to restore and counts of successes are refused by [`build`](Self::build): each
    /// is said otherwise here, or cannot be had.
    ///
    /// ```
    /// use std::time::Duration;
    /// use resilience::Breaker;
    /// use resilience::keyed::Keyed;
    ///
    /// let each = Breaker::builder().failures(5).within(Duration::from_secs(60)).stages(1);
    /// let keyed: Keyed<String> = Keyed::builder().each(each).name("hosts").build()?;
    /// assert_eq!(keyed.policy().stages, 1);
    /// # Ok::<(), resilience::PolicyError>(())
    /// ```
    pub fn each(mut self, builder: Builder) -> Self {
        let (policy, name, clock, refused) = builder.into_parts();
        self.policy = policy;
        self.name = name.or(self.name);
        self.clock = clock.or(self.clock);
        self.refused =
            refused.map(|(field, value)| PolicyError::new(field, value, "said of the registry, not of each key"));
        self
    }

    /// What the registry is called in events and refusals. Default: `resilience`.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Where time comes from. Default: [`Monotonic`](crate::clock::Monotonic).
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Who is told of events; can be called several times.
    pub fn observer(mut self, observer: impl KeyedObserver<K> + 'static) -> Self {
        self.observers.push(Arc::new(observer));
        self
    }

    /// A breaker over all keys, that trips when many of them do: see [the module](super#a-parent). It may be the parent of
    /// several registries.
    pub fn parent(mut self, parent: Breaker) -> Self {
        self.parent = Some(parent);
        self
    }

    /// The most keys that are kept at once: from 1 to 131072. Default: 8192, which is 1 MiB at most while they are closed or
    /// open. What happens beyond: see [the module](super#when-there-is-no-room).
    pub fn most_keys(mut self, most: usize) -> Self {
        self.most_keys = most;
        self
    }

    /// Hashes keys by this. Default: [`RandomState`], which nobody outside can foresee; one that can be foreseen lets
    /// whoever chooses keys make them meet.
    pub fn hasher<T: BuildHasher + Send + Sync + 'static>(self, hasher: T) -> KeyedBuilder<K, T> {
        let Self { policy, name, clock, observers, parent, most_keys, hasher: _, refused } = self;
        KeyedBuilder { policy, name, clock, observers, parent, most_keys, hasher, refused }
    }

    /// Checks the policy and makes the registry.
    ///
    /// # Errors
    ///
    /// The first field that is out of its range, by name; and every rule that would have to watch healthy calls
    /// (`failure_rate`, `slow_calls`, `stall`, `quota`): a key in good health has no state to count them in.
    pub fn build(self) -> Result<Keyed<K, S>, PolicyError> {
        if let Some(refused) = &self.refused {
            return Err(refused.clone());
        }
        let rules = checked(self.policy.clone())?;
        if !(1..=MOST_KEYS).contains(&self.most_keys) {
            return Err(PolicyError::new("most_keys", self.most_keys, "from 1 to 131072"));
        }
        Ok(self.by(rules))
    }

    /// By these rules, which are those of the policy.
    pub(super) fn by(self, rules: Rules) -> Keyed<K, S> {
        let Self { policy: _, name, clock, observers, parent, most_keys, hasher, refused: _ } = self;
        let observers = (!observers.is_empty()).then(|| {
            let name = name.clone().unwrap_or_else(|| Arc::from(crate::breaker::UNNAMED));
            Arc::new(Observers::new(name, observers))
        });
        let registry = Arc::new_cyclic(|registry: &Weak<Registry<K, S>>| {
            let for_all = observers.clone().map(|observers| Arc::new(ForAll(observers)) as Arc<dyn Observer>);
            let keys: Weak<dyn Keys> = registry.clone();
            let front = Breaker::over(keys, rules.clone(), name, clock.clone(), for_all);
            Registry::new(front, Parts { rules, room: most_keys, parent, hasher, clock, observers })
        });
        Keyed { registry }
    }
}

/// The rules of each key.
pub(super) fn checked(policy: Policy) -> Result<Rules, PolicyError> {
    const OFF: &str = "off for keys: one in good health has no state to count calls in";
    let needs_state = [
        ("failure_rate", policy.failure_rate.map(|rule| format!("{rule:?}"))),
        ("slow_calls", policy.slow_calls.map(|rule| format!("{rule:?}"))),
        ("stall", policy.stall.map(|rule| format!("{rule:?}"))),
        ("quota", policy.quota.map(|rule| format!("{rule:?}"))),
    ];
    for (field, rule) in needs_state {
        if let Some(rule) = rule {
            return Err(PolicyError::new(field, format_args!("{rule}"), OFF));
        }
    }
    Rules::new(policy)
}

impl<K, S: Clone> Clone for KeyedBuilder<K, S> {
    fn clone(&self) -> Self {
        let Self { policy, name, clock, observers, parent, most_keys, hasher, refused } = self;
        Self {
            policy: policy.clone(),
            name: name.clone(),
            clock: clock.clone(),
            observers: observers.clone(),
            parent: parent.clone(),
            most_keys: *most_keys,
            hasher: hasher.clone(),
            refused: refused.clone(),
        }
    }
}

impl<K, S> fmt::Debug for KeyedBuilder<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, name, clock, observers, parent, most_keys, hasher: _, refused } = self;
        f.debug_struct("KeyedBuilder")
            .field("policy", policy)
            .field("name", name)
            .field("clock", clock)
            .field("observers", &observers.len())
            .field("parent", parent)
            .field("most_keys", most_keys)
            .field("refused", refused)
            .finish_non_exhaustive()
    }
}
