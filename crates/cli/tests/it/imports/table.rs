//! `import table`

use std::fs;

use serde_json::Value;

use crate::world::World;

#[test]
fn a_guessed_map_takes_a_file_in() {
    let world = World::with_archive();
    fs::write(world.path("songs.csv"), "id,title,artist,length\n1,Eins,Ana,61000\n2,Zwei,Bea,62000\n").unwrap();
    let map = world.ok(&["import", "table", "--guess", &world.path("songs.csv").display().to_string()]).out;
    fs::write(world.path("songs.toml"), &map).unwrap();
    let said = world.here(&["import", "table", "songs.csv", "--map", "songs.toml", "--json"]);
    assert_eq!(said.code, 0, "{map}\n{}{}", said.out, said.err);
    let rows = world.here(&["sql", "SELECT title, artist_credit FROM tracks ORDER BY title", "--json"]).json();
    assert_eq!((&rows[1]["title"], &rows[1]["artist_credit"]), (&"Zwei".into(), &"Bea".into()));

    // Another map makes another import of the same file; the same one does not.
    assert_eq!(world.here(&["import", "table", "songs.csv", "--map", "songs.toml", "--json"]).one()["already"], true);
    fs::write(world.path("songs.toml"), map.replace("\"artist\"", "\"missing\"")).unwrap();
    let missing = world.here(&["import", "table", "songs.csv", "--map", "songs.toml"]);
    assert!(missing.code == 1 && missing.err.contains("missing") && missing.err.contains("artist"), "{}", missing.err);
    assert_eq!(world.here(&["stats", "--json"]).one()["tracks"], 2, "the tables stay as they were");
    for (wrong, why) in [("no-such-map", "freemusicc"), ("songs.csv", "TOML")] {
        let refused = world.here(&["import", "table", "songs.csv", "--map", wrong]);
        assert!(refused.code == 2 && refused.err.contains(why), "{wrong}: {}", refused.err);
    }
}

#[test]
fn real_tables_are_all_taken_in_with_every_licence_read_or_named() {
    let Some(data) = fonoteca_testkit::shared_data("the tables of freemusi.cc") else { return };
    let world = World::with_archive();
    let file = |name: &str| data.join("freemusicc").join(name).display().to_string();
    let (releases, tracks) = (file("releases.csv"), file("tracks.csv"));
    let command =
        ["import", "table", &tracks, &releases, "--map", "freemusicc", "--rejects", "rejects.jsonl", "--json"];
    let told = world.here(&command).one();
    assert_eq!(told["read"], 2289 + 21_502, "{told}");
    let stats = world.here(&["stats", "--json"]).one();
    assert_eq!((&stats["albums"], &stats["tracks"]), (&2289.into(), &21_502.into()));

    // Of each release a decision, or no licence in the file, or a licence that is named among the rejects.
    let of_releases = "SELECT count(*) AS n, count(licence_uri) AS known FROM rights WHERE subject_kind = 'release'";
    let decided = world.here(&["sql", of_releases, "--json"]).one();
    let rejects = fs::read_to_string(world.path("rejects.jsonl")).unwrap();
    let rejects = rejects.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let unknown = rejects.filter(|reject| reject["field"] == "licenseurl").count() as i64;
    assert_eq!(decided["n"], 2289 - 286, "286 releases name no licence");
    assert_eq!(decided["known"].as_i64().unwrap() + unknown, 2289 - 286);
    let again = world.here(&command).one();
    assert_eq!((&again["already"], world.here(&["sql", of_releases, "--json"]).one()), (&true.into(), decided));
}
