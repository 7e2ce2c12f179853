//! Names in archives: what can be believed of them, and what they say of an entry.

/// What an entry is by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Audio,
    Cover,
    /// A CUE sheet or words.
    Text,
    /// An archive in the archive.
    Packed,
    Other,
}

/// Archives that are named, whether or not they could be opened.
const PACKED: [&str; 13] = [
    ".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".7z", ".rar",
    ".gz",
];

/// The longest path that systems take.
const MAX_BYTES: usize = 4096;

/// The name in its plain form: parts with `/` between. The error says why it is none.
pub(super) fn plain(name: &str) -> Result<String, &'static str> {
    if name.len() > MAX_BYTES {
        return Err("its name is longer than any path");
    }
    // Windows' separators, drives and streams, wherever the archive is read.
    let name = name.replace('\\', "/");
    if name.contains(|letter: char| letter.is_control()) {
        return Err("its name has control characters");
    }
    let drive = name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
    if name.starts_with('/') || drive {
        return Err("its path is absolute");
    }
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err("its path leads out of the archive"),
            part => parts.push(part),
        }
    }
    if parts.is_empty() { Err("it has no name") } else { Ok(parts.join("/")) }
}

/// What a plain name says.
pub(super) fn named(name: &str) -> Named {
    let last = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    // What macOS adds beside each file has its name and is none.
    if last.starts_with("._") || name.starts_with("__MACOSX/") {
        return Named::Other;
    }
    if fonoteca_audio::looks_like_audio_name(last.as_ref()) {
        return Named::Audio;
    }
    if PACKED.iter().any(|end| last.ends_with(end)) {
        return Named::Packed;
    }
    match last.rsplit_once('.') {
        Some((_, "cue" | "lrc" | "txt")) => Named::Text,
        Some((stem, end)) if fonoteca_audio::cover::is_cover_name(stem, end) => Named::Cover,
        _ => Named::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_none() {
        assert_eq!(plain("Album/./01.flac").as_deref(), Ok("Album/01.flac"));
        assert_eq!(plain("Album\\01.flac").as_deref(), Ok("Album/01.flac"));
        assert_eq!(plain("a..b/..c.flac").as_deref(), Ok("a..b/..c.flac"));
        for name in
            ["../x.flac", "a/../../x.flac", "a/..", "..\\x.flac", "/x.flac", "C:\\x.flac", "\\\\server\\x", "", "."]
        {
            assert!(plain(name).is_err(), "{name}");
        }
        assert!(plain("a\nb.flac").is_err() && plain("a\0.flac").is_err() && plain(&"a".repeat(4097)).is_err());
    }

    #[test]
    fn what_names_say() {
        for (name, what) in [
            ("a/1.FLAC", Named::Audio),
            ("a/Cover.JPG", Named::Cover),
            ("back.jpg", Named::Other),
            ("a.cue", Named::Text),
            ("a/more.tar.gz", Named::Packed),
            ("more.rar", Named::Packed),
            ("__MACOSX/a/._1.flac", Named::Other),
            ("a/._1.flac", Named::Other),
            ("log", Named::Other),
        ] {
            assert_eq!(named(name), what, "{name}");
        }
    }
}
