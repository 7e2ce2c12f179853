//! Where each mirror stands, without asking anybody.

use serde::Serialize;

use super::others::Others;
use super::plan::plan_feed;
use super::state::Live;
use super::{Mirror, follow};
use crate::archive::Archive;
use crate::error::ArchiveError;

/// How far a mirror is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Everything that the budget has room for is here.
    Complete,
    /// Something is still to be fetched.
    Behind,
    /// The feed that is known has expired; it must be read again.
    Expired,
}

/// One line of `mirror status --json`.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// What the mirror is called here.
    pub mirror: String,
    /// Where the feed is.
    pub feed: String,
    /// The serial believed last.
    pub serial: u64,
    /// Bytes of torrents that are whole.
    pub have_bytes: u64,
    /// Bytes that are to be here.
    pub want_bytes: u64,
    /// Torrents that are to be here.
    pub torrents: u64,
    /// Bytes that are to go.
    pub drop_bytes: u64,
    /// Bytes that may be spent.
    pub budget_bytes: Option<u64>,
    /// Other mirrors of the feed that reported lately.
    pub others: u64,
    /// How far it is.
    pub state: State,
    /// What it is doing just now.
    pub live: Live,
}

/// All mirrors.
pub async fn status(archive: &Archive) -> Result<Vec<Status>, ArchiveError> {
    let mut all = Vec::new();
    for mirror in Mirror::all(archive)? {
        let Some(feed) = follow::remembered(archive, &mirror)? else { continue };
        let others = Others::remembered(archive, &mirror)?;
        let plan = plan_feed(archive, &mirror, &feed, &others, None).await?.plan;
        let state = if feed.expires <= archive.now() {
            State::Expired
        } else if plan.have_bytes < plan.want_bytes || plan.drop_bytes > 0 {
            State::Behind
        } else {
            State::Complete
        };
        let live = Live::read(archive, &mirror);
        all.push(Status {
            mirror: mirror.name,
            feed: mirror.url,
            serial: feed.serial,
            have_bytes: plan.have_bytes,
            want_bytes: plan.want_bytes,
            torrents: plan.torrents.len() as u64,
            drop_bytes: plan.drop_bytes,
            budget_bytes: plan.budget_bytes,
            others: others.len() as u64,
            state,
            live,
        });
    }
    Ok(all)
}
