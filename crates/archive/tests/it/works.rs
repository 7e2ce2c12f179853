//! Decisions about works reach the files whose tags name them.

use std::path::Path;
use std::process::Command;

use fonoteca_archive::rights::{Statement, plan_withdrawal, read_subject, set, show, withdraw};
use fonoteca_model::BlobId;
use fonoteca_model::rights::{Basis, Decision, Layer, Use};

use crate::world::{World, noise};

const WORK: &str = "b10bbbfc-cf9e-42e0-be17-e2c3e1d2600d";

/// Codes a file anew with these tags, or only copies its packets into another.
fn tagged(from: &Path, to: &str, more: &[&str]) {
    let to = from.with_file_name(to);
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-bitexact", "-i"]).arg(from).args(["-map_metadata", "-1"]).args(more).arg(to);
    assert!(command.status().expect("ffmpeg is there").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_reaches_the_files_that_name_the_work_and_their_other_copies() {
    let world = World::new().await;
    let wav = world.folder.path().join("1.wav");
    std::fs::write(&wav, noise(1, 400)).expect("written");
    let music = |name: &str| world.music().join(name);
    tagged(&wav, "music/named.flac", &["-metadata", "ISWC=T-034.524.680-1", "-metadata", "TITLE=Named"]);
    // The same packets without a tag, and another recording that names the work in another spelling.
    tagged(&music("named.flac"), "bare.flac", &["-c", "copy"]);
    std::fs::write(&wav, noise(2, 400)).expect("written");
    let id = format!("MUSICBRAINZ_WORKID={WORK}");
    tagged(&wav, "music/other.mp3", &["-metadata", "ISWC=t0345246801", "-metadata", &id]);
    std::fs::write(music("apart.wav"), noise(3, 400)).expect("written");
    let (summary, outcomes) = world.ingest("one").await;
    assert_eq!((summary.added, world.stats().await.recordings), (4, 3), "{outcomes:?}");
    let root = |name: &str| -> BlobId {
        let found = outcomes.iter().find(|outcome| outcome.path.ends_with(name));
        found.and_then(|outcome| outcome.root).unwrap_or_else(|| panic!("no {name}"))
    };
    let given_out = async || -> Vec<&'static str> {
        let names = ["named.flac", "bare.flac", "other.mp3", "apart.wav"];
        let verdicts = world.archive.verdicts(&names.map(root)).await.expect("verdicts");
        names.into_iter().filter(|name| verdicts[&root(name)].allows(Use::Distribute)).collect()
    };
    assert_eq!(given_out().await.len(), 4);

    let work = read_subject(&format!("work:{}", WORK.to_uppercase())).expect("a subject");
    let said = Decision { layer: Layer::Composition, ..Decision::draft(work.clone(), Basis::PrivateCopy, "tester") };
    set(&world.archive, &[Statement::from(said)]).await.expect("a decision");
    assert_eq!(given_out().await, ["named.flac", "bare.flac", "apart.wav"]);
    let shown = show(&world.archive, &work).await.expect("an answer");
    assert_eq!(shown.len(), 1);
    assert!(shown[0].why.iter().any(|why| why.contains(WORK)), "{:?}", shown[0].why);
    set(
        &world.archive,
        &[Statement::from(Decision {
            layer: Layer::Composition,
            ..Decision::draft(work, Basis::PublicDomain, "tester")
        })],
    )
    .await
    .expect("a decision");
    assert_eq!(given_out().await.len(), 4, "a later decision takes the place of the first");

    let iswc = read_subject("iswc:T-034524680-1").expect("a subject");
    let plan = plan_withdrawal(&world.archive, &iswc).await.expect("a plan");
    let mut reached = vec![root("named.flac"), root("bare.flac"), root("other.mp3")];
    reached.sort_unstable();
    assert_eq!(plan.roots, reached);
    withdraw(&world.archive, &plan, "tester", Some("the composer asked")).await.expect("withdrawn");
    assert_eq!(given_out().await, ["apart.wav"]);
    let wrong = read_subject("iswc:T-034.524.680-2").expect_err("its check digit is wrong").to_string();
    assert!(wrong.contains("T-034.524.680-2"), "{wrong}");
}
