//! `fonoteca search`: find tracks, albums and artists by words.

use std::ops::RangeInclusive;

use fonoteca_catalog::index::{Cursor, Filters, Hit, Kind, Query};
use serde::Serialize;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Output, Table};
use crate::values;

/// Find tracks, albums and artists by words
///
/// Any mix of words of titles, artists and albums, with or without accents; the last word may be unfinished, and one or
/// two typos are forgiven. The best ten come first: how well the words fit, and how popular the music is.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fonoteca search scarborough fair
  fonoteca search fur elise --held            only what is here to be heard
  fonoteca search --year 1990..1999 --kind album --limit 50")]
pub struct Args {
    /// Words; none lists everything that passes the filters
    words: Vec<String>,
    /// Only tracks, albums or artists
    #[arg(long, value_parser = values::kind())]
    kind: Option<Kind>,
    /// Released in this year, or in these: 1999, 1990..1999, 1990..
    #[arg(long, value_name = "A..B", value_parser = values::years)]
    year: Option<RangeInclusive<u16>>,
    /// Only what has audio in the archive
    #[arg(long)]
    held: bool,
    /// Only what has no audio in the archive
    #[arg(long, conflicts_with = "held")]
    not_held: bool,
    /// Only tracks under this licence: an SPDX id or a URI
    #[arg(long, visible_alias = "licence")]
    license: Option<String>,
    /// Only what is at least this popular, 0 to 100
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_popularity: Option<u8>,
    /// Only what this source says: local, musicbrainz, …
    #[arg(long)]
    source: Option<String>,
    /// Hits at most
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    limit: usize,
    /// Hits to skip
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: usize,
    /// Only hits behind this one: the `cursor` of a hit that the same search gave with --json
    #[arg(long, value_name = "CURSOR")]
    after: Option<Cursor>,
}

/// A line of `search --json`.
#[derive(Debug, Serialize)]
pub struct Found<'a> {
    pub kind: Kind,
    pub id: String,
    pub title: &'a str,
    pub artist: &'a str,
    pub album: Option<&'a str>,
    pub isrc: Option<&'a str>,
    pub year: Option<u16>,
    pub popularity: i32,
    pub held: bool,
    pub score: f64,
    pub recording_id: Option<String>,
    /// For `--after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
}

impl<'a> From<&'a Hit> for Found<'a> {
    fn from(hit: &'a Hit) -> Self {
        Self {
            kind: hit.kind,
            id: hit.id.to_string(),
            title: &hit.title,
            artist: &hit.artist,
            album: hit.album.as_deref(),
            isrc: hit.isrc.as_deref(),
            year: hit.year,
            popularity: hit.popularity,
            held: hit.held,
            score: hit.score,
            recording_id: hit.recording_id.map(|id| id.to_string()),
            cursor: hit.cursor,
        }
    }
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    archive.refresh_index().await?;
    let held = match (args.held, args.not_held) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    let query = Query {
        words: args.words.join(" "),
        filters: Filters {
            kind: args.kind,
            year: args.year,
            licence: args.license,
            held,
            min_popularity: args.min_popularity,
            source: args.source,
        },
        limit: args.limit,
        offset: args.offset,
        after: args.after,
    };
    let hits = archive.index()?.search(&query)?;
    let output = context.output();
    if output.is_json() {
        for hit in &hits {
            output.json(&Found::from(hit));
        }
    } else if hits.is_empty() {
        output.note("nothing found");
    } else {
        print(output, &hits);
    }
    Ok(Exit::Done)
}

fn print(output: &Output, hits: &[Hit]) {
    let mut table = Table::new(&[
        ("", Align::Left),
        ("kind", Align::Left),
        ("title", Align::Left),
        ("artist", Align::Left),
        ("album", Align::Left),
        ("year", Align::Right),
        ("popularity", Align::Right),
        ("id", Align::Left),
    ]);
    for hit in hits {
        table.row([
            if hit.held { "♪" } else { "" }.to_owned(),
            hit.kind.to_string(),
            hit.title.clone(),
            hit.artist.clone(),
            hit.album.clone().unwrap_or_default(),
            hit.year.map(|year| year.to_string()).unwrap_or_default(),
            hit.popularity.to_string(),
            hit.id.to_string(),
        ]);
    }
    output.table(&table);
}
