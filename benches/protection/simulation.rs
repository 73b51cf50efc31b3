//! A stream of calls through a breaker, event by event.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::call::{Answer, Call, Caller, End, Wire};
use crate::case::{CALLS_A_SECOND, Case, TIMEOUT, Timeout, Upstream};
use crate::time::Time;

/// What became of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) at: Duration,
    /// Whether the breaker let it through.
    pub(crate) sent: bool,
    /// Whether the upstream would have answered it then.
    pub(crate) could: bool,
    /// Whether the upstream took only a few calls then.
    pub(crate) weak: bool,
}

/// A call that is out.
struct Out {
    call: Call,
    wire: Wire,
    answer: Answer,
}

/// Makes the calls of the case. They come at even intervals, whatever becomes of them; what a call meets is decided when it
/// is sent.
///
/// # Panics
///
/// If a call does not end as the upstream answered it: no breaker changes an answer.
pub(crate) fn run(case: &Case, caller: &mut Caller, time: &mut dyn Time) -> Vec<Record> {
    let mut upstream = Upstream::new(case);
    let mut records = Vec::new();
    let mut out: HashMap<u64, Out> = HashMap::new();
    let mut ends: BinaryHeap<Reverse<(Duration, u64)>> = BinaryHeap::new();
    let calls = case.length().as_secs() * CALLS_A_SECOND;
    for number in 0..calls {
        let at = Duration::from_secs(1) * u32::try_from(number).unwrap_or(u32::MAX)
            / u32::try_from(CALLS_A_SECOND).unwrap_or(1);
        finish(case, at, &mut ends, &mut out, time);
        time.reach(at);
        let (could, weak) = (upstream.would(number, at).is_good(), case.is_weak(at));
        let wire = Wire::default();
        let mut call = caller(wire.clone());
        let sent = match (poll(&mut call), wire.is_sent()) {
            (Poll::Ready(End::Refused), false) => false,
            (Poll::Pending, true) => true,
            other => panic!("a call of {} is neither refused nor sent: {other:?}", case.name),
        };
        if sent {
            let (answer, takes) = upstream.call(number, at);
            ends.push(Reverse((at + takes, number)));
            out.insert(number, Out { call, wire, answer });
        }
        records.push(Record { at, sent, could, weak });
    }
    finish(case, case.length() + TIMEOUT, &mut ends, &mut out, time);
    assert!(out.is_empty(), "{} calls never ended", out.len());
    records
}

fn poll(call: &mut Call) -> Poll<End> {
    call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Ends the calls whose time has come.
fn finish(
    case: &Case,
    until: Duration,
    ends: &mut BinaryHeap<Reverse<(Duration, u64)>>,
    out: &mut HashMap<u64, Out>,
    time: &mut dyn Time,
) {
    while let Some(Reverse((at, number))) = ends.peek().copied().filter(|Reverse((at, _))| *at <= until) {
        ends.pop();
        time.reach(at);
        let Some(mut ended) = out.remove(&number) else { continue };
        if ended.answer == Answer::Hangs && case.timeout == Timeout::Outside {
            drop(ended.call);
            continue;
        }
        ended.wire.answer(ended.answer);
        let right = if ended.answer.is_good() { End::Answered } else { End::Failed };
        assert_eq!(poll(&mut ended.call), Poll::Ready(right), "another end than the upstream's answer");
    }
}
