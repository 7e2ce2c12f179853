//! The twin in the clients of Debian that cannot read hybrids.

use std::fs;

use fonoteca_torrent::{Kind, Outside, build};

use crate::content::selection;
use crate::programs::output_of;

/// The word after `label` in a program's output.
fn after<'a>(said: &'a str, label: &str) -> &'a str {
    let rest = said.split_once(label).unwrap_or_else(|| panic!("no {label:?} in {said}")).1;
    rest.split_whitespace().next().expect("a word")
}

#[test]
fn aria2_and_transmission_read_the_twin_and_agree_on_its_hash() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("twin.torrent");
    let file = file.to_str().expect("UTF-8");
    for files in [&[("a", 1)][..], &[("a/b", 1), ("a-b", 1 << 20), ("日本語", (1 << 20) + 1)]] {
        let outside = Outside {
            announce: vec![vec!["http://127.0.0.1:1/announce".to_owned()]],
            web_seeds: vec!["http://127.0.0.1:3/w/".to_owned()],
            comment: Some("a comment".to_owned()),
            ..Outside::default()
        };
        let twin = build(&selection("release", files), Kind::V1, &outside).expect("builds");
        fs::write(file, twin.to_bytes()).expect("written");
        let hash = twin.info_hash_v1.expect("v1").to_string();

        let aria2 = output_of("aria2c", "aria2", &["-S", file]);
        assert_eq!(after(&aria2, "Info Hash:"), hash, "{aria2}");
        assert_eq!(after(&aria2, "Name:"), "release");
        let transmission = output_of("transmission-show", "transmission-cli", &[file]);
        assert_eq!(after(&transmission, "Hash:"), hash, "{transmission}");
        for (path, _) in files {
            assert!(aria2.contains(&format!("/release/{path}")), "{path}: {aria2}");
            assert!(transmission.contains(&format!("release/{path}")), "{path}: {transmission}");
        }
    }
}
