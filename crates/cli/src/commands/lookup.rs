//! `fonoteca lookup`: everything known about what has exactly this key.

use std::collections::HashMap;

use fonoteca_catalog::index::{Hit, Kind};
use fonoteca_catalog::{Album, Artist, Credit, Held, TrackDetails};
use fonoteca_model::BlobId;
use fonoteca_model::rights::Verdict;
use fonoteca_model::units::{Bytes, Duration};
use serde::Serialize;
use serde_json::{Value, json};

use super::Ended;
use super::search::Found;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Output, Table};

/// Show everything known about what has exactly this key
///
/// A key is an ISRC in any spelling, a UPC or EAN, a MusicBrainz id, a blob root (64 hex digits), an id of this archive
/// (16 hex digits), or the id that a source gave. Ends with exit code 1 when nothing has the key.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  fonoteca lookup GB-AYE-06-01477 --json")]
pub struct Args {
    /// The key
    key: String,
}

/// A line of `lookup --json`: the fields of `search`, and all else that is known.
#[derive(Debug, Serialize)]
struct Known<'a> {
    #[serde(flatten)]
    found: Found<'a>,
    files: Vec<Value>,
    #[serde(flatten)]
    more: Value,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    archive.refresh_index().await?;
    let hits = archive.index()?.lookup(&args.key)?;
    let snapshot = archive.snapshot().await?;
    let output = context.output();
    for hit in &hits {
        let mut table = heading(hit);
        let (files, more) = match hit.kind {
            Kind::Track => match snapshot.track_details(hit.id).await? {
                Some(details) => {
                    let roots: Vec<BlobId> = details.entry.held.iter().map(|held| held.file.root).collect();
                    let verdicts = archive.verdicts(&roots).await?;
                    track_facts(&mut table, &details, &verdicts);
                    let files = details.entry.held.iter().map(|held| file(held, &verdicts)).collect();
                    (files, track(&details))
                }
                None => (Vec::new(), json!({})),
            },
            Kind::Album => {
                let album = snapshot.albums(&[hit.id]).await?.remove(&hit.id);
                let tracks = snapshot.tracks_of_albums(&[hit.id]).await?.remove(&hit.id).unwrap_or_default();
                table.fact("tracks", tracks.len());
                let ids: Vec<String> = tracks.iter().map(|track| track.id.to_string()).collect();
                (Vec::new(), album.map_or_else(|| json!({}), |found| album_facts(&mut table, &found, &ids)))
            }
            Kind::Artist => {
                let artist = snapshot.artists(&[hit.id]).await?.remove(&hit.id);
                (Vec::new(), artist.map_or_else(|| json!({}), |found| artist_facts(&mut table, &found)))
            }
        };
        show(output, &Known { found: Found::from(hit), files, more }, &table);
    }
    if hits.is_empty() {
        output.note(format_args!("nothing has the key {:?}; `fonoteca search` finds by words", args.key));
    }
    Ok(Exit::done_if(!hits.is_empty(), Exit::SomeFailed))
}

fn show(output: &Output, known: &Known<'_>, table: &Table) {
    output.result(known, |output| {
        output.table(table);
        output.line("");
    });
}

fn heading(hit: &Hit) -> Table {
    let mut table = Table::facts();
    table.fact(hit.kind.as_str(), &hit.title);
    table.fact("id", hit.id);
    if hit.kind != Kind::Artist {
        table.fact("artist", &hit.artist);
    }
    table.fact_if("album", hit.album.as_ref());
    table.fact_if("year", hit.year);
    table.fact_if("ISRC", hit.isrc.as_ref());
    table.fact("popularity", hit.popularity);
    table
}

fn track_facts(table: &mut Table, details: &TrackDetails, verdicts: &HashMap<BlobId, Verdict>) {
    let track = &details.entry.track;
    // The artists themselves stand in the credit above.
    for credit in track.artists.iter().filter(|credit| credit.role != "main") {
        table.fact(&credit.role, &credit.name);
    }
    table.fact_if("disc", track.disc);
    table.fact_if("number", track.number);
    table.fact_if("duration", track.duration_ms.map(Duration));
    table.fact_if("date", track.date.as_ref());
    table.fact_if("label", track.label.as_ref());
    table.fact_if("MusicBrainz", track.mbid.as_ref());
    table.fact("source", &track.source);
    table.fact("recording", details.entry.recording_id);
    table.fact("listens", details.listens);
    for version in &details.versions {
        table.fact("same recording", version);
    }
    for supplement in &details.supplements {
        table.fact(&supplement.kind, &supplement.value);
    }
    for held in &details.entry.held {
        let file = &held.file;
        let basis = verdicts.get(&file.root).map_or("unknown", |verdict| verdict.basis.as_str());
        let (size, duration) = (Bytes(file.size.max(0) as u64), Duration(file.duration_ms));
        table.fact("file", format_args!("{} {size}, {duration}, {}, basis {basis}", file.codec, file.state));
        table.fact("root", file.root);
        table.fact_if("noticed", file.state_reason.as_ref());
    }
}

fn track(details: &TrackDetails) -> Value {
    let track = &details.entry.track;
    let supplements: Vec<Value> = details
        .supplements
        .iter()
        .map(|told| json!({"source": told.source, "kind": told.kind, "value": told.value, "licence": told.licence}))
        .collect();
    json!({
        "source": track.source,
        "source_id": track.source_id,
        "artists": credits(&track.artists),
        "album_id": track.album_id.map(|id| id.to_string()),
        "disc": track.disc,
        "number": track.number,
        "duration_ms": track.duration_ms,
        "mbid": track.mbid,
        "date": track.date,
        "label": track.label,
        "language": track.language,
        "explicit": track.explicit,
        "listens": details.listens,
        "versions": details.versions.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "supplements": supplements,
        "cover_root": details.entry.cover_root,
    })
}

fn file(held: &Held, verdicts: &HashMap<BlobId, Verdict>) -> Value {
    let file = &held.file;
    json!({
        "root": file.root,
        "codec": file.codec,
        "bytes": file.size,
        "duration_ms": file.duration_ms,
        "basis": verdicts.get(&file.root).map(|verdict| verdict.basis),
        "state": file.state,
        "state_reason": file.state_reason,
        "container": file.container,
        "bit_rate": file.bit_rate,
        "sample_rate": file.sample_rate,
        "channels": file.channels,
        "bit_depth": file.bit_depth,
        "loudness_lufs": file.loudness_lufs,
        "essence": file.essence,
        "start_ms": held.holding.start_ms,
        "end_ms": held.holding.end_ms,
    })
}

fn album_facts(table: &mut Table, album: &Album, tracks: &[String]) -> Value {
    table.fact_if("date", album.date.as_ref());
    table.fact_if("label", album.label.as_ref());
    table.fact_if("UPC", album.upc.as_ref());
    table.fact_if("MusicBrainz", album.mbid.as_ref());
    table.fact("source", &album.source);
    json!({
        "source": album.source,
        "source_id": album.source_id,
        "artists": credits(&album.artists),
        "upc": album.upc,
        "mbid": album.mbid,
        "label": album.label,
        "catalogue_number": album.catalogue_number,
        "date": album.date,
        "album_kind": album.kind,
        "language": album.language,
        "cover_root": album.cover_root,
        "tracks": tracks,
    })
}

fn artist_facts(table: &mut Table, artist: &Artist) -> Value {
    table.fact_if("sort name", artist.sort_name.as_ref());
    table.fact_if("disambiguation", artist.disambiguation.as_ref());
    if !artist.aliases.is_empty() {
        table.fact("aliases", artist.aliases.join(", "));
    }
    table.fact_if("MusicBrainz", artist.mbid.as_ref());
    table.fact("source", &artist.source);
    json!({
        "source": artist.source,
        "source_id": artist.source_id,
        "sort_name": artist.sort_name,
        "disambiguation": artist.disambiguation,
        "aliases": artist.aliases,
        "mbid": artist.mbid,
    })
}

fn credits(credits: &[Credit]) -> Vec<Value> {
    credits
        .iter()
        .map(|credit| json!({"artist_id": credit.artist_id.to_string(), "role": credit.role, "name": credit.name}))
        .collect()
}
