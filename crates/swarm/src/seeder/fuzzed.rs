//! What the fuzzer kept and what it once found, through what it checks (`fuzz/src/seeder`).

use super::{hashes, metadata, wire};

#[path = "../../../../fuzz/src/seeder/check.rs"]
mod check;

#[test]
fn what_peers_send() {
    fonoteca_testkit::fuzz::each_input("wire", check::check);
}
