//! `POST /api/identify`: who may ask, what is told, and what is refused.

use std::path::Path;

use fonoteca_archive::ArchiveError;
use fonoteca_archive::identify::{Identified, ask, hear};
use fonoteca_model::Silent;
use fonoteca_testkit::sample;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::world::World;

/// What an account is told of a file.
async fn told(world: &World, key: &str, file: &Path) -> Result<Vec<Identified>, ArchiveError> {
    let sound = hear(file, &Silent).await.expect("heard");
    ask(&world.url("/"), key, &sound).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_told_what_it_may_hear() {
    let world = World::new().await;
    let (ana, bea) = world.api_keys();
    let public = sample().join("Clara Monte/Teclas Antiguas (2019)/02 Für Elise.flac");
    let private = sample().join("Lumen Duo/Evening Songs (2018)/01 Silent Night.m4a");
    for key in [ana, bea] {
        let found = told(&world, key, &public).await.expect("told");
        assert!(
            found.first().is_some_and(|found| found.artist.contains("Clara Monte") && found.score > 0.99),
            "{found:?}"
        );
    }
    // A private copy is its owner's.
    let found = told(&world, ana, &private).await.expect("told");
    assert!(found.first().is_some_and(|found| found.artist.contains("Lumen Duo")), "{found:?}");
    let found = told(&world, bea, &private).await.expect("told");
    assert!(found.iter().all(|found| !found.artist.contains("Lumen Duo")), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_asks_without_a_key_and_nonsense_is_refused() {
    let world = World::new().await;
    let (ana, _) = world.api_keys();
    let post = async |key: Option<&str>, body: Value| {
        let mut request = world.client.post(world.url("/api/identify")).header("content-type", "application/json");
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        request.body(body.to_string()).send().await.expect("an answer")
    };
    let question = json!({"fingerprints": [vec![1; 60]]});
    for key in [None, Some("wrong")] {
        let refused = post(key, question.clone()).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(refused.headers()["www-authenticate"], "Bearer");
    }
    let answer = post(Some(ana), question).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.text().await.expect("text"), "{\"found\":[]}");
    for (nonsense, status) in [
        (json!({}), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({"fingerprints": []}), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({"fingerprints": [[1, 2, 3]]}), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({"fingerprints": [vec![1; 5000]]}), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({"fingerprints": [vec![-1; 60]]}), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({"fingerprints": vec![vec![u32::MAX; 60]; 400]}), StatusCode::PAYLOAD_TOO_LARGE),
        (json!({"fingerprints": [vec![1; 60]], "sound": "?"}), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let answer = post(Some(ana), nonsense).await;
        assert_eq!(answer.status(), status);
        assert!(!answer.text().await.expect("text").is_empty(), "it says why");
    }
    assert_eq!(world.get("/api/identify").await.status(), StatusCode::METHOD_NOT_ALLOWED);
}
