//! Bencode (BEP 3), strictly: what is read is canonical, so that writing it again gives the same bytes.
//!
//! Refused are unsorted and duplicate keys, leading zeros, `-0`, integers beyond 64 bits, strings longer than what is
//! left, anything after the end, and whatever passes the [`Limits`].

/// What a bencoded text may cost to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole text.
    pub bytes: usize,
    /// Lists and dictionaries inside each other.
    pub depth: usize,
    /// Values and keys; each takes up to about 50 bytes of memory.
    pub tokens: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 32 << 20, depth: 64, tokens: 2_000_000 }
    }
}

/// Why a text is not canonical bencode, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BencodeError {
    /// Larger than the limit.
    #[error("{found} bytes of bencode, at most {limit} are read")]
    TooLong {
        /// Its size.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The text ends inside a value.
    #[error("bencode ends inside a value that begins at byte {at}")]
    Truncated {
        /// Where the value begins.
        at: usize,
    },
    /// A byte that begins no value.
    #[error("byte {at} ({found:#04x}) begins no bencoded value")]
    NoValue {
        /// Where it is.
        at: usize,
        /// The byte.
        found: u8,
    },
    /// Not digits, a leading zero, or `-0`.
    #[error("the number at byte {at} is not written the canonical way")]
    BadNumber {
        /// Where the number begins.
        at: usize,
    },
    /// Does not fit 64 bits.
    #[error("the number at byte {at} does not fit 64 bits")]
    NumberTooLarge {
        /// Where the number begins.
        at: usize,
    },
    /// Keys must be strictly increasing by bytes.
    #[error("the dictionary key at byte {at} is a duplicate or out of order")]
    KeyOrder {
        /// Where the key begins.
        at: usize,
    },
    /// More nesting than allowed.
    #[error("bencode nests deeper than {limit} at byte {at}")]
    TooDeep {
        /// Where the value that is too deep begins.
        at: usize,
        /// The limit.
        limit: usize,
    },
    /// More values than allowed.
    #[error("more than {limit} bencoded values")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// Something follows the value.
    #[error("bytes after the end of the bencoded value, at byte {at}")]
    Trailing {
        /// Where they begin.
        at: usize,
    },
    /// The whole is something else than a dictionary.
    #[error("the bencoded value is not a dictionary")]
    NotADictionary,
}

/// A value; strings borrow from the text that was read, or from what is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// A signed integer.
    Int(i64),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A list.
    List(Vec<Value<'a>>),
    /// A dictionary.
    Dict(Dict<'a>),
}

impl<'a> Value<'a> {
    /// The integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    /// The byte string, if it is one.
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The list, if it is one.
    pub fn as_list(&self) -> Option<&[Value<'a>]> {
        if let Self::List(values) = self { Some(values) } else { None }
    }

    /// The dictionary, if it is one.
    pub fn as_dict(&self) -> Option<&Dict<'a>> {
        if let Self::Dict(dict) = self { Some(dict) } else { None }
    }

    /// Appends the value's canonical form.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Int(number) => {
                out.push(b'i');
                out.extend_from_slice(number.to_string().as_bytes());
                out.push(b'e');
            }
            Self::Bytes(bytes) => write_bytes(bytes, out),
            Self::List(values) => {
                out.push(b'l');
                for value in values {
                    value.write(out);
                }
                out.push(b'e');
            }
            Self::Dict(dict) => {
                out.push(b'd');
                for (key, value) in &dict.0 {
                    write_bytes(key, out);
                    value.write(out);
                }
                out.push(b'e');
            }
        }
    }
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(bytes.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(bytes);
}

/// A dictionary, its keys always sorted by bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dict<'a>(Vec<(&'a [u8], Value<'a>)>);

impl<'a> Dict<'a> {
    /// The value under `key`.
    pub fn get(&self, key: &[u8]) -> Option<&Value<'a>> {
        self.0.binary_search_by(|(held, _)| (*held).cmp(key)).ok().map(|index| &self.0[index].1)
    }

    /// Puts `value` under `key`, instead of what was there.
    pub fn insert(&mut self, key: &'a [u8], value: Value<'a>) {
        match self.0.binary_search_by(|(held, _)| (*held).cmp(key)) {
            Ok(index) => self.0[index].1 = value,
            Err(index) => self.0.insert(index, (key, value)),
        }
    }

    /// Keys and values in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &Value<'a>)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The dictionary that a whole text is, with the bytes of one of its values as they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document<'a> {
    /// The dictionary.
    pub root: Dict<'a>,
    /// The bytes of the value under the key asked for: what an info-hash is made over.
    pub raw: Option<&'a [u8]>,
}

/// Reads one value that is the whole of `bytes`.
pub fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Value<'a>, BencodeError> {
    Reader::new(bytes, limits, None)?.whole()
}

/// Reads a dictionary that is the whole of `bytes`, and keeps the span of the value under its key `raw_key`.
pub fn read_document<'a>(bytes: &'a [u8], raw_key: &[u8], limits: &Limits) -> Result<Document<'a>, BencodeError> {
    let mut reader = Reader::new(bytes, limits, Some(raw_key))?;
    match reader.whole()? {
        Value::Dict(root) => Ok(Document { root, raw: reader.raw }),
        _ => Err(BencodeError::NotADictionary),
    }
}

struct Reader<'a, 'k> {
    bytes: &'a [u8],
    at: usize,
    tokens: usize,
    limits: Limits,
    raw_key: Option<&'k [u8]>,
    raw: Option<&'a [u8]>,
}

impl<'a, 'k> Reader<'a, 'k> {
    fn new(bytes: &'a [u8], limits: &Limits, raw_key: Option<&'k [u8]>) -> Result<Self, BencodeError> {
        if bytes.len() > limits.bytes {
            return Err(BencodeError::TooLong { found: bytes.len(), limit: limits.bytes });
        }
        Ok(Self { bytes, at: 0, tokens: 0, limits: *limits, raw_key, raw: None })
    }

    fn whole(&mut self) -> Result<Value<'a>, BencodeError> {
        let value = self.value(0)?;
        if self.at == self.bytes.len() { Ok(value) } else { Err(BencodeError::Trailing { at: self.at }) }
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, BencodeError> {
        let start = self.at;
        match self.peek(start)? {
            b'i' => {
                self.count()?;
                self.at += 1;
                self.number(b'e').map(Value::Int)
            }
            b'0'..=b'9' => self.string().map(Value::Bytes),
            open @ (b'l' | b'd') => {
                self.count()?;
                if depth >= self.limits.depth {
                    return Err(BencodeError::TooDeep { at: start, limit: self.limits.depth });
                }
                self.at += 1;
                if open == b'l' { self.list(start, depth) } else { self.dict(start, depth) }
            }
            found => Err(BencodeError::NoValue { at: start, found }),
        }
    }

    fn list(&mut self, start: usize, depth: usize) -> Result<Value<'a>, BencodeError> {
        let mut values = Vec::new();
        while self.peek(start)? != b'e' {
            values.push(self.value(depth + 1)?);
        }
        self.at += 1;
        Ok(Value::List(values))
    }

    fn dict(&mut self, start: usize, depth: usize) -> Result<Value<'a>, BencodeError> {
        let mut entries: Vec<(&'a [u8], Value<'a>)> = Vec::new();
        while self.peek(start)? != b'e' {
            let at = self.at;
            let key = self.string()?;
            if entries.last().is_some_and(|(previous, _)| *previous >= key) {
                return Err(BencodeError::KeyOrder { at });
            }
            let value_at = self.at;
            let value = self.value(depth + 1)?;
            if depth == 0 && self.raw_key == Some(key) {
                self.raw = Some(&self.bytes[value_at..self.at]);
            }
            entries.push((key, value));
        }
        self.at += 1;
        Ok(Value::Dict(Dict(entries)))
    }

    fn string(&mut self) -> Result<&'a [u8], BencodeError> {
        let start = self.at;
        let first = self.peek(start)?;
        if !first.is_ascii_digit() {
            return Err(BencodeError::NoValue { at: start, found: first });
        }
        self.count()?;
        let length = self.number(b':')?;
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        let Some(string) = end.and_then(|end| self.bytes.get(self.at..end)) else {
            return Err(BencodeError::Truncated { at: start });
        };
        self.at += string.len();
        Ok(string)
    }

    /// The number up to `terminator`, which is passed over.
    fn number(&mut self, terminator: u8) -> Result<i64, BencodeError> {
        let at = self.at;
        let negative = self.peek(at)? == b'-';
        if negative {
            self.at += 1;
        }
        let digits_at = self.at;
        let mut number: i64 = 0;
        loop {
            let byte = self.peek(at)?;
            self.at += 1;
            if byte == terminator {
                break;
            }
            if !byte.is_ascii_digit() {
                return Err(BencodeError::BadNumber { at });
            }
            let digit = i64::from(byte - b'0');
            let next = number
                .checked_mul(10)
                .and_then(|tens| if negative { tens.checked_sub(digit) } else { tens.checked_add(digit) });
            number = next.ok_or(BencodeError::NumberTooLarge { at })?;
        }
        let digits = &self.bytes[digits_at..self.at - 1];
        let canonical = match digits {
            [] => false,
            [b'0'] => !negative,
            [first, ..] => *first != b'0',
        };
        if canonical { Ok(number) } else { Err(BencodeError::BadNumber { at }) }
    }

    fn peek(&self, value_at: usize) -> Result<u8, BencodeError> {
        self.bytes.get(self.at).copied().ok_or(BencodeError::Truncated { at: value_at })
    }

    fn count(&mut self) -> Result<(), BencodeError> {
        self.tokens += 1;
        if self.tokens > self.limits.tokens {
            return Err(BencodeError::TooMany { limit: self.limits.tokens });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_default(text: &[u8]) -> Result<Value<'_>, BencodeError> {
        read(text, &Limits::default())
    }

    #[test]
    fn what_is_read_is_written_the_same() {
        for text in [
            &b"i0e"[..],
            b"i-9223372036854775808e",
            b"i9223372036854775807e",
            b"0:",
            b"4:spam",
            b"le",
            b"de",
            b"d0:de1:ali1e2:bbe2:aad1:xi-7eee",
        ] {
            let value = read_default(text).expect("canonical");
            let mut again = Vec::new();
            value.write(&mut again);
            assert_eq!(again, text);
        }
    }

    #[test]
    fn what_is_not_canonical_is_refused_where_it_stands() {
        use BencodeError as E;
        for (text, error) in [
            (&b""[..], E::Truncated { at: 0 }),
            (b"i12", E::Truncated { at: 1 }),
            (b"ie", E::BadNumber { at: 1 }),
            (b"i-e", E::BadNumber { at: 1 }),
            (b"i-0e", E::BadNumber { at: 1 }),
            (b"i03e", E::BadNumber { at: 1 }),
            (b"i1-e", E::BadNumber { at: 1 }),
            (b"i9223372036854775808e", E::NumberTooLarge { at: 1 }),
            (b"i-9223372036854775809e", E::NumberTooLarge { at: 1 }),
            (b"03:abc", E::BadNumber { at: 0 }),
            (b"4:abc", E::Truncated { at: 0 }),
            (b"9223372036854775807:a", E::Truncated { at: 0 }),
            (b"99999999999999999999:a", E::NumberTooLarge { at: 0 }),
            (b"-1:a", E::NoValue { at: 0, found: b'-' }),
            (b"li1e", E::Truncated { at: 0 }),
            (b"di1ei2ee", E::NoValue { at: 1, found: b'i' }),
            (b"d1:ae", E::NoValue { at: 4, found: b'e' }),
            (b"d1:bi1e1:ai2ee", E::KeyOrder { at: 7 }),
            (b"d1:ai1e1:ai2ee", E::KeyOrder { at: 7 }),
            (b"i1ei2e", E::Trailing { at: 3 }),
            (b"x", E::NoValue { at: 0, found: b'x' }),
        ] {
            assert_eq!(read_default(text), Err(error), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn limits_hold() {
        let limits = Limits { bytes: 100, depth: 3, tokens: 10 };
        assert_eq!(read(b"lllleeee", &limits), Err(BencodeError::TooDeep { at: 3, limit: 3 }));
        assert!(read(b"llleee", &limits).is_ok());
        assert_eq!(read(b"l0:0:0:0:0:0:0:0:0:0:e", &limits), Err(BencodeError::TooMany { limit: 10 }));
        assert!(read(b"l0:0:0:0:0:0:0:0:0:e", &limits).is_ok());
        assert_eq!(read(&[b'0'; 101], &limits), Err(BencodeError::TooLong { found: 101, limit: 100 }));
        let nested = vec![b'l'; 1_000_000];
        assert_eq!(read_default(&nested), Err(BencodeError::TooDeep { at: 64, limit: 64 }));
    }

    #[test]
    fn the_span_of_a_value_is_that_of_the_outer_key() {
        let document = read_document(b"d1:ad4:infoi1ee4:infod1:xi2eee", b"info", &Limits::default()).expect("valid");
        assert_eq!(document.raw, Some(&b"d1:xi2ee"[..]));
        assert_eq!(read_document(b"i1e", b"info", &Limits::default()), Err(BencodeError::NotADictionary));
    }
}
