//! Tables of others: what a map makes of them, what is wrong with them, and the ready maps.

use std::io::{BufRead, BufReader, Cursor, Read};

use fonoteca_catalog::import::table::{Input, Limits, Map, Tables, dump_date, guess, shipped};
use fonoteca_catalog::import::{ImportError, Record, Records};
use fonoteca_catalog::{Batch, Credit, Track};
use fonoteca_model::{Id, Timestamp};

use crate::shared;

pub const AT: Timestamp = Timestamp::from_seconds(1_793_620_800);

pub fn stream(text: impl AsRef<[u8]>) -> Input {
    Input::Stream(Box::new(Cursor::new(text.as_ref().to_vec())))
}

pub fn read_all(tables: &mut Tables) -> Result<(Batch, Vec<Record>), ImportError> {
    let (mut rows, mut records) = (Batch::default(), Vec::new());
    while let Some(record) = tables.next(&mut rows)? {
        records.push(record);
    }
    assert!(records.iter().map(|record| record.number).eq(1..=records.len() as u64), "numbers count from 1");
    Ok((rows, records))
}

pub fn read(map: &str, files: Vec<(&str, Input)>) -> Result<(Batch, Vec<Record>), ImportError> {
    let map = Map::parse(map).unwrap_or_else(|error| panic!("{error}\n{map}"));
    let files = files.into_iter().map(|(name, input)| (name.to_owned(), input)).collect();
    read_all(&mut Tables::open(&map, files, AT)?)
}

pub fn rejects(records: &[Record]) -> Vec<String> {
    let all = records.iter().flat_map(|record| record.rejects.iter().map(move |reject| (record.number, reject)));
    all.map(|(number, reject)| format!("{number} {}: {}", reject.field, reject.reason)).collect()
}

fn id(source_id: &str) -> Id {
    Id::of("test", source_id)
}

fn track<'a>(rows: &'a Batch, source_id: &str) -> &'a Track {
    rows.tracks.iter().find(|track| track.source_id == source_id).unwrap_or_else(|| panic!("no track {source_id}"))
}

const MAP: &str = r#"
source = "test"
licence = "CC0-1.0"

[[file]]
nothing = ["?", "NULL"]

[file.album]
id = "album_id"
title = "album"
artists = { name = "artist", id = "artist_id" }
upc = "upc"
date = { column = "released", date = "dmy" }
kind = { column = "type", words = { "LP" = "album" } }

[file.track]
id = "id"
title = "title"
artists = [
    { name = "artist", id = "artist_id" },
    { name = { column = "guests", split = ";" }, role = "featured" },
]
disc = "disc"
number = "number"
duration = { column = "ms", unit = "ms" }
isrc = "isrc"
explicit = "explicit"
raw = "*"

[[file.rights]]
of = "track"
licence = "licence"
attribution = "artist"

[[file.supplement]]
of = "track"
kind = "tag"
value = { column = "tags", split = "|" }
"#;

const HEADER: &str =
    "id,title,artist,artist_id,guests,album_id,album,upc,released,type,disc,number,ms,isrc,explicit,licence,tags,url";

fn csv(lines: &[&str]) -> String {
    format!("{HEADER}\n{}\n", lines.join("\n"))
}

#[test]
fn one_row_fills_several_tables() {
    let text = csv(&[
        "1, One ,Ann,a1,Bob;Cy,al1,First,036000291452,9.7.2004,LP,1,1,60000,ZZFON2600001,yes,CC BY 4.0,rock| sad,http://x",
        "2,\"Two, \"\"live\"\"\",Ann,a1,Bob,al1,First,,,?,1,2,0,?,0,,,",
        "3,Three,Bob,,,,,,,,,,,,,CC0,,NULL",
    ]);
    let (rows, records) = read(MAP, vec![("t.csv", stream(text))]).expect("sound");
    assert_eq!(rejects(&records), [""; 0]);
    assert_eq!((rows.tracks.len(), rows.albums.len(), rows.artists.len()), (3, 1, 3));
    let album = &rows.albums[0];
    assert_eq!((album.id, &*album.source, &*album.title), (id("al1"), "test", "First"));
    assert_eq!((album.date.as_deref(), album.kind.as_deref()), (Some("2004-07-09"), Some("album")));
    assert_eq!(album.upc.as_deref(), Some("0036000291452"));
    let one = track(&rows, "1");
    assert_eq!((&*one.title, one.album_id, one.duration_ms), ("One", Some(id("al1")), Some(60_000)));
    assert_eq!((one.disc, one.number, one.explicit), (Some(1), Some(1), Some(true)));
    assert_eq!(one.artist_credit, "Ann");
    let credit = |id: Id, role: &str, name: &str| Credit { artist_id: id, role: role.into(), name: name.into() };
    assert_eq!(
        one.artists,
        [
            credit(id("a1"), "main", "Ann"),
            credit(id("name:Bob"), "featured", "Bob"),
            credit(id("name:Cy"), "featured", "Cy")
        ]
    );
    assert_eq!(one.raw.as_deref(), Some(r#"{"url":"http://x"}"#));
    let two = track(&rows, "2");
    assert_eq!((&*two.title, two.duration_ms, two.isrc.as_deref()), ("Two, \"live\"", None, None));
    assert_eq!(track(&rows, "3").album_id, None);
    assert_eq!(track(&rows, "3").raw, None);
    let tags: Vec<&str> = rows.supplements.iter().map(|told| &*told.value).collect();
    assert_eq!(tags, ["rock", "sad"]);
    assert!(rows.supplements.iter().all(|told| told.licence.as_deref() == Some("CC0-1.0") && told.id == id("1")));
    let rights: Vec<_> = rows.rights.iter().map(|said| (&*said.subject, &*said.basis, said.spdx.as_deref())).collect();
    assert_eq!(
        rights,
        [
            (&*id("1").to_string(), "licensed", Some("CC-BY-4.0")),
            (&*id("3").to_string(), "public-domain", Some("CC0-1.0"))
        ]
    );
    assert_eq!((&*rows.rights[0].asserted_by, rows.rights[0].attribution.as_deref()), ("test", Some("Ann")));
    assert_eq!(rows.rights[0].at, AT);
}

#[test]
fn decisions_have_ids_that_outlast_an_import() {
    let text = csv(&["1,One,Ann,,,,,,,,,,,,,CC BY 4.0,,", "2,Two,Ann,,,,,,,,,,,,,CC BY 4.0,,"]);
    let ids = |text: &str, at: i64| {
        let map = Map::parse(MAP).expect("a map");
        let files = vec![("t.csv".to_owned(), stream(text))];
        let mut tables = Tables::open(&map, files, Timestamp::from_seconds(at)).expect("sound");
        let (rows, _) = read_all(&mut tables).expect("sound");
        rows.rights.into_iter().map(|said| said.id).collect::<Vec<_>>()
    };
    let first = ids(&text, 1);
    assert_eq!(first, ids(&text, 2), "the same statement at another time is the same decision");
    assert!(first[0] != first[1] && first.iter().all(|id| id.len() == 32));
    assert_ne!(first[0], ids(&text.replace("CC BY 4.0", "CC BY 3.0"), 1)[0], "another licence is another decision");
}

#[test]
fn each_fault_is_named_with_line_field_and_reason() {
    for (line, wanted, tracks) in [
        ("1,T,A,,,,,,,,,,-5,,,,,", "ms: \"-5\" is negative", 1),
        ("1,T,A,,,,,,,,,,4 min,,,,,", "ms: \"4 min\" is no duration", 1),
        ("1,T,A,,,,,,,,,,99999999999999,,,,,", "ms: \"99999999999999\" is longer than a year; is `unit` right?", 1),
        ("1,T,A,,,,,,,,x,,,,,,,", "disc: \"x\" is no number from 1", 1),
        ("1,T,A,,,,,,,,,,,ZZFON26,,,,", "isrc: \"ZZFON26\" is not an ISRC", 1),
        ("1,T,A,,,al1,B,4006381333932,,,,,,,,,,", "upc: \"4006381333932\" is not a barcode", 1),
        ("1,T,A,,,al1,B,,0000-13-99x,,,,,,,,,", "released: \"0000-13-99x\" is no date", 1),
        ("1,T,A,,,,,,,,,,,,maybe,,,", "explicit: \"maybe\" is neither true nor false", 1),
        ("1,T,A,,,,,,,,,,,,,All rights reserved,,", "licence: no rule knows the licence \"All rights reserved\"", 1),
        ("1,,A,,,,,,,,,,,,,,,", "title: is empty", 1),
        (",T,A,,,,,,,,,,,,,,,", ": id is empty", 0),
        ("1,T,A", ": has 3 fields, and there are 18 columns", 0),
        ("1,T,A,,,,,,,,,,,,,,,,", ": has 19 fields, and there are 18 columns", 0),
        ("1,\"T,A,,,,,,,,,,,,,,,\n2,x", ": has 2 fields, and there are 18 columns; it goes on to line 3", 0),
    ] {
        let (rows, records) = read(MAP, vec![("t.csv", stream(csv(&[line])))]).expect(line);
        let found = rejects(&records);
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].starts_with(&format!("1 {wanted}")), "{line}: {found:?}");
        assert!(found[0].ends_with("(line 2 of t.csv)"), "{line}: {found:?}");
        assert_eq!(rows.tracks.len(), tracks, "{line}");
        assert!(tracks == 1 || rows.is_empty(), "{line}: nothing is added of a row that cannot be used");
    }
    let mut text = csv(&["1,T,A,,,,,,,,,,,,,,,", "2,"]).into_bytes();
    text.pop();
    text.extend(b"\xff\xfe,A,,,,,,,,,,,,,,,\n3,T,A,,,,,,,,,,,,,,,\n");
    let (rows, records) = read(MAP, vec![("t.csv", stream(text))]).expect("one value is broken");
    assert_eq!(rejects(&records), ["2 title: is not UTF-8 at byte 1 (line 3 of t.csv)"]);
    assert_eq!(rows.tracks.len(), 3);
}

#[test]
fn lines_are_counted_whatever_ends_them() {
    for end in ["\n", "\r\n"] {
        let text = format!("{HEADER}{end}{end}1,\"a{end}b\",A,,,,,,,,,,,,,,,{end}2,T{end}3,T,A,,,,,,,,,,x,,,,{end}");
        let (_, records) = read(MAP, vec![("t.csv", stream(text))]).expect("sound");
        let found = rejects(&records);
        assert!(found[0].ends_with("(line 5 of t.csv)") && found[1].ends_with("(line 6 of t.csv)"), "{found:?}");
    }
}

fn two_columns(options: &str) -> String {
    format!("source = 'test'\n[[file]]\n{options}\n[file.track]\nid = 'id'\ntitle = 'title'\n")
}

fn error_of(map: &str, name: &str, input: Input) -> String {
    let mut error = read(map, vec![(name, input)]).map(|_| ()).expect_err(name).to_string();
    error.truncate(400);
    error
}

#[test]
fn headers() {
    let titles = |options: &str, text: &str| {
        let (rows, records) = read(&two_columns(options), vec![("t.csv", stream(text))]).expect(text);
        assert_eq!(rejects(&records), [""; 0], "{text}");
        rows.tracks
            .into_iter()
            .map(|track| format!("{}={}", track.source_id, track.title))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(titles("", "id,title\n1,a\n2,b"), "1=a 2=b");
    assert_eq!(titles("", "\u{feff}id,title\n1,a"), "1=a", "a byte order mark");
    assert_eq!(titles("", "x,x,title,id\n0,0,a,1"), "1=a", "twins that nobody names");
    assert_eq!(titles("columns = ['id', 'title']", "1,a\n2,b"), "1=a 2=b");
    assert_eq!(titles("delimiter = ';'\nquote = false", "id;title\n1;\"a"), "1=\"a");
    let dotted = two_columns("header_rows = 2").replace("'title'", "'song.title'");
    let (rows, _) = read(&dotted, vec![("t.csv", stream("id,song\n,title\n1,a"))]).expect("two rows of header");
    assert_eq!(rows.tracks[0].title, "a");

    let map = two_columns("");
    let missing = error_of(&map, "t.csv", stream("id,name\n1,a"));
    assert!(missing.contains("no column \"title\"; its columns are: id, name"), "{missing}");
    let twice = error_of(&map, "t.csv", stream("id,title,title\n1,a,b"));
    assert!(twice.contains("columns 2 and 3 are both called \"title\""), "{twice}");
    assert!(error_of(&map, "t.csv", stream("")).contains("it is empty"));
    assert!(error_of(&map, "t.csv", stream(b"\xff\xfei\0d\0")).contains("UTF-16"));
    assert!(error_of(&map, "t.xyz", stream("id")).contains("set `format`"));
    assert!(error_of(&map, "t.parquet", stream("id")).contains("it is a stream"));
    assert!(
        error_of(&two_columns("header_rows = 3"), "t.csv", stream("id,title\n")).contains("ends before the 3 rows")
    );
}

/// Rows beyond any limit, made while they are read.
struct Endless {
    head: &'static [u8],
    count: usize,
    tail: &'static [u8],
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if !self.head.is_empty() {
            return self.head.read(buffer);
        }
        if self.count > 0 {
            let count = self.count.min(buffer.len());
            buffer[..count].fill(b'x');
            self.count -= count;
            return Ok(count);
        }
        self.tail.read(buffer)
    }
}

#[test]
fn a_huge_row_is_passed_over_without_being_held() {
    let limits = Limits { row_bytes: 100_000, ..Limits::default() };
    let of = |name: &str, head: &'static [u8], tail: &'static [u8]| {
        let map = Map::parse(&two_columns("")).expect("a map");
        let input: Box<dyn BufRead + Send> = Box::new(BufReader::new(Endless { head, count: 8_000_000, tail }));
        let mut tables =
            Tables::with_limits(&map, vec![(name.to_owned(), Input::Stream(input))], AT, limits).expect(name);
        read_all(&mut tables).expect(name)
    };
    let (rows, records) = of("t.csv", b"id,title\n1,", b"\n2,b\n");
    assert_eq!(rows.tracks.len(), 1);
    assert!(rejects(&records)[0].starts_with("1 : is larger than 100000 bytes"), "{:?}", rejects(&records));
    let (rows, records) = of("t.csv", b"id,title\n1,\"", b"\n2,b\n");
    assert_eq!((rows.tracks.len(), records.len()), (0, 1), "an open quote takes all that follows");
    let (rows, records) =
        of("t.jsonl", b"{\"id\":0,\"title\":\"a\"}\n{\"id\":1,\"title\":\"", b"\"}\n{\"id\":2,\"title\":\"b\"}");
    assert_eq!(rows.tracks.len(), 2);
    assert_eq!(rejects(&records), ["2 : is longer than 100000 bytes (line 2 of t.jsonl)"]);
    let many = format!("id,title\n1,a{}\n2,b\n", ",".repeat(10_000));
    let (rows, records) = read(&two_columns(""), vec![("t.csv", stream(many))]).expect("sound");
    assert!(rejects(&records)[0].contains("or 4096 fields"), "{:?}", rejects(&records));
    assert_eq!(rows.tracks.len(), 1);
}

#[test]
fn json_lines() {
    let map = "source = 'test'\n[[file]]\n[file.track]\nid = 'id'\ntitle = 'song.title'\nartists = 'by.name'\nraw = '*'\n\
        [[file.supplement]]\nof = 'track'\nkind = 'tag'\nvalue = { column = 'tags', optional = true }";
    let text = concat!(
        "\u{feff}{\"id\": 1, \"song\": {\"title\": \"One\"}, \"by\": [{\"name\": \"A\"}, {\"name\": \"B\"}], \"x\": [1, null]}\n",
        "\n",
        "{\"id\": 2, \"song\": {\"title\": \"T\u{f6}\"}, \"tags\": [\"a\", \"b\"]}\r\n",
        "{\"id\": 3, \"song\":\n",
        "[1]\n",
        "{\"id\": 4, \"song\": {\"title\": null}}\n",
        "not json",
    );
    let (rows, records) = read(map, vec![("t.jsonl", stream(text))]).expect("sound");
    let found = rejects(&records);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[0].starts_with("3 : is no JSON: ") && found[0].ends_with("(line 4 of t.jsonl)"), "{found:?}");
    assert_eq!(found[1], "4 : is no JSON object (line 5 of t.jsonl)");
    assert_eq!(found[2], "5 song.title: is empty (line 6 of t.jsonl)");
    assert!(found[3].starts_with("6 : is no JSON: "), "{found:?}");
    let one = track(&rows, "1");
    assert_eq!((&*one.title, &*one.artist_credit), ("One", "A, B"));
    assert_eq!(track(&rows, "2").title, "Tö");
    assert_eq!(rows.supplements.len(), 2);

    let missing = error_of(&two_columns(""), "t.jsonl", stream("{\"id\": 1}\n{\"name\": {\"de\": 2}}"));
    assert!(missing.contains("no column \"title\"; its columns are: id, name.de, name"), "{missing}");
    assert!(error_of(&two_columns(""), "t.jsonl", stream("")).contains("it is empty"));
    assert!(error_of(&two_columns(""), "t.jsonl", stream("[{}]")).contains("line 1 is no object"));
    let mut deep = "[".repeat(100_000);
    deep.insert_str(0, "{\"id\": 1, \"title\": \"a\"}\n{\"id\": 2, \"title\": ");
    let (_, records) = read(&two_columns(""), vec![("t.jsonl", stream(deep))]).expect("sound");
    assert!(rejects(&records)[0].contains("recursion limit"), "{:?}", rejects(&records));
}

#[test]
fn a_lookup_continues_rows() {
    let map = "source = 'test'\n[[lookup]]\nas = 'more'\nname = 'more.csv'\nkey = 'k'\n[[file]]\nname = 'main.csv'\n\
        lookup = { more = 'id' }\n[file.track]\nid = 'id'\ntitle = 'title'\nduration = 'more.s'\nraw = 'more.u'";
    let files = |more: &str| vec![("more.csv", stream(more)), ("main.csv", stream("id,title\n1,a\n2,b\n3,c\n"))];
    let (rows, records) = read(map, files("k,s,u,v\n2,20,x,\n1,10,,\n2,99,,\n,5,,\nbroken\n")).expect("sound");
    let lengths: Vec<_> = rows.tracks.iter().map(|track| track.duration_ms).collect();
    assert_eq!(lengths, [Some(10_000), Some(20_000), None]);
    assert_eq!(rows.tracks[1].raw.as_deref(), Some(r#"{"more.u":"x"}"#));
    assert_eq!(
        rejects(&records),
        [
            "1 : more.csv 4: key \"2\" was in an earlier row (line 2 of main.csv)",
            "1 : more.csv 5: has no key (line 2 of main.csv)",
            "1 : more.csv 6: has 1 fields, and there are 4 columns (line 2 of main.csv)",
        ]
    );
    let error = read(map, files("k,u\n")).map(|_| ()).expect_err("no column s").to_string();
    assert!(error.contains("no column \"more.s\"; its columns are: id, title, more.k, more.u"), "{error}");
    let limits = Limits { lookup_bytes: 100, ..Limits::default() };
    let parsed = Map::parse(map).expect("a map");
    let given = files("k,s,u\n1,1,\n2,2,\n").into_iter().map(|(name, input)| (name.to_owned(), input)).collect();
    let error = Tables::with_limits(&parsed, given, AT, limits).map(|_| ()).expect_err("too large").to_string();
    assert!(error.contains("its rows take more than 100 bytes"), "{error}");
}

#[test]
fn rows_that_are_there_twice() {
    let albums = "source = 'test'\n[[file]]\n[file.album]\nid = 'id'\ntitle = 'title'";
    let (rows, records) = read(albums, vec![("t.csv", stream("id,title\n1,a\n1,b\n2,c\n"))]).expect("sound");
    assert_eq!(rejects(&records), ["2 : \"1\" was in an earlier row (line 3 of t.csv)"]);
    assert_eq!(rows.albums.len(), 2);
    let numbered = two_columns("").replace("title = ", "repeats = 'number'\ntitle = ");
    let (rows, _) = read(&numbered, vec![("t.csv", stream("id,title\n1,a\n1,b\n2,c\n1,d\n"))]).expect("sound");
    let ids: Vec<&str> = rows.tracks.iter().map(|track| &*track.source_id).collect();
    assert_eq!(ids, ["1", "1#2", "2", "1#3"]);
}

#[test]
fn a_wrong_map_is_named_by_its_place() {
    for (map, problem) in [
        ("source = ", "the map is no TOML"),
        ("", "`source` is missing"),
        ("source = 'local'\n[[file]]", "\"local\" is what the archive itself took in"),
        ("source = 'a b'\n[[file]]", "\"a b\" is no name: 1 to 40 letters, digits"),
        ("source = 'x'", "there is no [[file]]"),
        ("source = 'x'\n[[file]]", "in the map, file 1: nothing is made of the file"),
        ("source = 'x'\n[[file]]\n[file.track]\nid = 'a'", "in the map, file 1, track: `title` is missing"),
        (
            "source = 'x'\n[[file]]\n[file.track]\nid = 'a'\ntitle = 'b'\nisbn = 'c'",
            "`isbn` means nothing here; write one of: ",
        ),
        ("source = 'x'\n[[file]]\nformat = 'xls'", "format \"xls\" is none of csv, tsv, jsonl, parquet, sqlite"),
        ("source = 'x'\n[[file]]\ndelimiter = '||'", "`delimiter` is one ASCII character"),
        ("source = 'x'\n[[file]]\n[[file.rights]]\nof = 'album'\nlicence = 'l'", "file 1, rights 1: `id` is missing"),
        ("source = 'x'\n[[file]]\n[[file.supplement]]\nof = 'label'", "`of` is \"track\", \"album\" or \"artist\""),
        ("source = 'x'\n[[file]]\nlookup = { m = 'a' }", "no [[lookup]] with as = \"m\""),
        (
            "source = 'x'\n[[lookup]]\nas = 'm'\nkey = 'k'\n[[file]]\n[file.album]\nid = 'a'\ntitle = 'b'",
            "used by 0 files",
        ),
        (
            "source = 'x'\n[[file]]\n[file.album]\nid = 'a'\ntitle = 'b'\n[[file]]\n[file.track]\nid = 'a'\ntitle = 'b'",
            "where several files are read, each has its `name`",
        ),
    ] {
        let error = Map::parse(map).map(|_| ()).expect_err(map).to_string();
        assert!(error.contains(problem), "{map}\n{error}");
    }
    let map = shipped("freemusicc").expect("there").expect("a map");
    assert_eq!(map.names(), ["releases.csv", "tracks.csv"]);
    assert_eq!(map.assign(&["/x/tracks.csv.gz", "Releases.csv"]), Ok(vec![1, 0]));
    for (given, problem) in [
        (vec!["releases.csv"], "tracks.csv is not among the files given; the map reads: releases.csv, tracks.csv"),
        (vec!["releases.csv", "tracks.csv", "a/tracks.csv"], "tracks.csv and a/tracks.csv are both tracks.csv"),
        (vec!["releases.csv", "tracks.csv", "x.csv"], "x.csv is no file of the map"),
    ] {
        assert!(map.assign(&given).expect_err("wrong").to_string().contains(problem), "{given:?}");
    }
    assert_eq!(shipped("fma").expect("there").expect("a map").assign(&["anything.csv"]), Ok(vec![0]));
    assert_eq!(dump_date("x-2026-11-02.csv").map(|date| date.to_string()).as_deref(), Some("2026-11-02"));
}

#[test]
fn ready_maps_read_what_they_are_for() {
    let ready = |name: &str, files: Vec<(&str, &str)>| {
        let map = shipped(name).expect("there").expect("a map");
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        let order = map.assign(&names).expect("the files of the map");
        let inputs = order.into_iter().map(|at| (files[at].0.to_owned(), stream(files[at].1))).collect();
        let (rows, records) = read_all(&mut Tables::open(&map, inputs, AT).expect(name)).expect(name);
        assert_eq!(rejects(&records), [""; 0], "{name}");
        rows
    };
    let rows = ready(
        "mtg-jamendo",
        vec![
            ("raw.meta.tsv", include_str!("../data/raw.meta.tsv")),
            ("autotagging.tsv", include_str!("../data/autotagging.tsv")),
        ],
    );
    assert_eq!((rows.tracks.len(), rows.albums.len(), rows.artists.len()), (3, 2, 2));
    assert_eq!((&*rows.tracks[0].title, rows.tracks[0].duration_ms), ("The \"first", Some(124_600)));
    assert_eq!(rows.tracks[2].duration_ms, None, "not every track is in the other file");
    let told: Vec<_> = rows.supplements.iter().map(|told| (&*told.kind, &*told.value)).collect();
    assert_eq!(told, [("genre", "punkrock"), ("tag", "voice"), ("tag", "calm")]);

    let rows = ready("fma", vec![("raw_tracks.csv", include_str!("../data/raw_tracks.csv"))]);
    assert_eq!((rows.tracks.len(), rows.albums.len(), rows.artists.len()), (2, 1, 2));
    let first = &rows.tracks[0];
    assert_eq!(
        (first.duration_ms, first.date.as_deref(), first.explicit),
        (Some(168_000), Some("2008-11-26"), Some(false))
    );
    assert_eq!(first.artists[1].role, "composer");
    assert_eq!(rows.rights[0].spdx.as_deref(), Some("CC-BY-NC-SA-3.0-US"));
    let told: Vec<_> = rows.supplements.iter().map(|told| (&*told.kind, &*told.value)).collect();
    assert_eq!(told, [("genre", "Hip-Hop"), ("genre", "Folk"), ("tag", "awol"), ("tag", "it's")]);

    let rows = ready("fma-tracks", vec![("tracks.csv", include_str!("../data/fma-tracks.csv"))]);
    assert_eq!((rows.tracks.len(), rows.albums.len(), rows.artists.len()), (2, 1, 1));
    assert_eq!((rows.tracks[0].number, rows.albums[0].kind.as_deref()), (Some(3), Some("album")));
    assert!(rows.artists[0].raw.as_deref().expect("more").contains("Port"));
    assert_eq!(rows.rights[0].spdx.as_deref(), Some("CC-BY-NC-SA-3.0"));
}

#[test]
fn a_guess_reads_the_file_that_it_was_made_for() {
    for (name, text, tracks, expected) in [
        (
            "songs.csv",
            "track_id,track_name,artists,album_name,duration_ms,isrc,release_date,genre,popularity\n\
             7x,One,Ann; Bob,First,201000,ZZFON2600001,2004-07-09,rock,50\n8x,Two,Ann,First,180000,ZZFON2600002,2005,pop,3\n",
            2,
            vec!["isrc = \"isrc\"", "unit = \"ms\"", "split = \"; \"", "raw = [\"popularity\"]", "[[file.supplement]]"],
        ),
        (
            "lengths.csv",
            "Title,Artist,Length,Date,Licence\nOne,Ann,3:21,11/26/2008,CC BY\nTwo,Bob,2:00,1/2/2009,\n",
            2,
            vec!["unit = \"m:ss\"", "date = \"mdy\"", "[[file.rights]]", "repeats = \"number\""],
        ),
        (
            "rows.jsonl",
            "{\"id\": 1, \"title\": \"a\", \"artist\": {\"name\": \"x\"}, \"tags\": [\"p\", \"q\"]}\n",
            1,
            vec!["id = \"id\"", "artists = \"artist.name\""],
        ),
        ("ödd file.csv", "a,b,\"\"\"c\\\",b\n1,2,3,4\n", 1, vec!["source = \"ddfile\""]),
    ] {
        let map = guess(name, stream(text)).expect(name);
        for expected in expected {
            assert!(map.contains(expected), "{name} lacks {expected}:\n{map}");
        }
        let (rows, records) = read(&map, vec![(name, stream(text))]).unwrap_or_else(|error| panic!("{error}\n{map}"));
        assert_eq!(rows.tracks.len(), tracks, "{map}");
        assert_eq!(rejects(&records), [""; 0], "{map}");
    }
}

const COUNT: &str = r#"
import csv, json, sys
releases = list(csv.DictReader(open(sys.argv[1], encoding="utf-8", newline="")))
tracks = list(csv.DictReader(open(sys.argv[2], encoding="utf-8", newline="")))
strip = lambda rows, key: [row[key].strip() for row in rows]
styles = sum(len([s for s in row["style"].split(",") if s.strip()]) for row in releases)
print(json.dumps(dict(
    albums=len(releases), tracks=len(tracks),
    artists=len({a for a in strip(releases, "artist") + strip(tracks, "trackartist") if a not in ("", "?")}),
    labels=len({l for l in strip(releases, "label") if l not in ("", "?")}),
    milliseconds=1000 * sum(int(t["duration"]) for t in tracks),
    genres=len([g for g in strip(releases, "genre") if g]), styles=styles, ratings=len(releases) + len(tracks),
    untitled=len([t for t in strip(tracks, "title") if not t]) + len([t for t in strip(releases, "album") if not t]),
    licensed=len([l for l in strip(releases, "licenseurl") if l]),
    spellings=len(set(strip(releases, "licenseurl"))),
)))
"#;

#[test]
fn freemusicc_gives_what_an_independent_script_counts() {
    let test = "freemusicc_gives_what_an_independent_script_counts";
    let Some(folder) = shared::data("freemusicc", test) else { return };
    let paths = [folder.join("releases.csv"), folder.join("tracks.csv")];
    let map = shipped("freemusicc").expect("there").expect("a map");
    let inputs = paths.iter().map(|path| (path.display().to_string(), Input::File(path.clone()))).collect();
    let (rows, records) = read_all(&mut Tables::open(&map, inputs, AT).expect("open")).expect("read");
    assert_eq!((rows.albums.len(), rows.tracks.len()), (2_289, 21_502));
    let mut ids: Vec<Id> = rows.tracks.iter().map(|track| track.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 21_502, "each line is a track of its own");
    let albums: std::collections::HashSet<Id> = rows.albums.iter().map(|album| album.id).collect();
    assert!(rows.tracks.iter().all(|track| track.album_id.is_some_and(|id| albums.contains(&id))));
    // Each spelling is known, or named as one that no rule knows.
    let unknown: Vec<&str> = rows
        .rights
        .iter()
        .filter(|said| said.licence_uri.is_none())
        .filter_map(|said| said.licence.as_deref())
        .collect();
    assert!(unknown.iter().all(|licence| *licence == "http://freemusicarchive.org/FMA_License"), "{unknown:?}");
    let found = rejects(&records);
    let named = found.iter().filter(|reject| reject.contains("no rule knows the licence")).count();
    assert_eq!(named, unknown.len());
    let untitled =
        found.iter().filter(|reject| reject.contains("title: is empty") || reject.contains("album: is empty")).count();
    assert_eq!(named + untitled, found.len(), "{found:#?}");
    assert!(rows.rights.iter().all(|said| said.subject_kind == "release" && said.asserted_by == "freemusi.cc"));

    let paths: Vec<&std::path::Path> = paths.iter().map(AsRef::as_ref).collect();
    let Some(counted) = shared::python(COUNT, &paths, test) else { return };
    let told = |kind: &str| rows.supplements.iter().filter(|told| told.kind == kind).count();
    let labels: std::collections::HashSet<&str> =
        rows.albums.iter().filter_map(|album| album.label.as_deref()).collect();
    let spellings: std::collections::HashSet<&str> =
        rows.rights.iter().filter_map(|said| said.licence.as_deref()).collect();
    let ours = serde_json::json!({
        "albums": rows.albums.len(), "tracks": rows.tracks.len(), "artists": rows.artists.len(), "labels": labels.len(),
        "milliseconds": rows.tracks.iter().filter_map(|track| track.duration_ms).sum::<i64>(),
        "genres": told("genre"), "styles": told("tag"), "ratings": told("rating"), "untitled": untitled,
        "licensed": rows.rights.len(), "spellings": spellings.len() + 1,
    });
    assert_eq!(ours, counted);
}
