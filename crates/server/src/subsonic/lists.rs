//! `getAlbumList2`.

use super::node::Node;
use super::reply::Failure;
use super::{Call, entries};
use crate::library::{AlbumSort, Library};

const MAX_ALBUMS: u32 = 500;

/// A page of albums in some order.
pub(super) async fn albums(call: &Call) -> Result<Node, Failure> {
    let params = &call.params;
    let kind = params.required("type")?;
    let size = params.number("size", 10_u32)?.min(MAX_ALBUMS);
    let offset = params.number("offset", 0_u32)?;
    let sort = match kind {
        "newest" => AlbumSort::Newest,
        "alphabeticalByName" => AlbumSort::Name,
        "alphabeticalByArtist" => AlbumSort::Artist,
        // A new order every time, as clients expect.
        "random" => AlbumSort::Random(call.app.now().0.unsigned_abs()),
        "byYear" => {
            let from = year(call, "fromYear")?;
            AlbumSort::Year { from, to: year(call, "toYear")? }
        }
        "byGenre" => AlbumSort::Genre(params.required("genre")?.to_owned()),
        "frequent" => AlbumSort::Frequent,
        "recent" => AlbumSort::Recent,
        "starred" => AlbumSort::Starred,
        "highest" => AlbumSort::Highest,
        other => return Err(Failure::bad("type", other, "one of the API's list types")),
    };
    let albums = Library::open(&call.app, &call.user).await?.albums(&sort, offset, size).await?;
    Ok(Node::new().one("albumList2", Node::new().many("album", albums.iter().map(entries::album))))
}

fn year(call: &Call, name: &str) -> Result<i32, Failure> {
    let text = call.params.required(name)?;
    text.parse().map_err(|_| Failure::bad(name, text, "a year"))
}
