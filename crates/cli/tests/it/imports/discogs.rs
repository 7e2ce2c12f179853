//! `import discogs`

use std::fs;

use serde_json::Value;

use crate::world::World;

const RELEASES: &str = "<releases>
<release id=\"7\" status=\"Accepted\"><artists><artist><id>3</id><name>Ana</name></artist></artists><title>One</title>
<released>1999-03-00</released><tracklist><track><position>A1</position><title>First</title><duration>4:45</duration></track>
<track><position>A2</position><title>Second</title><duration>x</duration></track></tracklist></release>
<release id=\"8\"><title>Never closed</releases>";

#[test]
fn a_dump_replaces_the_one_before_it_and_faults_are_named() {
    let world = World::with_archive();
    fs::write(world.path("discogs_20260101_releases.xml"), RELEASES).unwrap();
    let said =
        world.here(&["import", "discogs", "discogs_20260101_releases.xml", "--rejects", "rejects.jsonl", "--json"]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    let told = said.one();
    assert_eq!((&told["source"], &told["dataset"], &told["read"]), (&"discogs".into(), &"releases".into(), &2.into()));
    let rejects = fs::read_to_string(world.path("rejects.jsonl")).unwrap();
    let fields: Vec<Value> = rejects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(fields.iter().any(|reject| reject["number"] == 1 && reject["field"] != ""), "{rejects}");
    assert!(fields.iter().any(|reject| reject["number"] == 2 && reject["field"] == ""), "{rejects}");

    let whole = RELEASES.replace("<release id=\"8\"><title>Never closed", "").replace("<duration>x</duration>", "");
    fs::write(world.path("discogs_20260201_releases.xml"), &whole).unwrap();
    let next = world.here(&["import", "discogs", "discogs_20260201_releases.xml", "--json"]);
    assert_eq!((next.code, &next.one()["changed"]), (0, &0.into()), "{}{}", next.out, next.err);
    let dates = world.here(&["sql", "SELECT dump_date FROM imports ORDER BY dump_date", "--json"]).json();
    assert_eq!(
        dates.iter().map(|row| row["dump_date"].as_str().unwrap()).collect::<Vec<_>>(),
        ["2026-01-01", "2026-02-01"]
    );
    assert_eq!(world.here(&["stats", "--json"]).one()["tracks"], 2);

    fs::write(world.path("cut.xml"), &whole[..whole.len() - 20]).unwrap();
    let cut = world.here(&["import", "discogs", "cut.xml"]);
    assert!(cut.code == 1 && cut.err.contains("cut.xml is not a whole dump"), "{}", cut.err);
    assert_eq!(world.here(&["stats", "--json"]).one()["tracks"], 2, "the tables stay as they were");
}

#[test]
fn real_dumps_are_all_taken_in() {
    let Some(data) = fonoteca_testkit::shared_data("real Discogs dumps") else { return };
    let world = World::with_archive();
    for (kind, rows) in [("artists", 1000), ("labels", 1000), ("releases", 1000), ("masters", 1000)] {
        let file = data.join(format!("discogs/{kind}.xml.gz"));
        let said = world.here(&["import", "discogs", file.to_str().unwrap(), "--json"]);
        let told = said.one();
        assert_eq!((said.code, &told["read"], &told["rejected"]), (0, &rows.into(), &0.into()), "{told}");
    }
    let stats = world.here(&["stats", "--json"]).one();
    assert_eq!((&stats["tracks"], &stats["albums"]), (&9430.into(), &2000.into()), "releases, and masters beside them");
    let found = world.here(&["search", "aphex twin", "--json"]).json();
    assert_eq!((&found[0]["kind"], &found[0]["title"]), (&"artist".into(), &"Aphex Twin".into()));
}
