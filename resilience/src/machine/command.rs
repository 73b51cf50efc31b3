//! What comes from above: an operator's commands, and new rules.

use super::core::{Rest, State};
use super::half_open::HalfOpen;
use super::input::{Command, Context};
use super::{Event, EventKind, Machine, Overlay};
use crate::clock::Instant;
use crate::policy::Rules;

impl Machine {
    /// Carries an operator's command out.
    pub fn command(&mut self, cx: &Context<'_>, command: Command, fx: &mut Vec<Event>) {
        self.settle(cx, fx);
        match command {
            Command::Overlay(overlay, until) => {
                let until = expiry(overlay, until);
                if self.overlay().0 != overlay {
                    self.lay(cx, cx.now, overlay, until, fx);
                } else if overlay != Overlay::Automatic {
                    // The same, only for another time: whoever is out comes back to it.
                    self.rest_mut().overlay_until = until;
                }
            }
            Command::Reset => {
                self.begin_epoch();
                self.forget_failures();
                let rest = self.rest_mut();
                let Rest { counts, born, forgotten, .. } = *rest;
                // What the upstream takes is no matter of its health: the quota goes on.
                let quota = rest.quota.take();
                self.rest = Some(Box::new(Rest { since: cx.now, counts, born, forgotten, quota, ..Rest::default() }));
                self.watch_stalls(cx.rules);
                self.tell(fx, cx.now, EventKind::Reset);
            }
        }
    }

    pub(super) fn lay(
        &mut self,
        cx: &Context<'_>,
        at: Instant,
        to: Overlay,
        until: Option<Instant>,
        fx: &mut Vec<Event>,
    ) {
        self.begin_epoch();
        // An overlay that expired earlier than now was forced, and forgave nothing, or has nothing to keep.
        let level = self.level(cx);
        let from = self.overlay().0;
        let forced = from.is_forced() || to.is_forced();
        if forced {
            // Closed starts clean when a forced overlay ends, so what it held before is of no more use.
            self.forget_failures();
        }
        let rest = self.rest_mut();
        if forced {
            rest.hints.clear();
            // The count of time spent closed starts anew; what was earned so far is kept.
            (rest.level, rest.since) = (level, at);
        }
        if let State::HalfOpen(half_open) = &mut rest.state {
            *half_open = HalfOpen::begin(at, half_open.cool_down, cx.rules);
        }
        (rest.overlay, rest.overlay_until) = (to, until);
        if matches!(rest.state, State::Closed) {
            self.watch_stalls(cx.rules);
        }
        let event = Event {
            at,
            epoch: self.epoch,
            shadow: from == Overlay::Shadow,
            kind: EventKind::OverlayChanged { from, to },
        };
        fx.push(event);
    }

    /// Puts new rules in force; `cx` carries them. What is open stays open, its deadline clamped to the new maximum.
    pub fn change_rules(&mut self, old: &Rules, cx: &Context<'_>, fx: &mut Vec<Event>) {
        let before = Context { rules: old, ..*cx };
        self.settle(&before, fx);
        let level = self.level(&before);
        if old.policy().in_a_row.is_none() {
            // Nobody counted a run so far.
            self.cleared = self.seq;
        }
        self.log.resize(cx.rules.log);
        self.forget_hints();
        if cx.rules.watches_stalls() && !old.watches_stalls() {
            // Those who are still out from the last time it was watched come back to the same watch.
            self.rest_mut().stall.get_or_insert_default();
        }
        self.watch_quota(cx.rules, cx.now);
        if let Some(rest) = self.rest.as_deref_mut() {
            if let (State::Open, Some(trip)) = (&rest.state, &mut rest.trip) {
                trip.until = trip.until.min(cx.now.plus(cx.rules.longest_open(trip.hinted)));
            }
            if let (State::HalfOpen(half_open), Some(trip)) = (&mut rest.state, &rest.trip) {
                half_open.cool_down = half_open.cool_down.min(cx.rules.longest_jittered(trip.hinted));
            }
            if old.forgive_each() != cx.rules.forgive_each() && matches!(rest.state, State::Closed) {
                // What was forgiven so far stays forgiven; the new way counts from now.
                (rest.level, rest.since) = (level, cx.now);
            }
            // Nothing that the new rules bring about is dated earlier than them.
            rest.ruled_since = cx.now;
        }
        self.tell(fx, cx.now, EventKind::PolicyChanged);
    }
}

/// When an overlay expires: nothing lifts the absence of one, and what lasts to the end of time has no end.
pub(super) fn expiry(overlay: Overlay, until: Option<Instant>) -> Option<Instant> {
    until.filter(|until| overlay != Overlay::Automatic && *until != Instant::FAR_FUTURE)
}
