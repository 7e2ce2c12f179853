//! What the fuzzer kept and what it once found, through what it checks (`fuzz/src/model.rs`).

#[path = "../../../../fuzz/src/model.rs"]
mod fuzzed;

#[test]
fn texts_of_every_kind() {
    fonoteca_testkit::fuzz::each_input("model", fuzzed::check);
}
