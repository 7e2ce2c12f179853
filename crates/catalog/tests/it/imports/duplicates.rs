//! Ids that come twice in one dump: the first stands.

use std::fmt::Write as _;

use fonoteca_catalog::import::SeenLimits;
use fonoteca_catalog::{Catalog, Supplement, Track};
use serde_json::Value;

use super::source::{Dump, counts};
use crate::archive::{Archive, all};

async fn seen(catalog: &Catalog) -> (Vec<Track>, Vec<Supplement>) {
    let snapshot = catalog.snapshot().await.expect("snapshot");
    (all(&snapshot).await, all(&snapshot).await)
}

/// 300 tracks, of which every tenth comes again as another: right behind, or much later. Some come again as they were.
fn text() -> (String, Vec<u64>) {
    let (mut text, mut repeated, mut number) = (String::new(), Vec::new(), 0);
    for n in 0..300 {
        writeln!(text, "n{n} title{n} tag{n}").expect("a string");
        number += 1;
        if n % 20 == 0 {
            writeln!(text, "n{n} again{n} tag{n} more").expect("a string");
            number += 1;
            repeated.push(number);
        }
    }
    for n in (0..300).filter(|n| n % 20 == 5) {
        writeln!(text, "n{n} title{n} more").expect("a string");
        number += 1;
    }
    for n in (0..300).filter(|n| n % 20 == 10) {
        writeln!(text, "n{n} later{n} more").expect("a string");
        number += 1;
        repeated.push(number);
    }
    (text, repeated)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_one_stands_however_much_memory_there_is() {
    let (text, repeated) = text();
    let mut found = Vec::new();
    // Known exactly; by a filter that fits; by one so small that it suspects nearly everything.
    for seen_limits in [
        SeenLimits::default(),
        SeenLimits { exact: 0, filter_bytes: 1 << 16 },
        SeenLimits { exact: 20, filter_bytes: 64 },
    ] {
        let (archive, catalog) = Archive::new().await;
        let mut dump = Dump::write(&archive, "one.txt", &text);
        dump.limits.seen = seen_limits;
        dump.limits.batch_rows = 50;
        let report = dump.import(&catalog).await.expect("imported");
        assert_eq!(counts(&report), [345, 600, 0, 0, 30, 15], "{seen_limits:?}");
        let rejects = std::fs::read_to_string(report.rejects_file.expect("rejects")).expect("a file");
        let rejects: Vec<Value> = rejects.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let mut numbers: Vec<u64> = rejects.iter().map(|reject| reject["number"].as_u64().expect("a number")).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, repeated, "{seen_limits:?}");
        assert_eq!((&rejects[0]["file"], &rejects[0]["field"]), (&"one.txt".into(), &"id".into()));
        let reason = rejects[0]["reason"].as_str().expect("a reason");
        assert!(reason.contains("(\"n0\") came before in `tracks`: the first one stands"), "{reason}");
        let (tracks, supplements) = seen(&catalog).await;
        assert!(tracks.iter().all(|track| track.title.starts_with("title")), "{seen_limits:?}");
        assert!(supplements.iter().all(|row| row.value.starts_with("tag")), "{seen_limits:?}");
        found.push((tracks, supplements));
    }
    assert!(found.windows(2).all(|two| two[0] == two[1]));
}
