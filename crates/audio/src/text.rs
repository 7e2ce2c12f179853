//! Text of unknown encoding, as old sheets and lyrics beside music have it.

/// A text, and what had to be assumed to read it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) text: String,
    pub(crate) note: Option<&'static str>,
}

/// Reads UTF-8 with or without a mark, UTF-16 with one, and all else as Windows-1252, which maps every byte.
///
/// What no mark and no rule proves is not guessed at: Cyrillic or Japanese bytes come out as Latin letters with the note, and
/// the bytes stay in the archive.
pub(crate) fn decode(bytes: &[u8]) -> Decoded {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let text: String = char::decode_utf16(units).map(|found| found.unwrap_or('\u{fffd}')).collect();
        let note = text.contains('\u{fffd}').then_some("its UTF-16 is not valid; what is not was replaced");
        Decoded { text, note }
    };
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return wide(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return wide(rest, u16::from_be_bytes);
    }
    let rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(rest) {
        Ok(text) => Decoded { text: text.to_owned(), note: None },
        Err(_) => Decoded {
            text: rest.iter().map(|byte| windows_1252(*byte)).collect(),
            note: Some("its text is not UTF-8; it was read as Windows-1252"),
        },
    }
}

/// The character of a byte (unicode.org, CP1252.TXT); the five bytes without one stay control characters.
fn windows_1252(byte: u8) -> char {
    const FROM_80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    if (0x80..0xa0).contains(&byte) { FROM_80[usize::from(byte - 0x80)] } else { char::from(byte) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_that_says_what_it_is() {
        let wide = |unit: fn(u16) -> [u8; 2], mark: u16| {
            std::iter::once(mark).chain("Zoë 𝄞".encode_utf16()).flat_map(unit).collect::<Vec<u8>>()
        };
        for bytes in [
            "Zoë 𝄞".as_bytes().to_vec(),
            "\u{feff}Zoë 𝄞".as_bytes().to_vec(),
            wide(u16::to_le_bytes, 0xfeff),
            wide(u16::to_be_bytes, 0xfeff),
        ] {
            assert_eq!(decode(&bytes), Decoded { text: "Zoë 𝄞".into(), note: None });
        }
        let old = decode(b"Zo\xeb \x93x\x94");
        assert_eq!(old.text, "Zoë “x”");
        assert!(old.note.is_some());
        assert!(decode(b"\xff\xfe\x00\xd8x\0").note.is_some(), "half a pair");
    }
}
