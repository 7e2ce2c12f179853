//! What people and dumps write: codes, dates, ids, hashes, licences, sizes, spans, words of rights.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use fonoteca_model::fold::fold;
use fonoteca_model::licence::{LicenceMatch, read};
use fonoteca_model::rights::{Basis, Layer, SubjectKind};
use fonoteca_model::units::{Bytes, Rate, Span};
use fonoteca_model::{BlobId, Id, Isrc, Iswc, Mbid, PartialDate, Sha1Hash, Upc};

/// Takes the bytes as a text, which is read as everything.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    prints_and_reads::<Isrc>(text);
    prints_and_reads::<Iswc>(text);
    prints_and_reads::<Upc>(text);
    prints_and_reads::<Mbid>(text);
    prints_and_reads::<Id>(text);
    prints_and_reads::<BlobId>(text);
    prints_and_reads::<Sha1Hash>(text);
    prints_and_reads::<PartialDate>(text);
    prints_and_reads::<Span>(text);
    prints_and_reads::<Basis>(text);
    prints_and_reads::<Layer>(text);
    prints_and_reads::<SubjectKind>(text);

    if let Ok(date) = text.parse::<PartialDate>() {
        assert_eq!(date.to_string(), text, "a strict date is written so");
    }
    if let Some(date) = PartialDate::lenient(text) {
        assert!((1..=9999).contains(&date.year()));
        assert_eq!(date.to_string().parse(), Ok(date));
    }
    if let Ok(rate) = text.parse::<Rate>() {
        assert_eq!(String::from(rate).parse(), Ok(rate));
    }
    // The largest sizes are beyond what is read when they are rounded up.
    if let Some(bytes) = text.parse::<Bytes>().ok().filter(|bytes| bytes.0 < 8_900_000_000_000_000_000) {
        assert!(bytes.0 > 0);
        let again: Bytes = bytes.to_string().parse().expect("a size prints as one");
        assert!((again.0 as f64 / bytes.0 as f64 - 1.0).abs() < 0.06, "{text:?} is {bytes}");
    }
    licence(text);
    let folded = fold(text);
    assert!(!folded.starts_with(' ') && !folded.ends_with(' ') && !folded.contains("  "), "{folded:?}");
    assert_eq!(fold(&folded), folded, "{text:?}");
}

/// What a text is read as prints as something that is read as the same.
fn prints_and_reads<T: FromStr<Err: Display> + Display + Debug + PartialEq>(text: &str) {
    match text.parse::<T>() {
        Ok(read) => {
            let printed = read.to_string();
            assert_eq!(printed.parse::<T>().ok().as_ref(), Some(&read), "{printed:?} of {text:?}");
        }
        // What is said of a long text is short.
        Err(error) => assert!(error.to_string().len() < 1000, "{error}"),
    }
}

/// A licence that is known is known by its URI and its SPDX id too.
fn licence(text: &str) {
    let LicenceMatch::Known { row, uri, spdx } = read(text) else { return };
    let LicenceMatch::Known { row: again, uri: same, .. } = read(&uri) else { panic!("{uri} of {text:?} is unknown") };
    assert_eq!((again, &same), (row, &uri), "{text:?}");
    if let Some(spdx) = spdx {
        let LicenceMatch::Known { row: again, .. } = read(&spdx) else { panic!("{spdx} of {text:?} is unknown") };
        assert_eq!(again, row, "{spdx} of {text:?}");
    }
}
