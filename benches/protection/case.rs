//! The cases, and the upstream in each of them.

use std::time::Duration;

use crate::call::Answer;

/// Calls a second, whatever comes of them.
pub(crate) const CALLS_A_SECOND: u64 = 50;
/// After so long a call that hangs is given up.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);
/// How many calls a weak upstream takes at once, of those that it takes in a second.
const AT_ONCE: f64 = 5.0;

/// What the upstream can do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Health {
    Well,
    Down,
    /// Calls never end.
    Hanging,
    /// This share of the calls fails.
    Failing(f64),
    /// So many calls a second are answered, the others fail.
    Weak(f64),
}

/// Who gives up a call that hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timeout {
    /// A timeout inside the breaker: the breaker sees an error.
    Inside,
    /// The caller: the call is dropped.
    Outside,
}

/// By how many seconds the upstream is ill for longer than a case says. One length alone would flatter who happens to wake up
/// when it is over: these are evenly spread over 5 s, which is a cool-down. The one that the case says comes first.
pub(crate) const LONGER: [f64; 3] = [0.0, -5.0 / 3.0, 5.0 / 3.0];

/// A course of events.
#[derive(Debug)]
pub(crate) struct Case {
    /// Of its plot, and on the command line.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    /// Until when the upstream is how well.
    pub(crate) phases: Vec<(Duration, Health)>,
    pub(crate) timeout: Timeout,
    /// So many calls are answered in each so many seconds, and then none.
    pub(crate) quota: Option<(u64, u64)>,
}

impl Case {
    fn new(name: &'static str, title: &'static str, about: &'static str, phases: &[(f64, Health)]) -> Self {
        let phases = phases.iter().map(|(until, health)| (Duration::from_secs_f64(*until), *health)).collect();
        Self { name, title, about, phases, timeout: Timeout::Inside, quota: None }
    }

    /// All of them, with the upstream ill for so many seconds longer than they say.
    pub(crate) fn all(longer: f64) -> Vec<Self> {
        use Health::{Down, Failing, Hanging, Weak, Well};
        let hangs = [(30.0, Well), (70.0 + longer, Hanging), (130.0, Well)];
        let turn = 20.0 + longer;
        let flaps = [0.0, 1.0, 2.0, 3.0].map(|n| [(30.0 + turn * n, Well), (20.0 + turn * (n + 1.0), Down)]);
        let flaps: Vec<_> = flaps.into_iter().flatten().chain([(150.0, Well)]).collect();
        vec![
            Self::new(
                "outage",
                "An outage of 40 s",
                "All calls fail for 40 s, within 25 ms each.",
                &[(30.0, Well), (70.0 + longer, Down), (130.0, Well)],
            ),
            Self::new(
                "short",
                "An outage of 5 s",
                "All calls fail for 5 s.",
                &[(30.0, Well), (35.0 + longer, Down), (95.0, Well)],
            ),
            Self::new(
                "flapping",
                "An upstream that flaps",
                "Four times it is down for 10 s and then well for 10 s. The times are means over its turns; in percent, how many \
                 turns came to it at all.",
                &flaps,
            ),
            Self::new(
                "partial",
                "A failure of 30 % of the calls",
                "Every call fails with a probability of 30 %, for a minute. Whether a breaker should trip is a matter of \
                 taste: for each call that it keeps from failing it refuses more than two that would have been answered.",
                &[(30.0, Well), (90.0 + longer, Failing(0.3)), (130.0, Well)],
            ),
            Self::new(
                "overload",
                "Weak after an outage",
                "Down for 20 s, and for 30 s after that it answers 10 calls a second (5 at once), 300 in all; those that are over \
                 fail. The way back counts from when it is well.",
                &[(30.0, Well), (50.0 + longer, Down), (80.0 + longer, Weak(10.0)), (130.0, Well)],
            ),
            Self::new(
                "hanging",
                "Hanging calls, a timeout inside",
                "For 40 s no call ends, probes neither. A timeout inside the breaker makes each an error after 2 s, so \
                 nobody who judges only answers can trip sooner; 100 calls are out by then.",
                &hangs,
            ),
            Self {
                timeout: Timeout::Outside,
                ..Self::new(
                    "dropped",
                    "Hanging calls, a timeout outside",
                    "The same, but the caller gives up after 2 s and drops the call, as a server does when its client is \
                     gone, and a timeout does that stands outside of the breaker.",
                    &hangs,
                )
            },
            Self {
                quota: Some((600, 30)),
                ..Self::new(
                    "limited",
                    "A rate limit",
                    "It answers 600 calls in each 30 s, and to all others `429` with a `Retry-After` that says how long the \
                     30 s still last, in whole seconds. That can be no more than 40 % of the calls.",
                    &[(120.0, Well)],
                )
            },
        ]
    }

    /// How long it lasts.
    pub(crate) fn length(&self) -> Duration {
        self.phases.last().map_or(Duration::ZERO, |(until, _)| *until)
    }

    fn health(&self, at: Duration) -> Health {
        let phase = self.phases.iter().find(|(until, _)| at < *until);
        phase.map_or(Health::Well, |(_, health)| *health)
    }

    /// The times in which it is not well, as seconds.
    pub(crate) fn spells(&self) -> Vec<(f64, f64)> {
        let mut spells: Vec<(f64, f64)> = Vec::new();
        let mut from = 0.0;
        for (until, health) in &self.phases {
            let until = until.as_secs_f64();
            match spells.last_mut() {
                _ if *health == Health::Well => {}
                Some(last) if last.1 >= from => last.1 = until,
                _ => spells.push((from, until)),
            }
            from = until;
        }
        spells
    }

    /// Whether it takes a few calls at this time.
    pub(crate) fn is_weak(&self, at: Duration) -> bool {
        matches!(self.health(at), Health::Weak(_))
    }
}

/// The upstream. What it answers depends on the calls that it was sent, where its capacity is limited, and on nothing else
/// but the time and the number of the call: every breaker meets the same.
#[derive(Debug)]
pub(crate) struct Upstream<'a> {
    case: &'a Case,
    tokens: f64,
    filled: Duration,
    window: u64,
    used: u64,
}

impl<'a> Upstream<'a> {
    pub(crate) fn new(case: &'a Case) -> Self {
        Self { case, tokens: AT_ONCE, filled: Duration::ZERO, window: 0, used: 0 }
    }

    /// What it would answer.
    pub(crate) fn would(&mut self, number: u64, at: Duration) -> Answer {
        if let Some((calls, seconds)) = self.case.quota {
            let window = at.as_secs() / seconds;
            if window != self.window {
                (self.window, self.used) = (window, 0);
            }
            if self.used >= calls {
                let rest = Duration::from_secs((window + 1) * seconds) - at;
                return Answer::Limited(Duration::from_secs(rest.as_secs() + u64::from(rest.subsec_nanos() > 0)));
            }
        }
        match self.case.health(at) {
            Health::Well => Answer::Good,
            Health::Down => Answer::Failed,
            Health::Hanging => Answer::Hangs,
            Health::Failing(share) if dice(number) < share => Answer::Failed,
            Health::Failing(_) => Answer::Good,
            Health::Weak(rate) => {
                self.tokens = (self.tokens + rate * (at - self.filled).as_secs_f64()).min(AT_ONCE);
                self.filled = at;
                if self.tokens >= 1.0 { Answer::Good } else { Answer::Failed }
            }
        }
    }

    /// What it answers, and after how long.
    pub(crate) fn call(&mut self, number: u64, at: Duration) -> (Answer, Duration) {
        let answer = self.would(number, at);
        if answer.is_good() {
            self.used += 1;
            if self.case.is_weak(at) {
                self.tokens -= 1.0;
            }
        }
        let spread = dice(number ^ 0x5eed);
        let takes = match answer {
            Answer::Good => 0.020 + 0.040 * spread,
            Answer::Failed | Answer::Limited(_) => 0.005 + 0.020 * spread,
            Answer::Hangs => TIMEOUT.as_secs_f64(),
        };
        (answer, Duration::from_secs_f64(takes))
    }
}

/// A number from 0 to 1 for each call, the same in each run (splitmix64).
#[allow(clippy::cast_precision_loss)]
fn dice(number: u64) -> f64 {
    let mut bits = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// What is said of the upstream above, of this code.
pub(crate) fn check() {
    let cases = Case::all(0.0);
    let case = |name: &str| cases.iter().find(|case| case.name == name).expect("there is such a case");
    let second = Duration::from_secs;
    assert_eq!(case("overload").spells(), [(30.0, 80.0)], "an outage and what follows it are one spell");
    assert_eq!(case("flapping").spells(), [(30.0, 40.0), (50.0, 60.0), (70.0, 80.0), (90.0, 100.0)]);
    assert_eq!(case("flapping").length(), second(150));
    let longer = Case::all(1.0);
    let flapping = longer.iter().find(|case| case.name == "flapping").map(Case::spells);
    assert_eq!(flapping.as_deref(), Some(&[(30.0, 41.0), (51.0, 62.0), (72.0, 83.0), (93.0, 104.0)][..]));

    let mut outage = Upstream::new(case("outage"));
    let answers = [29, 30, 69, 70].map(|at| outage.call(0, second(at)).0);
    assert_eq!(answers, [Answer::Good, Answer::Failed, Answer::Failed, Answer::Good], "bounds belong to what begins");

    let mut weak = Upstream::new(case("overload"));
    let calls = (0..1500).filter(|n| weak.call(*n, second(50) + Duration::from_millis(20 * n)).0.is_good());
    assert_eq!(
        calls.count(),
        304,
        "ten a second for 30 s, and four of the five that were there, but for the last tenth"
    );

    let mut limited = Upstream::new(case("limited"));
    let answers: Vec<Answer> = (0..700).map(|n| limited.call(n, Duration::from_millis(20 * n)).0).collect();
    assert!(answers[..600].iter().all(|answer| answer.is_good()));
    assert_eq!(answers[600], Answer::Limited(second(18)));
    assert_eq!(answers[601], Answer::Limited(second(18)), "rounded up");
    assert!(limited.call(700, second(30)).0.is_good(), "a new window is empty");

    let failed = (0..3000).filter(|n| dice(*n) < 0.3).count();
    assert!((850..950).contains(&failed), "{failed} of 3000 are not 30 %");
}
