//! The lines of a dump: JSON Lines, bare or in a tar archive, packed with gzip, bzip2, xz or zstd, or not at all.
//!
//! Of a tar archive, the members that end in `.listens`, `.json` or `.jsonl` are read one after the other; dumps of
//! ListenBrainz keep them below `listens/`. Unpacking and archives are those of all imports.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use fonoteca_catalog::import::{self, ImportError, Input, InputLimits, Meter, Tar, read_line};

/// Bytes of one line; a listen is a few hundred.
pub(super) const LINE_BYTES: usize = 1 << 20;
const BLOCK: usize = 512;
const MEMBERS: [&str; 3] = [".listens", ".json", ".jsonl"];

/// One line, without its end; `length` is larger than the text where it was too long to be kept.
pub(super) struct Line {
    /// What was kept of it.
    pub(super) text: Vec<u8>,
    /// How long it is.
    pub(super) length: u64,
}

/// A file, line by line.
pub(super) enum Lines {
    Bare(Input),
    Archive(Tar<Input>),
}

impl Lines {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let (file, name) = (File::open(path)?, path.display().to_string());
        let mut input = Input::of(name, file, InputLimits::default(), &Meter::default()).map_err(cause)?;
        let mut first = Vec::with_capacity(BLOCK);
        input.by_ref().take(BLOCK as u64).read_to_end(&mut first)?;
        // By its mark alone: an archive with a damaged first header is a damaged archive.
        let is_tar = first.len() == BLOCK && &first[257..262] == b"ustar";
        let input = input.behind(first);
        Ok(if is_tar { Self::Archive(Tar::new(input)) } else { Self::Bare(input) })
    }

    /// The next line into `line`; false at the end of the file.
    pub(super) fn next(&mut self, line: &mut Line) -> io::Result<bool> {
        loop {
            let read = match self {
                Self::Bare(input) => read_line(input, &mut line.text, LINE_BYTES)?,
                Self::Archive(tar) => read_line(tar, &mut line.text, LINE_BYTES)?,
            };
            line.length = match read {
                import::Line::Whole => line.text.len() as u64,
                import::Line::TooLong(length) => length,
                import::Line::End => {
                    let goes_on = if let Self::Archive(tar) = self { next_member(tar)? } else { false };
                    if goes_on {
                        continue;
                    }
                    return Ok(false);
                }
            };
            return Ok(true);
        }
    }
}

/// Goes to the next member that holds listens; false at the end of the archive.
fn next_member(tar: &mut Tar<Input>) -> io::Result<bool> {
    while let Some(member) = tar.next_member()? {
        if member.is_file && MEMBERS.iter().any(|ending| member.path.ends_with(ending)) {
            return Ok(true);
        }
    }
    // At the end of what is packed its checksum is looked at.
    tar.input().finish().map_err(cause)?;
    Ok(false)
}

/// What the disk or the unpacking said; the file is named by whoever reports it.
fn cause(error: ImportError) -> io::Error {
    match error {
        ImportError::Read { source, .. } => source,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> io::Result<Vec<(String, u64)>> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), bytes).expect("written");
        let mut lines = Lines::open(file.path())?;
        let (mut line, mut all) = (Line { text: Vec::new(), length: 0 }, Vec::new());
        while lines.next(&mut line)? {
            all.push((String::from_utf8_lossy(&line.text).into_owned(), line.length));
        }
        Ok(all)
    }

    fn member(name: &str, content: &[u8]) -> Vec<u8> {
        let mut header = vec![0; BLOCK];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[148..156].copy_from_slice(b"        ");
        header[156] = b'0';
        header[257..263].copy_from_slice(b"ustar\0");
        let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        header.extend_from_slice(content);
        header.resize(header.len().next_multiple_of(BLOCK), 0);
        header
    }

    fn archive() -> Vec<u8> {
        let mut tar = member("dump/COPYING", b"not\nlistens\n");
        tar.extend(member("dump/listens/2024/1.listens", b"one\ntwo"));
        tar.extend(member("dump/listens/2024/empty.listens", b""));
        tar.extend(member("dump/listens/2024/2.listens", &[b"three\n".as_slice(), &[b'x'; 600], b"\n"].concat()));
        tar.extend([0; 2 * BLOCK]);
        tar
    }

    fn texts(bytes: &[u8]) -> Vec<String> {
        lines(bytes).expect("read").into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn lines_come_with_and_without_a_last_break() {
        assert_eq!(texts(b"a\nb\n"), ["a", "b"]);
        assert_eq!(texts(b"a\n\nb"), ["a", "", "b"]);
        assert_eq!(texts(b""), [""; 0]);
    }

    #[test]
    fn a_line_that_is_too_long_is_told_and_not_kept() {
        let long = vec![b'x'; LINE_BYTES + 10];
        let read = lines(&[&long, b"\nnext\n".as_slice()].concat()).expect("read");
        assert_eq!((read[0].0.len(), read[0].1), (LINE_BYTES, LINE_BYTES as u64 + 10));
        assert_eq!(read[1].0, "next");
    }

    #[test]
    fn only_members_with_listens_are_read() {
        let all = texts(&archive());
        assert_eq!((all.len(), &all[..3]), (4, ["one", "two", "three"].map(str::to_owned).as_slice()));
        assert_eq!(all[3].len(), 600);
    }

    #[test]
    fn every_packing_gives_the_same_lines() {
        let plain = archive();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        for sink in [&mut gzip as &mut dyn io::Write, &mut bzip2, &mut xz] {
            sink.write_all(&plain).expect("packed");
        }
        let zstd = zstd::encode_all(plain.as_slice(), 1).expect("packed");
        let packed =
            [gzip.finish().expect("packed"), bzip2.finish().expect("packed"), xz.finish().expect("packed"), zstd];
        for (number, bytes) in packed.iter().enumerate() {
            assert_eq!(texts(bytes), texts(&plain), "{number}");
            assert!(lines(&bytes[..bytes.len() / 2]).is_err(), "{number} is cut off");
        }
    }

    #[test]
    fn a_damaged_archive_is_an_error() {
        let mut tar = archive();
        tar[BLOCK * 2 + 130] ^= 1;
        assert_eq!(lines(&tar).expect_err("damaged").kind(), io::ErrorKind::InvalidData);
        let whole = archive();
        assert_eq!(lines(&whole[..BLOCK * 3 + 4]).expect_err("cut off").kind(), io::ErrorKind::UnexpectedEof);
    }
}
