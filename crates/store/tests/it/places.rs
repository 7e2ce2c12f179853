//! Where files outside were seen: asked by folder, by root, and page by page.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use fonoteca_model::{BlobId, Timestamp};
use fonoteca_store::{Place, Stamp, Store};
use tempfile::TempDir;

fn place(path: impl AsRef<OsStr>, byte: u8, in_place: bool) -> Place {
    let stamp = Stamp { size: u64::from(byte), mtime: Timestamp(-1), inode: u64::MAX };
    Place { path: PathBuf::from(path.as_ref()), stamp, root: BlobId([byte; 32]), in_place }
}

fn store() -> (TempDir, Store) {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("state")).unwrap();
    let store = Store::local(folder.path()).unwrap();
    (folder, store)
}

#[test]
fn they_are_found_by_folder_and_by_root_as_they_were_recorded() {
    let (_folder, store) = store();
    assert!(!store.has_places());
    let places = store.places().unwrap();
    assert!(store.has_places() && !places.is_complete().unwrap());
    places.complete().unwrap();
    assert!(places.is_complete().unwrap());
    let odd = OsStr::from_bytes(b"/m/b\xff/\xfe.wav");
    let all = [place("/m/a/1.wav", 1, true), place("/m/a/2.wav", 2, false), place(odd, 1, true)];
    places.record(&all).unwrap();
    let within = |folder: &OsStr, first: &[u8], last: &[u8]| {
        places.in_folder(Path::new(folder), OsStr::from_bytes(first), OsStr::from_bytes(last)).unwrap()
    };
    assert_eq!(within("/m/a".as_ref(), b"1.wav", b"2.wav"), all[..2]);
    assert_eq!(within("/m/a".as_ref(), b"2", b"3"), all[1..2]);
    assert_eq!(within(OsStr::from_bytes(b"/m/b\xff"), b"\xfe.wav", b"\xfe.wav"), all[2..]);
    assert_eq!(within("/m".as_ref(), b"a", b"b"), []);
    assert_eq!(places.of_root(BlobId([1; 32])).unwrap(), [all[0].clone(), all[2].clone()]);
    assert_eq!(places.of_root(BlobId([2; 32])).unwrap(), [], "it was copied");

    places.record_unknown(&[place("/m/a/1.wav", 9, true)]).unwrap();
    assert_eq!(places.of_root(BlobId([9; 32])).unwrap(), [], "the path is known");
    places.record(&[place("/m/a/1.wav", 9, true)]).unwrap();
    assert_eq!(places.of_root(BlobId([1; 32])).unwrap(), all[2..], "a path is one blob");
    places.forget(&[PathBuf::from(odd)]).unwrap();
    assert_eq!(places.of_root(BlobId([1; 32])).unwrap(), []);
}

#[test]
fn what_is_below_a_path_comes_in_pages_and_nothing_beside_it() {
    let (_folder, store) = store();
    let places = store.places().unwrap();
    let below = ["/m/a", "/m/a b/x", "/m/b/c/d", "/m/b/e", "/m/z"];
    let beside = ["/l/a", "/m", "/m 2/a", "/m.wav", "/m0/a", "/ma/b"];
    let all: Vec<Place> = below.iter().chain(&beside).map(|path| place(path, 1, true)).collect();
    places.record(&all).unwrap();
    places.record(&[place("/m/copied", 1, false)]).unwrap();
    let pages = |path: &str, limit: usize| {
        let (mut found, mut after) = (Vec::new(), None::<PathBuf>);
        loop {
            let page = places.below(Path::new(path), after.as_deref(), limit).unwrap();
            let Some(last) = page.last() else { return found };
            assert!(page.len() <= limit);
            after = Some(last.path.clone());
            found.extend(page.into_iter().map(|place| place.path.display().to_string()));
        }
    };
    for limit in [1, 2, 100] {
        let mut found = pages("/m", limit);
        found.sort();
        // A path may have been a file, which is below itself.
        assert_eq!(found, ["/m", "/m/a", "/m/a b/x", "/m/b/c/d", "/m/b/e", "/m/z"], "{limit}");
        assert_eq!(pages("/m/b/e", limit), ["/m/b/e"]);
        assert_eq!(pages("/", limit).len(), all.len());
    }
}
