//! What the fuzzer kept and what it once found, through what it checks (`fuzz/src/audio`).

use fonoteca_testkit::fuzz::each_input;

use crate::fuzzed;

#[test]
fn files_as_a_whole() {
    each_input("analyse", fuzzed::analyse::check);
}

#[test]
fn containers() {
    each_input("container", fuzzed::container::check);
}

#[test]
fn tags() {
    each_input("tags", fuzzed::tags::check);
}

#[test]
fn sheets_and_lyrics() {
    each_input("cue", fuzzed::cue::check);
    each_input("lrc", fuzzed::lrc::check);
}

#[test]
fn the_index_of_sounds() {
    each_input("sounds", fuzzed::sounds::check);
}
