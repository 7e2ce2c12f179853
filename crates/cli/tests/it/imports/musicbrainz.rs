//! `import musicbrainz`: what is read is what a script counts, and what is bad is named.

use std::fs;
use std::path::Path;
use std::process::Command;

use fonoteca_testkit::Ran;
use serde_json::{Value, json};

use crate::world::{World, assert_fields};

pub fn mbid(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// A release with one track.
pub fn release(number: u64, title: &str) -> Value {
    json!({
        "id": mbid(number), "title": title, "date": "2001", "barcode": "", "status": "Official",
        "artist-credit": [{"name": "Anna", "joinphrase": "", "artist": {"id": mbid(7), "name": "Anna"}}],
        "tags": [{"name": "folk", "count": 1}],
        "media": [{"position": 1, "format": "CD", "tracks": [
            {"id": mbid(1_000_000 + number), "title": format!("{title} song"), "position": 1, "number": "1", "length": 1000,
             "recording": {"id": mbid(2_000_000 + number), "title": "song", "isrcs": [format!("SEFON26{number:05}")]}}]}],
    })
}

pub fn lines(values: impl IntoIterator<Item = Value>) -> String {
    values.into_iter().map(|value| value.to_string() + "\n").collect()
}

#[test]
fn a_dump_is_searched_replaced_and_not_imported_twice() {
    let world = World::with_archive();
    fs::write(world.path("release"), lines([release(1, "Aurora"), release(2, "Borealis")])).unwrap();
    let told = world.here(&["import", "musicbrainz", "release", "--json"]);
    assert_eq!(told.code, 0, "{}", told.err);
    let told = told.one();
    assert_fields(&told, &["file", "source", "dataset", "import_id", "rejects_file"]);
    let counts = ["read", "added", "changed", "removed", "rejected", "passed_over"];
    assert_eq!(counts.map(|count| told[count].as_i64().unwrap()), [2, 6, 0, 0, 0, 0], "{told}");
    assert_eq!((&told["source"], &told["dataset"]), (&"musicbrainz".into(), &"release".into()));
    let found = world.here(&["search", "borealis", "--json"]).json();
    assert!(found.iter().any(|hit| hit["kind"] == "album" && hit["title"] == "Borealis"), "{found:?}");
    let known = world.here(&["lookup", "SEFON2600002", "--json"]).one();
    assert_eq!((&known["title"], &known["held"]), (&"Borealis song".into(), &false.into()));

    let again = world.here(&["import", "musicbrainz", "release"]);
    assert_eq!((again.code, again.out.as_str()), (0, "release: release is imported already; nothing was written\n"));

    // One gone, one changed, one new.
    fs::write(world.path("release"), lines([release(2, "Boreal"), release(3, "Corona")])).unwrap();
    let next = world.here(&["import", "musicbrainz", "release", "--no-supplements", "--json"]).one();
    assert_eq!(counts.map(|count| next[count].as_i64().unwrap()), [2, 2, 2, 4, 0, 0], "{next}");
    assert!(world.here(&["search", "aurora", "--json"]).json().is_empty(), "what is gone is not found");
    assert_eq!(world.here(&["search", "corona", "--json"]).json().len(), 2);
    assert_eq!(world.here(&["stats", "--json"]).one()["tracks"], 2);
    assert_eq!(world.here(&["verify", "--json"]).code, 0);
}

#[test]
fn what_is_not_understood_is_listed_and_the_rest_goes_on() {
    let world = World::with_archive();
    let mut bad = release(2, "Borealis");
    bad["date"] = "0000-13-99".into();
    let text = format!("{}{}{}{{\"id\": \"cut", lines([release(1, "Aurora")]), "no json\n", lines([bad]));
    let told = world.here_with_input(
        &["import", "musicbrainz", "-", "--entity", "release", "--rejects", "rejects.jsonl", "--json"],
        &text,
    );
    assert_eq!(told.code, 1, "{}", told.err);
    let told = told.one();
    assert_eq!((&told["file"], &told["read"], &told["rejected"]), (&"-".into(), &4.into(), &3.into()), "{told}");
    assert_eq!(told["rejects_file"], "rejects.jsonl");
    let rejects = fs::read_to_string(world.path("rejects.jsonl")).unwrap();
    let rejects: Vec<Value> = rejects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let places: Vec<_> =
        rejects.iter().map(|row| (row["number"].as_u64().unwrap(), row["field"].as_str().unwrap())).collect();
    assert_eq!(places, [(2, ""), (3, "date"), (4, "")]);
    assert!(
        rejects.iter().all(|row| row["file"] == "-" && row["reason"].as_str().is_some_and(|reason| reason.len() > 5))
    );
    assert_eq!(world.here(&["stats", "--json"]).one()["albums"], 2);

    // Without an option, the list lies in the archive, and the summary says where.
    fs::write(world.path("artist"), "{\"id\": \"x\", \"name\": \"n\", \"gender\": null}\n").unwrap();
    let told = world.here(&["import", "musicbrainz", "artist"]);
    assert_eq!(told.code, 1);
    let place = told.out.trim().rsplit(' ').next().unwrap();
    assert!(place.contains("archive/state/rejects/musicbrainz-artist-"), "{}", told.out);
    assert_eq!(fs::read_to_string(place).unwrap().lines().count(), 1);
}

#[test]
fn what_is_no_dump_is_refused() {
    let world = World::with_archive();
    fs::write(world.path("releases.xml"), "<releases/>").unwrap();
    let refused = world.here(&["import", "musicbrainz", "releases.xml"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("releases.xml is not a MusicBrainz dump"), "{}", refused.err);
    assert_eq!(world.here(&["import", "musicbrainz", "missing"]).code, 1);
    assert_eq!(world.here(&["import", "musicbrainz"]).code, 2);
    assert_eq!(world.here(&["import", "musicbrainz", "-", "--entity", "work"]).code, 2);
    assert_eq!(world.here(&["stats", "--json"]).one()["albums"], 0);
}

#[test]
fn real_entities_are_all_taken_in() {
    let Some(data) = fonoteca_testkit::shared_data("real MusicBrainz entities") else { return };
    let world = World::with_archive();
    fs::create_dir(world.path("dumps")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/imports/musicbrainz.py");
    let counted = Command::new(fonoteca_testkit::python())
        .arg(script)
        .arg(data.join("musicbrainz"))
        .arg(world.path("dumps"))
        .output();
    let counted = Ran::from(counted.unwrap());
    assert_eq!(counted.code, 0, "{}", counted.err);
    let counted = counted.one();
    let total = |table: &str| counted.as_object().unwrap().values().map(|of| of[table].as_i64().unwrap()).sum::<i64>();
    for entity in ["artist", "label", "recording", "release", "release-group"] {
        let said = world.here(&["import", "musicbrainz", &format!("dumps/{entity}.tar.xz"), "--json"]);
        assert_eq!(said.code, 0, "{entity}: {}{}", said.out, said.err);
        let told = said.one();
        let wanted = &counted[entity];
        assert_eq!((&told["dataset"], &told["read"]), (&entity.into(), &wanted["read"]), "{told}");
        assert_eq!((&told["rejected"], &told["passed_over"]), (&0.into(), &wanted["passed_over"]), "{entity}: {told}");
        let rows: i64 =
            ["artists", "albums", "tracks", "supplements"].iter().map(|table| wanted[*table].as_i64().unwrap()).sum();
        assert_eq!(told["added"], rows, "{entity}: {told}");
    }
    let stats = world.here(&["stats", "--json"]).one();
    for table in ["artists", "albums", "tracks"] {
        assert_eq!(stats[table], total(table), "{table}");
        assert!(total(table) > 2, "{table}");
    }

    // All of them in one archive: an import for each.
    let other = World::with_archive();
    let all = world.path("dumps/all.tar.xz");
    let said = other.here(&["import", "musicbrainz", all.to_str().unwrap(), "--json"]);
    assert_eq!((said.code, said.json().len()), (0, 5), "{}{}", said.out, said.err);
    let of_all = other.here(&["stats", "--json"]).one();
    for table in ["artists", "albums", "tracks"] {
        assert_eq!(of_all[table], stats[table], "{table}");
    }
    let again = other.here(&["import", "musicbrainz", all.to_str().unwrap(), "--json"]).json();
    assert!(again.len() == 5 && again.iter().all(|told| told["already"] == true), "{again:?}");
}
