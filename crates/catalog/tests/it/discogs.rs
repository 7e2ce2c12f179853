//! Discogs dumps: what each part of an element becomes, on a fixture of our own and on real dumps.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use fonoteca_catalog::import::discogs::{Dump, Kind, Limits};
use fonoteca_catalog::import::{ImportError, Record, Records};
use fonoteca_catalog::{Album, Batch, Credit, Track};
use fonoteca_model::Id;
use proptest::prelude::*;

use crate::shared;

const RELEASES: &str = include_str!("../data/discogs-releases.xml");
const MASTERS: &str = include_str!("../data/discogs-masters.xml");
const ARTISTS: &str = include_str!("../data/discogs-artists.xml");
const LABELS: &str = include_str!("../data/discogs-labels.xml");

fn read(input: impl BufRead + Send) -> Result<(Batch, Vec<Record>), ImportError> {
    let mut dump = Dump::open("dump.xml", input)?;
    let (mut rows, mut records) = (Batch::default(), Vec::new());
    while let Some(record) = dump.next(&mut rows)? {
        records.push(record);
    }
    assert!(records.iter().map(|record| record.number).eq(1..=records.len() as u64), "numbers count from 1");
    Ok((rows, records))
}

fn rejects(records: &[Record]) -> Vec<String> {
    let reject = |record: &Record| {
        let number = record.number;
        record
            .rejects
            .iter()
            .map(move |reject| format!("{number} {}: {}", reject.field, reject.reason))
            .collect::<Vec<_>>()
    };
    records.iter().flat_map(reject).collect()
}

fn id(source_id: &str) -> Id {
    Id::of("discogs", source_id)
}

fn credit(artist: &str, role: &str, name: &str) -> Credit {
    Credit { artist_id: id(artist), role: role.into(), name: name.into() }
}

fn album<'a>(rows: &'a Batch, source_id: &str) -> &'a Album {
    rows.albums.iter().find(|album| album.source_id == source_id).unwrap_or_else(|| panic!("no album {source_id}"))
}

fn track<'a>(rows: &'a Batch, source_id: &str) -> &'a Track {
    rows.tracks.iter().find(|track| track.source_id == source_id).unwrap_or_else(|| panic!("no track {source_id}"))
}

fn json(raw: Option<&String>) -> serde_json::Value {
    serde_json::from_str(raw.expect("a raw record")).expect("JSON")
}

#[test]
fn a_release_becomes_an_album_and_its_tracks() {
    let (rows, records) = read(RELEASES.as_bytes()).expect("the fixture");
    assert_eq!(records.len(), 4);
    assert_eq!(rejects(&records), [""; 0]);
    let first = album(&rows, "r1");
    assert_eq!((first.id, first.title.as_str()), (id("r1"), "Harbour & Lights"));
    assert_eq!(first.fold, "harbour lights");
    assert_eq!(first.artist_credit, "The Printed Name Feat. Someone, Third");
    assert_eq!(
        first.artists,
        [
            credit("a11", "main", "The Printed Name"),
            credit("a12", "main", "Someone"),
            credit("a13", "main", "Third"),
            credit("a14", "writer", "W. Riter"),
            credit("a14", "producer [Additional]", "W. Riter"),
            credit("a0:Nobody Known", "photography", "Nobody Known"),
        ]
    );
    assert_eq!(first.upc.as_deref(), Some("0036000291452"));
    assert_eq!((first.label.as_deref(), first.catalogue_number.as_deref()), (Some("Quay"), Some("QUAY 001")));
    assert_eq!((first.date.as_deref(), first.kind.as_deref()), (Some("1999-03"), Some("album")));
    let raw = json(first.raw.as_ref());
    assert_eq!(raw["country"], "Sweden");
    assert_eq!(raw["master"], "m7");
    assert_eq!(raw["main_release"], true);
    assert_eq!(raw["labels"], serde_json::json!([{"id": "l5"}, {"id": "l6", "name": "Mole"}]));
    assert_eq!(raw["formats"][0]["quantity"], "2");
    assert_eq!(raw["companies"][0], serde_json::json!({"id": "l90", "name": "Studio", "role": "Recorded At"}));
    assert_eq!(raw["identifiers"].as_array().expect("a list").len(), 2, "{raw}");
    assert_eq!(raw["notes"], "Two\n\nlines");
    assert!(raw.get("images").is_none() && raw.get("status").is_none(), "{raw}");

    let a1 = track(&rows, "r1/A1");
    assert_eq!((a1.disc, a1.number, a1.duration_ms), (Some(1), Some(1), Some(285_000)));
    assert_eq!((a1.album_id, a1.isrc.as_deref()), (Some(id("r1")), Some("ZZFON2600001")));
    assert_eq!(a1.artist_credit, first.artist_credit, "a track without artists has the release's");
    assert_eq!(a1.raw, None);
    let b1 = track(&rows, "r1/B1");
    assert_eq!((b1.disc, b1.number, b1.duration_ms), (Some(1), Some(3), Some(3_723_000)));
    assert_eq!(b1.artist_credit, "Guest");
    assert_eq!(
        b1.artists,
        [credit("a15", "main", "Guest"), credit("a16", "remixer", "Remix Hand"), credit("a17", "bass", "Low")],
        "its own, its own extra ones, and what the release says of B1"
    );
    assert!(track(&rows, "r1/A2").artists.contains(&credit("a17", "bass", "Low")), "A2 to B1 names both");
    assert_eq!(json(track(&rows, "r1/#1").raw.as_ref()), serde_json::json!({"heading": true}));
    assert_eq!(json(track(&rows, "r1/#2").raw.as_ref()), serde_json::json!({"index": true}));
    let part = track(&rows, "r1/C1.b");
    assert_eq!((part.disc, part.number), (Some(2), Some(1)));
    assert_eq!(json(part.raw.as_ref()), serde_json::json!({"part_of": "r1/#2"}));
    assert_eq!(track(&rows, "r1/#2").disc, Some(2), "an index track stands where its first part does");

    let told: Vec<(&str, &str)> =
        rows.supplements.iter().filter(|told| told.id == id("r1")).map(|told| (&*told.kind, &*told.value)).collect();
    assert_eq!(told, [("genre", "Electronic"), ("tag", "Deep House")]);
    assert!(rows.supplements.iter().all(|told| told.licence.as_deref() == Some("CC0-1.0") && told.source == "discogs"));
}

#[test]
fn odd_but_sound_releases_cost_nothing() {
    let (rows, _) = read(RELEASES.as_bytes()).expect("the fixture");
    let second = album(&rows, "r2");
    assert_eq!((second.date.as_deref(), second.upc.as_deref(), second.catalogue_number.as_deref()), (None, None, None));
    assert_eq!(json(second.raw.as_ref())["identifiers"][0]["value"], "123");
    assert_eq!(track(&rows, "r2/1").title, "One");
    assert_eq!(track(&rows, "r2/1#2").title, "One again");
    assert_eq!(track(&rows, "r2/1").duration_ms, None, "0:00 is unknown");
    assert_eq!(track(&rows, "r2/CD2-03").disc, Some(2));
    let numbers: Vec<_> =
        ["r3/#1", "r3/#2"].map(|line| (track(&rows, line).number, track(&rows, line).raw.clone())).to_vec();
    assert_eq!(numbers, [(Some(1), None), (Some(2), None)], "without any position the order counts");
    assert_eq!(album(&rows, "r4").artist_credit, "");
    let unplaced = serde_json::json!([{"name": "Low", "tracks": "except the last"}]);
    assert_eq!(json(second.raw.as_ref())["credits"], unplaced, "a credit for tracks that are not found");
    assert!(second.artists.contains(&credit("a17", "bass", "Low")));
    let mut ids: Vec<Id> = rows.tracks.iter().map(|track| track.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rows.tracks.len());
}

#[test]
fn masters_artists_and_labels() {
    let (rows, records) = read(MASTERS.as_bytes()).expect("the fixture");
    assert_eq!(rejects(&records), [""; 0]);
    let master = album(&rows, "m7");
    assert_eq!((master.kind.as_deref(), master.date.as_deref()), (Some("master"), Some("1999")));
    assert_eq!(json(master.raw.as_ref())["main_release"], "r1");
    assert_eq!(rows.supplements.len(), 2);

    let (rows, records) = read(ARTISTS.as_bytes()).expect("the fixture");
    assert_eq!(rejects(&records), [""; 0]);
    let artist = &rows.artists[0];
    assert_eq!((artist.id, &*artist.source_id, &*artist.name), (id("a11"), "a11", "Printer"));
    assert_eq!((artist.disambiguation.as_deref(), &*artist.fold), (Some("3"), "printer"));
    assert_eq!(artist.aliases, ["The Printed Name", "Printr"]);
    let raw = json(artist.raw.as_ref());
    assert_eq!(raw["aliases"], serde_json::json!([{"id": "a239", "name": "Other Me"}]));
    assert_eq!(raw["members"], serde_json::json!([{"id": "a26", "name": "One"}, {"id": "a27", "name": "Two"}]));
    assert_eq!(raw["real_name"], "P. Rinter");

    let (rows, records) = read(LABELS.as_bytes()).expect("the fixture");
    assert_eq!(rejects(&records), [""; 0]);
    assert_eq!((records.len(), rows.supplements.len()), (2, 2));
    let label = &rows.supplements[0];
    assert_eq!((&*label.kind_of, label.id, &*label.kind), ("label", id("l5"), "annotation"));
    let value: serde_json::Value = serde_json::from_str(&label.value).expect("JSON");
    assert_eq!(value["name"], "Quay");
    assert_eq!(value["parent"], serde_json::json!({"id": "l1866", "name": "Harbour Group"}));
    assert_eq!(value["sublabels"], serde_json::json!([{"id": "l9", "name": "Small Quay"}]));
}

#[test]
fn each_fault_is_named_and_costs_no_more_than_it_must() {
    let release = |inner: &str| format!("<release id=\"9\"><title>T</title>{inner}</release>");
    for (inner, fault, tracks) in [
        ("<released>yesterday</released>", "released: \"yesterday\" is no date", 0),
        (
            "<tracklist><track><position>1</position><title>a</title><duration>4.45</duration></track></tracklist>",
            "tracklist/track/duration: \"4.45\" is no duration such as 4:45 or 1:02:03",
            1,
        ),
        (
            "<tracklist><track><position>1</position><title/><duration/></track></tracklist>",
            "tracklist/track/title: is empty",
            1,
        ),
        ("<artists><artist><id>x</id><name>n</name></artist></artists>", "artists/artist/id: \"x\" is no number", 0),
        ("<artists><artist><id>1</id><name> </name></artist></artists>", "artists/artist/name: is empty", 0),
    ] {
        let (rows, records) = read(format!("<releases>{}</releases>", release(inner)).as_bytes()).expect(inner);
        assert_eq!(rejects(&records), [format!("1 {fault}")], "{inner}");
        assert_eq!((rows.albums.len(), rows.tracks.len()), (1, tracks), "{inner}");
    }
    for (xml, fault) in [
        ("<release id=\"0\"><title>T</title></release>", ": id \"0\" is no number"),
        ("<release><title>T</title></release>", ": id \"\" is no number"),
        ("<release id=\"1\"><title>&nope;</title></release>", ": &nope; is no entity of XML"),
        ("<release id=\"1\"><title>a</notes></release>", ": </notes> closes nothing"),
        ("<release id=\"1\"><a></release>", ": </release> closes what it did not open"),
        ("<master id=\"1\"></master>", ": <master> is no <release>"),
    ] {
        let xml = format!("<releases>{xml}{}</releases>", release(""));
        let (rows, records) = read(xml.as_bytes()).expect(&xml);
        assert_eq!(rejects(&records), [format!("1 {fault}")], "{xml}");
        assert_eq!(rows.albums.len(), 1, "{xml}");
    }
    let mut invalid = b"<releases><release id=\"1\"><title>\xff</title></release>".to_vec();
    invalid.extend(release("").bytes());
    invalid.extend(b"</releases>");
    let (rows, records) = read(&*invalid).expect("one is broken");
    assert!(rejects(&records)[0].contains("is not UTF-8"), "{records:?}");
    assert_eq!(rows.albums.len(), 1);
}

#[test]
fn another_file_and_a_cut_one_are_errors() {
    for (xml, found) in [
        ("<html><body/></html>", "its first element is <html>"),
        ("", "it holds no XML element"),
        ("just text", "it holds no XML element"),
        ("{\"a\": 1}", "it holds no XML element"),
    ] {
        let error = read(xml.as_bytes()).map(|_| ()).expect_err(xml).to_string();
        assert!(error.contains(found) && error.contains("dump.xml"), "{error}");
    }
    for at in [RELEASES.len() - 12, RELEASES.len() / 2, RELEASES.find("<release ").expect("one")] {
        let error = read(&RELEASES.as_bytes()[..at]).map(|_| ()).expect_err("cut").to_string();
        assert!(error.contains("without </releases>; fetch it again"), "{error}");
    }
    assert_eq!(read(&b"<masters/>"[..]).expect("an empty dump").1, []);
}

#[test]
fn an_element_beyond_the_limits_is_passed_over() {
    let mut xml = b"<releases><release id=\"1\"><title>big</title><notes>".to_vec();
    xml.resize(200_000, b'x');
    xml.extend(b"</notes></release><release id=\"2\"><title>ok</title></release><release id=\"3\"><genres>");
    xml.extend(b"<genre/>".repeat(100));
    xml.extend(b"</genres></release></releases>");
    let limits = Limits { element_bytes: 20_000, depth: 16, elements: 50 };
    let mut dump = Dump::with_limits("dump.xml", &*xml, limits).expect("a dump");
    let (mut rows, mut records) = (Batch::default(), Vec::new());
    while let Some(record) = dump.next(&mut rows).expect("whole") {
        records.push(record);
    }
    assert_eq!(rejects(&records), ["1 : it is larger than 20000 bytes", "3 : it holds more than 50 elements"],);
    assert_eq!(rows.albums.len(), 1);
}

const COUNT: &str = r#"
import gzip, json, sys, xml.etree.ElementTree as E
counts = {}
for path in sys.argv[1:]:
    root = E.parse(gzip.open(path)).getroot()
    c = counts[root.tag] = dict(elements=len(root), tracks=0, genres=0, styles=0, isrc=0, numbers=[], titles=0, seconds=0, credits=0)
    for e in root:
        c["numbers"].append(int(e.get("id") or e.findtext("id")))
        c["tracks"] += len(list(e.iter("track")))
        c["genres"] += len([g for g in e.iter("genre") if g.text])
        c["styles"] += len([g for g in e.iter("style") if g.text])
        c["titles"] += len([t for t in e.iter("track") if (t.findtext("title") or "").strip()])
        c["isrc"] += len([i for i in e.iter("identifier") if i.get("type") == "ISRC" and ((i.get("description") or "").startswith("Track ") or len(list(e.iter("track"))) == 1)])
        for t in e.iter("track"):
            d = t.findtext("duration")
            if d:
                s = 0
                for part in d.split(":"): s = s * 60 + int(part)
                c["seconds"] += s
    c["numbers"].sort()
print(json.dumps(counts))
"#;

#[test]
fn real_dumps_give_what_an_independent_script_counts() {
    let test = "real_dumps_give_what_an_independent_script_counts";
    let Some(folder) = shared::data("discogs", test) else { return };
    let paths: Vec<_> = Kind::ALL.iter().map(|kind| folder.join(format!("{}.xml.gz", kind.name()))).collect();
    let mut found = BTreeMap::new();
    for (kind, path) in Kind::ALL.into_iter().zip(&paths) {
        assert_eq!(Kind::of_file(&path.display().to_string()), Some(kind));
        let (rows, records) = read(unpacked(path)).expect("a real dump");
        found.insert(kind.name(), (rows, records));
    }
    let faults: Vec<String> = found.values().flat_map(|(_, records)| rejects(records)).collect();
    assert_eq!(faults, [""; 0]);
    let (releases, _) = &found["releases"];
    assert_eq!((releases.albums.len(), releases.tracks.len()), (1_000, 9_430));
    assert_eq!(found["masters"].0.albums.len(), 1_000);
    assert_eq!(found["artists"].0.artists.len(), 1_000);
    assert_eq!(found["labels"].0.supplements.len(), 1_000);
    let mut ids: Vec<Id> = releases.tracks.iter().map(|track| track.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 9_430, "each track has an id of its own");

    let paths: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
    let Some(counted) = shared::python(COUNT, &paths, test) else { return };
    for (name, (rows, records)) in &found {
        let counted = &counted[name];
        assert_eq!(counted["elements"], records.len(), "{name}");
        assert_eq!(counted["tracks"], rows.tracks.len(), "{name}");
        let kind = |kind: &str| rows.supplements.iter().filter(|told| told.kind == kind).count();
        assert_eq!(counted["genres"], kind("genre"), "{name}");
        assert_eq!(counted["styles"], kind("tag"), "{name}");
        assert_eq!(counted["titles"], rows.tracks.iter().filter(|track| !track.title.is_empty()).count(), "{name}");
        assert_eq!(counted["isrc"], rows.tracks.iter().filter(|track| track.isrc.is_some()).count(), "{name}");
        let milliseconds: i64 = rows.tracks.iter().filter_map(|track| track.duration_ms).sum();
        assert_eq!(counted["seconds"], milliseconds / 1000, "{name}");
        let ids =
            rows.albums.iter().map(|album| &album.source_id).chain(rows.artists.iter().map(|artist| &artist.source_id));
        let mut numbers: Vec<u64> = ids.map(|id| id[1..].parse().expect("a number")).collect();
        numbers.sort_unstable();
        if *name != "labels" {
            assert_eq!(counted["numbers"], serde_json::json!(numbers), "{name}");
        }
    }
}

fn unpacked(path: &Path) -> impl BufRead + Send + use<> {
    BufReader::new(flate2::read::MultiGzDecoder::new(File::open(path).expect("open")))
}

#[test]
fn real_positions_are_in_order() {
    let Some(folder) = shared::data("discogs", "real_positions_are_in_order") else { return };
    let (rows, _) = read(unpacked(&folder.join("releases.xml.gz"))).expect("a real dump");
    let placed = rows.tracks.iter().filter(|track| track.number.is_some()).count();
    assert!(placed > 9_100, "{placed} of {} tracks have a number", rows.tracks.len());
    let mut last: Option<&Track> = None;
    let mut backwards = Vec::new();
    for track in rows.tracks.iter().filter(|track| track.number.is_some()) {
        if let Some(last) = last.filter(|last| last.album_id == track.album_id)
            && (last.disc, last.number) > (track.disc, track.number)
        {
            backwards.push(track.source_id.clone());
        }
        last = Some(track);
    }
    assert!(backwards.len() < 30, "{} tracks stand before the one before them: {backwards:?}", backwards.len());
}

fn never_panics(xml: &[u8]) {
    let Ok(mut dump) = Dump::open("dump.xml", xml) else { return };
    let (mut rows, mut count) = (Batch::default(), 0);
    while let Ok(Some(_)) = dump.next(&mut rows) {
        count += 1;
        assert!(count <= xml.len(), "no end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn mutated_dumps_never_panic_nor_hang(
        which in 0usize..4,
        edits in proptest::collection::vec((any::<u16>(), 0u8..5, any::<u8>()), 1..12),
    ) {
        let mut xml = [RELEASES, MASTERS, ARTISTS, LABELS][which].as_bytes().to_vec();
        for (at, what, byte) in edits {
            let at = usize::from(at) % xml.len();
            match what {
                0 => xml[at] = byte,
                1 => { xml.remove(at); }
                2 => xml.insert(at, b"<>/&'\"!-]["[usize::from(byte) % 10]),
                3 => xml.truncate(at.max(1)),
                _ => { let end = (at + usize::from(byte)).min(xml.len()); xml.drain(at..end); }
            }
            if xml.is_empty() { break; }
        }
        never_panics(&xml);
    }

    #[test]
    fn any_text_in_any_field_is_read(text in "[\\PC\\s<&>]{0,40}", field in 0usize..6) {
        let name = ["title", "released", "position", "duration", "tracks", "catno"][field];
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        let value = |field: &str| if field == name { text.as_str() } else { "1" };
        let xml = format!(
            "<releases><release id=\"1\"><title>{}</title><released>{}</released><labels><label name=\"l\" catno=\"{}\"/>\
             </labels><extraartists><artist><id>1</id><name>{}</name><role>{}</role><tracks>{}</tracks></artist>\
             </extraartists><tracklist><track><position>{}</position><title>x</title><duration>{}</duration></track>\
             <track><position>2</position><title>y</title></track></tracklist><identifiers><identifier type=\"ISRC\" \
             value=\"{}\" description=\"{}\"/></identifiers></release></releases>",
            value("title"), value("released"), value("catno"), value("title"), value("tracks"), value("tracks"),
            value("position"), value("duration"), value("title"), value("position"),
        );
        let (rows, records) = read(xml.as_bytes()).expect("whole");
        prop_assert_eq!((records.len(), rows.albums.len(), rows.tracks.len()), (1, 1, 2));
    }

    #[test]
    fn any_bytes_are_no_dump_or_one(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut xml = b"<releases>".to_vec();
        xml.extend(&bytes);
        never_panics(&xml);
        never_panics(&bytes);
    }
}

/// A reader that gives one byte at a time, so that no tag comes whole.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.len().min(buffer.len()).min(1);
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

#[test]
fn it_does_not_matter_how_the_bytes_come() {
    for xml in [RELEASES, LABELS] {
        let (whole, _) = read(xml.as_bytes()).expect("the fixture");
        let (trickled, _) = read(BufReader::with_capacity(1, Trickle(xml.as_bytes()))).expect("the fixture");
        assert_eq!(whole, trickled);
    }
}
