//! Importing decisions from a CSV.

use fonoteca_archive::rights::{import, show};
use fonoteca_catalog::Rights;
use fonoteca_model::Silent;
use fonoteca_model::rights::{Basis, Subject, SubjectKind};

use crate::world::{World, noise};

#[tokio::test(flavor = "multi_thread")]
async fn a_later_row_about_the_same_bytes_replaces_an_earlier_one() {
    let world = World::new().await;
    world.file("1.wav", &noise(1, 300));
    world.file("copy.wav", &noise(1, 300));
    let (_, outcomes) = world.ingest("one").await;
    let csv = world.file(
        "rights.csv",
        b"subject_kind,subject,basis,licence\nfile,1.wav,private-copy,\nfile,copy.wav,licensed,CC BY 4.0\n",
    );
    for _ in 0..2 {
        let report = import(&world.archive, &csv, "tester", &Silent).await.expect("an import");
        assert_eq!((report.recorded, report.rejected.len()), (2, 0));
        let subject = Subject::new(SubjectKind::Blob, outcomes[0].root.expect("a root").to_string());
        let shown = show(&world.archive, &subject).await.expect("an answer").remove(0);
        assert_eq!((shown.basis, shown.spdx.as_deref()), (Basis::Licensed, Some("CC-BY-4.0")));
        assert_eq!(shown.why.len(), 1, "one decision is in force: {:?}", shown.why);
    }
    let rows: Vec<Rights> = world.rows().await;
    let mut ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rows.len(), "no two decisions have one id");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_make_no_sense_are_named_and_the_others_count() {
    let world = World::new().await;
    world.file("1.wav", &noise(1, 300));
    world.file("letter.txt", b"You may.");
    let (_, outcomes) = world.ingest("one").await;
    let csv = b"subject_kind,subject,basis,licence,evidence\n\
        file,1.wav,permission,,letter.txt\n\
        file,1.wav,permission,,no-such-letter.txt\n\
        file,1.wav,permission,,\n\
        file,gone.wav,own-work,,\n\
        file,../archive/archive.toml,own-work,,\n\
        isrc,not an isrc,own-work,,\n\
        file,1.wav,stolen,,\n\
        file,1.wav,licensed,,\n";
    let csv = world.file("rights.csv", csv);
    let report = import(&world.archive, &csv, "tester", &Silent).await.expect("an import");
    assert_eq!(report.recorded, 1);
    let lines: Vec<u64> = report.rejected.iter().map(|row| row.line).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8, 9]);
    assert!(report.rejected.iter().all(|row| row.rejected.as_deref().is_some_and(|why| !why.is_empty())));
    let subject = Subject::new(SubjectKind::Blob, outcomes[0].root.expect("a root").to_string());
    assert_eq!(show(&world.archive, &subject).await.expect("an answer")[0].basis, Basis::Permission);
}
