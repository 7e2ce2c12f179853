//! `index`

use crate::world::World;

#[test]
fn a_rebuilt_index_gives_the_same_answers() {
    let world = World::with_sample();
    let ask = || world.here(&["search", "--json", "--limit", "100"]).out;
    let before = ask();
    assert!(before.lines().count() > 20);
    std::fs::remove_dir_all(world.path("archive/index")).unwrap();
    assert_eq!(world.here(&["index", "rebuild", "--json"]).one()["rebuilt"], true);
    assert_eq!(ask(), before);
}
