//! From rows of the tables to documents.

use std::collections::{BTreeSet, HashSet};

use fonoteca_model::rights::{ClaimStatus, Decision, Layer};
use fonoteca_model::{BlobId, Id, LicenceMatch, PartialDate};

use super::document::{Document, Kind, Standing};
use crate::error::CatalogError;
use crate::schema::{Album, Artist, Credit, LinkEntity, Track};
use crate::snapshot::Snapshot;

/// A licence text that no rule knows is found by its beginning.
const MAX_LICENCE_CHARS: usize = 200;

/// The documents of these tracks, with what albums, listens, links, holdings, files and rights say about them.
pub(crate) async fn of_tracks(snapshot: &Snapshot, tracks: Vec<Track>) -> Result<Vec<Document>, CatalogError> {
    let ids: Vec<Id> = tracks.iter().map(|track| track.id).collect();
    let recordings = snapshot.recording_of(&ids).await?;
    let linked = snapshot.linked(LinkEntity::Recording, &ids).await?;
    let listens = snapshot.listens(&distinct(recordings.values().copied())).await?;
    let albums = snapshot.albums(&distinct(tracks.iter().filter_map(|track| track.album_id))).await?;
    let holdings = snapshot.roots_of_tracks(&ids).await?;
    let roots: Vec<BlobId> = distinct(holdings.values().flatten().map(|holding| holding.root));
    let decisions = snapshot.decisions_for(&roots).await?;
    let not_held: Vec<Id> = ids.iter().filter(|id| !holdings.contains_key(id)).copied().collect();
    let gone = snapshot.withdrawn_of(&not_held).await?;
    let has_cover = |track: &Track| {
        track.album_id.and_then(|album| albums.get(&album)).is_some_and(|album| album.cover_root.is_some())
    };
    let bare = tracks.iter().filter(|track| !has_cover(track)).filter_map(|track| holdings.get(&track.id)).flatten();
    let files = snapshot.files(&distinct(bare.map(|holding| holding.root))).await?;

    let mut documents = Vec::with_capacity(tracks.len());
    for track in tracks {
        let album = track.album_id.and_then(|album| albums.get(&album));
        let group = recordings.get(&track.id).copied().unwrap_or(track.id);
        let roots = distinct(holdings.get(&track.id).into_iter().flatten().map(|holding| holding.root));
        let about: Vec<&Decision> = roots.iter().filter_map(|root| decisions.get(root)).flatten().collect();
        let (licences, withdrawn) = rights(&about);
        let date = album.and_then(|album| album.date.as_deref());
        documents.push(Document {
            group,
            is_linked: linked.contains(&track.id),
            source: track.source,
            other_names: other_names(&track.artist_credit, &track.artists),
            artist: track.artist_credit,
            album: album.map(|album| album.title.clone()),
            album_id: track.album_id,
            artist_ids: distinct(track.artists.iter().map(|credit| credit.artist_id)),
            year: year(track.date.as_deref()).or_else(|| year(date)),
            licences,
            standing: listens
                .get(&group)
                .map_or_else(Standing::default, |counted| Standing::new(counted.popularity, counted.count)),
            held: !roots.is_empty(),
            withdrawn: withdrawn || gone.contains(&track.id),
            cover_root: match album.and_then(|album| album.cover_root) {
                Some(_) => None,
                None => roots.iter().find_map(|root| files.get(root)?.cover_root),
            },
            roots,
            ..Document::new(Kind::Track, track.id, track.title)
        });
    }
    Ok(documents)
}

/// The documents of these albums; where they stand, their tracks must say.
pub(crate) async fn of_albums(snapshot: &Snapshot, albums: Vec<Album>) -> Result<Vec<Document>, CatalogError> {
    let ids: Vec<Id> = albums.iter().map(|album| album.id).collect();
    let groups = snapshot.resolve(LinkEntity::Album, &ids).await?;
    let linked = snapshot.linked(LinkEntity::Album, &ids).await?;
    let document = |album: Album| Document {
        group: groups.get(&album.id).copied().unwrap_or(album.id),
        is_linked: linked.contains(&album.id),
        source: album.source,
        other_names: other_names(&album.artist_credit, &album.artists),
        artist: album.artist_credit,
        artist_ids: distinct(album.artists.iter().map(|credit| credit.artist_id)),
        year: year(album.date.as_deref()),
        ..Document::new(Kind::Album, album.id, album.title)
    };
    Ok(albums.into_iter().map(document).collect())
}

/// The documents of these artists; where they stand, their tracks must say.
pub(crate) async fn of_artists(snapshot: &Snapshot, artists: Vec<Artist>) -> Result<Vec<Document>, CatalogError> {
    let ids: Vec<Id> = artists.iter().map(|artist| artist.id).collect();
    let groups = snapshot.resolve(LinkEntity::Artist, &ids).await?;
    let linked = snapshot.linked(LinkEntity::Artist, &ids).await?;
    let document = |artist: Artist| Document {
        group: groups.get(&artist.id).copied().unwrap_or(artist.id),
        is_linked: linked.contains(&artist.id),
        source: artist.source,
        other_titles: artist.aliases.into_iter().chain(artist.sort_name).collect(),
        ..Document::new(Kind::Artist, artist.id, artist.name)
    };
    Ok(artists.into_iter().map(document).collect())
}

/// The licences of the recording, and whether it was withdrawn. What lies in the future counts as well: the index does not
/// know what time it will be when somebody searches, and a withdrawal is better found too early than too late.
fn rights(about: &[&Decision]) -> (Vec<String>, bool) {
    let superseded: HashSet<&str> = about.iter().filter_map(|decision| decision.supersedes.as_deref()).collect();
    let counting = || about.iter().filter(|decision| !superseded.contains(decision.id.as_str()));
    let withdrawn = counting().any(|decision| decision.status == ClaimStatus::Withdrawn);
    let mut licences = BTreeSet::new();
    for decision in counting().filter(|decision| decision.layer == Layer::Recording) {
        match decision.licence_match() {
            LicenceMatch::Known { row, uri, spdx } => {
                licences.insert(uri);
                licences.extend(spdx.or_else(|| row.spdx.map(str::to_owned)));
            }
            LicenceMatch::Unknown => {
                let text = decision.licence.as_deref().unwrap_or_default().trim();
                licences.insert(text.chars().take(MAX_LICENCE_CHARS).collect());
            }
            LicenceMatch::Empty => {}
        }
    }
    (licences.into_iter().collect(), withdrawn)
}

/// Credited names that the credit's text does not show: "feat." names, a composer.
fn other_names(credit: &str, artists: &[Credit]) -> Vec<String> {
    let missing = artists.iter().map(|artist| &artist.name).filter(|name| !credit.contains(name.as_str()));
    missing.cloned().collect()
}

fn year(date: Option<&str>) -> Option<u16> {
    PartialDate::lenient(date?).map(PartialDate::year)
}

pub(crate) fn distinct<T: Ord>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    values.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}
