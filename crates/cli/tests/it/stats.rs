//! `stats`

use crate::world::{World, assert_fields};

#[test]
fn coverage_says_how_few_have_how_much() {
    let world = World::with_sample();
    let stats = world.here(&["stats", "--json"]).one();
    let coverage = &stats["coverage"];
    assert_fields(coverage, &["listens", "tracks_listened", "tracks_unlistened", "recordings_listened", "bytes_held"]);
    assert_eq!(coverage["listens"], stats["listens"]);
    let listened = coverage["tracks_listened"].as_i64().unwrap();
    assert_eq!(listened + coverage["tracks_unlistened"].as_i64().unwrap(), stats["tracks"].as_i64().unwrap());

    // The same from the tables, counted by another hand.
    let query = "SELECT last_value(\"count\" ORDER BY as_of) AS n FROM listens GROUP BY recording_id ORDER BY n DESC";
    let counts: Vec<i64> =
        world.here(&["sql", query, "--json"]).json().iter().map(|row| row["n"].as_i64().unwrap()).collect();
    let all: i64 = counts.iter().sum();
    let few = |share: f64| {
        let mut sum = 0;
        1 + counts
            .iter()
            .take_while(|count| {
                sum += **count;
                (sum as f64) < share * all as f64
            })
            .count() as i64
    };
    let covering = coverage["covering"].as_array().unwrap();
    assert_eq!(
        covering.iter().map(|few| few["share"].as_f64().unwrap()).collect::<Vec<_>>(),
        [0.5, 0.8, 0.9, 0.99, 0.996]
    );
    for told in covering {
        assert_eq!(told["recordings"], few(told["share"].as_f64().unwrap()), "{told}");
        assert!(told["tracks"].as_i64() >= told["recordings"].as_i64(), "{told}");
    }
    let bands = coverage["bands"].as_array().unwrap();
    let sum = |field: &str| bands.iter().map(|band| band[field].as_i64().unwrap()).sum::<i64>();
    assert_eq!((sum("listens"), sum("tracks")), (all, stats["tracks"].as_i64().unwrap()));
    let shares: f64 = bands.iter().map(|band| band["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9);
    assert!(sum("bytes") == coverage["bytes_held"].as_i64().unwrap(), "{coverage}");
}

#[test]
fn the_plot_is_a_picture_that_other_programs_read() {
    let world = World::with_sample();
    let said = world.here(&["stats", "--plot", "coverage.svg"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let picture = std::fs::read_to_string(world.path("coverage.svg")).unwrap();
    for needed in ["prefers-color-scheme:dark", "share of listens", "bytes held", "tracks", "99.6 %"] {
        assert!(picture.contains(needed), "{needed}");
    }
    let parsed = "import sys, xml.etree.ElementTree as t; r = t.parse(sys.argv[1]).getroot(); \
                  print(r.tag, len(r.findall('.//{*}path')), len(r.findall('.//{*}circle')))";
    let mut python = std::process::Command::new(fonoteca_testkit::python());
    let parsed = python.arg("-c").arg(parsed).arg(world.path("coverage.svg")).output().unwrap();
    assert_eq!(String::from_utf8(parsed.stdout).unwrap().trim(), "{http://www.w3.org/2000/svg}svg 4 5");

    let empty = World::with_archive();
    let said = empty.here(&["stats", "--plot", "coverage.svg"]);
    assert!(said.code == 1 && said.err.contains("import listenbrainz"), "{}", said.err);
    assert!(!empty.path("coverage.svg").exists());
}
