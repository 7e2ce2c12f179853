//! The options that say what a release is made of, the same for all commands that look at it, make it or export it.

use fonoteca_archive::Archive;
use fonoteca_archive::release::{BELOW, Bands, Choice, Options, Outside, Tail};
use fonoteca_model::limits::Limits;

use crate::error::CommandError;
use crate::values;

/// Which audio.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Choosing")]
pub struct Choosing {
    /// Only under this licence: an SPDX id, a URI, or a basis such as own-work; may be repeated
    #[arg(long, visible_alias = "licence", value_name = "LICENCE")]
    license: Vec<String>,
    /// Only tracks of this collection, by its name or id; may be repeated
    #[arg(long, value_name = "NAME")]
    collection: Vec<String>,
    /// Only what a search for these words finds
    #[arg(long, value_name = "WORDS")]
    query: Option<String>,
    /// Only what this SQL condition holds for
    ///
    /// It is asked about each file, with the columns root, extension, size, state, codec, duration_ms, cover_root, at,
    /// track_id, title, artist_credit, album, album_artist, disc, number, date, isrc, recording_id, popularity, listens,
    /// listens_as_of and tracks; any table may stand in a subquery.
    #[arg(long = "where", value_name = "SQL")]
    condition: Option<String>,
    /// Bytes of audio at most: the most popular first, and nothing behind the first file that has no room
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    max_bytes: Option<u64>,
    /// What few people listen to goes out as copies of this coding and bit rate, as in opus:72
    ///
    /// `fonoteca release prepare` makes the copies first. What is not larger than its copy would be goes out as it is.
    #[arg(long, value_name = "CODING", value_parser = values::tail)]
    tail: Option<Tail>,
    /// Copies go out below this popularity, originals from it on [default: 1, so that only what nobody listened to is copied]
    #[arg(long, value_name = "POPULARITY", requires = "tail", value_parser = clap::value_parser!(i32).range(1..=101))]
    tail_below: Option<i32>,
}

/// How it is cut.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Cutting")]
pub struct Cutting {
    /// Lowest popularity of each band but the last, falling [default: 75,50,25,1]
    #[arg(long, value_name = "EDGES", value_parser = values::bands)]
    bands: Option<Bands>,
    /// Bytes of one torrent at most [default: 32 GiB]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    torrent_size: Option<u64>,
    /// Files of one torrent at most [default: 10000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    torrent_files: Option<u32>,
    /// Cut anew what was given out before: the new torrents replace the old ones
    #[arg(long)]
    recut: bool,
}

/// What stands in the torrents beside the content, without changing an info-hash.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "In the torrents")]
pub struct Naming {
    /// Where the archive's server is reached, for its tracker and web seed [default: the one in archive.toml]
    #[arg(long)]
    url: Option<String>,
    /// A tracker beside the archive's own; may be repeated [default: those in archive.toml]
    #[arg(long, value_name = "URL")]
    tracker: Vec<String>,
    /// A web seed beside the archive's own; may be repeated [default: those in archive.toml]
    #[arg(long, value_name = "URL")]
    web_seed: Vec<String>,
    /// The comment [default: the one in archive.toml, or the names of release and archive]
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Where the torrents come from, in a word [default: the one in archive.toml]
    #[arg(long, value_name = "WORD")]
    source: Option<String>,
    /// Leave the date out
    #[arg(long)]
    undated: bool,
}

impl Choosing {
    fn choice(self) -> Choice {
        Choice {
            licences: self.license,
            collections: self.collection,
            words: self.query,
            condition: self.condition,
            max_bytes: self.max_bytes,
        }
    }
}

/// All of it together.
pub fn options(
    archive: &Archive,
    name: String,
    choosing: Choosing,
    cutting: Cutting,
    naming: Option<Naming>,
) -> Result<Options, CommandError> {
    let mut limits = Limits::default();
    limits.torrent_bytes = cutting.torrent_size.unwrap_or(limits.torrent_bytes);
    limits.torrent_files = cutting.torrent_files.map_or(limits.torrent_files, |files| files as usize);
    let below = choosing.tail_below.unwrap_or(BELOW);
    Ok(Options {
        limits,
        bands: cutting.bands.unwrap_or_default(),
        tail: choosing.tail.map(|tail| Tail { below, ..tail }),
        choice: choosing.choice(),
        recut: cutting.recut,
        outside: naming.map(|naming| naming.outside(archive)).transpose()?.unwrap_or_default(),
        ..Options::new(name)
    })
}

impl Naming {
    /// What the options leave open, archive.toml says.
    fn outside(self, archive: &Archive) -> Result<Outside, CommandError> {
        let policy = &archive.settings().publish;
        let or_policy = |given: Vec<String>, policy: &[String]| if given.is_empty() { policy.to_vec() } else { given };
        let outside = Outside {
            url: self.url.or_else(|| policy.url.clone()),
            trackers: or_policy(self.tracker, &policy.trackers),
            web_seeds: or_policy(self.web_seed, &policy.web_seeds),
            comment: self.comment.or_else(|| policy.comment.clone()),
            source: self.source.or_else(|| policy.source.clone()),
            undated: self.undated || policy.creation_date == Some(false),
        };
        let is_url =
            |url: &&String| url.split_once("://").is_none_or(|(scheme, rest)| scheme.is_empty() || rest.is_empty());
        match outside.trackers.iter().chain(&outside.web_seeds).find(is_url) {
            Some(wrong) => {
                Err(CommandError::usage(format!("{wrong:?} is no URL: write it whole, as in http://host/path")))
            }
            None => Ok(outside),
        }
    }
}
