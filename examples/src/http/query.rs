//! Query parameters, read strictly: each at most once, only those that the route knows.

use super::Problem;

/// The parameters of one request.
#[derive(Debug)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the query of a request.
    ///
    /// # Errors
    ///
    /// 400 for a parameter that is not among `known`, one that stands twice, and percent-encoding that is broken.
    pub fn parse(query: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let broken = || Problem::bad_request("The query holds broken percent-encoding.");
            let name = decode(name).ok_or_else(broken)?;
            let value = decode(value).ok_or_else(broken)?;
            if !known.contains(&name.as_str()) {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let detail = format!("The query holds an unknown parameter. Known here: {known}.");
                return Err(Problem::bad_request(detail));
            }
            if pairs.iter().any(|(earlier, _)| *earlier == name) {
                return Err(Problem::bad_field(name, "stands more than once in the query"));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Decodes `%XX` and `+`. `None` if the encoding is broken or the result is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Whether every `%` in the text begins a valid escape and the decoded text is UTF-8.
pub(super) fn well_formed(text: &str) -> bool {
    !text.contains('%') || decode(text).is_some()
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_parameters_are_decoded() {
        let query = Query::parse(Some("limit=5&&cursor=a%2Fb+c"), &["limit", "cursor"]).unwrap();
        assert_eq!(query.get("limit"), Some("5"));
        assert_eq!(query.get("cursor"), Some("a/b c"));
        assert_eq!(query.get("other"), None);
        assert_eq!(Query::parse(None, &[]).unwrap().get("limit"), None);
    }

    #[test]
    fn unknown_repeated_and_broken_parameters_are_refused() {
        for query in ["x=1", "limit=1&limit=2", "limit=%", "limit=%f", "limit=%zz", "limit=%ff", "%6cimit=1&limit=2"] {
            assert!(Query::parse(Some(query), &["limit"]).is_err(), "{query}");
        }
    }
}
