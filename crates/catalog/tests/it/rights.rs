//! Which decisions reach which blobs.

use std::collections::BTreeSet;

use fonoteca_catalog::{Batch, Blob, BlobKind, Catalog, LinkEntity, Rights, Row as _, Table, Track};
use fonoteca_model::BlobId;
use fonoteca_model::rights::{Basis, ClaimStatus, Decision, Layer, Subject, SubjectKind, Use, decide};
use proptest::prelude::*;

use crate::archive::{Archive, commit};
use crate::sample::{AT, collected, decision, file, hashes, holding, id, link, recording, root, song, track};

/// Two songs. The first has everything that a decision can be about; the second nothing of it.
async fn archive() -> (Archive, Catalog) {
    let (archive, catalog) = Archive::new().await;
    let mut batch = song("one");
    batch.rights.clear();
    batch.tracks[0].isrc = Some("ZZFON2600001".into());
    batch.tracks[0].label = Some("Töne & Söhne".into());
    batch.albums[0].upc = Some("4006381333931".into());
    batch.albums[0].cover_root = Some(root("cover"));
    batch.blobs.push(Blob::new(&hashes("cover"), "image/jpeg", BlobKind::Cover));
    batch.blobs.push(Blob {
        derived_from: Some(root("cover")),
        ..Blob::new(&hashes("thumbnail"), "image/jpeg", BlobKind::Derived)
    });
    batch.collections.push(collected("c1", "sakura", "one"));
    let mut other = song("two");
    other.rights.clear();
    other.tracks[0].source = "elsewhere".into();
    other.albums[0].source = "elsewhere".into();
    batch.append(other);
    commit(&catalog, "job", 0, batch).await;
    (archive, catalog)
}

async fn decided(catalog: &Catalog, number: i64, decisions: &[Decision]) {
    let rights = decisions.iter().map(Rights::from).collect();
    commit(catalog, "rights", number, Batch { rights, ..Batch::default() }).await;
}

async fn reached(catalog: &Catalog, blob: &str) -> BTreeSet<String> {
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let found = snapshot.decisions_for(&[root(blob)]).await.expect("decisions");
    found[&root(blob)].iter().map(|decision| decision.id.clone()).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_about_every_kind_of_subject_reach_their_blobs() {
    let (_archive, catalog) = archive().await;
    // A statement of another source, about the same recording, artist and album.
    let batch = Batch {
        tracks: vec![Track { isrc: Some("ZZFON2600002".into()), ..track("mb one", "mb artist", None) }],
        links: vec![
            recording("l1", "one", "mb one", 0),
            link("l2", LinkEntity::Artist, id("one artist"), id("mb artist"), AT),
            link("l3", LinkEntity::Artist, id("third artist"), id("mb artist"), AT),
            link("l4", LinkEntity::Album, id("one album"), id("mb album"), AT),
        ],
        ..Batch::default()
    };
    commit(&catalog, "import", 0, batch).await;
    let about = [
        ("blob", SubjectKind::Blob, root("one bytes").to_string()),
        ("track", SubjectKind::Track, id("one").to_string()),
        ("recording", SubjectKind::Recording, id("mb one").to_string()),
        ("recording of its own id", SubjectKind::Recording, id("one").to_string()),
        ("isrc", SubjectKind::Isrc, "ZZFON2600001".to_owned()),
        ("isrc of the recording", SubjectKind::Isrc, "ZZFON2600002".to_owned()),
        ("release", SubjectKind::Release, id("one album").to_string()),
        ("same release", SubjectKind::Release, id("mb album").to_string()),
        ("upc", SubjectKind::Upc, "4006381333931".to_owned()),
        ("artist", SubjectKind::Artist, id("one artist").to_string()),
        ("same artist", SubjectKind::Artist, id("mb artist").to_string()),
        ("same artist again", SubjectKind::Artist, id("third artist").to_string()),
        ("label", SubjectKind::Label, "TÖNE und söhne".replace("und", "&")),
        ("collection", SubjectKind::Collection, "sakura".to_owned()),
        ("collection by id", SubjectKind::Collection, "c1".to_owned()),
        ("source", SubjectKind::Source, "local".to_owned()),
    ];
    let mut decisions: Vec<Decision> = about.iter().map(|(name, kind, key)| decision(name, *kind, key)).collect();
    // The right key under the wrong kind, and other keys.
    decisions.extend([
        decision("wrong kind", SubjectKind::Work, &id("one").to_string()),
        decision("label as artist", SubjectKind::Artist, "tone sohne"),
        decision("other track", SubjectKind::Track, &id("two").to_string()),
        decision("version as track", SubjectKind::Track, &id("mb one").to_string()),
    ]);
    decided(&catalog, 0, &decisions).await;
    let all: Vec<&str> = about.iter().map(|(name, ..)| *name).collect();
    assert_eq!(reached(&catalog, "one bytes").await, names(&all));
    assert_eq!(reached(&catalog, "two bytes").await, names(&["other track"]));
    assert_eq!(reached(&catalog, "nowhere").await, names(&[]), "a blob that is nowhere has an empty list");
    let snapshot = catalog.snapshot().await.expect("snapshot");
    for (name, kind, key) in &about {
        let found = snapshot.decisions_on(&Subject::new(*kind, key.clone())).await.expect("decisions");
        assert_eq!(found.iter().map(|decision| decision.id.as_str()).collect::<Vec<_>>(), [*name]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn covers_and_what_is_made_of_them_follow_their_albums() {
    let (_archive, catalog) = archive().await;
    let decisions = [
        decision("cover", SubjectKind::Blob, &root("cover").to_string()),
        decision("album", SubjectKind::Release, &id("one album").to_string()),
        decision("artist", SubjectKind::Artist, &id("one artist").to_string()),
        decision("track", SubjectKind::Track, &id("one").to_string()),
        decision("audio", SubjectKind::Blob, &root("one bytes").to_string()),
    ];
    decided(&catalog, 0, &decisions).await;
    assert_eq!(reached(&catalog, "cover").await, names(&["cover", "album", "artist"]));
    assert_eq!(reached(&catalog, "thumbnail").await, names(&["cover", "album", "artist"]));
    // A cover inside a file of a track without an album.
    let mut single = Batch {
        tracks: vec![track("single", "one artist", None)],
        holdings: vec![holding("single", "single bytes")],
        files: vec![file("single bytes")],
        ..Batch::default()
    };
    single.files[0].cover_root = Some(root("sleeve"));
    commit(&catalog, "job", 1, single).await;
    assert_eq!(reached(&catalog, "sleeve").await, names(&["artist"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_superseded_does_not_count() {
    let (_archive, catalog) = archive().await;
    let blob = root("one bytes").to_string();
    let later = |name: &str, of: &str, kind, key: &str| Decision {
        supersedes: Some(of.into()),
        at: AT.plus_seconds(5),
        basis: Basis::PrivateCopy,
        ..decision(name, kind, key)
    };
    decided(&catalog, 0, &[decision("first", SubjectKind::Blob, &blob)]).await;
    decided(&catalog, 1, &[later("second", "first", SubjectKind::Blob, &blob)]).await;
    let verdict = |catalog: Catalog| async move {
        let found =
            catalog.snapshot().await.expect("snapshot").decisions_for(&[root("one bytes")]).await.expect("found");
        (decide(&found[&root("one bytes")], AT.plus_seconds(9)), found[&root("one bytes")].len())
    };
    let (now, known) = verdict(catalog.clone()).await;
    assert_eq!((now.basis, known), (Basis::PrivateCopy, 1));
    assert!(!now.allows(Use::Distribute));
    // Replaced by a decision about something else: then nothing is left for this blob.
    decided(&catalog, 2, &[later("third", "second", SubjectKind::Blob, &root("two bytes").to_string())]).await;
    let (now, known) = verdict(catalog.clone()).await;
    assert_eq!((now.basis, known), (Basis::Unknown, 0), "the first stays superseded");
    assert!(!now.allows(Use::StreamOwner), "the default is dark");
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_blobs_are_a_few_queries() {
    let (_archive, catalog) = archive().await;
    let roots: Vec<BlobId> = (0..9000).map(|number| root(&format!("{number}"))).collect();
    let decisions: Vec<Decision> = roots
        .iter()
        .enumerate()
        .map(|(n, root)| decision(&format!("{n}"), SubjectKind::Blob, &root.to_string()))
        .collect();
    decided(&catalog, 0, &decisions).await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let found = snapshot.decisions_for(&roots).await.expect("decisions");
    assert!(roots.iter().enumerate().all(|(n, root)| found[root].len() == 1 && found[root][0].id == n.to_string()));
    assert_eq!(found.len(), roots.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_no_rule_knows_is_named() {
    let (_archive, catalog) = archive().await;
    let mut row = Rights::from(&decision("bad", SubjectKind::Blob, &root("one bytes").to_string()));
    row.status = "maybe".into();
    commit(&catalog, "rights", 0, Batch { rights: vec![row], ..Batch::default() }).await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let error = snapshot.decisions_for(&[root("one bytes")]).await.expect_err("an unknown word");
    assert_eq!(error.to_string(), "the decision bad in the table `rights` has a bad `status`");
    assert_eq!(Rights::TABLE, Table::Rights);
}

#[test]
fn a_known_licence_is_written_in_its_canonical_form() {
    let by = Decision {
        licence: Some("http://creativecommons.org/licenses/by/3.0/us/".into()),
        ..decision("d", SubjectKind::Blob, "00")
    };
    let row = Rights::from(&by);
    assert_eq!(row.spdx.as_deref(), Some("CC-BY-3.0-US"));
    assert_eq!(row.licence_uri.as_deref(), Some("https://creativecommons.org/licenses/by/3.0/us/"));
    assert_eq!(row.licence, by.licence);
    let none = Rights::from(&decision("d", SubjectKind::Blob, "00"));
    assert_eq!((none.spdx, none.licence_uri), (None, None));
}

fn any_decision() -> impl Strategy<Value = Decision> {
    let text = || proptest::option::of(".{0,20}");
    let moment = || proptest::option::of(any::<i64>().prop_map(fonoteca_model::Timestamp));
    (
        (
            ".{0,40}",
            text(),
            proptest::sample::select(SubjectKind::ALL),
            ".{0,40}",
            proptest::sample::select(Layer::ALL),
        ),
        (
            proptest::sample::select(Basis::ALL),
            text(),
            proptest::sample::subsequence(Use::ALL.to_vec(), 0..=Use::ALL.len()),
        ),
        (text(), text(), text(), proptest::option::of(any::<[u8; 32]>().prop_map(BlobId)), ".{0,20}"),
        (proptest::sample::select(ClaimStatus::ALL), moment(), moment(), any::<i64>()),
    )
        .prop_map(
            |((id, supersedes, kind, key, layer), (basis, licence, permits), texts, (status, from, until, at))| {
                let (territory, holder, attribution, evidence, asserted_by) = texts;
                Decision {
                    id,
                    supersedes,
                    subject: Subject::new(kind, key),
                    layer,
                    basis,
                    licence,
                    permits,
                    territory,
                    holder,
                    attribution,
                    evidence,
                    asserted_by,
                    status,
                    from,
                    until,
                    at: fonoteca_model::Timestamp(at),
                }
            },
        )
}

proptest! {
    #[test]
    fn every_decision_survives_its_row(decision in any_decision()) {
        prop_assert_eq!(Decision::try_from(Rights::from(&decision)).expect("a decision"), decision);
    }
}
