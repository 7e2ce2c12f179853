//! Which artists and albums the files belong to: those the archive has by name, and new ones.
//!
//! A local artist or album is named by the blob in which it was first heard (never by a path or a spelling), so a later
//! correction of its name keeps its id. Two names are one when they fold alike.

use std::collections::HashMap;

use fonoteca_catalog::{Album, Artist, Credit, Snapshot};
use fonoteca_model::fold::fold;
use fonoteca_model::{Id, Mbid, PartialDate, Upc};

use super::describe::Described;
use super::parts::Part;
use crate::error::ArchiveError;

const SOURCE: &str = "local";
const VARIOUS: &str = "Various Artists";

/// The artists and albums of one batch: how each file refers to them, and the rows to add.
pub(super) struct Resolved {
    /// For each track of each file, its credits and its album.
    pub files: Vec<Vec<(Vec<Credit>, Option<Id>)>>,
    pub new_artists: Vec<Artist>,
    pub new_albums: Vec<Album>,
}

pub(super) async fn resolve(snapshot: &Snapshot, files: &[Described]) -> Result<Resolved, ArchiveError> {
    let mut resolver = Resolver::load(snapshot, files).await?;
    let placed = files.iter().map(|file| file.parts.iter().map(|part| resolver.place(file, part)).collect()).collect();
    Ok(Resolved { files: placed, new_artists: resolver.new_artists, new_albums: resolver.new_albums })
}

/// The name under which an album's tracks belong together.
fn album_artist(part: &Part) -> String {
    let tags = &part.tags;
    match (&tags.album_artist, tags.compilation, &tags.artist) {
        (None, true, _) => VARIOUS.to_owned(),
        (Some(name), _, _) | (None, false, Some(name)) => name.clone(),
        (None, false, None) => String::new(),
    }
}

fn album_key(part: &Part) -> Option<(String, String)> {
    let title = part.tags.album.as_deref().filter(|title| !title.trim().is_empty())?;
    Some((key(title), key(&album_artist(part))))
}

/// What names are compared by. A name of signs alone folds to nothing and stands for itself.
fn key(name: &str) -> String {
    let folded = fold(name);
    if folded.is_empty() { name.trim().to_owned() } else { folded }
}

/// The person in `PERFORMER=Name (instrument)`, as Vorbis comments have it; the tag as found keeps the instrument.
fn person<'a>(name: &'a str, role: &str) -> &'a str {
    let name = name.trim();
    match name.rsplit_once(" (") {
        Some((person, instrument)) if role == "performer" && instrument.ends_with(')') => person.trim(),
        _ => name,
    }
}

/// Everybody credited in a track. What tags do not split is one credit.
fn credited(part: &Part) -> Vec<(String, String)> {
    let tags = &part.tags;
    let mut credits: Vec<(String, String)> = tags
        .artists
        .iter()
        .map(|credit| (person(&credit.name, &credit.role).to_owned(), credit.role.clone()))
        .collect();
    if let Some(artist) = tags.artist.as_ref().filter(|_| !credits.iter().any(|(_, role)| role == "main")) {
        credits.insert(0, (artist.trim().to_owned(), "main".to_owned()));
    }
    credits.retain(|(name, _)| !name.is_empty());
    credits
}

struct Resolver {
    artists: HashMap<String, Id>,
    albums: HashMap<(String, String), Id>,
    new_artists: Vec<Artist>,
    new_albums: Vec<Album>,
}

impl Resolver {
    async fn load(snapshot: &Snapshot, files: &[Described]) -> Result<Self, ArchiveError> {
        let mut names: Vec<String> = Vec::new();
        let mut albums: Vec<(String, String)> = Vec::new();
        for part in files.iter().flat_map(|file| &file.parts) {
            names.extend(credited(part).iter().map(|(name, _)| key(name)));
            names.push(key(&album_artist(part)));
            albums.extend(album_key(part));
        }
        names.sort_unstable();
        names.dedup();
        albums.sort_unstable();
        albums.dedup();
        let artists = snapshot.local_artists_by_fold(&names).await?;
        let albums = snapshot.local_albums_by_fold(&albums).await?;
        Ok(Self {
            artists: artists.into_iter().map(|(key, artist)| (key, artist.id)).collect(),
            albums: albums.into_iter().map(|(key, album)| (key, album.id)).collect(),
            new_artists: Vec::new(),
            new_albums: Vec::new(),
        })
    }

    fn place(&mut self, file: &Described, part: &Part) -> (Vec<Credit>, Option<Id>) {
        let mbids = &part.tags.mbid_artist;
        let credits = credited(part)
            .into_iter()
            .enumerate()
            .map(|(position, (name, role))| {
                // Picard writes one id a credited artist, in the same order.
                let mbid = mbids.get(position).filter(|_| role == "main");
                Credit { artist_id: self.artist(&name, file, mbid.map(String::as_str)), role, name }
            })
            .collect();
        (credits, self.album(file, part))
    }

    fn artist(&mut self, name: &str, file: &Described, mbid: Option<&str>) -> Id {
        let key = key(name);
        if let Some(id) = self.artists.get(&key) {
            return *id;
        }
        let source_id = format!("{}#artist:{key}", file.root());
        let id = Id::of(SOURCE, &source_id);
        self.new_artists.push(Artist {
            id,
            source: SOURCE.to_owned(),
            source_id,
            name: name.to_owned(),
            fold: key.clone(),
            sort_name: None,
            disambiguation: None,
            aliases: Vec::new(),
            mbid: mbid.and_then(|mbid| mbid.parse::<Mbid>().ok()).map(|mbid| mbid.to_string()),
            raw: None,
        });
        self.artists.insert(key, id);
        id
    }

    fn album(&mut self, file: &Described, part: &Part) -> Option<Id> {
        let key = album_key(part)?;
        if let Some(id) = self.albums.get(&key) {
            return Some(*id);
        }
        let tags = &part.tags;
        let credit = album_artist(part);
        let artists = if credit.is_empty() {
            Vec::new()
        } else {
            let artist_id = self.artist(&credit, file, None);
            vec![Credit { artist_id, role: "main".to_owned(), name: credit.clone() }]
        };
        let compilation = tags.compilation || fold(&credit) == fold(VARIOUS);
        let source_id = format!("{}#album", file.root());
        let id = Id::of(SOURCE, &source_id);
        self.new_albums.push(Album {
            id,
            source: SOURCE.to_owned(),
            source_id,
            title: tags.album.clone().unwrap_or_default(),
            fold: key.0.clone(),
            artist_credit: credit,
            artists,
            upc: tags.barcode.as_ref().and_then(|code| code.parse::<Upc>().ok()).map(|code| code.to_string()),
            mbid: tags.mbid_release.as_ref().and_then(|mbid| mbid.parse::<Mbid>().ok()).map(|mbid| mbid.to_string()),
            label: tags.label.clone(),
            catalogue_number: tags.catalogue_number.clone(),
            date: tags.date.as_deref().and_then(PartialDate::lenient).map(|date| date.to_string()),
            kind: Some(if compilation { "compilation" } else { "album" }.to_owned()),
            language: tags.language.clone(),
            cover_root: file.cover.as_ref().map(|cover| cover.hashes.root),
            raw: None,
        });
        self.albums.insert(key, id);
        Some(id)
    }
}
