//! How values are written on the command line: words, sizes, years, moments, shares.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use fonoteca_accounts::Role;
use fonoteca_archive::feed::WithFiles;
use fonoteca_archive::fixity::Amount;
use fonoteca_archive::ingest::Depth;
use fonoteca_archive::mirror::Via;
use fonoteca_archive::release::{Bands, Tail};
use fonoteca_catalog::export::Format;
use fonoteca_catalog::index::Kind;
use fonoteca_catalog::{Sameness, Table};
use fonoteca_model::Timestamp;
use fonoteca_model::rights::{Basis, Layer, Use};
use fonoteca_model::units::Bytes;

use crate::commands::Form;

/// How many things are done at once: as asked for, or one per processor.
pub fn jobs(asked: Option<NonZeroUsize>) -> usize {
    asked.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}

/// A word out of a few, each with a line of help.
fn words<T: Copy + Send + Sync + 'static>(
    all: Vec<(T, &'static str, &'static str)>,
) -> impl TypedValueParser<Value = T> {
    let values = all.iter().map(|(_, word, help)| PossibleValue::new(*word).help(*help)).collect::<Vec<_>>();
    PossibleValuesParser::new(values).map(move |found| {
        let known = all.iter().find(|(_, word, _)| *word == found);
        known.expect("the parser lets only these words through").0
    })
}

/// Why an archive may hold an item.
pub fn basis() -> impl TypedValueParser<Value = Basis> {
    let help = |basis| match basis {
        Basis::OwnWork => "you made it, or whoever runs the archive did",
        Basis::Licensed => "its licence says so; the licence is in the tags or in --license",
        Basis::PublicDomain => "nobody's permission is needed: CC0, the Public Domain Mark, expired rights",
        Basis::Permission => "the rights holder said so, in a document",
        Basis::PrivateCopy => "your own copy for private use; only the owner's account hears it",
        Basis::Unknown => "nothing is known: it is kept and checked, and nobody hears it",
    };
    words(Basis::ALL.iter().map(|basis| (*basis, basis.as_str(), help(*basis))).collect())
}

/// How far into each file ingest looks.
pub fn depth() -> impl TypedValueParser<Value = Depth> {
    words(vec![
        (Depth::Head, "none", "hash it, and read no more of it than its head: format, tags, declared length"),
        (Depth::Packets, "quick", "read every packet, decode none: true length, completeness, re-tagged copies"),
        (Depth::Sound, "full", "decode it: fingerprint, loudness, and proof that all of it can be heard"),
    ])
}

/// How files get into a static copy.
pub fn with_files() -> impl TypedValueParser<Value = WithFiles> {
    words(vec![
        (WithFiles::Link, "link", "hard links where the file system allows it, copies where not"),
        (WithFiles::Copy, "copy", "copies"),
    ])
}

/// Which right.
pub fn layer() -> impl TypedValueParser<Value = Layer> {
    let help = |layer| match layer {
        Layer::Recording => "the sound recording",
        Layer::Composition => "the work performed in it",
        Layer::Artwork => "covers and booklets",
        Layer::Lyrics => "the words",
    };
    words(Layer::ALL.iter().map(|layer| (*layer, layer.as_str(), help(*layer))).collect())
}

/// What a permission grants.
pub fn granted() -> impl TypedValueParser<Value = Use> {
    words(vec![
        (Use::Distribute, "distribute", "give it to anyone: streams, torrents, mirrors"),
        (Use::Dataset, "dataset", "put the audio into a dataset"),
        (Use::Derive, "derive", "put derivatives into a dataset"),
        (Use::Commercial, "commercial", "put it into a commercial dataset"),
    ])
}

/// Tracks, albums or artists.
pub fn kind() -> impl TypedValueParser<Value = Kind> {
    words(vec![
        (Kind::Track, "track", "tracks; versions of one recording are one hit"),
        (Kind::Album, "album", "albums"),
        (Kind::Artist, "artist", "artists"),
    ])
}

/// In which form rows are written.
pub fn form() -> impl TypedValueParser<Value = Form> {
    words(vec![
        (Form::Table, "table", "columns that line up, for people"),
        (Form::File(Format::Csv), "csv", "comma-separated, with headings; null is an empty field"),
        (Form::File(Format::Json), "json", "one JSON object a line"),
        (Form::File(Format::Parquet), "parquet", "Parquet, into the file of --output"),
    ])
}

/// A table of the catalogue.
pub fn table(name: &str) -> Result<Table, String> {
    let names = || Table::ALL.iter().map(|table| table.name()).collect::<Vec<_>>().join(", ");
    let found = Table::ALL.iter().copied().find(|table| table.name() == name);
    found.ok_or_else(|| format!("there is no table {name:?}; the tables are: {}", names()))
}

/// What a user may do.
pub fn role() -> impl TypedValueParser<Value = Role> {
    words(vec![
        (Role::Owner, "owner", "hears everything that has a basis, private copies included"),
        (Role::Listener, "listener", "hears what may be streamed to the archive's other accounts"),
    ])
}

/// What copies have in common.
pub fn sameness() -> impl TypedValueParser<Value = Sameness> {
    words(vec![
        (Sameness::Bytes, "bytes", "all bytes: one blob that lies at several places"),
        (Sameness::Essence, "essence", "the packets: what was re-tagged"),
        (Sameness::Recording, "recording", "the recording, in another codec, bit rate or edition"),
    ])
}

/// By which way blobs are fetched.
pub fn via() -> impl TypedValueParser<Value = Via> {
    words(vec![
        (Via::Auto, "auto", "from peers, or from the web seed where nobody else has it; then from the other"),
        (Via::BitTorrent, "bittorrent", "from peers alone"),
        (Via::WebSeed, "web-seed", "from the web seed alone"),
    ])
}

/// Bytes: `4TB`, `500 GB`, `32GiB`, `1000000`.
pub fn size(text: &str) -> Result<u64, String> {
    text.parse::<Bytes>().map(|bytes| bytes.0).map_err(|error| error.to_string())
}

/// Bands of popularity by their lower edges: `75,50,25,1`.
pub fn bands(text: &str) -> Result<Bands, String> {
    text.parse::<Bands>().map_err(|error| error.to_string())
}

/// A coding for copies of the long tail: `opus:72`.
pub fn tail(text: &str) -> Result<Tail, String> {
    text.parse::<Tail>().map_err(|error| error.to_string())
}

/// Years: `1999`, `1990..1999`, `1990..`, `..1999`.
pub fn years(text: &str) -> Result<RangeInclusive<u16>, String> {
    let year = |text: &str, open: u16| match text.trim() {
        "" => Ok(open),
        text => text
            .parse::<u16>()
            .ok()
            .filter(|year| (1..=9999).contains(year))
            .ok_or("write years as in 1999 or 1990..1999"),
    };
    let range = match text.split_once("..") {
        Some((from, to)) => year(from, 1)?..=year(to.trim_start_matches('='), 9999)?,
        None if text.trim().is_empty() => return Err("write years as in 1999 or 1990..1999".to_owned()),
        None => year(text, 0)?..=year(text, 0)?,
    };
    if range.is_empty() { Err(format!("no year lies in {text}: write the earlier one first")) } else { Ok(range) }
}

/// A moment: `2026-11-22`, which begins at midnight UTC, or `2026-11-22T10:00:00Z`.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("{text:?} is no moment: write 2026-11-22 or 2026-11-22T10:00:00Z");
    let parsed = if text.contains(['T', 't']) {
        text.parse::<jiff::Timestamp>().map_err(|_| wrong())?
    } else {
        let date: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
        date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| wrong())?.timestamp()
    };
    Ok(Timestamp(parsed.as_microsecond()))
}

/// How many: a share as in `5%`, or a number.
pub fn amount(text: &str) -> Result<Amount, String> {
    let text = text.trim();
    let found = match text.strip_suffix('%') {
        Some(share) => {
            let percent = share.trim().parse::<f64>().ok();
            percent.filter(|percent| *percent > 0.0 && *percent <= 100.0).map(Amount::Percent)
        }
        None => text.parse().ok().filter(|items| *items > 0).map(Amount::Items),
    };
    found.ok_or_else(|| "write a share above 0% and up to 100%, as in 5%, or a number, as in 500".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_powers_of_ten_and_of_two() {
        for (text, bytes) in [("1", 1), ("4TB", 4_000_000_000_000), ("1.5 GB", 1_500_000_000), ("32GiB", 32 << 30)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "0", "TB", "-1", "5 parsecs", "1e99", "1..2", "99999999TB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn years_may_be_open() {
        assert_eq!(years("1999"), Ok(1999..=1999));
        assert_eq!(years("1990..1999"), Ok(1990..=1999));
        assert_eq!(years("1990.."), Ok(1990..=9999));
        assert_eq!(years("..1999"), Ok(1..=1999));
        for wrong in ["", "99999", "1999..1990", "long ago", "-5"] {
            assert!(years(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn moments_are_in_utc_unless_they_say_otherwise() {
        assert_eq!(moment("2026-11-22").map(|at| at.to_string()), Ok("2026-11-22T00:00:00Z".to_owned()));
        assert_eq!(moment("2026-11-22T10:00:00+02:00").map(|at| at.to_string()), Ok("2026-11-22T08:00:00Z".to_owned()));
        assert!(moment("2026-02-30").is_err() && moment("tomorrow").is_err());
    }

    #[test]
    fn a_share_lies_between_nothing_and_everything() {
        assert_eq!(amount("5%"), Ok(Amount::Percent(5.0)));
        assert_eq!(amount("0.5 %"), Ok(Amount::Percent(0.5)));
        assert_eq!(amount("500"), Ok(Amount::Items(500)));
        for wrong in ["0", "0%", "101%", "NaN%", "NaN", "all", "-3%", "0.5", "%"] {
            assert!(amount(wrong).is_err(), "{wrong}");
        }
    }
}
