//! What the fuzzer kept and what it once found, through what it checks (`fuzz/src/torrent`).

use fonoteca_testkit::fuzz::each_input;

use crate::fuzzed;

#[test]
fn bencode() {
    each_input("bencode", fuzzed::bencode::check);
}

#[test]
fn torrents() {
    each_input("metainfo", fuzzed::metainfo::check);
}

#[test]
fn feeds_and_keys() {
    each_input("feed", fuzzed::feed::check);
}
