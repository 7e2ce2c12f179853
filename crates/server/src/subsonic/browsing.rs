//! `getMusicFolders`, `getArtists`, `getArtist`, `getAlbum`, `getSong`, `getGenres`.

use std::collections::BTreeMap;

use super::node::Node;
use super::reply::Failure;
use super::{Call, entries, ids};
use crate::library::{ArtistItem, Library};

/// Articles that do not count when artists are sorted, as Subsonic has them.
const IGNORED_ARTICLES: [&str; 6] = ["The", "El", "La", "Los", "Las", "Le"];

/// The archive is one folder.
pub(super) fn music_folders(call: &Call) -> Node {
    let folder = Node::new().with("id", 1_i64).with("name", call.app.archive.name());
    Node::new().one("musicFolders", Node::new().many("musicFolder", [folder]))
}

/// All artists of held albums, by first letter.
pub(super) async fn artists(call: &Call) -> Result<Node, Failure> {
    let mut letters: BTreeMap<String, Vec<ArtistItem>> = BTreeMap::new();
    for artist in Library::open(&call.app, &call.user).await?.artists().await? {
        letters.entry(letter(&artist)).or_default().push(artist);
    }
    let index = letters.into_iter().map(|(letter, mut artists)| {
        artists.sort_by_cached_key(|artist| sort_key(artist).to_lowercase());
        Node::new().with("name", letter).many("artist", artists.iter().map(entries::artist))
    });
    let list = Node::new().with("ignoredArticles", IGNORED_ARTICLES.join(" ")).many("index", index);
    Ok(Node::new().one("artists", list))
}

/// An artist with albums.
pub(super) async fn artist(call: &Call) -> Result<Node, Failure> {
    let id = ids::artist(&call.params)?;
    let found = Library::open(&call.app, &call.user).await?.artist(id).await?;
    let (artist, albums) = found.ok_or_else(|| Failure::not_found("artist"))?;
    let node = entries::artist(&artist).many("album", albums.iter().map(entries::album));
    Ok(Node::new().one("artist", node))
}

/// An album with the songs that the user may hear.
pub(super) async fn album(call: &Call) -> Result<Node, Failure> {
    let id = ids::album(&call.params)?;
    let found = Library::open(&call.app, &call.user).await?.album(id).await?;
    let (album, songs) = found.ok_or_else(|| Failure::not_found("album"))?;
    let node = entries::album(&album).many("song", songs.iter().map(entries::song));
    Ok(Node::new().one("album", node))
}

/// One song.
pub(super) async fn song(call: &Call) -> Result<Node, Failure> {
    let id = ids::track(&call.params)?;
    let songs = Library::open(&call.app, &call.user).await?.songs(&[id]).await?;
    let song = songs.first().ok_or_else(|| Failure::not_found("song"))?;
    Ok(Node::new().one("song", entries::song(song)))
}

/// All genres with their counts.
pub(super) async fn genres(call: &Call) -> Result<Node, Failure> {
    let genres = Library::open(&call.app, &call.user).await?.genres().await?;
    let nodes = genres
        .into_iter()
        .map(|genre| Node::new().with("songCount", genre.songs).with("albumCount", genre.albums).content(genre.name));
    Ok(Node::new().one("genres", Node::new().many("genre", nodes)))
}

/// The name to sort by, without a leading article.
fn sort_key(artist: &ArtistItem) -> &str {
    if let Some(name) = &artist.artist.sort_name {
        return name;
    }
    let name = artist.artist.name.as_str();
    let rest = IGNORED_ARTICLES.iter().find_map(|article| name.strip_prefix(article)?.strip_prefix(' '));
    rest.filter(|rest| !rest.is_empty()).unwrap_or(name)
}

/// The heading that an artist stands under: a letter without its marks, or `#` for whatever does not begin with one.
fn letter(artist: &ArtistItem) -> String {
    let folded = fonoteca_model::fold::fold(sort_key(artist));
    match folded.chars().next() {
        Some(first) if first.is_alphabetic() => first.to_uppercase().collect(),
        _ => "#".to_owned(),
    }
}
