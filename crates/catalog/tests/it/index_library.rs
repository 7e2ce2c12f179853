//! A library to search in: songs in many scripts beside a few hundred plain ones.

use std::collections::{HashMap, HashSet};

use fonoteca_catalog::{Album, Batch, LinkEntity, Listens, Rights, Track};
use fonoteca_model::Id;
use fonoteca_model::rights::{Basis, Decision, SubjectKind};

use crate::sample::{AT, album, artist, credit, decision, file, holding, id, link, root, track};

/// One line of `index_library.tsv`.
struct Line<'a> {
    popularity: i32,
    artist: &'a str,
    title: &'a str,
    album: &'a str,
    year: &'a str,
    further: &'a str,
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Self {
        let cells: Vec<&str> = line.split('\t').collect();
        Self {
            popularity: cells[0].parse().expect("popularity"),
            artist: cells[1],
            title: cells[2],
            album: cells[3],
            year: cells[4],
            further: cells.get(5).copied().unwrap_or_default(),
        }
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        let start = self.further.find(key)? + key.len();
        let rest = &self.further[start..];
        // Values may have spaces; the next key ends them.
        let ends = [" isrc=", " mbid=", " listens=", " held", " licence=", " with=", " of="];
        let end = ends.iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
        Some(&rest[..end])
    }
}

/// The id of a track of the library: titles repeat, so its artist is part of what it follows from.
pub fn track_id(artist: &str, title: &str) -> Id {
    id(&format!("{artist} / {title}"))
}

fn prefixed(prefix: &str, name: &str) -> String {
    format!("{prefix} {name}")
}

/// The whole library as one batch.
pub fn library() -> Batch {
    let lines = include_str!("index_library.tsv").lines().filter(|line| !line.starts_with('#'));
    rows_of(lines.map(str::to_owned).chain(plain_songs()))
}

/// The rows of lines as they are in `index_library.tsv`.
pub fn rows_of(lines: impl Iterator<Item = String>) -> Batch {
    let mut batch = Batch::default();
    let mut artists: HashSet<Id> = HashSet::new();
    let mut albums: HashMap<String, Album> = HashMap::new();
    let lines: Vec<String> = lines.collect();
    for line in lines.iter().map(|line| Line::read(line)) {
        let name = format!("{} / {}", line.artist, line.title);
        let artist_name = prefixed("artist", line.artist);
        if artists.insert(id(&artist_name)) {
            let mut row = artist(line.artist);
            (row.id, row.source_id) = (id(&artist_name), artist_name.clone());
            batch.artists.push(row);
        }
        let mut credits = vec![credit(line.artist)];
        credits[0].artist_id = id(&artist_name);
        if let Some(with) = line.get("with=") {
            let mut further = credit(with);
            further.artist_id = id(&prefixed("artist", with));
            credits.push(further);
        }
        let album_name = prefixed("album", &format!("{} / {}", line.artist, line.album));
        albums.entry(album_name.clone()).or_insert_with(|| Album {
            id: id(&album_name),
            source_id: album_name.clone(),
            artists: credits[..1].to_vec(),
            date: Some(line.year.to_owned()),
            ..album(line.album, line.artist)
        });
        let held = line.further.split(' ').any(|word| word == "held");
        batch.tracks.push(Track {
            id: id(&name),
            source_id: name.clone(),
            artists: credits,
            album_id: Some(id(&album_name)),
            isrc: line.get("isrc=").map(str::to_owned),
            mbid: line.get("mbid=").map(str::to_owned),
            ..track(line.title, line.artist, None)
        });
        let recording = match line.get("of=") {
            Some(title) => track_id(line.artist, title),
            None => id(&name),
        };
        if recording == id(&name) {
            let listens = line.get("listens=").map_or(0, |count| count.parse().expect("listens"));
            batch.listens.push(Listens {
                recording_id: recording,
                as_of: AT,
                count: listens,
                popularity: line.popularity,
            });
        } else {
            batch.links.push(link(&name, LinkEntity::Recording, id(&name), recording, AT));
        }
        if held {
            let mut row = holding(&name, &name);
            row.track_id = id(&name);
            batch.holdings.push(row);
            batch.files.push(file(&name));
            if let Some(licence) = line.get("licence=") {
                batch.rights.push(Rights::from(&Decision {
                    basis: Basis::Licensed,
                    licence: Some(licence.to_owned()),
                    ..decision(&name, SubjectKind::Blob, &root(&name).to_string())
                }));
            }
        }
    }
    batch.albums = albums.into_values().collect();
    // The batch must have a file to count.
    batch.files.push(file("something"));
    batch
}

/// Songs that nobody asks for by name: 300, nearly all of them never listened to.
fn plain_songs() -> Vec<String> {
    let first = ["Blue", "Silent", "Golden", "Broken", "Electric", "Distant", "Summer", "Velvet", "Iron", "Hidden"];
    let second = ["River", "Garden", "Engine", "Window", "Mountain", "Letter"];
    let bands = ["Copper Owls", "Ninth Floor", "Marble Foxes", "Saltwater", "Ana Lindqvist"];
    let mut songs = Vec::new();
    for (a, one) in first.iter().enumerate() {
        for (b, two) in second.iter().enumerate() {
            for (c, band) in bands.iter().enumerate() {
                let popularity = if (a * 6 + b + c * 7) % 10 == 0 { a + b + c } else { 0 };
                let year = 1960 + (a * 30 + b * 5 + c) % 60;
                songs.push(format!("{popularity}\t{band}\t{one} {two}\t{one} Album {c}\t{year}"));
            }
        }
    }
    songs
}
