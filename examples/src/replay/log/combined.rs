//! The common and the combined log format, of Apache and of nginx, with whatever stands behind them.

use super::time::{stamp, took};
use super::{Reading, Record};
use std::borrow::Cow;
use std::time::Duration;

/// What a time is called where a field says its name. Times of parts of a call (`uct`, say) are not among them.
const TIMES: [&str; 8] =
    ["rt", "urt", "request_time", "upstream_response_time", "response_time", "duration", "latency", "took"];

/// Fields of a line: bare, `"quoted"` or `[in brackets]`.
struct Fields<'a>(&'a str);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field<'a> {
    Bare(&'a str),
    Quoted(&'a str),
    Bracketed(&'a str),
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let text = self.0.trim_start();
        let inner = text.get(1..).unwrap_or_default();
        let (field, rest) = match text.bytes().next()? {
            b'[' => {
                let (inside, rest) = inner.split_once(']').unwrap_or((inner, ""));
                (Field::Bracketed(inside), rest)
            }
            b'"' => {
                let end = closing_quote(inner);
                (Field::Quoted(&inner[..end]), inner.get(end + 1..).unwrap_or_default())
            }
            _ => {
                let mut quoted = false;
                let end = text.find(|c: char| {
                    quoted ^= c == '"';
                    c.is_whitespace() && !quoted
                });
                let (bare, rest) = text.split_at(end.unwrap_or(text.len()));
                (Field::Bare(bare), rest)
            }
        };
        self.0 = rest;
        Some(field)
    }
}

/// Where the quoted text ends that begins here; at the end of the line, if nothing closes it.
fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let found = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        found
    });
    end.unwrap_or(text.len())
}

pub(super) fn parse<'a>(line: &'a str, reading: &Reading) -> Result<Record<'a>, String> {
    let mut fields = Fields(line);
    let date = fields.find_map(|field| if let Field::Bracketed(text) = field { Some(text) } else { None });
    let date = date.ok_or("no time in brackets, as in [10/Oct/2000:13:55:36 -0700]")?;
    let stamp = stamp(date).ok_or_else(|| format!("[{date}] is no time like [10/Oct/2000:13:55:36 -0700]"))?;
    let request = fields.find_map(|field| if let Field::Quoted(text) = field { Some(text) } else { None });
    let request = request.ok_or("no request in quotes")?;
    let status = match fields.next() {
        Some(Field::Bare(status)) => super::status(status)?,
        _ => return Err("no status behind the request".to_owned()),
    };
    // How many bytes were sent.
    fields.next();
    Ok(Record {
        stamp,
        edge: reading.edge,
        status,
        took: last_time(fields, reading.unit),
        path: request.split(' ').nth(1).map(Cow::Borrowed),
        host: None,
    })
}

/// The last time behind the referrer and the user agent, if the line has those two.
fn last_time(fields: Fields<'_>, unit: Duration) -> Option<u64> {
    let (mut found, mut texts) = (None, 0);
    // Of tries that are not in quotes each is a field of its own, and the comma says that there are more.
    let mut more = false;
    for field in fields {
        let (text, quoted) = match field {
            Field::Bare(text) => (text, false),
            Field::Quoted(text) => (text, true),
            Field::Bracketed(_) => continue,
        };
        let time = named(text).and_then(|text| took(text, unit));
        match time {
            Some(time) if more => found = Some(u64::saturating_add(found.unwrap_or(0), time)),
            Some(time) => found = Some(time),
            // What was taken for a time before these two is the length of something.
            None if quoted && texts < 2 => {
                texts += 1;
                found = None;
            }
            None => {}
        }
        more = (time.is_some() && text.ends_with(',')) || (more && text == "-,") || text == ":";
    }
    found
}

/// The value of a field, without the name of a time and without what some put around it; `None`, if it is called otherwise.
fn named(text: &str) -> Option<&str> {
    let text = text.trim_matches(['(', ')', '|']);
    match text.split_once('=') {
        Some((name, value)) => TIMES.contains(&name).then(|| value.trim_matches('"')),
        None => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::log::Stamp;

    const HEAD: &str = r#"192.0.2.1 - ada [10/Oct/2000:13:55:36 -0700] "POST /addEvent?x=1 HTTP/1.1""#;

    fn read(rest: &str) -> Record<'static> {
        let line = Box::leak(format!("{HEAD} {rest}").into_boxed_str());
        parse(line, &Reading::default()).unwrap()
    }

    #[test]
    fn the_common_and_the_combined_format_have_a_time_a_status_and_a_path() {
        for rest in ["201 5", r#"201 - "-" "curl/8 \" 9.9 \"""#] {
            let record = read(rest);
            assert_eq!(record.stamp, Stamp { micros: 971_211_336_000_000, whole: true });
            assert_eq!((record.status, record.took), (201, None), "{rest}");
            assert_eq!(record.path.as_deref(), Some("/addEvent?x=1"));
        }
    }

    #[test]
    fn the_time_that_a_call_took_is_the_last_one_behind_what_is_in_quotes() {
        for (rest, millis) in [
            ("200 5 0.250", Some(250)),
            (r#"200 5 "-" "curl" 0.250"#, Some(250)),
            (r#"200 5 "-" "curl" "0.250""#, Some(250)),
            (r#"200 5 "-" "curl" "192.0.2.7" 0.300 0.250 ."#, Some(250)),
            (r#"200 5 "-" "curl" 0.250 "-""#, Some(250)),
            (r#"200 5 "-" "curl" rt=0.260 uct="0.001" urt="0.250" uht="0.2""#, Some(250)),
            (r#"200 5 "-" "curl" "0.050, 0.200""#, Some(250)),
            (r#"200 5 "-" "curl" 0.400 0.050, 0.200"#, Some(250)),
            (r#"200 5 "-" "curl" (0.250)"#, Some(250)),
            (r#"200 5 1234 "-" "curl""#, None),
            (r#"200 5 "-" "curl" -"#, None),
        ] {
            assert_eq!(read(rest).took, millis.map(|millis: u64| millis * 1000), "{rest}");
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (line, reason) in [
            ("", "no time in brackets"),
            ("once upon a time", "no time in brackets"),
            ("[yesterday] \"GET / HTTP/1.1\" 200 1", "[yesterday] is no time"),
            ("[10/Oct/2000:13:55:36 -0700] 200", "no request in quotes"),
            ("[10/Oct/2000:13:55:36 -0700] \"GET /", "no status"),
            ("[10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.1\" OK 1", "status: OK is none"),
            ("[10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.1\" 000 1", "status: 000 is none"),
        ] {
            let error = parse(line, &Reading::default()).unwrap_err();
            assert!(error.starts_with(reason), "{line}: {error}");
        }
    }
}
