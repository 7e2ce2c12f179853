//! Decisions that come with imports: recorded once, superseded by their own source, and never back from the dead.

use std::sync::{Arc, Mutex};

use fonoteca_catalog::import::decisions::{TakingDecisions, record};
use fonoteca_catalog::import::table::{Map, Tables};
use fonoteca_catalog::import::{ImportError, Records};
use fonoteca_catalog::{Batch, Catalog, Rights};
use fonoteca_model::Timestamp;

use crate::archive::{Archive, all, commit};
use crate::tables::stream;

const MAP: &str = "source = 'test'\n[[file]]\n[file.album]\nid = 'id'\ntitle = 'title'\n[[file.rights]]\nof = 'album'\n\
    licence = 'licence'";

/// Imports albums 1, 2 … under these licences; the decisions that were taken out, group by group.
fn taken(licences: &[&str]) -> Vec<Vec<Rights>> {
    let rows: Vec<String> = licences.iter().zip(1..).map(|(licence, id)| format!("{id},T,{licence}")).collect();
    let text = format!("id,title,licence\n{}\n", rows.join("\n"));
    let map = Map::parse(MAP).expect("a map");
    let tables = Tables::open(&map, vec![("t.csv".to_owned(), stream(text))], Timestamp(7)).expect("sound");
    let groups = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&groups);
    let mut records = TakingDecisions::new(tables, move |decisions| {
        into.lock().expect("one thread").push(decisions);
        Ok(())
    });
    let mut rows = Batch::default();
    while records.next(&mut rows).expect("sound").is_some() {}
    assert!(rows.rights.is_empty() && rows.albums.len() == licences.len());
    drop(records);
    Arc::into_inner(groups).expect("dropped").into_inner().expect("one thread")
}

async fn import(catalog: &Catalog, licences: &[&str], second: i64) -> usize {
    let mut added = 0;
    for group in taken(licences) {
        added += record(catalog, group, Timestamp::from_seconds(second)).await.expect("record");
    }
    added
}

/// Licence, whether it is in force, in the order of recording.
async fn said(catalog: &Catalog) -> Vec<(String, bool)> {
    let rows: Vec<Rights> = all(&catalog.snapshot().await.expect("snapshot")).await;
    let gone: Vec<&str> = rows.iter().filter_map(|row| row.supersedes.as_deref()).collect();
    let mut said: Vec<(String, bool)> =
        rows.iter().map(|row| (row.licence.clone().unwrap_or_default(), !gone.contains(&&*row.id))).collect();
    said.sort();
    said
}

#[tokio::test]
async fn the_same_file_says_nothing_twice() {
    let (_archive, catalog) = Archive::new().await;
    assert_eq!(import(&catalog, &["CC BY 4.0", "", "CC0", "mine"], 1).await, 3);
    let first = said(&catalog).await;
    assert_eq!(import(&catalog, &["CC BY 4.0", "", "CC0", "mine"], 2).await, 0);
    assert_eq!(said(&catalog).await, first);
    assert_eq!(first.len(), 3);
}

#[tokio::test]
async fn what_a_source_says_now_replaces_what_it_said() {
    let (_archive, catalog) = Archive::new().await;
    import(&catalog, &["CC BY 4.0"], 1).await;
    assert_eq!(import(&catalog, &["CC BY-NC 4.0"], 2).await, 1);
    assert_eq!(said(&catalog).await, [("CC BY 4.0".into(), false), ("CC BY-NC 4.0".into(), true)]);
    assert_eq!(import(&catalog, &["CC BY 4.0"], 3).await, 1, "and back again");
    assert_eq!(import(&catalog, &["CC BY 4.0"], 4).await, 0);
    let now = said(&catalog).await;
    assert_eq!(now.iter().filter(|(_, in_force)| *in_force).collect::<Vec<_>>(), [&("CC BY 4.0".to_owned(), true)]);
    assert_eq!(now.len(), 3);
}

#[tokio::test]
async fn what_somebody_else_replaced_stays_replaced() {
    let (_archive, catalog) = Archive::new().await;
    import(&catalog, &["CC BY 4.0"], 1).await;
    let rows: Vec<Rights> = all(&catalog.snapshot().await.expect("snapshot")).await;
    let operator = Rights {
        id: "operator".into(),
        supersedes: Some(rows[0].id.clone()),
        asserted_by: "operator".into(),
        licence: Some("CC BY-ND 4.0".into()),
        ..rows[0].clone()
    };
    commit(&catalog, "operator", 0, Batch { rights: vec![operator], ..Batch::default() }).await;
    assert_eq!(import(&catalog, &["CC BY 4.0"], 2).await, 0);
    assert_eq!(said(&catalog).await, [("CC BY 4.0".into(), false), ("CC BY-ND 4.0".into(), true)]);
    assert_eq!(import(&catalog, &["CC BY-SA 4.0"], 3).await, 1, "something new is said beside the operator's");
}

#[test]
fn many_go_in_groups_and_a_failure_ends_the_records() {
    let groups = taken(&vec!["CC0"; 5_000]);
    assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [4_096, 904]);
    let map = Map::parse(MAP).expect("a map");
    let input = stream("id,title,licence\n1,T,CC0\n");
    let tables = Tables::open(&map, vec![("t.csv".to_owned(), input)], Timestamp(7)).expect("sound");
    let mut records = TakingDecisions::new(tables, |_| {
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
        Err(ImportError::Read { name: "sink".into(), source })
    });
    let mut rows = Batch::default();
    assert!(records.next(&mut rows).expect("the row").is_some());
    assert!(records.next(&mut rows).is_err(), "the end is not told before all is recorded");
}
