//! Songs by id, and whether they may be heard.

use std::collections::HashMap;

use fonoteca_archive::quality::best_first;
use fonoteca_catalog::{Album, BlobKind, File, Holding, Track};
use fonoteca_model::rights::Verdict;
use fonoteca_model::{BlobId, Id};

use super::{Cover, Hearing, Library, Song};
use crate::error::Internal;
use crate::subsonic::WireId;

/// Tracks of an album that are looked at for a cover.
const COVER_TRACKS: usize = 40;

impl Library<'_> {
    /// The songs of these tracks that the user may hear, in this order.
    pub(crate) async fn songs(&self, ids: &[Id]) -> Result<Vec<Song>, Internal> {
        let tracks = self.snapshot.tracks(ids).await.map_err(|error| self.failed(&error))?;
        self.songs_of(ids.iter().filter_map(|id| tracks.get(id).cloned()).collect()).await
    }

    /// The songs of these tracks that the user may hear, in this order.
    pub(super) async fn songs_of(&self, tracks: Vec<Track>) -> Result<Vec<Song>, Internal> {
        let audio = self.audio(&tracks).await?;
        let roots: Vec<BlobId> = audio.values().flatten().map(|(_, file)| file.root).collect();
        let verdicts = self.verdicts(&roots).await?;
        let albums = self.albums_of(&tracks).await?;
        let mut genres = self.genres_of(&tracks).await?;
        let wanted = self.hearing();
        let songs = tracks.into_iter().filter_map(|track| {
            let choices = audio.get(&track.id)?;
            let allowed = |root: &BlobId| verdicts.get(root).is_some_and(|verdict| verdict.allows(wanted));
            let (holding, file) = choices.iter().find(|(_, file)| allowed(&file.root))?;
            Some(Song {
                album: track.album_id.and_then(|id| albums.get(&id).cloned()),
                file: file.clone(),
                start_ms: holding.start_ms,
                end_ms: holding.end_ms,
                genres: genres.remove(&track.id).unwrap_or_default(),
                track,
            })
        });
        Ok(songs.collect())
    }

    /// Whether the user may hear a track, and if not, why.
    pub(crate) async fn hear(&self, id: Id) -> Result<Hearing, Internal> {
        let tracks = self.snapshot.tracks(&[id]).await.map_err(|error| self.failed(&error))?;
        let Some(track) = tracks.get(&id) else { return Ok(Hearing::Unknown) };
        if let Some(song) = self.songs_of(vec![track.clone()]).await?.pop() {
            return Ok(Hearing::Song(Box::new(song)));
        }
        let audio = self.audio(std::slice::from_ref(track)).await?;
        let roots: Vec<BlobId> = audio.values().flatten().map(|(_, file)| file.root).collect();
        let Some(root) = roots.first() else { return Ok(Hearing::Unknown) };
        let mut why = self.verdicts(&roots).await?.remove(root).map_or_else(Vec::new, |verdict| verdict.why);
        if why.is_empty() {
            why.push("no basis is recorded for it".to_owned());
        }
        Ok(Hearing::Refused(format!("this account may not hear it: {}", why.join("; "))))
    }

    /// The cover of a track, of an album, or of an artist's first album that has one: only beside music that may be heard.
    pub(crate) async fn cover(&self, id: WireId) -> Result<Option<Cover>, Internal> {
        let tracks = match id {
            WireId::Track(id) => vec![id],
            WireId::Album(id) => self.track_ids_of(&[id]).await?,
            WireId::Artist(id) => match self.artist(id).await? {
                Some((_, albums)) => {
                    let with_cover = albums.iter().find(|album| album.has_cover);
                    self.track_ids_of(&with_cover.map(|album| album.album.id).into_iter().collect::<Vec<_>>()).await?
                }
                None => Vec::new(),
            },
        };
        let tracks = &tracks[..tracks.len().min(COVER_TRACKS)];
        let songs = self.songs(tracks).await?;
        let album_first = matches!(id, WireId::Album(_) | WireId::Artist(_));
        let covers = songs.iter().filter_map(|song| {
            let of_album = song.album.as_ref().and_then(|album| album.cover_root);
            if album_first { of_album.or(song.file.cover_root) } else { song.cover_root() }
        });
        let Some(root) = covers.into_iter().next() else { return Ok(None) };
        if self.verdicts(&[root]).await?.get(&root).is_some_and(|verdict| verdict.withdrawn) {
            return Ok(None);
        }
        let blobs = self.snapshot.blobs(&[root]).await.map_err(|error| self.failed(&error))?;
        let picture = blobs.get(&root).filter(|(_, blob)| blob.kind == BlobKind::Cover);
        Ok(picture.map(|(hashes, blob)| Cover { root, size: hashes.size, mime: blob.mime.clone() }))
    }

    async fn track_ids_of(&self, albums: &[Id]) -> Result<Vec<Id>, Internal> {
        let mut tracks = self.snapshot.tracks_of_albums(albums).await.map_err(|error| self.failed(&error))?;
        Ok(albums.iter().flat_map(|album| tracks.remove(album).unwrap_or_default()).map(|track| track.id).collect())
    }

    /// The audio of each track, the best first.
    async fn audio(&self, tracks: &[Track]) -> Result<HashMap<Id, Vec<(Holding, File)>>, Internal> {
        let ids: Vec<Id> = tracks.iter().map(|track| track.id).collect();
        let holdings = self.snapshot.roots_of_tracks(&ids).await.map_err(|error| self.failed(&error))?;
        let roots: Vec<BlobId> = holdings.values().flatten().map(|holding| holding.root).collect();
        let files = self.snapshot.files(&roots).await.map_err(|error| self.failed(&error))?;
        let audio = holdings.into_iter().map(|(track, holdings)| {
            let choices: Vec<_> = holdings
                .into_iter()
                .filter_map(|holding| files.get(&holding.root).map(|file| (holding, file.clone())))
                .collect();
            (track, best_first(choices, |(_, file)| file).into_iter().map(|(choice, _)| choice).collect::<Vec<_>>())
        });
        Ok(audio.collect())
    }

    pub(super) async fn verdicts(&self, roots: &[BlobId]) -> Result<HashMap<BlobId, Verdict>, Internal> {
        if roots.is_empty() {
            return Ok(HashMap::new());
        }
        self.app.archive.verdicts(roots).await.map_err(|error| self.app.internal("deciding on rights", &error))
    }

    async fn albums_of(&self, tracks: &[Track]) -> Result<HashMap<Id, Album>, Internal> {
        let mut ids: Vec<Id> = tracks.iter().filter_map(|track| track.album_id).collect();
        ids.sort_unstable();
        ids.dedup();
        self.snapshot.albums(&ids).await.map_err(|error| self.failed(&error))
    }

    async fn genres_of(&self, tracks: &[Track]) -> Result<HashMap<Id, Vec<String>>, Internal> {
        let ids: Vec<Id> = tracks.iter().map(|track| track.id).collect();
        let told = self.snapshot.supplements(&ids).await.map_err(|error| self.failed(&error))?;
        let genres = told.into_iter().map(|(track, told)| {
            let genres = told.into_iter().filter(|told| told.kind == "genre" && told.kind_of == "track");
            (track, genres.map(|told| told.value).collect())
        });
        Ok(genres.collect())
    }
}
