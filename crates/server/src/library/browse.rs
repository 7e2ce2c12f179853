//! Lists of albums and artists.

use std::collections::{BTreeMap, HashMap, HashSet};

use fonoteca_accounts::ItemKind;
use fonoteca_catalog::{AlbumEntry, AlbumOrder, ArtistEntry, Supplement};
use fonoteca_model::Id;

use super::{AlbumItem, AlbumSort, ArtistItem, Genre, Library, Song};
use crate::error::Internal;

/// Plays that count for what was played last.
const RECENT_PLAYS: u32 = 2_000;

impl Library<'_> {
    /// A page of albums of which something is held.
    pub(crate) async fn albums(&self, sort: &AlbumSort, offset: u32, size: u32) -> Result<Vec<AlbumItem>, Internal> {
        let order = match sort {
            AlbumSort::Newest => AlbumOrder::Newest,
            AlbumSort::Name => AlbumOrder::AlphabeticalByName,
            AlbumSort::Artist => AlbumOrder::AlphabeticalByArtist,
            AlbumSort::Random(seed) => AlbumOrder::Random(*seed),
            AlbumSort::Year { from, to } if from <= to => AlbumOrder::ByYear(*from..=*to),
            AlbumSort::Year { from, to } => AlbumOrder::ByYearDescending(*to..=*from),
            AlbumSort::Genre(name) => AlbumOrder::These(self.albums_of_genre(name).await?),
            AlbumSort::Frequent => AlbumOrder::These(self.albums_played_most().await?),
            AlbumSort::Recent => AlbumOrder::These(self.albums_played_last().await?),
            AlbumSort::Starred => AlbumOrder::These(self.albums_starred().await?),
            AlbumSort::Highest => AlbumOrder::These(self.albums_rated_highest().await?),
        };
        let page = self.snapshot.album_list(&order, offset as usize, size as usize).await;
        Ok(page.map_err(|error| self.failed(&error))?.into_iter().map(album_item).collect())
    }

    /// These albums, in this order.
    pub(super) async fn album_items(&self, ids: &[Id]) -> Result<Vec<AlbumItem>, Internal> {
        let entries = self.snapshot.album_entries(ids).await.map_err(|error| self.failed(&error))?;
        Ok(entries.into_iter().map(album_item).collect())
    }

    /// An album with the songs that the user may hear.
    pub(crate) async fn album(&self, id: Id) -> Result<Option<(AlbumItem, Vec<Song>)>, Internal> {
        let Some(item) = self.album_items(&[id]).await?.pop() else { return Ok(None) };
        let tracks = self.snapshot.tracks_of_albums(&[id]).await.map_err(|error| self.failed(&error))?.remove(&id);
        Ok(Some((item, self.songs_of(tracks.unwrap_or_default()).await?)))
    }

    /// All artists of albums of which something is held, by name.
    pub(crate) async fn artists(&self) -> Result<Vec<ArtistItem>, Internal> {
        let entries = self.snapshot.artists_index().await.map_err(|error| self.failed(&error))?;
        Ok(entries.into_iter().map(artist_item).collect())
    }

    /// An artist with the albums of which something is held.
    pub(crate) async fn artist(&self, id: Id) -> Result<Option<(ArtistItem, Vec<AlbumItem>)>, Internal> {
        let found = self.snapshot.artist_with_albums(id).await.map_err(|error| self.failed(&error))?;
        Ok(found.map(|found| (artist_item(found.entry), found.albums.into_iter().map(album_item).collect())))
    }

    /// These artists, in this order, without their numbers of albums.
    pub(super) async fn artist_items(&self, ids: &[Id]) -> Result<Vec<ArtistItem>, Internal> {
        let mut artists = self.snapshot.artists(ids).await.map_err(|error| self.failed(&error))?;
        let found = ids.iter().filter_map(|id| artists.remove(id));
        Ok(found.map(|artist| ArtistItem { artist, album_count: None }).collect())
    }

    /// The genres of the held tracks, by name.
    pub(crate) async fn genres(&self) -> Result<Vec<Genre>, Internal> {
        let told = self.genres_told().await?;
        let albums = self.albums_by_track(&told.iter().map(|told| told.id).collect::<Vec<_>>()).await?;
        let mut genres: BTreeMap<String, (HashSet<Id>, HashSet<Id>)> = BTreeMap::new();
        for told in told {
            let (songs, of_genre) = genres.entry(told.value).or_default();
            songs.insert(told.id);
            of_genre.extend(albums.get(&told.id));
        }
        let genres = genres.into_iter();
        Ok(genres
            .map(|(name, (songs, albums))| Genre { name, songs: songs.len() as u64, albums: albums.len() as u64 })
            .collect())
    }

    async fn albums_of_genre(&self, name: &str) -> Result<Vec<Id>, Internal> {
        let told = self.genres_told().await?.into_iter().filter(|told| told.value.eq_ignore_ascii_case(name));
        let tracks: Vec<Id> = told.map(|told| told.id).collect();
        let mut albums: Vec<Id> = self.albums_by_track(&tracks).await?.into_values().collect();
        albums.sort_unstable();
        albums.dedup();
        Ok(albums)
    }

    async fn genres_told(&self) -> Result<Vec<Supplement>, Internal> {
        let held = "kind = 'genre' AND kind_of = 'track' AND source = 'local'";
        self.snapshot.rows::<Supplement>(held).await.map_err(|error| self.failed(&error))
    }

    async fn albums_played_most(&self) -> Result<Vec<Id>, Internal> {
        let counts = self.app.accounts.play_counts(self.user).await;
        let counts = counts.map_err(|error| self.app.internal("counting plays", &error))?;
        let albums = self.albums_by_track(&counts.keys().copied().collect::<Vec<_>>()).await?;
        let mut played: HashMap<Id, u64> = HashMap::new();
        for (track, album) in albums {
            *played.entry(album).or_default() += counts.get(&track).copied().unwrap_or(0);
        }
        Ok(highest_first(played))
    }

    async fn albums_played_last(&self) -> Result<Vec<Id>, Internal> {
        let plays = self.app.accounts.plays(self.user, RECENT_PLAYS).await;
        let plays = plays.map_err(|error| self.app.internal("listing plays", &error))?;
        let albums = self.albums_by_track(&plays.iter().map(|play| play.track).collect::<Vec<_>>()).await?;
        let mut seen = HashSet::new();
        let latest_first = plays.iter().filter_map(|play| albums.get(&play.track).copied());
        Ok(latest_first.filter(|album| seen.insert(*album)).collect())
    }

    async fn albums_starred(&self) -> Result<Vec<Id>, Internal> {
        let stars = self.app.accounts.starred(self.user, ItemKind::Album).await;
        let stars = stars.map_err(|error| self.app.internal("listing stars", &error))?;
        Ok(stars.into_iter().map(|star| star.item).collect())
    }

    async fn albums_rated_highest(&self) -> Result<Vec<Id>, Internal> {
        let ratings = self.app.accounts.ratings(self.user, ItemKind::Album).await;
        Ok(highest_first(ratings.map_err(|error| self.app.internal("listing ratings", &error))?))
    }

    async fn albums_by_track(&self, tracks: &[Id]) -> Result<HashMap<Id, Id>, Internal> {
        let found = self.snapshot.tracks(tracks).await.map_err(|error| self.failed(&error))?;
        Ok(found.into_iter().filter_map(|(id, track)| Some((id, track.album_id?))).collect())
    }
}

fn album_item(entry: AlbumEntry) -> AlbumItem {
    AlbumItem {
        song_count: entry.tracks.unsigned_abs(),
        duration_ms: entry.duration_ms,
        added: entry.added,
        has_cover: entry.album.cover_root.is_some(),
        album: entry.album,
    }
}

fn artist_item(entry: ArtistEntry) -> ArtistItem {
    ArtistItem { artist: entry.artist, album_count: Some(entry.albums.unsigned_abs()) }
}

/// Ties are settled by id, so that pages do not overlap.
fn highest_first<V: Ord + Copy>(values: HashMap<Id, V>) -> Vec<Id> {
    let mut list: Vec<(Id, V)> = values.into_iter().collect();
    list.sort_by_key(|(id, value)| (std::cmp::Reverse(*value), *id));
    list.into_iter().map(|(id, _)| id).collect()
}
