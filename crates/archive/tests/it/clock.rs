//! A clock that stands still or is set back between two runs loses nothing and turns nothing round.

use fonoteca_archive::ingest::Status;
use fonoteca_archive::listens::{self, Options};
use fonoteca_archive::rights::{Statement, set, show};
use fonoteca_catalog::{Listens, Rights};
use fonoteca_model::Silent;
use fonoteca_model::rights::{Basis, Subject, SubjectKind};

use crate::world::{World, noise};

#[tokio::test(flavor = "multi_thread")]
async fn files_that_came_before_are_known_after_the_clock_was_set_back() {
    let world = World::new().await;
    world.file("1.wav", &noise(1, 300));
    world.ingest("one").await;
    world.clock.jump(-1_000_000);
    world.file("2.wav", &noise(2, 300));
    let (summary, outcomes) = world.ingest("two").await;
    assert_eq!((summary.added, summary.known), (1, 1));
    assert!(summary.seconds >= 0.0);
    assert_eq!(
        outcomes.iter().find(|outcome| outcome.status == Status::Known).map(|known| known.basis),
        Some(Basis::OwnWork)
    );
    assert_eq!(world.stats().await.files, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_decision_counts_and_not_the_one_with_the_latest_date() {
    let world = World::new().await;
    world.file("1.wav", &noise(1, 300));
    let (_, outcomes) = world.ingest("one").await;
    let subject = Subject::new(SubjectKind::Blob, outcomes[0].root.expect("a root").to_string());
    let say = async |basis: Basis| {
        set(&world.archive, &[Statement::new(subject.clone(), basis, "tester")]).await.expect("a decision");
        show(&world.archive, &subject).await.expect("an answer").remove(0).basis
    };
    assert_eq!(say(Basis::PrivateCopy).await, Basis::PrivateCopy);
    world.clock.jump(-1_000_000);
    assert_eq!(say(Basis::PublicDomain).await, Basis::PublicDomain);
    // In one and the same instant.
    assert_eq!(say(Basis::Unknown).await, Basis::Unknown);
    assert_eq!(say(Basis::OwnWork).await, Basis::OwnWork);
    let rows: Vec<Rights> = world.rows().await;
    assert_eq!(rows.len(), 5, "each was recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn listens_add_up_after_the_clock_was_set_back() {
    let world = World::new().await;
    world.file("1.wav", &noise(1, 300));
    world.ingest("one").await;
    let listen = |at: u32| {
        let line = serde_json::json!({"listened_at": at, "user_name": "ana", "track_metadata": {
            "artist_name": "", "track_name": "1", "release_name": ""}});
        world.file(&format!("{at}.jsonl"), format!("{line}\n").as_bytes())
    };
    let first = listens::import(&world.archive, &[listen(1_700_000_000)], &Options::default(), &Silent)
        .await
        .expect("an import");
    world.clock.jump(-1_000_000);
    let second = listens::import(&world.archive, &[listen(1_700_000_001)], &Options::default(), &Silent)
        .await
        .expect("an import");
    assert_eq!((first.matched, second.matched), (1, 1));
    assert_eq!(world.stats().await.listens, 2);
    let rows: Vec<Listens> = world.rows().await;
    assert_eq!(rows.len(), 2);
}
