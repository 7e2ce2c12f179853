//! Lines of foreign text, none longer than is allowed.

use std::io::{self, BufRead};

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// There is no more.
    End,
    /// It was read whole, without its line break.
    Whole,
    /// It has so many bytes, which is too long: its beginning was kept, the rest passed over.
    TooLong(u64),
}

/// Reads the next line into `line`, of which no more than `most` bytes are kept in memory.
pub fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>, most: usize) -> io::Result<Line> {
    line.clear();
    let mut length: u64 = 0;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(if length == 0 { Line::End } else { ended(line, length, most) });
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        line.extend_from_slice(&part[..part.len().min(most.saturating_sub(line.len()))]);
        let taken = part.len() + usize::from(end.is_some());
        length += part.len() as u64;
        input.consume(taken);
        if end.is_some() {
            return Ok(ended(line, length, most));
        }
    }
}

fn ended(line: &mut Vec<u8>, length: u64, most: usize) -> Line {
    if length > most as u64 {
        return Line::TooLong(length);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Line::Whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], most: usize) -> Vec<(Line, String)> {
        // A buffer of three bytes: lines go over its ends.
        let mut input = io::BufReader::with_capacity(3, text);
        let mut found = Vec::new();
        let mut line = Vec::new();
        loop {
            let read = read_line(&mut input, &mut line, most).expect("a slice can be read");
            if read == Line::End {
                return found;
            }
            found.push((read, String::from_utf8_lossy(&line).into_owned()));
        }
    }

    #[test]
    fn lines_end_anywhere_and_long_ones_are_passed_over() {
        let whole = |text: &str| (Line::Whole, text.to_owned());
        assert_eq!(lines(b"", 4), []);
        assert_eq!(lines(b"ab\n\ncdef", 4), [whole("ab"), whole(""), whole("cdef")]);
        assert_eq!(lines(b"ab\r\n", 4), [whole("ab")]);
        assert_eq!(
            lines(b"abcde\nx\nabcdefgh", 4),
            [(Line::TooLong(5), "abcd".to_owned()), whole("x"), (Line::TooLong(8), "abcd".to_owned())]
        );
    }
}
