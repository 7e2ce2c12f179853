//! MusicBrainz dumps: what rows their entities become, and what becomes of bad ones.

mod broken;
mod entities;
mod real;

use std::io::{Cursor, Write as _};

use fonoteca_catalog::Batch;
use fonoteca_catalog::import::musicbrainz::{Dump, Entity, Options};
use fonoteca_catalog::import::{ImportError, Input, InputLimits, Meter, Records as _, Reject};

/// What a dump's records become.
#[derive(Debug, Default)]
pub struct Found {
    pub rows: Batch,
    pub rejects: Vec<(u64, Reject)>,
    pub read: u64,
    pub entity: Option<Entity>,
    pub dump_date: Option<String>,
    pub parts: Option<String>,
}

impl Found {
    /// Number, field and reason of each reject.
    pub fn told(&self) -> Vec<(u64, &str, &str)> {
        self.rejects.iter().map(|(number, reject)| (*number, reject.field.as_str(), reject.reason.as_str())).collect()
    }
}

pub fn read(bytes: impl Into<Vec<u8>>, options: Options) -> Result<Found, ImportError> {
    let input = Input::of("dump".to_owned(), Cursor::new(bytes.into()), InputLimits::default(), &Meter::default())?;
    let mut dump = Dump::open(input, options)?;
    let mut found = Found { entity: Some(dump.entity()), ..Found::default() };
    while let Some(record) = dump.next(&mut found.rows)? {
        found.read += 1;
        found.rejects.extend(record.rejects.into_iter().map(|reject| (record.number, reject)));
    }
    let facts = dump.facts()();
    (found.dump_date, found.parts) = (facts.dump_date, facts.parts);
    Ok(found)
}

/// Lines about one entity.
pub fn of(entity: Entity, lines: impl Into<Vec<u8>>) -> Found {
    read(lines, Options { entity: Some(entity), ..Options::default() }).expect("read")
}

/// A tar archive, as GNU tar writes it.
pub fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (path, bytes) in members {
        let mut header = [0_u8; 512];
        header[..path.len()].copy_from_slice(path.as_bytes());
        header[100..107].copy_from_slice(b"0000644");
        header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar  \0");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        archive.extend_from_slice(&header);
        archive.extend_from_slice(bytes);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

pub fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}
