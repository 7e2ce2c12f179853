//! `verify`

use std::os::unix::fs::PermissionsExt;

use crate::world::World;

#[test]
fn a_flipped_bit_is_found_named_and_counted() {
    let world = World::with_sample();
    let whole = world.here(&["verify", "--json"]);
    assert_eq!(whole.code, 0, "{}", whole.err);
    assert_eq!(whole.one()["checked"], world.here(&["stats", "--json"]).one()["blobs"]);

    let blob = world.a_blob();
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[0] ^= 1;
    std::fs::set_permissions(&blob, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(&blob, bytes).unwrap();
    let broken = world.here(&["verify", "--json"]);
    assert_eq!(broken.code, 4);
    let report = broken.one();
    let root = blob.file_name().unwrap().to_str().unwrap();
    assert_eq!((&report["damaged"][0]["root"], &report["damaged"][0]["piece"]), (&root.into(), &0.into()));
    assert!(world.here(&["verify"]).out.contains(root));
    assert_eq!(world.here(&["stats", "--json"]).one()["damaged"], 1);

    std::fs::remove_file(&blob).unwrap();
    let gone = world.here(&["verify", "--json"]);
    assert_eq!((gone.code, &gone.one()["missing"][0]), (4, &root.into()));
}

#[test]
fn a_sample_is_a_part_and_can_be_repeated() {
    let world = World::with_sample();
    let checked = |seed: &str| {
        let report = world.here(&["verify", "--sample", "50%", "--seed", seed, "--json"]).one();
        report["checked"].as_u64().unwrap()
    };
    let all = world.here(&["stats", "--json"]).one()["blobs"].as_u64().unwrap();
    assert!((1..all).contains(&checked("7")), "{} of {all}", checked("7"));
    assert_eq!(checked("7"), checked("7"));
}
