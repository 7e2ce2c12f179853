//! `rights`

use crate::world::World;

/// A track of the sample under CC BY 4.0.
const FREE: &str = "ZZFN22100002";

fn may_distribute(world: &World, subject: &str) -> bool {
    let shown = world.here(&["rights", "show", subject, "--json"]).json();
    assert!(!shown.is_empty());
    shown.iter().all(|shown| shown["uses"]["distribute"] == true)
}

#[test]
fn a_decision_takes_the_place_of_an_earlier_one() {
    let world = World::with_sample();
    assert!(may_distribute(&world, FREE));
    let set = world.here(&["rights", "set", FREE, "--basis", "private-copy", "--note", "asked by phone"]);
    assert_eq!(set.code, 0, "{}", set.err);
    assert!(set.out.contains("only its owner may hear it"), "{}", set.out);
    assert!(!may_distribute(&world, FREE));
    assert_eq!(world.here(&["rights", "set", FREE, "--basis", "licensed", "--licence", "CC-BY-4.0"]).code, 0);
    assert!(may_distribute(&world, FREE));
}

#[test]
fn a_withdrawal_shows_its_plan_and_wants_a_yes() {
    let world = World::with_sample();
    let asked = world.here(&["rights", "withdraw", FREE]);
    assert_eq!(asked.code, 2);
    assert!(asked.err.contains("blobs that go dark  1") && asked.err.contains("add --yes"), "{}", asked.err);
    assert!(may_distribute(&world, FREE), "nothing was done");

    let done = world.here(&["rights", "withdraw", FREE, "--reason", "the artist asked", "--yes", "--json"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(done.one()["roots"].as_array().unwrap().len(), 1);
    assert!(!may_distribute(&world, FREE));
    let hits = world.here(&["search", "scarborough", "--kind", "track", "--json"]).json();
    assert!(hits.is_empty(), "what is withdrawn is found by no words: {hits:?}");
    let denied = world.here(&["rights", "set", FREE, "--basis", "own-work"]);
    assert_eq!(denied.code, 0);
    assert!(!may_distribute(&world, FREE), "a withdrawal stands until a decision names it");
}

#[test]
fn an_opt_out_closes_datasets_only() {
    let world = World::with_sample();
    let shown = world.here(&["rights", "opt-out", FREE, "--json"]).one();
    assert_eq!((&shown["uses"]["distribute"], &shown["uses"]["dataset"]), (&true.into(), &false.into()));
}

#[test]
fn rows_that_make_no_sense_are_named_and_the_others_recorded() {
    let world = World::with_sample();
    let csv = "subject_kind,subject,basis,licence\nisrc,ZZFN22100001,private-copy,\nisrc,nonsense,unknown,\n\
               file,../secret,unknown,\nisrc,ZZFN22100002,stolen,\n";
    std::fs::write(world.path("rights.csv"), csv).unwrap();
    let said = world.here(&["rights", "import", "rights.csv", "--json"]);
    assert_eq!(said.code, 1);
    let report = said.one();
    assert_eq!(report["recorded"], 1);
    let lines: Vec<u64> =
        report["rejected"].as_array().unwrap().iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4, 5]);
    assert!(said.err.contains("rights.csv:5") && said.err.contains("column basis"), "{}", said.err);
    assert!(!may_distribute(&world, "ZZFN22100001"));
}

#[test]
fn a_permission_is_as_wide_as_it_says_and_its_letter_is_kept() {
    let world = World::with_sample();
    std::fs::write(world.path("letter.txt"), "Do give it to anyone.").unwrap();
    let blobs = |world: &World| world.here(&["stats", "--json"]).one()["blobs"].as_i64().unwrap();
    let before = blobs(&world);
    let args = ["rights", "set", FREE, "--basis", "permission", "--evidence", "letter.txt"];
    assert_eq!(world.here(&args).code, 0);
    assert!(!may_distribute(&world, FREE));
    assert_eq!(blobs(&world), before + 1);
    assert_eq!(world.here(&[&args[..], &["--permit", "distribute"]].concat()).code, 0);
    assert!(may_distribute(&world, FREE));
}
