//! The lines of a dump: JSON Lines, bare or in a tar archive, packed with gzip, bzip2, xz or zstd, or not at all.
//!
//! What a file is packed with follows from its first bytes. Of a tar archive, the members that end in `.listens`, `.json` or
//! `.jsonl` are read one after the other; dumps of ListenBrainz keep them below `listens/`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

/// Bytes of one line; a listen is a few hundred.
pub(super) const LINE_BYTES: usize = 1 << 20;
/// Memory that xz may ask for; `xz -9` needs 65 MiB.
const XZ_MEMORY_BYTES: u64 = 1 << 30;
/// The window that zstd may ask for, as a power of two: `--long=30`.
const ZSTD_WINDOW_LOG: u32 = 30;
const BUFFER_BYTES: usize = 1 << 18;
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
pub(super) struct Lines {
    input: Box<dyn BufRead + Send>,
    /// Bytes that are left of the current member; none where the file is no archive.
    member: Option<Member>,
}

struct Member {
    left: u64,
    padding: u64,
}

impl Lines {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut input = unpacked(File::open(path)?)?;
        let mut first = [0; BLOCK];
        let filled = fill(&mut input, &mut first)?;
        let is_tar = filled == BLOCK && &first[257..262] == b"ustar";
        let whole = Cursor::new(first[..filled].to_vec()).chain(input);
        let member = is_tar.then_some(Member { left: 0, padding: 0 });
        Ok(Self { input: Box::new(BufReader::with_capacity(BUFFER_BYTES, whole)), member })
    }

    /// The next line into `line`; false at the end of the file.
    pub(super) fn next(&mut self, line: &mut Line) -> io::Result<bool> {
        line.text.clear();
        line.length = 0;
        loop {
            if let Some(member) = &self.member
                && member.left == 0
            {
                // A member may end without a line break.
                if line.length > 0 {
                    return Ok(true);
                }
                if !self.next_member()? {
                    return Ok(false);
                }
                continue;
            }
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return if self.member.is_some() { Err(cut_off()) } else { Ok(line.length > 0) };
            }
            let most = self.member.as_ref().map_or(buffer.len(), |member| buffer.len().min(member.left as usize));
            let end = buffer[..most].iter().position(|byte| *byte == b'\n');
            let part = &buffer[..end.unwrap_or(most)];
            let room = LINE_BYTES.saturating_sub(line.text.len());
            line.text.extend_from_slice(&part[..part.len().min(room)]);
            line.length += part.len() as u64;
            let taken = end.map_or(most, |end| end + 1);
            self.input.consume(taken);
            if let Some(member) = &mut self.member {
                member.left -= taken as u64;
            }
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// Goes to the next member that holds listens; false at the end of the archive.
    fn next_member(&mut self) -> io::Result<bool> {
        loop {
            let padding = self.member.as_mut().map_or(0, |member| std::mem::take(&mut member.padding));
            self.pass_over(padding)?;
            let mut header = [0; BLOCK];
            match fill(&mut self.input, &mut header)? {
                // At the end of what is packed its checksum is looked at.
                BLOCK if header.iter().all(|byte| *byte == 0) => {
                    io::copy(&mut self.input, &mut io::sink())?;
                    return Ok(false);
                }
                BLOCK => {}
                0 => return Ok(false),
                _ => return Err(cut_off()),
            }
            let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the tar archive has a damaged header");
            let size = size_of(&header).filter(|_| is_sound(&header)).ok_or_else(damaged)?;
            let padding = size.next_multiple_of(BLOCK as u64) - size;
            let name = header[..100].split(|byte| *byte == 0).next().unwrap_or_default();
            let is_file = matches!(header[156], b'0' | 0);
            if is_file && MEMBERS.iter().any(|ending| name.ends_with(ending.as_bytes())) {
                self.member = Some(Member { left: size, padding });
                if size > 0 {
                    return Ok(true);
                }
            } else {
                self.pass_over(size + padding)?;
            }
        }
    }

    fn pass_over(&mut self, bytes: u64) -> io::Result<()> {
        let passed = io::copy(&mut self.input.by_ref().take(bytes), &mut io::sink())?;
        if passed == bytes { Ok(()) } else { Err(cut_off()) }
    }
}

/// Reads as much of a block as there is.
fn fill(input: &mut impl Read, block: &mut [u8; BLOCK]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < BLOCK {
        match input.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the tar archive is cut off")
}

/// The size in a header: octal digits, or for large members 8 bytes behind a set bit.
fn size_of(header: &[u8; BLOCK]) -> Option<u64> {
    let field = &header[124..136];
    if field[0] & 0x80 != 0 {
        let number = field[4..].first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))?;
        return (number < 1 << 62).then_some(number);
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok()
}

/// Whether the header's sum is right; in the sum, its own field counts as spaces.
fn is_sound(header: &[u8; BLOCK]) -> bool {
    let sum: u64 = header
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { u64::from(b' ') } else { u64::from(*byte) })
        .sum();
    let text = std::str::from_utf8(&header[148..156]).unwrap_or_default().trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8) == Ok(sum)
}

fn unpacked(mut file: File) -> io::Result<Box<dyn Read + Send>> {
    let mut first = Vec::with_capacity(6);
    file.by_ref().take(6).read_to_end(&mut first)?;
    let whole = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(first.clone()).chain(file));
    Ok(match first.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(whole)),
        [b'B', b'Z', b'h', ..] => Box::new(MultiBzDecoder::new(whole)),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => {
            Box::new(XzDecoder::new_stream(whole, Stream::new_stream_decoder(XZ_MEMORY_BYTES, CONCATENATED)?))
        }
        // A frame, or one to be skipped, as parallel compressors put in front.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            let mut decoder = zstd::Decoder::with_buffer(whole)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
        _ => Box::new(whole),
    })
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
