//! The map: which file of a source is read how, and what becomes of its columns. `docs/formats/import-map.md` describes
//! it.

use toml::{Table, Value as Toml};

use super::keys::Keys;
use super::value::Value;

/// What is wrong with a map, or with the files that were given for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// It is no TOML.
    #[error("the map is no TOML: {problem}")]
    Toml {
        /// What the parser says, with line and column.
        problem: String,
    },
    /// It is TOML, but no map.
    #[error("in the map{}: {problem}", place_of(.place))]
    Wrong {
        /// Where: `file 2, track`; empty: at the top.
        place: String,
        /// What is wrong, and what may stand there.
        problem: String,
    },
    /// The files given are not those of the map.
    #[error("{problem}; the map reads: {wanted}")]
    Files {
        /// Which is missing or not wanted.
        problem: String,
        /// The names in the map.
        wanted: String,
    },
}

fn place_of(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!(", {place}") }
}

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated.
    Csv,
    /// Tab-separated.
    Tsv,
    /// A JSON object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// A table of a SQLite file.
    Sqlite,
}

impl Format {
    fn of_word(word: &str) -> Option<Self> {
        match word {
            "csv" => Some(Self::Csv),
            "tsv" => Some(Self::Tsv),
            "jsonl" => Some(Self::JsonLines),
            "parquet" => Some(Self::Parquet),
            "sqlite" => Some(Self::Sqlite),
            _ => None,
        }
    }

    /// By the name of a file, which may end in that of a compression.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = uncompressed(base_name(name)).to_ascii_lowercase();
        match name.rsplit_once('.')?.1 {
            "csv" => Some(Self::Csv),
            "tsv" | "tab" => Some(Self::Tsv),
            "jsonl" | "ndjson" | "json" => Some(Self::JsonLines),
            "parquet" | "pq" => Some(Self::Parquet),
            "sqlite" | "sqlite3" | "db" | "db3" => Some(Self::Sqlite),
            _ => None,
        }
    }

    /// Whether it is read at any place, so that it must be a file and not compressed.
    pub const fn needs_file(self) -> bool {
        matches!(self, Self::Parquet | Self::Sqlite)
    }
}

/// Which file, and how it is read.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    pub pattern: Option<String>,
    pub format: Option<Format>,
    pub delimiter: Option<u8>,
    pub quote: Option<bool>,
    pub header_rows: Option<usize>,
    pub columns: Option<Vec<String>>,
    pub rest: bool,
    pub table: Option<String>,
}

/// A file whose rows other files look up.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    pub reading: Reading,
    pub name: String,
    pub key: String,
}

#[derive(Debug, Clone)]
pub(super) struct FileMap {
    pub reading: Reading,
    pub nothing: Vec<String>,
    /// The lookup, and the column whose value is looked up.
    pub lookups: Vec<(String, String)>,
    pub artist: Option<ArtistMap>,
    pub album: Option<AlbumMap>,
    pub track: Option<TrackMap>,
    pub supplements: Vec<SupplementMap>,
    pub rights: Vec<RightsMap>,
}

/// Columns that are kept as they are.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    pub columns: Vec<String>,
    pub at: Vec<usize>,
    /// Every column that the map uses nowhere else.
    pub all_others: bool,
}

#[derive(Debug, Clone)]
pub(super) struct CreditMap {
    pub name: Value,
    pub id: Option<Value>,
    pub role: String,
}

#[derive(Debug, Clone)]
pub(super) struct ArtistMap {
    pub id: Option<Value>,
    pub name: Value,
    pub sort_name: Option<Value>,
    pub disambiguation: Option<Value>,
    pub aliases: Option<Value>,
    pub mbid: Option<Value>,
    pub raw: Kept,
}

#[derive(Debug, Clone)]
pub(super) struct AlbumMap {
    pub id: Value,
    pub title: Value,
    pub artists: Vec<CreditMap>,
    pub credit: Option<Value>,
    pub upc: Option<Value>,
    pub mbid: Option<Value>,
    pub label: Option<Value>,
    pub catalogue_number: Option<Value>,
    pub date: Option<Value>,
    pub kind: Option<Value>,
    pub language: Option<Value>,
    pub raw: Kept,
}

#[derive(Debug, Clone)]
pub(super) struct TrackMap {
    pub id: Value,
    /// A second row of the same id is a track of its own, `…#2`.
    pub number_repeats: bool,
    pub title: Value,
    pub artists: Vec<CreditMap>,
    pub credit: Option<Value>,
    pub album: Option<Value>,
    pub disc: Option<Value>,
    pub number: Option<Value>,
    pub duration: Option<Value>,
    pub isrc: Option<Value>,
    pub mbid: Option<Value>,
    pub date: Option<Value>,
    pub label: Option<Value>,
    pub language: Option<Value>,
    pub explicit: Option<Value>,
    pub raw: Kept,
}

/// What a supplement or a decision is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Track,
    Album,
    Artist,
}

impl Of {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Album => "album",
            Self::Artist => "artist",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct SupplementMap {
    pub of: Of,
    pub id: Option<Value>,
    pub kind: String,
    pub value: Value,
    pub licence: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct RightsMap {
    pub of: Of,
    pub id: Option<Value>,
    pub licence: Value,
    pub holder: Option<Value>,
    pub attribution: Option<Value>,
    pub territory: Option<Value>,
}

/// How the files of one source become rows.
#[derive(Debug, Clone)]
pub struct Map {
    /// Who says so: the `source` of every row.
    pub source: String,
    /// What an import replaces.
    pub dataset: String,
    /// The licence of the data.
    pub licence: Option<String>,
    /// For people: where the files come from.
    pub about: Option<String>,
    pub(super) lookups: Vec<Lookup>,
    pub(super) files: Vec<FileMap>,
}

impl Map {
    /// Reads a map from its TOML text.
    pub fn parse(text: &str) -> Result<Self, MapError> {
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| MapError::Toml { problem: error.to_string().trim_end().to_owned() })?;
        let mut keys = Keys::new(table, "");
        let source = keys.text("source")?.filter(|source| !source.trim().is_empty());
        let Some(source) = source else {
            return Err(keys.problem("`source` is missing: a short name for who publishes the data, such as \"fma\""));
        };
        let dataset = keys.text("dataset")?.unwrap_or_else(|| "tables".to_owned());
        if source == "local" {
            return Err(
                keys.problem("`source` is the name of a publisher; \"local\" is what the archive itself took in")
            );
        }
        if let Some(name) = [&source, &dataset].into_iter().find(|name| !is_name(name)) {
            return Err(keys.problem(format!("{name:?} is no name: 1 to 40 letters, digits, `-`, `_` and `.`")));
        }
        let licence = keys.text("licence")?;
        let about = keys.text("about")?;
        let mut lookups = Vec::new();
        for lookup in keys.tables("lookup")? {
            lookups.push(read_lookup(lookup)?);
        }
        let mut files = Vec::new();
        for file in keys.tables("file")? {
            files.push(read_file(file, &lookups)?);
        }
        if files.is_empty() {
            return Err(keys.problem("there is no [[file]]: at least one file is read"));
        }
        for Lookup { name, .. } in &lookups {
            let count = files.iter().flat_map(|file| &file.lookups).filter(|(used, _)| used == name).count();
            if count != 1 {
                return Err(
                    keys.problem(format!("[[lookup]] {name:?} is used by {count} files; it is read once, for one"))
                );
            }
        }
        keys.finish()?;
        let map = Self { source, dataset, licence, about, lookups, files };
        let patterns = map.readings().filter(|reading| reading.pattern.is_none()).count();
        if patterns > 0 && map.readings().count() > 1 {
            return Err(MapError::Wrong {
                place: String::new(),
                problem: "where several files are read, each has its `name`".to_owned(),
            });
        }
        Ok(map)
    }

    pub(super) fn readings(&self) -> impl Iterator<Item = &Reading> {
        self.lookups.iter().map(|lookup| &lookup.reading).chain(self.files.iter().map(|file| &file.reading))
    }

    /// The names of the files that the map reads, in the order in which it reads them.
    pub fn names(&self) -> Vec<&str> {
        self.readings().map(|reading| reading.pattern.as_deref().unwrap_or("*")).collect()
    }

    /// Whether the file that is number `at` of [`Map::names`], and is called `name`, must be a file that lies on disk,
    /// not compressed: see [`Format::needs_file`].
    pub fn needs_file(&self, at: usize, name: &str) -> bool {
        let format = self.readings().nth(at).and_then(|reading| reading.format).or_else(|| Format::of_name(name));
        format.is_some_and(Format::needs_file)
    }

    /// Which of the files given is which of [`Map::names`]. A single file may be called anything.
    pub fn assign(&self, given: &[&str]) -> Result<Vec<usize>, MapError> {
        let names = self.names();
        let problem = |problem: String| MapError::Files { problem, wanted: names.join(", ") };
        if let ([_], [_]) = (names.as_slice(), given) {
            return Ok(vec![0]);
        }
        let mut found = Vec::with_capacity(names.len());
        for pattern in &names {
            let fitting: Vec<usize> =
                (0..given.len()).filter(|at| fits(pattern, uncompressed(base_name(given[*at])))).collect();
            match fitting.as_slice() {
                [at] => found.push(*at),
                [] => return Err(problem(format!("{pattern} is not among the files given"))),
                [one, other, ..] => {
                    return Err(problem(format!("{} and {} are both {pattern}", given[*one], given[*other])));
                }
            }
        }
        match (0..given.len()).find(|at| !found.contains(at)) {
            Some(at) => Err(problem(format!("{} is no file of the map", given[at]))),
            None => Ok(found),
        }
    }
}

/// Whether a text can name a source or a dataset.
pub(super) fn is_name(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

pub(super) fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// A name without the ending of a compression.
pub(super) fn uncompressed(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, ending)) if ["gz", "bz2", "xz", "zst"].iter().any(|known| ending.eq_ignore_ascii_case(known)) => {
            stem
        }
        _ => name,
    }
}

/// Whether a name fits a pattern, in which `*` stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    let parts: Vec<&str> = pattern.split('*').collect();
    let ([first, middle @ .., last], true) = (parts.as_slice(), parts.len() > 1) else { return pattern == name };
    let inner = name.strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
    let Some(mut rest) = inner else { return false };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

fn read_reading(keys: &mut Keys) -> Result<Reading, MapError> {
    let format = match keys.text("format")? {
        None => None,
        Some(word) => Some(
            Format::of_word(&word)
                .ok_or_else(|| keys.problem(format!("format {word:?} is none of csv, tsv, jsonl, parquet, sqlite")))?,
        ),
    };
    let delimiter = match keys.text("delimiter")?.as_deref().map(str::as_bytes) {
        None => None,
        Some([byte]) => Some(*byte),
        Some(_) => return Err(keys.problem("`delimiter` is one ASCII character")),
    };
    Ok(Reading {
        pattern: keys.text("name")?,
        format,
        delimiter,
        quote: keys.flag("quote")?,
        header_rows: keys.number("header_rows", 8)?,
        columns: keys.texts("columns")?,
        rest: keys.flag("rest")?.unwrap_or(false),
        table: keys.text("table")?,
    })
}

fn read_lookup(mut keys: Keys) -> Result<Lookup, MapError> {
    let reading = read_reading(&mut keys)?;
    let name = keys.text("as")?.ok_or_else(|| keys.problem("`as` is missing: what columns begin with, `as.column`"))?;
    let key = keys.text("key")?.ok_or_else(|| keys.problem("`key` is missing: the column by which rows are found"))?;
    keys.finish()?;
    Ok(Lookup { reading, name, key })
}

fn read_file(mut keys: Keys, lookups: &[Lookup]) -> Result<FileMap, MapError> {
    let reading = read_reading(&mut keys)?;
    let nothing = keys.texts("nothing")?.unwrap_or_default();
    let used = keys.words("lookup")?;
    if let Some((unknown, _)) = used.iter().find(|(name, _)| !lookups.iter().any(|lookup| lookup.name == *name)) {
        return Err(keys.problem(format!("there is no [[lookup]] with as = {unknown:?}")));
    }
    let artist = keys.table("artist")?.map(read_artist).transpose()?;
    let album = keys.table("album")?.map(read_album).transpose()?;
    let track = keys.table("track")?.map(read_track).transpose()?;
    let has = |of: Of| match of {
        Of::Track => track.is_some(),
        Of::Album => album.is_some(),
        Of::Artist => artist.is_some(),
    };
    let mut supplements = Vec::new();
    for keys in keys.tables("supplement")? {
        supplements.push(read_supplement(keys, has)?);
    }
    let mut rights = Vec::new();
    for keys in keys.tables("rights")? {
        rights.push(read_rights(keys, has)?);
    }
    if artist.is_none() && album.is_none() && track.is_none() && supplements.is_empty() && rights.is_empty() {
        return Err(keys.problem("nothing is made of the file: write [file.track], [file.album] or [file.artist]"));
    }
    keys.finish()?;
    Ok(FileMap { reading, nothing, lookups: used, artist, album, track, supplements, rights })
}

fn needed(keys: &mut Keys, key: &'static str) -> Result<Value, MapError> {
    Value::read(keys, key)?.ok_or_else(|| keys.problem(format!("`{key}` is missing")))
}

fn read_kept(keys: &mut Keys) -> Result<Kept, MapError> {
    let columns = keys.texts("raw")?.unwrap_or_default();
    Ok(if columns == ["*"] {
        Kept { all_others: true, ..Kept::default() }
    } else {
        Kept { columns, ..Kept::default() }
    })
}

fn read_credits(keys: &mut Keys) -> Result<Vec<CreditMap>, MapError> {
    let plain = |name: Value| CreditMap { name, id: None, role: "main".to_owned() };
    let list = match keys.take("artists") {
        None => return Ok(Vec::new()),
        Some(Toml::Array(list)) => list,
        Some(one) => vec![one],
    };
    let mut credits = Vec::with_capacity(list.len());
    for item in list {
        let place = "`artists`";
        match item {
            Toml::Table(table) if table.contains_key("name") => {
                let mut keys = Keys::new(table, place);
                credits.push(CreditMap {
                    name: needed(&mut keys, "name")?,
                    id: Value::read(&mut keys, "id")?,
                    role: keys.text("role")?.unwrap_or_else(|| "main".to_owned()),
                });
                keys.finish()?;
            }
            other => credits.push(plain(Value::from_toml(other, place)?)),
        }
    }
    Ok(credits)
}

fn read_artist(mut keys: Keys) -> Result<ArtistMap, MapError> {
    let artist = ArtistMap {
        id: Value::read(&mut keys, "id")?,
        name: needed(&mut keys, "name")?,
        sort_name: Value::read(&mut keys, "sort_name")?,
        disambiguation: Value::read(&mut keys, "disambiguation")?,
        aliases: Value::read(&mut keys, "aliases")?,
        mbid: Value::read(&mut keys, "mbid")?,
        raw: read_kept(&mut keys)?,
    };
    keys.finish()?;
    Ok(artist)
}

fn read_album(mut keys: Keys) -> Result<AlbumMap, MapError> {
    let album = AlbumMap {
        id: needed(&mut keys, "id")?,
        title: needed(&mut keys, "title")?,
        artists: read_credits(&mut keys)?,
        credit: Value::read(&mut keys, "credit")?,
        upc: Value::read(&mut keys, "upc")?,
        mbid: Value::read(&mut keys, "mbid")?,
        label: Value::read(&mut keys, "label")?,
        catalogue_number: Value::read(&mut keys, "catalogue_number")?,
        date: Value::read(&mut keys, "date")?,
        kind: Value::read(&mut keys, "kind")?,
        language: Value::read(&mut keys, "language")?,
        raw: read_kept(&mut keys)?,
    };
    keys.finish()?;
    Ok(album)
}

fn read_track(mut keys: Keys) -> Result<TrackMap, MapError> {
    let number_repeats = match keys.text("repeats")?.as_deref() {
        None => false,
        Some("number") => true,
        Some(other) => return Err(keys.problem(format!("repeats {other:?} is not \"number\""))),
    };
    let track = TrackMap {
        id: needed(&mut keys, "id")?,
        number_repeats,
        title: needed(&mut keys, "title")?,
        artists: read_credits(&mut keys)?,
        credit: Value::read(&mut keys, "credit")?,
        album: Value::read(&mut keys, "album")?,
        disc: Value::read(&mut keys, "disc")?,
        number: Value::read(&mut keys, "number")?,
        duration: Value::read(&mut keys, "duration")?,
        isrc: Value::read(&mut keys, "isrc")?,
        mbid: Value::read(&mut keys, "mbid")?,
        date: Value::read(&mut keys, "date")?,
        label: Value::read(&mut keys, "label")?,
        language: Value::read(&mut keys, "language")?,
        explicit: Value::read(&mut keys, "explicit")?,
        raw: read_kept(&mut keys)?,
    };
    keys.finish()?;
    Ok(track)
}

/// What a supplement or a decision is about: `of`, and its `id` where no section of the file says that.
fn read_of(keys: &mut Keys, has: impl Fn(Of) -> bool) -> Result<(Of, Option<Value>), MapError> {
    let of = match keys.text("of")?.as_deref() {
        Some("track") => Of::Track,
        Some("album") => Of::Album,
        Some("artist") => Of::Artist,
        _ => return Err(keys.problem("`of` is \"track\", \"album\" or \"artist\"")),
    };
    let id = Value::read(keys, "id")?;
    if id.is_none() && !has(of) {
        return Err(keys.problem(format!("`id` is missing: the file has no [file.{}] that would say it", of.name())));
    }
    Ok((of, id))
}

fn read_supplement(mut keys: Keys, has: impl Fn(Of) -> bool) -> Result<SupplementMap, MapError> {
    const KINDS: [&str; 6] = ["genre", "tag", "rating", "annotation", "comment", "lyrics"];
    let (of, id) = read_of(&mut keys, has)?;
    let kind = keys.text("kind")?.filter(|kind| KINDS.contains(&kind.as_str()));
    let supplement = SupplementMap {
        of,
        id,
        kind: kind.ok_or_else(|| keys.problem(format!("`kind` is one of {}", KINDS.join(", "))))?,
        value: needed(&mut keys, "value")?,
        licence: keys.text("licence")?,
    };
    keys.finish()?;
    Ok(supplement)
}

fn read_rights(mut keys: Keys, has: impl Fn(Of) -> bool) -> Result<RightsMap, MapError> {
    let (of, id) = read_of(&mut keys, has)?;
    let rights = RightsMap {
        of,
        id,
        licence: needed(&mut keys, "licence")?,
        holder: Value::read(&mut keys, "holder")?,
        attribution: Value::read(&mut keys, "attribution")?,
        territory: Value::read(&mut keys, "territory")?,
    };
    keys.finish()?;
    Ok(rights)
}
