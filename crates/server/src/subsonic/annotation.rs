//! `scrobble`.

use fonoteca_model::{Id, Timestamp};

use super::Call;
use super::ids::WireId;
use super::node::Node;
use super::reply::Failure;
use crate::library::Library;

/// Most plays in one request, as a phone sends them after a journey.
const MAX_PLAYS: usize = 1_000;

/// Notes plays, or what plays now. `time` comes in milliseconds, once for each `id`.
pub(super) async fn scrobble(call: &Call) -> Result<Node, Failure> {
    let params = &call.params;
    params.required("id")?;
    let submission = params.get("submission") != Some("false");
    let mut times = params.all("time");
    let mut plays: Vec<(Id, Timestamp)> = Vec::new();
    for id in params.all("id").take(MAX_PLAYS) {
        let Some(WireId::Track(track)) = WireId::parse(id) else { return Err(Failure::not_found("song")) };
        let at = match times.next() {
            Some(text) => {
                text.parse().map(Timestamp::from_millis).map_err(|_| Failure::bad("time", text, "milliseconds"))?
            }
            None => call.app.now(),
        };
        plays.push((track, at));
    }
    let tracks: Vec<Id> = plays.iter().map(|(track, _)| *track).collect();
    let known = Library::open(&call.app, &call.user).await?.songs(&tracks).await?;
    if tracks.iter().any(|track| known.iter().all(|song| song.track.id != *track)) {
        return Err(Failure::not_found("song"));
    }
    for (track, at) in plays {
        let noted = call.app.accounts.scrobble(&call.user, track, at, submission).await;
        noted.map_err(|error| call.app.internal("noting a play", &error))?;
    }
    Ok(Node::new())
}
