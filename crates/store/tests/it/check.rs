//! Many blobs checked at once: the same verdicts as one by one, in the order of the questions.

use std::fs;
use std::os::unix::fs::FileExt;

use fonoteca_model::BlobHashes;
use fonoteca_store::{CheckOptions, Store, StoreError, Verdict};
use futures::StreamExt;

use crate::{MIB, bytes, store};

/// Blobs at every boundary of pieces, each with content of its own.
async fn blobs(store: &Store) -> Vec<BlobHashes> {
    let sizes = [1, 100, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 7, 6 * MIB + 5];
    let mut all = Vec::new();
    for number in 0..40 {
        let mut content = bytes(sizes[number % sizes.len()] + number);
        content[0] = number as u8;
        all.push(store.put_bytes(&content).await.unwrap().hashes);
    }
    all
}

async fn check(store: &Store, blobs: &[BlobHashes], options: CheckOptions) -> Vec<Result<Verdict, StoreError>> {
    let checker = store.checker(options).unwrap();
    futures::stream::iter(blobs).map(|blob| checker.check(blob.clone())).buffered(16).collect().await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_question_has_its_answer_in_order() {
    let (_folder, store) = store();
    let blobs = blobs(&store).await;
    for (at, blob) in blobs.iter().enumerate() {
        let path = store.path_of(blob.root).unwrap();
        let file = fs::File::options().read(true).write(true).open(&path).unwrap();
        match at % 5 {
            1 => {
                let mut byte = [0];
                file.read_exact_at(&mut byte, blob.size - 1).unwrap();
                file.write_all_at(&[byte[0] ^ 8], blob.size - 1).unwrap();
            }
            2 => fs::remove_file(&path).unwrap(),
            3 => file.set_len(blob.size / 2).unwrap(),
            _ => {}
        }
    }
    for options in [CheckOptions::default(), CheckOptions { rate: Some(200_000_000), nice: true }] {
        let verdicts = check(&store, &blobs, options).await;
        for ((at, blob), verdict) in blobs.iter().enumerate().zip(verdicts) {
            let verdict = verdict.unwrap();
            assert_eq!(verdict, store.verify(blob).await.unwrap(), "blob {at} of {} bytes", blob.size);
            match (at % 5, verdict) {
                (1, Verdict::Damaged { pieces, .. }) => assert_eq!(pieces, [(blob.size - 1) / MIB as u64]),
                (2, Verdict::Missing) | (3, Verdict::Damaged { .. }) | (0 | 4, Verdict::Sound) => {}
                (_, verdict) => panic!("blob {at}: {verdict:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_is_an_error_and_the_next_is_checked() {
    let (_folder, store) = store();
    let blobs = blobs(&store).await;
    let path = store.path_of(blobs[0].root).unwrap();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let verdicts = check(&store, &blobs, CheckOptions::default()).await;
    assert!(matches!(verdicts[0], Err(StoreError::NotRegular { .. })), "{:?}", verdicts[0]);
    assert!(verdicts[1..].iter().all(|verdict| matches!(verdict, Ok(Verdict::Sound))));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_ever_for_a_checker_that_is_gone() {
    let (_folder, store) = store();
    let blobs = blobs(&store).await;
    let checker = store.checker(CheckOptions::default()).unwrap();
    let answers: Vec<_> = blobs.iter().map(|blob| checker.check(blob.clone())).collect();
    drop(checker);
    for answer in answers {
        assert_eq!(answer.await.unwrap(), Verdict::Sound, "what was asked before is still answered");
    }
}
