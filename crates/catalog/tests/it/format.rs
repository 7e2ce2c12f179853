//! The format's version is checked before anything is touched.

use std::fs;

use fonoteca_catalog::{Batch, Catalog, CatalogError};

use crate::archive::Archive;
use crate::sample::track;

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_or_foreign_format_is_refused() {
    let (archive, _) = Archive::new().await;
    let place = archive.path().join("catalog/format.json");
    assert_eq!(fs::read_to_string(&place).expect("format"), "{\"format\":\"fonoteca-catalog/1\"}\n");
    let refuse = async |text: &str| {
        fs::write(&place, text).expect("write");
        let refused = Catalog::open(archive.objects(), &archive.state()).await.err().expect("refused");
        assert!(matches!(refused, CatalogError::Format { .. }), "{refused}");
        refused.to_string()
    };
    assert_eq!(
        refuse("{\"format\":\"fonoteca-catalog/2\",\"more\":1}").await,
        "catalog/format.json says format \"fonoteca-catalog/2\", and this program reads up to \"fonoteca-catalog/1\"; \
         use a newer version of fonoteca (nothing was changed)"
    );
    for text in ["", "{}", "[1", "{\"format\":7}", &"x".repeat(100_000)] {
        refuse(text).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_has_a_name_that_a_statistic_can_hold() {
    let (_archive, catalog) = Archive::new().await;
    for (job, number) in [("", 0), ("a b", 0), ("ä", 0), ("a\n", 0), (&*"x".repeat(61), 0), ("job", -1)] {
        let batch = Batch { tracks: vec![track("t", "a", None)], ..Batch::default() };
        let refused = catalog.writer().await.expect("writer").commit(job, number, batch).await.expect_err("refused");
        assert!(matches!(refused, CatalogError::Job { .. }), "{job:?}: {refused}");
    }
    let longest = "x".repeat(60);
    let mut batch = crate::sample::song("one");
    batch.append(crate::sample::song("two"));
    catalog.writer().await.expect("writer").commit(&longest, 0, batch).await.expect("60 characters");
    assert_eq!(catalog.snapshot().await.expect("snapshot").stats().await.expect("stats").tracks, 2);
}
