//! Bencode: what is read is canonical, so that writing it gives the same bytes, and limits hold.

use fonoteca_torrent::bencode::{Limits, Value, read, read_document};

/// Takes the bytes as a bencoded value.
pub fn check(bytes: &[u8]) {
    let value = match read(bytes, &Limits::default()) {
        Ok(value) => value,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let mut again = Vec::new();
    value.write(&mut again);
    assert_eq!(again, bytes);

    let (depth, tokens) = measure(&value);
    for (limits, fits) in [
        (Limits { depth, tokens, bytes: bytes.len() }, true),
        (Limits { depth: depth.wrapping_sub(1), ..Limits::default() }, depth == 0),
        (Limits { tokens: tokens - 1, ..Limits::default() }, false),
        (Limits { bytes: bytes.len() - 1, ..Limits::default() }, false),
    ] {
        assert_eq!(read(bytes, &limits).is_ok(), fits, "{limits:?}");
    }
    let document = read_document(bytes, b"info", &Limits::default());
    assert_eq!(document.is_ok(), value.as_dict().is_some());
    let (Ok(document), Some(dict)) = (document, value.as_dict()) else { return };
    assert_eq!(&document.root, dict);
    let mut info = Vec::new();
    if let Some(value) = dict.get(b"info") {
        value.write(&mut info);
    }
    assert_eq!(document.raw.unwrap_or_default(), info);
    assert!(dict.iter().all(|(key, value)| dict.get(key) == Some(value)));
}

/// Depth and number of values and keys.
fn measure(value: &Value<'_>) -> (usize, usize) {
    let inside: Vec<(usize, usize)> = match value {
        Value::Int(_) | Value::Bytes(_) => return (0, 1),
        Value::List(values) => values.iter().map(measure).collect(),
        Value::Dict(dict) => {
            dict.iter().map(|(_, value)| measure(value)).map(|(depth, count)| (depth, count + 1)).collect()
        }
    };
    let depth = inside.iter().map(|(depth, _)| *depth).max().unwrap_or(0);
    (depth + 1, 1 + inside.iter().map(|(_, tokens)| tokens).sum::<usize>())
}
