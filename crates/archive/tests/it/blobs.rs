//! The table `blobs` has one row a blob, whichever way its bytes come.

use std::collections::HashSet;

use fonoteca_archive::rights::{Statement, set};
use fonoteca_catalog::{Blob, BlobKind};
use fonoteca_model::rights::{Basis, Subject, SubjectKind};

use crate::world::{World, noise};

#[tokio::test(flavor = "multi_thread")]
async fn a_cover_that_comes_with_several_batches_is_one_blob() {
    let world = World::new().await;
    world.file("album/cover.png", b"\x89PNG\r\n\x1a\nnot much of a picture");
    for number in 1..=5 {
        world.file(&format!("album/{number}.wav"), &noise(number, 300));
    }
    let mut options = world.options("one");
    options.first_batch = 1;
    let (summary, _) = world.ingest_with(&options).await.expect("an ingest");
    assert_eq!(summary.added, 5);
    let blobs: Vec<Blob> = world.rows().await;
    assert_eq!(blobs.iter().filter(|blob| blob.kind == BlobKind::Cover).count(), 1);
    assert_eq!(world.stats().await.blobs, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_proves_several_decisions_is_one_blob() {
    let world = World::new().await;
    let letter = world.file("letter.txt", b"You may.");
    world.file("1.wav", &noise(1, 300));
    world.file("2.wav", &noise(2, 300));
    let (_, outcomes) = world.ingest("one").await;
    let statement = |root: Option<fonoteca_model::BlobId>| {
        let subject = Subject::new(SubjectKind::Blob, root.expect("a root").to_string());
        let mut statement = Statement::new(subject, Basis::Permission, "tester");
        statement.evidence = Some(letter.clone());
        statement
    };
    let statements: Vec<Statement> = outcomes.iter().map(|outcome| statement(outcome.root)).collect();
    set(&world.archive, &statements).await.expect("decisions");
    set(&world.archive, &statements[..1]).await.expect("a decision");
    let blobs: Vec<Blob> = world.rows().await;
    assert_eq!(blobs.len(), 3);
    assert_eq!(blobs.iter().map(|blob| blob.root).collect::<HashSet<_>>().len(), 3);
}
