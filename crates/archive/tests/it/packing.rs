//! Archives for tests: zip and tar, well made and not.

use std::io::Write;

use rawzip::path::EntryPath;
use rawzip::{CompressionMethod, ZipArchiveWriter};

/// One entry of a zip archive.
pub struct ZipEntry<'a> {
    pub name: &'a str,
    pub bytes: &'a [u8],
    pub mode: u32,
    pub encrypted: bool,
}

pub fn entry<'a>(name: &'a str, bytes: &'a [u8]) -> ZipEntry<'a> {
    ZipEntry { name, bytes, mode: 0o100_644, encrypted: false }
}

/// A zip archive whose entries are deflated and called as given.
pub fn zip(entries: &[ZipEntry<'_>]) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for one in entries {
        let builder = archive
            .new_file(EntryPath::verbatim(one.name.as_bytes()))
            .compression_method(CompressionMethod::DEFLATE)
            .unix_permissions(one.mode)
            .encrypted(one.encrypted);
        let (mut entry, config) = builder.start().expect("an entry");
        let mut writer = config.wrap(flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::fast()));
        writer.write_all(one.bytes).expect("packed");
        let (packer, descriptor) = writer.finish().expect("packed");
        packer.finish().expect("packed");
        entry.finish(descriptor).expect("an entry");
    }
    archive.finish().expect("an archive")
}

/// One member of a tar archive of the kind that its header names.
pub fn member(name: &str, kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
    header[148..156].copy_from_slice(b"        ");
    header[156] = kind;
    header[257..263].copy_from_slice(b"ustar\0");
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    header.extend_from_slice(bytes);
    header.resize(header.len().next_multiple_of(512), 0);
    header
}

pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes: Vec<u8> = files.iter().flat_map(|(name, bytes)| member(name, b'0', bytes)).collect();
    bytes.extend([0; 1024]);
    bytes
}

/// The same bytes with every packing, by the ending that it has.
pub fn packed(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    for sink in [&mut gzip as &mut dyn Write, &mut bzip2, &mut xz] {
        sink.write_all(bytes).expect("packed");
    }
    vec![
        ("tar", bytes.to_vec()),
        ("tar.gz", gzip.finish().expect("packed")),
        ("tar.bz2", bzip2.finish().expect("packed")),
        ("txz", xz.finish().expect("packed")),
        ("tar.zst", zstd::encode_all(bytes, 1).expect("packed")),
    ]
}
