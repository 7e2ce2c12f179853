//! Killed at any instant, on a disk that fails, built without its audio: what an archive comes through.

mod bad_disk;
mod clips;
mod kills;
mod release;

use std::path::Path;
use std::process::Command;

use fonoteca_testkit::Ran;

use crate::world::World;

/// Instants at which something goes wrong, in each of the tests.
pub const INSTANTS: u64 = 20;

/// Fails unless the tables of all these archives have the same rows as those of the first, and `filled` ones have some.
pub fn are_equal(world: &World, archives: &[String], filled: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/reliability/tables.py");
    let paths = archives.iter().map(|archive| world.path(archive));
    let said = Ran::from(Command::new(fonoteca_testkit::python()).arg(script).args(paths).output().unwrap());
    assert_eq!(said.code, 0, "{}", said.err);
    let tables = said.json();
    assert_eq!(tables.len(), archives.len());
    let whole = &tables[0];
    for table in filled {
        assert!(whole[*table][0].as_u64().is_some_and(|rows| rows > 0), "{table}: nothing to compare: {whole}");
    }
    for (archive, found) in archives.iter().zip(&tables) {
        for (table, rows) in whole.as_object().unwrap() {
            assert_eq!(&found[table], rows, "{archive}: {table}");
        }
    }
}

/// Splitmix64: the same instants in every run.
pub fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
