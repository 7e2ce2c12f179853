//! What dumps come packed with, whole and broken.

use std::io::{Read as _, Write as _};

use fonoteca_catalog::import::{ImportError, Input, InputLimits, Meter};
use sha2::{Digest as _, Sha256};

fn text() -> Vec<u8> {
    (0..200_000_u32).flat_map(|n| format!("{}\n", n.wrapping_mul(2_654_435_761)).into_bytes()).collect()
}

type Pack = fn(&[u8]) -> Vec<u8>;

const PACKERS: [(&str, Pack); 4] = [
    ("gz", |bytes| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }),
    ("bz2", |bytes| {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }),
    ("xz", |bytes| {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }),
    ("zst", |bytes| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("memory");
        encoder.include_checksum(true).expect("an option");
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }),
];

fn read(bytes: Vec<u8>) -> Result<(Vec<u8>, Meter), ImportError> {
    let meter = Meter::default();
    let mut input = Input::of("dump".to_owned(), std::io::Cursor::new(bytes), InputLimits::default(), &meter)?;
    let mut text = Vec::new();
    input.read_to_end(&mut text).map_err(|error| input.error(error))?;
    input.finish()?;
    Ok((text, meter))
}

#[test]
fn each_kind_is_known_by_its_bytes_and_comes_in_several_members() {
    let text = text();
    for plain in [Vec::new(), b"x".to_vec(), b"BZh".to_vec()[..2].to_vec(), text.clone()] {
        assert_eq!(read(plain.clone()).expect("plain").0, plain);
    }
    for (kind, pack) in PACKERS {
        let (one, other) = text.split_at(text.len() / 3);
        let mut packed = pack(one);
        packed.extend(pack(other));
        let (found, meter) = read(packed.clone()).expect(kind);
        assert!(found == text, "{kind}");
        assert_eq!((meter.packed(), meter.unpacked()), (packed.len() as u64, text.len() as u64), "{kind}");
        let hash: [u8; 32] = Sha256::digest(&packed).into();
        assert_eq!(meter.sha256().expect("settled").0, hash, "{kind}");
    }
}

#[test]
fn what_is_cut_off_or_damaged_says_so_and_where() {
    let text = text();
    for (kind, pack) in PACKERS {
        let packed = pack(&text);
        for length in [7, packed.len() / 2, packed.len() - 1] {
            let error = read(packed[..length].to_vec()).err().unwrap_or_else(|| panic!("{kind}, {length} bytes"));
            let ImportError::Read { name, source } = &error else { panic!("{kind}: {error}") };
            assert_eq!(name, "dump");
            assert!(source.to_string().contains("at or before byte"), "{kind}, {length} bytes: {source}");
        }
        let mut damaged = packed.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0x55;
        damaged[middle + 1] ^= 0x55;
        assert!(read(damaged).is_err(), "{kind}: a flipped byte");
        let mut followed = packed.clone();
        followed.extend_from_slice(b"this is no member at all, and long enough to be one");
        assert!(read(followed).is_err(), "{kind}: something behind it");
    }
}
