//! `POST /api/identify`: which recording is this? It takes fingerprints, not the sound.

use std::collections::HashSet;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use fonoteca_archive::ArchiveError;
use fonoteca_archive::identify::{Identified, one_a_recording};
use fonoteca_audio::identify::Sound;
use fonoteca_model::{Id, Silent};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::api_key::KeyUser;
use crate::error::Internal;
use crate::library::Library;

/// What is asked: Chromaprint's raw values of one sound, up to four times, each a quarter of a step later than the one before.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    fingerprints: Sound,
}

/// What is answered: the best track of each recording, the best first.
#[derive(Serialize)]
struct Answer {
    found: Vec<Identified>,
}

pub(super) async fn identify(
    State(app): State<App>,
    user: KeyUser,
    question: Result<Json<Question>, JsonRejection>,
) -> Result<Response<Body>, Internal> {
    let sound = match question {
        Ok(Json(Question { fingerprints })) => fingerprints,
        Err(refused) => return Ok((refused.status(), refused.body_text() + "\n").into_response()),
    };
    let found = match app.archive.identify(sound, &Silent).await {
        Ok(found) => found,
        Err(ArchiveError::Sounds(error)) if error.needs_rebuild() => {
            app.internal("identifying a sound", &error);
            let told = "the index of sounds is damaged; whoever runs this server has to make it anew\n";
            return Ok((StatusCode::SERVICE_UNAVAILABLE, told).into_response());
        }
        Err(error) => return Err(app.internal("identifying a sound", &error)),
    };
    // What the user may not hear does not show here either.
    let ids: Vec<Id> = found.iter().map(|found| found.track_id).collect();
    let songs = Library::open(&app, &user.0).await?.songs(&ids).await?;
    let shown: HashSet<Id> = songs.iter().map(|song| song.track.id).collect();
    let found = found.into_iter().filter(|found| shown.contains(&found.track_id)).collect();
    Ok(Json(Answer { found: one_a_recording(found) }).into_response())
}
