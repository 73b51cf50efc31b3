//! A strict reader of structured fields (RFC 9651): as much of them as `RateLimit` and `Proxy-Status` are made of.
//!
//! It borrows from the header and allocates nothing. Every kind of value is recognised, because an unknown parameter
//! of any kind must not spoil the field; only those that somebody asks for are kept. An inner list is refused: no field
//! that is read here may have one. As the RFC demands, one mistake anywhere makes the whole field worthless.

use http::{HeaderMap, HeaderName};

/// The field is not what it claims to be, and is to be treated as absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

type Read<T> = Result<T, Malformed>;

/// One value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item<'a> {
    Integer(i64),
    String(Text<'a>),
    Token(Text<'a>),
    /// Well-formed, and of a kind that nobody asks for.
    Other,
}

/// The text of a string or token, its escapes still in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a>(&'a [u8]);

/// One member of a list: a value and its parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member<'a> {
    pub(crate) item: Item<'a>,
    parameters: &'a [u8],
}

/// Shows `each` member of the list that all header lines called `name` make up.
pub(crate) fn list<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    mut each: impl FnMut(Member<'a>) -> Read<()>,
) -> Read<()> {
    each_line(headers, name, |cursor| {
        let item = cursor.item()?;
        each(Member { item, parameters: cursor.parameters()? })
    })
}

/// Shows `each` key and value of the dictionary that all header lines called `name` make up.
pub(crate) fn dictionary<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    mut each: impl FnMut(&'a [u8], Item<'a>) -> Read<()>,
) -> Read<()> {
    each_line(headers, name, |cursor| {
        let (key, item) = cursor.pair()?;
        cursor.parameters()?;
        each(key, item)
    })
}

/// Lines are read one by one: joining them with a comma, as the RFC puts it, comes to the same but for a member that is
/// torn in two, and that one is malformed in any case that matters here.
fn each_line<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    mut member: impl FnMut(&mut Cursor<'a>) -> Read<()>,
) -> Read<()> {
    for line in headers.get_all(name) {
        let mut cursor = Cursor { rest: line.as_bytes() };
        cursor.skip(|byte| byte == b' ');
        if cursor.rest.is_empty() {
            continue;
        }
        loop {
            member(&mut cursor)?;
            cursor.skip(is_blank);
            if cursor.rest.is_empty() {
                break;
            }
            cursor.expect(b',')?;
            cursor.skip(is_blank);
        }
    }
    Ok(())
}

// === impl Member ===

impl<'a> Member<'a> {
    /// The value of a parameter; the last one where it comes twice, as the RFC has it.
    pub(crate) fn parameter(&self, wanted: &str) -> Option<Item<'a>> {
        let mut cursor = Cursor { rest: self.parameters };
        let mut found = None;
        while let Ok((key, item)) = cursor.parameter() {
            if key == wanted.as_bytes() {
                found = Some(item);
            }
        }
        found
    }
}

// === impl Item ===

impl<'a> Item<'a> {
    /// A count or a number of seconds: an integer that is not negative.
    pub(crate) fn count(self) -> Read<u64> {
        match self {
            Self::Integer(number) => u64::try_from(number).map_err(|_| Malformed),
            _ => Err(Malformed),
        }
    }

    /// A name, quoted or not.
    pub(crate) fn name(self) -> Read<Text<'a>> {
        match self {
            Self::String(text) | Self::Token(text) => Ok(text),
            _ => Err(Malformed),
        }
    }

    pub(crate) fn is_token(self, wanted: &str) -> bool {
        matches!(self, Self::Token(text) if text.is(wanted))
    }
}

// === impl Text ===

impl<'a> Text<'a> {
    /// The text without its escapes. A backslash only ever stands before what it escapes: the reader made sure.
    fn bytes(self) -> impl Iterator<Item = u8> + 'a {
        let mut rest = self.0.iter().copied();
        std::iter::from_fn(move || match rest.next() {
            Some(b'\\') => rest.next(),
            other => other,
        })
    }

    pub(crate) fn is(self, wanted: &str) -> bool {
        self.bytes().eq(wanted.bytes())
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes().eq(other.bytes())
    }
}

// === impl Cursor ===

/// What is still to be read of one line.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn next(&mut self) -> Read<u8> {
        let (&first, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        Ok(first)
    }

    fn eat(&mut self, wanted: u8) -> bool {
        let found = self.rest.first() == Some(&wanted);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn expect(&mut self, wanted: u8) -> Read<()> {
        if self.eat(wanted) { Ok(()) } else { Err(Malformed) }
    }

    /// Takes bytes for as long as they belong.
    fn skip(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|&byte| !belongs(byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn item(&mut self) -> Read<Item<'a>> {
        match self.rest.first().ok_or(Malformed)? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string(),
            b'*' | b'A'..=b'Z' | b'a'..=b'z' => Ok(Item::Token(Text(self.skip(is_token)))),
            b':' => self.byte_sequence(),
            b'?' => self.boolean(),
            b'@' => self.date(),
            b'%' => self.display_string(),
            _ => Err(Malformed),
        }
    }

    fn number(&mut self) -> Read<Item<'a>> {
        let negative = self.eat(b'-');
        let whole = self.skip(|byte| byte.is_ascii_digit());
        if self.eat(b'.') {
            let fraction = self.skip(|byte| byte.is_ascii_digit());
            let fits = (1..=12).contains(&whole.len()) && (1..=3).contains(&fraction.len());
            return if fits { Ok(Item::Other) } else { Err(Malformed) };
        }
        if !(1..=15).contains(&whole.len()) {
            return Err(Malformed);
        }
        // Fifteen digits at most: far from overflow.
        let number = whole.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        Ok(Item::Integer(if negative { -number } else { number }))
    }

    fn string(&mut self) -> Read<Item<'a>> {
        self.expect(b'"')?;
        let start = self.rest;
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => {
                    if !matches!(self.next()?, b'"' | b'\\') {
                        return Err(Malformed);
                    }
                }
                0x20..=0x7e => {}
                _ => return Err(Malformed),
            }
        }
        Ok(Item::String(Text(&start[..start.len() - self.rest.len() - 1])))
    }

    fn byte_sequence(&mut self) -> Read<Item<'a>> {
        self.expect(b':')?;
        self.skip(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        self.expect(b':')?;
        Ok(Item::Other)
    }

    fn boolean(&mut self) -> Read<Item<'a>> {
        self.expect(b'?')?;
        if matches!(self.next()?, b'0' | b'1') { Ok(Item::Other) } else { Err(Malformed) }
    }

    fn date(&mut self) -> Read<Item<'a>> {
        self.expect(b'@')?;
        if matches!(self.number()?, Item::Integer(_)) { Ok(Item::Other) } else { Err(Malformed) }
    }

    fn display_string(&mut self) -> Read<Item<'a>> {
        self.expect(b'%')?;
        self.expect(b'"')?;
        loop {
            match self.next()? {
                b'"' => return Ok(Item::Other),
                b'%' => {
                    for _ in 0..2 {
                        if !matches!(self.next()?, b'0'..=b'9' | b'a'..=b'f') {
                            return Err(Malformed);
                        }
                    }
                }
                0x20..=0x7e => {}
                _ => return Err(Malformed),
            }
        }
    }

    /// A key and its value, which is true, and so of no interest, where none is given.
    fn pair(&mut self) -> Read<(&'a [u8], Item<'a>)> {
        if !matches!(self.rest.first(), Some(b'*' | b'a'..=b'z')) {
            return Err(Malformed);
        }
        let key = self.skip(is_key);
        let item = if self.eat(b'=') { self.item()? } else { Item::Other };
        Ok((key, item))
    }

    fn parameter(&mut self) -> Read<(&'a [u8], Item<'a>)> {
        self.expect(b';')?;
        self.skip(|byte| byte == b' ');
        self.pair()
    }

    /// All parameters at the cursor, checked but not taken apart.
    fn parameters(&mut self) -> Read<&'a [u8]> {
        let start = self.rest;
        while self.rest.first() == Some(&b';') {
            self.parameter()?;
        }
        Ok(&start[..start.len() - self.rest.len()])
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_key(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*')
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
        || matches!(byte, b':' | b'/')
}
