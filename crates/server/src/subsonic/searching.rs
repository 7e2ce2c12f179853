//! `search3`.

use super::node::Node;
use super::reply::Failure;
use super::{Call, entries};
use crate::library::{Library, Page};

const MAX_RESULTS: u32 = 500;

/// Artists, albums and songs that match the words. No words (or `""`) list everything, which is how apps copy a library.
pub(super) async fn search(call: &Call) -> Result<Node, Failure> {
    let words = call.params.required("query")?.trim().trim_matches('"');
    let page = |count: &str, offset: &str| -> Result<Page, Failure> {
        let limit = call.params.number(count, 20_u32)?.min(MAX_RESULTS);
        Ok(Page { offset: call.params.number(offset, 0_u32)?, limit })
    };
    let artists = page("artistCount", "artistOffset")?;
    let albums = page("albumCount", "albumOffset")?;
    let songs = page("songCount", "songOffset")?;
    let library = Library::open(&call.app, &call.user).await?;
    let result = Node::new()
        .many("artist", library.search_artists(words, artists).await?.iter().map(entries::artist))
        .many("album", library.search_albums(words, albums).await?.iter().map(entries::album))
        .many("song", library.search_songs(words, songs).await?.iter().map(entries::song));
    Ok(Node::new().one("searchResult3", result))
}
