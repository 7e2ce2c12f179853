//! Looking through an archive: which entries are wanted, which are named and left, and when it goes too far.

use std::collections::HashMap;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use fonoteca_model::units::Bytes;
use fonoteca_store::is_io_error;

use super::name::{Named, named, plain};
use super::{At, Entry, PackedError, PackedLimits, Spool};

/// What an archive says that an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    File,
    Folder,
    Link,
    Device,
    Encrypted,
    /// Something that is not read here, in words that follow "it is".
    Unreadable(String),
}

/// What was found in an archive.
#[derive(Debug, Default)]
pub(in crate::ingest) struct Listing {
    /// Audio, in the order in which it lies there.
    pub audio: Vec<Entry>,
    /// Entries that are not taken in, by name, and why.
    pub refused: Vec<(String, String)>,
    /// Entries that nobody asked for.
    pub ignored: u64,
    /// Why it was not read to its end.
    pub ended: Option<PackedError>,
}

/// Files beside the audio, by folder and name.
pub(super) type Beside = HashMap<String, Vec<(String, Range<u64>)>>;

/// What to do with an entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Nothing.
    No,
    /// It is audio: say where it is.
    Audio(String),
    /// Its bytes are needed at once.
    Beside(String),
}

pub(super) struct Lister<'a> {
    pub limits: PackedLimits,
    /// Bytes of the whole archive, where all that it unpacks to is declared in it.
    pub archive_bytes: Option<u64>,
    spool: &'a Spool,
    stop: &'a dyn Fn() -> bool,
    entries: usize,
    bytes: u64,
    found: Vec<(String, At, u64)>,
    beside: Beside,
    listing: Listing,
}

impl<'a> Lister<'a> {
    pub fn new(limits: PackedLimits, spool: &'a Arc<Spool>, stop: &'a dyn Fn() -> bool) -> Self {
        Self {
            limits,
            archive_bytes: None,
            spool,
            stop,
            entries: 0,
            bytes: 0,
            found: Vec::new(),
            beside: Beside::new(),
            listing: Listing::default(),
        }
    }

    pub fn stopped(&self) -> bool {
        (self.stop)()
    }

    /// One more entry. The error is a limit that it breaks.
    pub fn entry(&mut self, name: &str, said: Said, size: u64, packed: Option<u64>) -> Result<Wanted, PackedError> {
        if self.stopped() {
            return Err(PackedError::Left);
        }
        self.entries += 1;
        let PackedLimits { entries, bytes, ratio, ratio_from, .. } = self.limits;
        if self.entries > entries {
            return Err(PackedError::Refused(format!("it has more than {entries} entries, the most that is opened")));
        }
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > bytes {
            let limit = Bytes(bytes);
            return Err(PackedError::Refused(format!("its entries are more than {limit} unpacked, the limit")));
        }
        if let Some(archive_bytes) = self.archive_bytes
            && self.bytes > ratio_from
            && self.bytes / archive_bytes.max(1) > ratio
        {
            let size = Bytes(self.bytes);
            let what = format!("its entries would become {size}, more than {ratio} for each byte of it, the limit");
            return Err(PackedError::Refused(what));
        }
        let shown: String = name.chars().filter(|letter| !letter.is_control()).take(1024).collect();
        let mut refuse = |why: &str| {
            self.listing.refused.push((shown.clone(), why.to_owned()));
            Ok(Wanted::No)
        };
        let name = match (plain(name), &said) {
            (_, Said::Folder) => return Ok(Wanted::No),
            (Err(why), _) => return refuse(&format!("{why}, so it is left: nothing is taken from outside an archive")),
            (Ok(name), _) => name,
        };
        let what = named(&name);
        match said {
            Said::Link => return refuse("it is a link, and links in archives are not followed"),
            Said::Device => return refuse("it is a device or a pipe, not a file"),
            Said::Encrypted => return refuse("it is encrypted: unpack it with its password, and take that in"),
            Said::Unreadable(why) if what != Named::Other => {
                return refuse(&format!("it is {why}: unpack it yourself"));
            }
            Said::File | Said::Folder | Said::Unreadable(_) => {}
        }
        if let Some(packed) = packed
            && size > ratio_from
            && size / packed.max(1) > ratio
        {
            let size = Bytes(size);
            return refuse(&format!("{packed} bytes would become {size}, more than {ratio} for each, the limit"));
        }
        Ok(match what {
            Named::Audio => Wanted::Audio(name),
            Named::Cover | Named::Text => Wanted::Beside(name),
            Named::Packed => return refuse("it is an archive in an archive, which is not opened: unpack it first"),
            Named::Other => {
                self.listing.ignored += 1;
                Wanted::No
            }
        })
    }

    /// Where audio is.
    pub fn found(&mut self, name: String, at: At, size: u64) {
        self.found.push((name, at, size));
    }

    /// The bytes of something beside the audio. What is damaged or too large is left out.
    ///
    /// Errors: the disk does not give it.
    pub fn keep_beside(&mut self, name: &str, bytes: &mut dyn Read) -> Result<(), PackedError> {
        self.listing.ignored += 1;
        let text = named(name) == Named::Text;
        let most = if text { self.limits.text_bytes } else { self.limits.cover_bytes };
        match self.spool.keep(bytes, most) {
            Ok(Some(range)) => {
                let (folder, last) = name.rsplit_once('/').unwrap_or(("", name));
                self.beside.entry(folder.to_owned()).or_default().push((last.to_owned(), range));
            }
            Err(error) if is_io_error(&error) => return Err(PackedError::Read(error)),
            // It is no audio, and as good as not there.
            Ok(None) | Err(_) => {}
        }
        Ok(())
    }

    pub fn finish(self) -> (Vec<(String, At, u64)>, Beside, Listing) {
        (self.found, self.beside, self.listing)
    }
}
