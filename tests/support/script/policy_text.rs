//! A policy as text: what differs from the defaults.

use super::{show_time, take_time};
use crate::model::{CoolDown, Forgive, Hints, Nanos, Policy, Rate, Slow, Stall, Window};

/// `window 3 in 30s keep; probes 2`, or `the defaults`.
pub(super) fn show(policy: &Policy) -> String {
    let plain = Policy::plain();
    let mut parts = Vec::new();
    if policy.window != plain.window {
        parts.push(policy.window.map_or("no window".to_owned(), show_window));
    }
    parts.extend(policy.in_a_row.map(|count| format!("row {count}")));
    parts.extend(policy.failure_rate.map(|rate| format!("rate {}", show_rate(&rate))));
    parts.extend(policy.slow_calls.map(|slow| format!("slow {} {}", show_time(slow.limit), show_rate(&slow.rate))));
    parts.extend(policy.stall.map(|stall| format!("stall {} after {}", stall.calls, show_time(stall.after))));
    if policy.cool_down != plain.cool_down {
        parts.push(show_cool_down(&policy.cool_down));
    }
    if policy.jitter > 0.0 {
        parts.push(format!("jitter {}", policy.jitter));
    }
    if let Forgive::Each(interval) = policy.forgive {
        parts.push(format!("forgive {}", show_time(interval)));
    }
    match policy.hints {
        Hints::Extend => {}
        Hints::Ignore => parts.push("hints ignore".to_owned()),
        Hints::Obey => parts.push("hints obey".to_owned()),
    }
    let times = [
        ("max-hint", policy.max_hint, plain.max_hint),
        ("stage-time", policy.stage_time, plain.stage_time),
        ("deadline", policy.deadline, plain.deadline),
        ("abandon", policy.abandon_after, plain.abandon_after),
    ];
    parts.extend(times.iter().filter(|(_, is, was)| is != was).map(|(key, is, _)| format!("{key} {}", show_time(*is))));
    parts.extend(policy.patience.map(|patience| format!("patience {}", show_time(patience))));
    if policy.probes != plain.probes {
        parts.push(format!("probes {}", policy.probes));
    }
    if policy.stages != plain.stages {
        parts.push(format!("stages {}", policy.stages));
    }
    if parts.is_empty() { "the defaults".to_owned() } else { parts.join("; ") }
}

fn show_window(window: Window) -> String {
    let keep = if window.keep { " keep" } else { "" };
    format!("window {} in {}{keep}", window.failures, show_time(window.within))
}

fn show_rate(rate: &Rate) -> String {
    format!("{} over {} of {}", rate.ratio, show_time(rate.over), rate.min_calls)
}

fn show_cool_down(cool_down: &CoolDown) -> String {
    match cool_down {
        CoolDown::Exponential { base, num, den, max } => {
            format!("cool {} times {num}/{den} up to {}", show_time(*base), show_time(*max))
        }
        CoolDown::Constant(length) => format!("constant {}", show_time(*length)),
        CoolDown::ByLevel(lengths) => {
            format!("levels {}", lengths.iter().map(|length| show_time(*length)).collect::<Vec<_>>().join(" "))
        }
    }
}

/// Reads what [`show`] wrote.
///
/// # Panics
///
/// If the text is no policy.
pub(super) fn parse(text: &str) -> Policy {
    let mut policy = Policy::plain();
    for part in text.split(';').map(str::trim).filter(|part| *part != "the defaults") {
        let mut words = part.split_whitespace();
        let key = words.next().unwrap_or_default();
        let words = &mut words;
        match key {
            "no" => policy.window = None,
            "window" => {
                policy.window = Some(Window {
                    failures: take(words),
                    within: time_after("in", words),
                    keep: words.next().is_some(),
                });
            }
            "row" => policy.in_a_row = Some(take(words)),
            "rate" => policy.failure_rate = Some(parse_rate(words)),
            "slow" => policy.slow_calls = Some(Slow { limit: take_time(words), rate: parse_rate(words) }),
            "stall" => policy.stall = Some(Stall { calls: take(words), after: time_after("after", words) }),
            "cool" => policy.cool_down = parse_exponential(words),
            "constant" => policy.cool_down = CoolDown::Constant(take_time(words)),
            "levels" => {
                policy.cool_down = CoolDown::ByLevel(words.map(|word| take_time(&mut [word].into_iter())).collect());
            }
            "jitter" => policy.jitter = take(words),
            "forgive" => policy.forgive = Forgive::Each(take_time(words)),
            "hints" => policy.hints = if words.next() == Some("obey") { Hints::Obey } else { Hints::Ignore },
            "max-hint" => policy.max_hint = take_time(words),
            "stage-time" => policy.stage_time = take_time(words),
            "deadline" => policy.deadline = take_time(words),
            "abandon" => policy.abandon_after = take_time(words),
            "patience" => policy.patience = Some(take_time(words)),
            "probes" => policy.probes = take(words),
            "stages" => policy.stages = take(words),
            _ => panic!("{part}: not a part of a policy"),
        }
    }
    policy
}

fn parse_rate<'a>(words: &mut impl Iterator<Item = &'a str>) -> Rate {
    let ratio = take(words);
    let over = time_after("over", words);
    expect("of", words);
    Rate { ratio, over, min_calls: take(words) }
}

fn parse_exponential<'a>(words: &mut impl Iterator<Item = &'a str>) -> CoolDown {
    let base = take_time(words);
    expect("times", words);
    let (num, den) = words.next().and_then(|factor| factor.split_once('/')).expect("a factor like 3/2");
    expect("up", words);
    let max = time_after("to", words);
    CoolDown::Exponential { base, num: take(&mut [num].into_iter()), den: take(&mut [den].into_iter()), max }
}

fn time_after<'a>(word: &str, words: &mut impl Iterator<Item = &'a str>) -> Nanos {
    expect(word, words);
    take_time(words)
}

fn expect<'a>(word: &str, words: &mut impl Iterator<Item = &'a str>) {
    assert_eq!(words.next(), Some(word), "a word of the policy is missing");
}

fn take<'a, T: std::str::FromStr>(words: &mut impl Iterator<Item = &'a str>) -> T {
    let word = words.next().unwrap_or_default();
    word.parse().unwrap_or_else(|_| panic!("{word} is not a number"))
}
