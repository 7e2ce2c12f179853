//! Cuts a dump into its top-level elements, in constant memory, without trusting that they are well-formed.
//!
//! Only tags are looked at here; each element is parsed on its own afterwards. So one broken element costs itself and
//! not the dump, and one that is too large is passed over without being held.

use std::io::{self, BufRead, Read};

use super::Limits;

/// What the dump has next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A whole element, in [`Splitter::element`].
    Element,
    /// An element that cannot be used, and why.
    Broken(String),
    /// The root's end tag.
    End,
    /// The input ended before the root did.
    Truncated,
}

/// One tag with the text before it, in `token`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tag {
    Open(Vec<u8>),
    Empty(Vec<u8>),
    Close(Vec<u8>),
    /// A comment, CDATA, a declaration.
    Other,
}

/// The elements below the root.
pub(super) struct Splitter<R> {
    input: R,
    limits: Limits,
    /// The element's bytes.
    element: Vec<u8>,
    /// The last tag, with the text before it; the tag begins at `tag_at`.
    token: Vec<u8>,
    tag_at: usize,
    /// Text was dropped from the last token.
    dropped: bool,
    /// A tag that was read but belongs to the next element.
    pending: Option<Tag>,
    root: Vec<u8>,
    ended: bool,
}

impl<R: BufRead> Splitter<R> {
    pub(super) fn new(input: R, limits: Limits) -> Self {
        Self {
            input,
            limits,
            element: Vec::new(),
            token: Vec::new(),
            tag_at: 0,
            dropped: false,
            pending: None,
            root: Vec::new(),
            ended: false,
        }
    }

    /// Reads up to the root's start tag; its name, or `None` where there is none.
    pub(super) fn root(&mut self) -> io::Result<Option<String>> {
        loop {
            match self.tag()? {
                Some(Tag::Other) => {}
                Some(Tag::Open(name)) => {
                    let text = String::from_utf8_lossy(&name).into_owned();
                    self.root = name;
                    return Ok(Some(text));
                }
                Some(Tag::Empty(name)) => {
                    self.ended = true;
                    return Ok(Some(String::from_utf8_lossy(&name).into_owned()));
                }
                Some(Tag::Close(_)) | None => return Ok(None),
            }
        }
    }

    /// The bytes of the element that [`Piece::Element`] announced.
    pub(super) fn element(&self) -> &[u8] {
        &self.element
    }

    /// Reads one element. `name` is what elements of this dump are called, and `nested` the only element in which one
    /// of that name may lie; anywhere else it begins the next element, and the one before it was never closed.
    pub(super) fn next(&mut self, name: &str, nested: Option<&str>) -> io::Result<Piece> {
        if self.ended {
            return self.end();
        }
        let first = loop {
            let tag = match self.pending.take() {
                Some(tag) => Some(tag),
                None => self.tag()?,
            };
            match tag {
                Some(Tag::Close(closed)) if closed == self.root => {
                    self.ended = true;
                    return self.end();
                }
                // An end tag here ends nothing: what it belonged to has been reported.
                Some(Tag::Other | Tag::Close(_)) => {}
                Some(tag @ (Tag::Open(_) | Tag::Empty(_))) => break tag,
                None => return Ok(Piece::Truncated),
            }
        };
        self.element.clear();
        let mut open = Open::new(self.limits.depth);
        let mut trouble: Option<String> = None;
        self.element.extend_from_slice(&self.token[self.tag_at..]);
        match first {
            Tag::Open(name) => open.push(name),
            _ => return Ok(Piece::Element),
        }
        while !open.is_empty() {
            let Some(tag) = self.tag()? else { return Ok(Piece::Truncated) };
            match tag {
                Tag::Open(found) | Tag::Empty(found) if found == name.as_bytes() && !open.allows(nested) => {
                    self.pending = Some(if self.token.ends_with(b"/>") { Tag::Empty(found) } else { Tag::Open(found) });
                    return Ok(Piece::Broken("it has no end tag".to_owned()));
                }
                Tag::Open(found) => open.push(found),
                Tag::Close(found) => match open.close(&found) {
                    Closed::Top => {}
                    Closed::Other => {
                        trouble.get_or_insert_with(|| {
                            format!("</{}> closes what it did not open", String::from_utf8_lossy(&found))
                        });
                    }
                    Closed::None if found == self.root => {
                        self.ended = true;
                        return Ok(Piece::Broken("it has no end tag".to_owned()));
                    }
                    Closed::None => {
                        trouble.get_or_insert_with(|| format!("</{}> closes nothing", String::from_utf8_lossy(&found)));
                    }
                },
                Tag::Empty(_) | Tag::Other => {}
            }
            if trouble.is_none() {
                if self.dropped || self.element.len() + self.token.len() > self.limits.element_bytes {
                    trouble = Some(format!("it is larger than {} bytes", self.limits.element_bytes));
                    self.element = Vec::new();
                } else {
                    self.element.extend_from_slice(&self.token);
                }
            }
        }
        if open.too_deep {
            trouble.get_or_insert_with(|| format!("its elements are nested deeper than {}", self.limits.depth));
        }
        Ok(trouble.map_or(Piece::Element, Piece::Broken))
    }

    /// Reads what follows the root, so that whatever unpacks the dump comes to its checksum.
    fn end(&mut self) -> io::Result<Piece> {
        io::copy(&mut self.input, &mut io::sink())?;
        Ok(Piece::End)
    }

    /// Reads up to the end of the next tag, into `token`. Text beyond the limit is dropped, which makes the element too
    /// large in any case.
    fn tag(&mut self) -> io::Result<Option<Tag>> {
        self.token.clear();
        self.dropped = false;
        let mut shape = Shape::default();
        loop {
            let room = (self.limits.element_bytes + TAG_BYTES).saturating_sub(self.token.len());
            if room == 0 {
                // A text without end: only what may be the beginning of a tag is kept.
                let keep = self.token.len() - TAG_BYTES.min(self.token.len());
                let from =
                    self.token[keep..].iter().rposition(|byte| *byte == b'<').map_or(self.token.len(), |at| keep + at);
                self.token.drain(..from);
                self.dropped = true;
                shape = Shape::default();
                continue;
            }
            let read = self.input.by_ref().take(room as u64).read_until(b'>', &mut self.token)?;
            if read == 0 {
                return Ok(None);
            }
            if self.token.last() == Some(&b'>') && shape.is_whole(&self.token) {
                self.tag_at = shape.tag_at.unwrap_or(0);
                return Ok(Some(classify(&self.token[self.tag_at..])));
            }
        }
    }
}

/// Bytes of one tag that are kept while the text before it is dropped.
const TAG_BYTES: usize = 64 << 10;

/// How far a token has been looked at, so that no byte is looked at twice.
#[derive(Default)]
struct Shape {
    tag_at: Option<usize>,
    seen: usize,
    quote: Option<u8>,
}

impl Shape {
    /// Whether a token that ends with `>` ends a tag, and not within a text, an attribute, a comment or CDATA.
    fn is_whole(&mut self, token: &[u8]) -> bool {
        let at = match self.tag_at {
            Some(at) => at,
            None => match token[self.seen..].iter().position(|byte| *byte == b'<') {
                Some(offset) => {
                    let at = self.seen + offset;
                    self.tag_at = Some(at);
                    self.seen = at;
                    at
                }
                None => {
                    self.seen = token.len();
                    return false;
                }
            },
        };
        let tag = &token[at..];
        for (begin, end) in [(&b"<!--"[..], &b"-->"[..]), (b"<![CDATA[", b"]]>"), (b"<?", b"?>")] {
            if tag.starts_with(begin) {
                return tag.len() >= begin.len() + end.len() && tag.ends_with(end);
            }
        }
        for byte in &token[self.seen..] {
            match (self.quote, *byte) {
                (None, b'"' | b'\'') => self.quote = Some(*byte),
                (Some(quote), byte) if quote == byte => self.quote = None,
                _ => {}
            }
        }
        self.seen = token.len();
        self.quote.is_none()
    }
}

fn classify(tag: &[u8]) -> Tag {
    let inner = &tag[1..tag.len() - 1];
    let name = |from: &[u8]| -> Vec<u8> {
        from.iter().copied().take_while(|byte| !byte.is_ascii_whitespace() && *byte != b'/').take(NAME_BYTES).collect()
    };
    match inner.first() {
        Some(b'!' | b'?') | None => Tag::Other,
        Some(b'/') => Tag::Close(name(&inner[1..])),
        Some(_) if inner.ends_with(b"/") => Tag::Empty(name(inner)),
        Some(_) => Tag::Open(name(inner)),
    }
}

/// Bytes of a name that tell elements apart here.
const NAME_BYTES: usize = 64;

/// The elements that are open.
struct Open {
    names: Vec<Vec<u8>>,
    /// Elements below the deepest that is named.
    deeper: usize,
    depth: usize,
    too_deep: bool,
}

enum Closed {
    Top,
    Other,
    None,
}

impl Open {
    fn new(depth: usize) -> Self {
        Self { names: Vec::new(), deeper: 0, depth, too_deep: false }
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn allows(&self, nested: Option<&str>) -> bool {
        nested.is_some_and(|nested| self.names.iter().any(|name| name == nested.as_bytes()))
    }

    fn push(&mut self, name: Vec<u8>) {
        if self.names.len() < self.depth {
            self.names.push(name);
        } else {
            self.too_deep = true;
            self.deeper += 1;
        }
    }

    fn close(&mut self, name: &[u8]) -> Closed {
        // The first element's own end tag ends it, however deep what is inside seems to be.
        let first = self.names.len() > 1 && self.names[0] == name && !self.names[1..].iter().any(|open| open == name);
        if self.deeper > 0 && !first {
            self.deeper -= 1;
            return Closed::Top;
        }
        match self.names.iter().rposition(|open| open == name) {
            Some(at) => {
                let top = at + 1 == self.names.len() && self.deeper == 0;
                self.names.truncate(at);
                self.deeper = 0;
                if top { Closed::Top } else { Closed::Other }
            }
            None => Closed::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { element_bytes: 1000, depth: 8, elements: 1000 };

    fn pieces(xml: &[u8], name: &str, nested: Option<&str>) -> Vec<String> {
        let mut splitter = Splitter::new(xml, LIMITS);
        splitter.root().expect("memory");
        let mut found = Vec::new();
        loop {
            match splitter.next(name, nested).expect("memory") {
                Piece::Element => found.push(String::from_utf8_lossy(splitter.element()).into_owned()),
                Piece::Broken(why) => found.push(format!("! {why}")),
                Piece::End => return found,
                Piece::Truncated => {
                    found.push("truncated".into());
                    return found;
                }
            }
        }
    }

    #[test]
    fn elements_are_cut_where_they_end() {
        let xml = br#"<?xml version="1.0"?><!-- a > b --><releases>
<release id="1"><t a='>"'>x > y</t><![CDATA[</release>]]></release> <release id="2"/>
<release><artist/></release></releases>"#;
        assert_eq!(
            pieces(xml, "release", None),
            [
                r#"<release id="1"><t a='>"'>x > y</t><![CDATA[</release>]]></release>"#,
                r#"<release id="2"/>"#,
                "<release><artist/></release>"
            ]
        );
        let labels = b"<labels><label>1<sublabels><label>2</label></sublabels></label><label>3</label></labels>";
        assert_eq!(pieces(labels, "label", Some("sublabels")).len(), 2);
    }

    #[test]
    fn a_broken_element_costs_itself_alone() {
        let xml = b"<releases><release><t></release><release>ok</release><release><t>\n<release>ok</release>\
            <release></x></release><release>ok</release><release>ok";
        let found = pieces(xml, "release", None);
        assert_eq!(found.iter().filter(|piece| piece.contains("ok")).count(), 3, "{found:?}");
        assert_eq!(found.iter().filter(|piece| piece.starts_with('!')).count(), 3, "{found:?}");
        assert_eq!(found.last().map(String::as_str), Some("truncated"));
        assert_eq!(pieces(b"<releases><release></releases>", "release", None), ["! it has no end tag"]);
    }

    #[test]
    fn what_is_too_large_or_too_deep_is_passed_over() {
        let mut xml = b"<releases><release><n>".to_vec();
        xml.extend(std::iter::repeat_n(b'x', 300_000));
        xml.extend(b"</n></release><release>ok</release><release>");
        xml.extend(b"<a>".repeat(50));
        xml.extend(b"</a>".repeat(50));
        xml.extend(b"</release><release>ok</release><release>");
        xml.extend(b">".repeat(2_000));
        xml.extend(b"</release></releases>");
        let found = pieces(&xml, "release", None);
        assert_eq!(found.len(), 5, "{found:?}");
        assert!(found[0].contains("larger than 1000 bytes") && found[2].contains("deeper than 8"), "{found:?}");
        assert!(found[1].contains("ok") && found[3].contains("ok") && found[4].contains("larger"), "{found:?}");
    }
}
