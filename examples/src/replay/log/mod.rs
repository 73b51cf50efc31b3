//! Reading access logs: a line at a time, and of each only what a breaker could tell from another one.
//!
//! A line that begins with `{` is a JSON object, any other one is in the common or the combined format. What cannot be
//! read is counted, and the first such lines are kept with the reason. Blank lines are nothing.

mod combined;
mod json;
mod time;

use super::traffic::{Entry, Outcome};
use resilience::Verdict;
use resilience::classify::{Classify, Custom, HttpStatus};
use serde::Serialize;
use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::time::Duration;
use time::Stamp;

/// The longest line that is read, in bytes. So a file that is no log at all does not fill the memory.
const LONGEST_LINE: usize = 65_536;
/// How many of the lines that cannot be read are kept, to be shown.
const SHOWN: usize = 5;
/// What nginx says of a call whose client went away before the answer.
const CLIENT_CLOSED: u16 = 499;

/// How a log is read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What a plain number of a duration counts.
    pub unit: Duration,
    /// What the time of a line is the time of, where it does not say it.
    pub edge: Edge,
    /// Only calls whose path begins like this.
    pub path: Option<String>,
    /// Only calls to this host.
    pub host: Option<String>,
    /// What a status says about the upstream.
    pub statuses: HttpStatus<Custom>,
}

impl Default for Reading {
    fn default() -> Self {
        let statuses = HttpStatus::new().into();
        Self { unit: Duration::from_secs(1), edge: Edge::End, path: None, host: None, statuses }
    }
}

/// What a log says.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Its calls, in the order of the lines.
    pub entries: Vec<Entry>,
    /// Calls that were not asked for.
    pub passed_over: u64,
    /// Calls whose duration is not told.
    pub untimed: u64,
    /// Calls whose time has no fraction of a second.
    pub whole_seconds: u64,
    /// Lines that say of no call.
    pub unreadable: Unreadable,
}

/// Lines that cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// How many.
    pub lines: u64,
    /// The first of them.
    pub first: Vec<Complaint>,
}

/// A line that cannot be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Complaint {
    /// The file.
    pub file: String,
    /// From 1 on.
    pub line: u64,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.reason)
    }
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record<'a> {
    stamp: Stamp,
    edge: Edge,
    status: u16,
    /// In microseconds.
    took: Option<u64>,
    path: Option<Cow<'a, str>>,
    host: Option<Cow<'a, str>>,
}

/// What the time of a line is the time of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Edge {
    /// The end of its call, as nginx writes it.
    End,
    /// The start of its call, as Apache writes it.
    Start,
}

impl Log {
    /// Reads on, from another file or the next part of one. `file` is what it is called in complaints.
    ///
    /// # Errors
    ///
    /// Those of the reader.
    pub fn read(&mut self, file: &str, mut from: impl BufRead, reading: &Reading) -> io::Result<()> {
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            let most = LONGEST_LINE as u64 + 1;
            if from.by_ref().take(most).read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            let result = if bytes.len() > LONGEST_LINE && !bytes.ends_with(b"\n") {
                from.skip_until(b'\n')?;
                Err(format!("is longer than {LONGEST_LINE} bytes"))
            } else {
                self.line(&String::from_utf8_lossy(&bytes), reading)
            };
            if let Err(reason) = result {
                self.unreadable.add(|| Complaint { file: file.to_owned(), line, reason: shortened(&reason) });
            }
        }
        Ok(())
    }

    /// Why there is no call in it.
    pub(super) fn why_empty(&self) -> String {
        match (&self.unreadable.first.first(), self.passed_over) {
            (None, 0) => "there is no line".to_owned(),
            (None, over) => format!("--path and --host pass over all {over}"),
            (Some(complaint), 0) => format!("of {} lines none can be read; {complaint}", self.unreadable.lines),
            (Some(complaint), over) => {
                let lines = self.unreadable.lines;
                format!("--path and --host pass over {over}, and {lines} lines cannot be read; {complaint}")
            }
        }
    }

    fn line(&mut self, line: &str, reading: &Reading) -> Result<(), String> {
        let line = line.trim();
        if line.is_empty() {
            return Ok(());
        }
        let record = if line.starts_with('{') { json::parse(line, reading) } else { combined::parse(line, reading) }?;
        if !reading.wants(&record)? {
            self.passed_over += 1;
            return Ok(());
        }
        let took = record.took.unwrap_or(0);
        let start = match record.edge {
            Edge::Start => Some(record.stamp.micros),
            Edge::End => record.stamp.micros.checked_sub_unsigned(took),
        };
        // The end has to be a time, too.
        let start = start.filter(|start| start.checked_add_unsigned(took).is_some());
        let start = start.ok_or("lasted for longer than there is time")?;
        self.untimed += u64::from(record.took.is_none());
        self.whole_seconds += u64::from(record.stamp.whole);
        self.entries.push(Entry { start, took, outcome: reading.outcome(record.status) });
        Ok(())
    }
}

impl Unreadable {
    fn add(&mut self, complaint: impl FnOnce() -> Complaint) {
        self.lines += 1;
        if self.first.len() < SHOWN {
            self.first.push(complaint());
        }
    }
}

impl Reading {
    /// Whether it is one of the calls that were asked for. Where that cannot be said the line cannot be used.
    fn wants(&self, record: &Record<'_>) -> Result<bool, String> {
        let path = match (&self.path, &record.path) {
            (Some(wanted), Some(path)) => path.starts_with(wanted),
            (Some(_), None) => return Err("no path, and --path asks for one".to_owned()),
            (None, _) => true,
        };
        let host = match (&self.host, &record.host) {
            (Some(wanted), Some(host)) => host.eq_ignore_ascii_case(wanted),
            (Some(_), None) => return Err("no host, and --host asks for one".to_owned()),
            (None, _) => true,
        };
        Ok(path && host)
    }

    fn outcome(&self, status: u16) -> Outcome {
        if status == CLIENT_CLOSED {
            return Outcome::GivenUp;
        }
        let mut response = http::Response::new(());
        // It was found to be one when the line was read.
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
        match self.statuses.classify(Ok::<_, &Infallible>(&response)) {
            Verdict::Success => Outcome::Success,
            Verdict::Reachable => Outcome::Reachable,
            Verdict::Failure(_) | Verdict::Limited(_) => Outcome::Failure,
            Verdict::Ignore | Verdict::Relayed(_) => Outcome::Ignored,
        }
    }
}

/// A status, from 100 to 999.
fn status(text: &str) -> Result<u16, String> {
    let status = text.parse().ok().filter(|status| (100..1000).contains(status));
    status.ok_or_else(|| format!("status: {text} is none; must be from 100 to 999"))
}

/// What a log says goes to a terminal: as one line, not too long, without what could move the cursor.
fn shortened(reason: &str) -> String {
    const MOST: usize = 120;
    let mut text: String = reason.chars().take(MOST).map(|c| if c.is_control() { '?' } else { c }).collect();
    if reason.chars().nth(MOST).is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
