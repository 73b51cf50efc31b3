//! A step as a line of text.

use std::fmt;

use super::{Step, policy_text, show_time, take_time};
use crate::model::{Hint, Overlay, Verdict};

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admit { may_probe: true } => f.write_str("admit"),
            Self::Admit { may_probe: false } => f.write_str("admit one that may not probe"),
            Self::Outcome { call, verdict } => write!(f, "#{call} {}", show_verdict(*verdict)),
            Self::Drop { call } => write!(f, "#{call} dropped"),
            Self::Wait(time) => write!(f, "wait {}", show_time(*time)),
            Self::Overlay(overlay) => {
                f.write_str(match overlay {
                    Overlay::Automatic => "auto",
                    Overlay::ForcedOpen { .. } => "force open",
                    Overlay::ForcedClosed { .. } => "force closed",
                    Overlay::Shadow { .. } => "shadow",
                })?;
                overlay.expiry().map_or(Ok(()), |time| write!(f, " for {}", show_time(time)))
            }
            Self::Reset => f.write_str("reset"),
            Self::SetPolicy(policy) => write!(f, "policy: {}", policy_text::show(policy)),
            Self::Read => f.write_str("read"),
        }
    }
}

fn show_verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Success => "success".to_owned(),
        Verdict::Failure(None) => "failure".to_owned(),
        Verdict::Failure(Some(Hint { after, limiting: false })) => format!("failure hint {}", show_time(after)),
        Verdict::Failure(Some(Hint { after, limiting: true })) => format!("failure limiting {}", show_time(after)),
        Verdict::Reachable => "reachable".to_owned(),
        Verdict::Ignore => "ignore".to_owned(),
        Verdict::Limited(wait) => format!("limited {}", show_time(wait)),
        Verdict::Relayed(None) => "relayed".to_owned(),
        Verdict::Relayed(Some(wait)) => format!("relayed {}", show_time(wait)),
    }
}

/// Reads one line.
///
/// # Panics
///
/// If it is no step.
pub(super) fn parse(line: &str) -> Step {
    if let Some(policy) = line.strip_prefix("policy:") {
        return Step::SetPolicy(Box::new(policy_text::parse(policy)));
    }
    let mut words = line.split_whitespace();
    let first = words.next().unwrap_or_default();
    if let Some(call) = first.strip_prefix('#') {
        let call = call.parse().unwrap_or_else(|_| panic!("{line}: no such call"));
        return parse_end(call, line, words);
    }
    match line {
        "admit" => Step::Admit { may_probe: true },
        "admit one that may not probe" => Step::Admit { may_probe: false },
        "reset" => Step::Reset,
        "read" => Step::Read,
        _ if first == "wait" => Step::Wait(take_time(&mut words)),
        _ => parse_overlay(line).unwrap_or_else(|| panic!("{line}: no such step")),
    }
}

fn parse_overlay(line: &str) -> Option<Step> {
    let (name, time) = line.split_once(" for ").map_or((line, None), |(name, time)| (name, Some(time)));
    let expiry = time.map(|time| take_time(&mut [time].into_iter()));
    Some(Step::Overlay(match name {
        "auto" => Overlay::Automatic,
        "force open" => Overlay::ForcedOpen { expiry },
        "force closed" => Overlay::ForcedClosed { expiry },
        "shadow" => Overlay::Shadow { expiry },
        _ => return None,
    }))
}

fn parse_end<'a>(call: usize, line: &str, mut words: impl Iterator<Item = &'a str>) -> Step {
    let verdict = match words.next().unwrap_or_default() {
        "dropped" => return Step::Drop { call },
        "success" => Verdict::Success,
        "failure" => Verdict::Failure(
            words.next().map(|kind| Hint { limiting: kind == "limiting", after: take_time(&mut words) }),
        ),
        "reachable" => Verdict::Reachable,
        "ignore" => Verdict::Ignore,
        "limited" => Verdict::Limited(take_time(&mut words)),
        "relayed" => {
            let mut rest = words.peekable();
            Verdict::Relayed(rest.peek().is_some().then(|| take_time(&mut rest)))
        }
        _ => panic!("{line}: no such verdict"),
    };
    Step::Outcome { call, verdict }
}
