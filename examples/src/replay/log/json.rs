//! One JSON object a line, by the names that fields have in the logs of proxies and frameworks.

use super::time::{micros, since_1970, stamp, took};
use super::{Edge, Reading, Record, Stamp};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::time::Duration;

type Object = Map<String, Value>;

/// Where a call's time stands. A dot leads into an object. First those that say that it is the time of the start.
const TIMES: [&str; 13] = [
    "StartUTC",
    "start_time",
    "started_at",
    "start",
    "end_time",
    "end",
    "time",
    "ts",
    "timestamp",
    "@timestamp",
    "time_iso8601",
    "time_local",
    "msec",
];

const STATUSES: [&str; 9] = [
    "status",
    "status_code",
    "statusCode",
    "response_code",
    "code",
    "res.statusCode",
    "http.response.status_code",
    "httpRequest.status",
    "DownstreamStatus",
];

/// How long a call took, and the unit in seconds of those that always have the same.
const DURATIONS: [(&str, Option<f64>); 19] = [
    ("duration", None),
    ("latency", None),
    ("took", None),
    ("elapsed", None),
    ("request_time", None),
    ("upstream_response_time", None),
    ("response_time", None),
    ("duration_s", Some(1.0)),
    ("duration_ms", Some(1e-3)),
    ("duration_us", Some(1e-6)),
    ("duration_ns", Some(1e-9)),
    ("latency_ms", Some(1e-3)),
    ("latency_us", Some(1e-6)),
    ("took_ms", Some(1e-3)),
    ("elapsed_ms", Some(1e-3)),
    ("response_time_ms", Some(1e-3)),
    ("responseTime", Some(1e-3)),
    ("httpRequest.latency", None),
    ("Duration", Some(1e-9)),
];

const PATHS: [&str; 8] =
    ["path", "route", "uri", "request_uri", "url", "request.uri", "httpRequest.requestUrl", "RequestPath"];

const HOSTS: [&str; 6] = ["host", "request.host", "upstream", "authority", "server_name", "RequestHost"];

pub(super) fn parse(line: &str, reading: &Reading) -> Result<Record<'static>, String> {
    let object: Object = serde_json::from_str(line).map_err(|error| format!("is no JSON object: {error}"))?;
    let found = TIMES.iter().find_map(|name| Some((*name, get(&object, name)?)));
    let (name, value) = found.ok_or_else(|| format!("no time: none of {}", TIMES.join(", ")))?;
    let edge = match name {
        "StartUTC" | "start_time" | "started_at" | "start" => Edge::Start,
        "end_time" | "end" => Edge::End,
        _ => reading.edge,
    };
    let stamp = date(value).ok_or_else(|| format!("{name}: {value} is no time like \"2000-10-10T20:55:36Z\""))?;
    let status = STATUSES.iter().find_map(|name| get(&object, name));
    let status = match status.ok_or_else(|| format!("no status: none of {}", STATUSES.join(", ")))? {
        Value::String(text) => super::status(text)?,
        other => super::status(&other.to_string())?,
    };
    let took = DURATIONS.iter().find_map(|(name, unit)| Some((name, get(&object, name)?, *unit)));
    let took = match took {
        Some((name, value, unit)) => length(value, unit, reading.unit)
            .ok_or_else(|| format!("{name}: {value} is no duration like 0.25 or \"250ms\""))?,
        None => None,
    };
    Ok(Record { stamp, edge, status, took, path: text(&object, &PATHS), host: text(&object, &HOSTS) })
}

fn date(value: &Value) -> Option<Stamp> {
    match value {
        Value::String(text) => stamp(text),
        // A whole number of seconds has no fraction, while one of milliseconds is one.
        Value::Number(number) => {
            let stamp = since_1970(number.as_f64()?)?;
            Some(Stamp { whole: number.is_u64() && stamp.micros % 1_000_000 == 0, ..stamp })
        }
        _ => None,
    }
}

/// A duration, if there is one: some write `"-"` or `null` where none is known. The outer `None` is an error.
#[allow(clippy::option_option, reason = "read by `ok_or` at once")]
fn length(value: &Value, unit: Option<f64>, default: Duration) -> Option<Option<u64>> {
    let unit = unit.unwrap_or(default.as_secs_f64());
    match value {
        Value::Null => Some(None),
        Value::String(text) if matches!(text.trim(), "" | "-") => Some(None),
        Value::String(text) => took(text, Duration::from_secs_f64(unit)).map(Some),
        Value::Number(number) => micros(number.as_f64()?, unit).map(Some),
        _ => None,
    }
}

fn text(object: &Object, names: &[&str]) -> Option<Cow<'static, str>> {
    let found = names.iter().find_map(|name| get(object, name).and_then(Value::as_str));
    found.map(|text| Cow::Owned(text.to_owned()))
}

/// A field by its name; where none is called so, a dot leads into an object.
fn get<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| {
        let (outer, inner) = name.split_once('.')?;
        get(object.get(outer)?.as_object()?, inner)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Record<'static> {
        parse(line, &Reading::default()).unwrap()
    }

    #[test]
    fn what_common_servers_write_is_read() {
        let at = 971_211_336_500_000;
        for (line, edge, millis, path, host) in [
            (
                r#"{"time":"2000-10-10T20:55:36.5Z","status":503,"duration":0.25,"path":"/a","host":"b"}"#,
                Edge::End,
                Some(250),
                Some("/a"),
                Some("b"),
            ),
            // Caddy.
            (
                r#"{"level":"info","ts":971211336.5,"request":{"host":"b","uri":"/a"},"duration":0.25,"status":503}"#,
                Edge::End,
                Some(250),
                Some("/a"),
                Some("b"),
            ),
            // Traefik.
            (
                r#"{"time":"2000-10-10T20:55:37Z","DownstreamStatus":503,"Duration":250000000,"RequestPath":"/a","StartUTC":"2000-10-10T20:55:36.5Z"}"#,
                Edge::Start,
                Some(250),
                Some("/a"),
                None,
            ),
            // pino, of Node.
            (r#"{"time":971211336500,"res":{"statusCode":503},"responseTime":250}"#, Edge::End, Some(250), None, None),
            // nginx, all in quotes.
            (r#"{"msec":"971211336.500","status":"503","request_time":"0.250"}"#, Edge::End, Some(250), None, None),
            (r#"{"ts":971211336.5,"code":503,"latency":"250ms","route":"/a"}"#, Edge::End, Some(250), Some("/a"), None),
            (r#"{"ts":971211336.5,"status":503,"upstream_response_time":"-"}"#, Edge::End, None, None, None),
        ] {
            let record = read(line);
            assert_eq!((record.stamp.micros, record.edge, record.status), (at, edge, 503), "{line}");
            assert_eq!(record.took, millis.map(|millis: u64| millis * 1000), "{line}");
            assert_eq!((record.path.as_deref(), record.host.as_deref()), (path, host), "{line}");
        }
        assert!(read(r#"{"ts":971211336,"status":200}"#).stamp.whole);
    }

    #[test]
    fn a_plain_number_is_of_the_unit_that_was_asked_for_unless_its_name_says_another() {
        let reading = Reading { unit: Duration::from_millis(1), ..Reading::default() };
        let took = |line| parse(line, &reading).unwrap().took;
        assert_eq!(took(r#"{"start_time":"2000-10-10T20:55:36Z","response_code":200,"duration":250}"#), Some(250_000));
        assert_eq!(took(r#"{"ts":971211336,"status":200,"duration_us":250}"#), Some(250));
    }

    #[test]
    fn a_time_is_that_of_the_end_or_as_it_was_asked_for_unless_its_name_says_another() {
        for asked in [Edge::Start, Edge::End] {
            let reading = Reading { edge: asked, ..Reading::default() };
            for (name, edge) in [("ts", asked), ("end", Edge::End), ("start", Edge::Start)] {
                let line = format!("{{\"{name}\":971211336,\"status\":200}}");
                assert_eq!(parse(&line, &reading).unwrap().edge, edge, "{line}");
            }
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (line, reason) in [
            ("{", "is no JSON object: EOF"),
            (r#"{"status":200}"#, "no time: none of StartUTC, start_time"),
            (r#"{"time":"soon","status":200}"#, "time: \"soon\" is no time"),
            (r#"{"time":[],"status":200}"#, "time: [] is no time"),
            (r#"{"ts":971211336}"#, "no status: none of status,"),
            (r#"{"ts":971211336,"status":null}"#, "status: null is none"),
            (r#"{"ts":971211336,"status":99}"#, "status: 99 is none"),
            (r#"{"ts":971211336,"status":200,"duration":-1}"#, "duration: -1 is no duration"),
            (r#"{"ts":971211336,"status":200,"duration":1e300}"#, "duration: 1e+300 is no duration"),
        ] {
            let error = parse(line, &Reading::default()).unwrap_err();
            assert!(error.starts_with(reason), "{line}: {error}");
        }
    }
}
