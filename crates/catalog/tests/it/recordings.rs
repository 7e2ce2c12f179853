//! Links: which tracks are one recording.

use std::collections::HashMap;

use fonoteca_catalog::{Batch, Catalog, CatalogError, Link, LinkEntity, Snapshot};
use fonoteca_model::Id;

use crate::archive::{Archive, commit};
use crate::sample::{AT, id, link, recording, track};

async fn links(catalog: &Catalog, number: i64, links: Vec<Link>) -> Result<(), CatalogError> {
    let batch = Batch { links, ..Batch::default() };
    catalog.writer().await.expect("writer").commit("identify", number, batch).await.map(|_| ())
}

async fn of(snapshot: &Snapshot, names: &[&str]) -> Vec<Id> {
    let ids: Vec<Id> = names.iter().map(|name| id(name)).collect();
    let found: HashMap<Id, Id> = snapshot.recording_of(&ids).await.expect("recordings");
    ids.iter().map(|id| found[id]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_followed_replaced_and_taken_back() {
    let (_archive, catalog) = Archive::new().await;
    let tracks = ["a", "b", "c", "d"].map(|name| track(name, "x", None)).to_vec();
    commit(&catalog, "import", 0, Batch { tracks, ..Batch::default() }).await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    assert_eq!(of(&snapshot, &["a", "b"]).await, [id("a"), id("b")], "without links, each is its own");

    links(&catalog, 0, vec![recording("1", "b", "a", 0), recording("2", "c", "a", 0)]).await.expect("links");
    let snapshot = catalog.snapshot().await.expect("snapshot");
    assert_eq!(of(&snapshot, &["a", "b", "c", "d"]).await, [id("a"), id("a"), id("a"), id("d")]);
    let members = snapshot.tracks_of_recordings(&[id("a"), id("d")]).await.expect("members");
    let mut abc = vec![id("a"), id("b"), id("c")];
    abc.sort_unstable();
    assert_eq!(members, HashMap::from([(id("a"), abc), (id("d"), vec![id("d")])]));

    // The recording a is merged into d: a redirect, and nothing about b and c is written again.
    links(&catalog, 1, vec![recording("3", "a", "d", 1)]).await.expect("redirect");
    let snapshot = catalog.snapshot().await.expect("snapshot");
    assert_eq!(of(&snapshot, &["a", "b", "c", "d"]).await, [id("d"); 4]);
    assert_eq!(snapshot.tracks_of_recordings(&[id("d")]).await.expect("members")[&id("d")].len(), 4);

    // A later link of the same track replaces the first; one to itself takes it back; supersedes does both.
    let superseding = Link { supersedes: Some("3".into()), ..recording("6", "z", "y", 9) };
    let batch = vec![recording("4", "b", "c", 2), recording("5", "c", "c", 2), superseding];
    links(&catalog, 2, batch).await.expect("links");
    let snapshot = catalog.snapshot().await.expect("snapshot");
    assert_eq!(of(&snapshot, &["a", "b", "c", "d"]).await, [id("a"), id("c"), id("c"), id("d")]);

    // Links of other kinds do not matter here.
    links(&catalog, 3, vec![link("7", LinkEntity::Artist, id("a"), id("b"), AT.plus_seconds(99))]).await.expect("link");
    let snapshot = catalog.snapshot().await.expect("snapshot");
    assert_eq!(of(&snapshot, &["a"]).await, [id("a")]);
    assert_eq!(snapshot.resolve(LinkEntity::Artist, &[id("a")]).await.expect("artist")[&id("a")], id("b"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circle_is_refused() {
    let (_archive, catalog) = Archive::new().await;
    links(&catalog, 0, vec![recording("1", "a", "b", 0), recording("2", "b", "c", 0)]).await.expect("links");
    let refused = links(&catalog, 1, vec![recording("3", "c", "a", 1)]).await.expect_err("a circle");
    assert!(matches!(refused, CatalogError::Cycle(at) if at == id("c")), "{refused}");
    let within = vec![recording("4", "x", "y", 1), recording("5", "y", "x", 1)];
    let refused = links(&catalog, 1, within).await.expect_err("a circle in one batch");
    assert!(matches!(refused, CatalogError::Cycle(_)), "{refused}");
    assert_eq!(of(&catalog.snapshot().await.expect("snapshot"), &["a"]).await, [id("c")], "nothing was written");
    // Turning the way round is no circle.
    let turned = vec![recording("6", "c", "a", 1), recording("7", "a", "a", 1), recording("8", "b", "a", 1)];
    links(&catalog, 1, turned).await.expect("turned round");
    assert_eq!(of(&catalog.snapshot().await.expect("snapshot"), &["a", "b", "c"]).await, [id("a"); 3]);
}
