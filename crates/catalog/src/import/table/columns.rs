//! Joins a file's map with the columns that the file has.

use super::super::ImportError;
use super::cells::not;
use super::map::{AlbumMap, ArtistMap, CreditMap, FileMap, Kept, TrackMap};
use super::value::Value;

/// Where optional columns are that a file does not have: nowhere.
const NOWHERE: usize = usize::MAX;

/// Finds every column that the map names; gives back which columns are wanted.
pub(super) fn resolve(file: &mut FileMap, columns: &[String], name: &str) -> Result<Vec<bool>, ImportError> {
    let mut wanted = vec![false; columns.len()];
    for value in values(file) {
        value.at.clear();
        for column in &value.columns {
            match position(columns, column, name)? {
                Some(at) => {
                    wanted[at] = true;
                    value.at.push(at);
                }
                None if value.optional => value.at.push(NOWHERE),
                None => return Err(missing(columns, column, name)),
            }
        }
    }
    let used = wanted.clone();
    for kept in kept(file) {
        kept.at.clear();
        if kept.all_others {
            kept.columns =
                columns.iter().zip(&used).filter(|(_, used)| !**used).map(|(name, _)| name.clone()).collect();
            kept.at = (0..columns.len()).filter(|at| !used[*at]).collect();
        } else {
            for column in &kept.columns {
                kept.at.push(position(columns, column, name)?.ok_or_else(|| missing(columns, column, name))?);
            }
        }
        for at in &kept.at {
            wanted[*at] = true;
        }
    }
    Ok(wanted)
}

/// Where a column is. One that is there twice cannot be meant.
pub(super) fn position(columns: &[String], column: &str, name: &str) -> Result<Option<usize>, ImportError> {
    let mut found = columns.iter().enumerate().filter(|(_, there)| *there == column).map(|(at, _)| at);
    match (found.next(), found.next()) {
        (Some(one), Some(other)) => Err(not(
            name,
            "the file that the map is for",
            format!("columns {} and {} are both called {column:?}", one + 1, other + 1),
            "set `header_rows = 0` and `columns` in the map, or rename one of them in the file",
        )),
        (one, _) => Ok(one),
    }
}

pub(super) fn missing(columns: &[String], column: &str, name: &str) -> ImportError {
    let mut there: Vec<String> = columns.iter().take(60).map(|column| column.chars().take(60).collect()).collect();
    if columns.len() > there.len() {
        there.push(format!("and {} more", columns.len() - there.len()));
    }
    let found = format!("it has no column {column:?}; its columns are: {}", there.join(", "));
    not(name, "the file that the map is for", found, "name one of these in the map")
}

fn values(file: &mut FileMap) -> Vec<&mut Value> {
    let mut values: Vec<&mut Value> = Vec::new();
    fn credits<'a>(credits: &'a mut [CreditMap], values: &mut Vec<&'a mut Value>) {
        for credit in credits {
            values.push(&mut credit.name);
            values.extend(credit.id.as_mut());
        }
    }
    if let Some(artist) = &mut file.artist {
        let ArtistMap { id, name, sort_name, disambiguation, aliases, mbid, raw: _ } = artist;
        values.push(name);
        values.extend([id, sort_name, disambiguation, aliases, mbid].into_iter().flatten());
    }
    if let Some(album) = &mut file.album {
        let AlbumMap { id, title, artists, credit, upc, mbid, label, catalogue_number, date, kind, language, raw: _ } =
            album;
        values.extend([id, title]);
        credits(artists, &mut values);
        values.extend([credit, upc, mbid, label, catalogue_number, date, kind, language].into_iter().flatten());
    }
    if let Some(track) = &mut file.track {
        let TrackMap { id, title, artists, credit, album, disc, number, duration, isrc, mbid, date, label, .. } = track;
        values.extend([id, title]);
        credits(artists, &mut values);
        values.extend([credit, album, disc, number, duration, isrc, mbid, date, label].into_iter().flatten());
        values.extend([&mut track.language, &mut track.explicit].into_iter().flatten());
    }
    for supplement in &mut file.supplements {
        values.push(&mut supplement.value);
        values.extend(supplement.id.as_mut());
    }
    for rights in &mut file.rights {
        values.push(&mut rights.licence);
        values.extend(
            [&mut rights.id, &mut rights.holder, &mut rights.attribution, &mut rights.territory].into_iter().flatten(),
        );
    }
    values
}

fn kept(file: &mut FileMap) -> impl Iterator<Item = &mut Kept> {
    let artist = file.artist.as_mut().map(|artist| &mut artist.raw);
    let album = file.album.as_mut().map(|album| &mut album.raw);
    artist.into_iter().chain(album).chain(file.track.as_mut().map(|track| &mut track.raw))
}
