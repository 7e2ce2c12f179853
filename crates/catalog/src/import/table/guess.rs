//! A first map for a file that none is for: from the names of its columns and what is in its first rows.

use std::fmt::Write as _;

use fonoteca_model::{Isrc, Mbid, PartialDate, Upc};

use super::cells::{Cell, Limits, Rows};
use super::map::{Format, Reading, base_name, is_name, uncompressed};
use super::{ImportError, Input, open};

/// Rows that are looked at.
const ROWS: usize = 500;

/// A column, and what its first rows hold.
struct Column {
    name: String,
    /// The name in lower case, words parted by one blank.
    words: String,
    values: Vec<String>,
    lists: bool,
}

impl Column {
    /// Whether most of what is there passes.
    fn mostly(&self, passes: impl Fn(&str) -> bool) -> bool {
        let good = self.values.iter().filter(|value| passes(value)).count();
        !self.values.is_empty() && good * 10 >= self.values.len() * 9
    }

    fn is_unique(&self) -> bool {
        let mut values: Vec<&String> = self.values.iter().collect();
        values.sort_unstable();
        values.windows(2).all(|pair| pair[0] != pair[1])
    }

    fn is_called(&self, names: &[&str]) -> bool {
        names.contains(&self.words.as_str())
    }

    fn median(&self) -> Option<f64> {
        let mut numbers: Vec<f64> = self.values.iter().filter_map(|value| value.parse().ok()).collect();
        numbers.sort_by(f64::total_cmp);
        numbers.get(numbers.len() / 2).copied()
    }
}

/// Writes a first map for a file, as TOML with comments for people to correct. `name` is the file's name.
pub fn guess(name: &str, input: Input) -> Result<String, ImportError> {
    let (_, mut rows) = open(&Reading::default(), name, input, Limits::default())?;
    let columns = sample(rows.as_mut())?;
    Ok(write(name, &columns))
}

fn sample(rows: &mut dyn Rows) -> Result<Vec<Column>, ImportError> {
    let mut columns: Vec<Column> = rows
        .columns()
        .iter()
        .map(|name| {
            let plain: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
            let words = plain.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
            Column { name: name.clone(), words, values: Vec::new(), lists: false }
        })
        .collect();
    rows.want(&vec![true; columns.len()])?;
    let mut cells = Vec::new();
    for _ in 0..ROWS {
        let Some(line) = rows.next(&mut cells)? else { break };
        if line.broken.is_some() {
            continue;
        }
        for (column, cell) in columns.iter_mut().zip(&cells) {
            match cell {
                Cell::Text(text) if !text.trim().is_empty() => column.values.push(text.trim().to_owned()),
                Cell::Texts(texts) => {
                    column.lists = true;
                    column.values.extend(texts.iter().cloned());
                }
                _ => {}
            }
        }
    }
    Ok(columns)
}

/// Which columns were taken for what.
struct Guess<'a> {
    columns: &'a [Column],
    taken: Vec<bool>,
}

impl<'a> Guess<'a> {
    /// The first column that is called so and passes; it is taken from then on.
    fn take(&mut self, names: &[&str], passes: impl Fn(&Column) -> bool) -> Option<&'a Column> {
        // Names are in order of preference.
        let found = names.iter().find_map(|name| {
            (0..self.columns.len())
                .find(|at| !self.taken[*at] && self.columns[*at].is_called(&[name]) && passes(&self.columns[*at]))
        })?;
        self.taken[found] = true;
        Some(&self.columns[found])
    }

    fn any(&mut self, passes: impl Fn(&Column) -> bool) -> Option<&'a Column> {
        let found = (0..self.columns.len()).find(|at| !self.taken[*at] && passes(&self.columns[*at]))?;
        self.taken[found] = true;
        Some(&self.columns[found])
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn write(name: &str, columns: &[Column]) -> String {
    let mut guess = Guess { columns, taken: vec![false; columns.len()] };
    let always = |_: &Column| true;
    // Codes first: what they look like says more than what they are called.
    let isrc = guess.any(|column| column.mostly(|value| value.parse::<Isrc>().is_ok()));
    let upc = guess
        .take(&["upc", "ean", "barcode", "album upc"], |column| column.mostly(|value| value.parse::<Upc>().is_ok()));
    let mbid = guess.take(&["mbid", "recording mbid", "track mbid", "musicbrainz id"], |column| {
        column.mostly(|value| value.parse::<Mbid>().is_ok())
    });
    let licence = guess.take(
        &["license url", "licence url", "licenseurl", "license", "licence", "track license", "license title"],
        always,
    );
    let album_id = guess.take(&["album id", "albumid", "release id", "releaseid", "collection id"], always);
    let artist_id = guess.take(&["artist id", "artistid"], always);
    let track_id =
        guess.take(&["track id", "trackid", "song id", "recording id", "id", "uuid", "key"], Column::is_unique);
    let title = guess.take(&["title", "track title", "track name", "track", "song", "song title", "name"], |column| {
        !column.mostly(|value| value.parse::<f64>().is_ok())
    });
    // An object has its parts beside it, as columns of their own.
    let plain = |column: &Column| !column.mostly(|value| value.starts_with('{'));
    let artist = guess.take(
        &["artist", "artist name", "artists", "artists name", "track artist", "trackartist", "performer", "creator"],
        plain,
    );
    let album = guess.take(&["album", "album title", "album name", "release", "release title", "release name"], plain);
    let duration = guess.take(
        &["duration", "duration ms", "duration s", "length", "track duration", "duration sec", "time", "seconds"],
        |column| column.mostly(|value| value.contains(':') || value.parse::<f64>().is_ok()),
    );
    let number = guess.take(&["track number", "tracknumber", "track no", "number", "track", "position"], |column| {
        column.mostly(|value| value.parse::<f64>().is_ok())
    });
    let disc = guess.take(&["disc", "disc number", "discnumber", "track disc number", "disk"], |column| {
        column.mostly(|value| value.parse::<f64>().is_ok())
    });
    let date = guess.take(
        &["date", "release date", "releasedate", "released", "year", "album date released", "track date recorded"],
        |column| column.mostly(|value| PartialDate::lenient(value).is_some() || value.split('/').count() == 3),
    );
    let label = guess.take(&["label", "record label", "publisher"], always);
    let language = guess.take(&["language", "lang", "language code", "track language code"], always);
    let genre = guess.take(&["genre", "genres", "genre top", "track genre top", "style"], always);
    let tags = guess.take(&["tags", "tag"], always);
    let mut text = String::new();
    let mut line = |said: String| {
        text.push_str(&said);
        text.push('\n');
    };
    let file = uncompressed(base_name(name));
    let stem = file.split('.').next().unwrap_or(file);
    line(format!("# A first map for {file}, guessed from its columns and first rows. Look it over:"));
    line("# docs/formats/import-map.md says what can be written. The columns, with a value each:".to_owned());
    for column in columns {
        let value: String = column.values.first().map(|value| value.chars().take(50).collect()).unwrap_or_default();
        line(format!("#   {:?}: {value:?}", column.name));
    }
    line(
        "\n# Who publishes the data, and under which licence (SPDX). Ids follow from `source`: choose it once."
            .to_owned(),
    );
    let source: String = stem.chars().filter(|c| is_name(c.encode_utf8(&mut [0; 4]))).take(40).collect();
    let named = source.bytes().any(|byte| byte.is_ascii_alphanumeric()) && source != "local";
    line(format!("source = {}", quoted(if named { &source } else { "unnamed" })));
    line("# licence = \"CC0-1.0\"\n".to_owned());
    line("[[file]]".to_owned());
    line(format!("name = {}", quoted(file)));
    if Format::of_name(file).is_none() {
        line("format = \"csv\"".to_owned());
    }
    line(String::new());
    let credit = match (artist, artist_id) {
        (Some(artist), Some(id)) => Some(format!("{{ name = {}, id = {} }}", value(artist), quoted(&id.name))),
        (Some(artist), None) => Some(value(artist)),
        (None, _) => None,
    };
    let mut section = |title: &str, entries: Vec<(&str, Option<String>)>| {
        line(format!("[{title}]"));
        for (key, value) in entries {
            if let Some(value) = value {
                line(format!("{key} = {value}"));
            }
        }
        line(String::new());
    };
    let albums = album.map(|album| {
        let id = album_id.map_or_else(
            || match artist {
                Some(artist) => {
                    format!("{{ columns = [{}, {}], join = \" / \" }}", quoted(&artist.name), quoted(&album.name))
                }
                None => quoted(&album.name),
            },
            |id| quoted(&id.name),
        );
        vec![
            ("id", Some(id)),
            ("title", Some(value(album))),
            ("artists", credit.clone()),
            ("upc", upc.map(value)),
            ("label", label.map(value)),
            ("date", date.map(dated)),
        ]
    });
    let has_album = albums.is_some();
    if let Some(albums) = albums {
        section("file.album", albums);
    }
    let rest: Vec<String> = columns
        .iter()
        .zip(&guess.taken)
        .filter(|(column, taken)| !**taken && !column.name.is_empty() && twins(columns, &column.name) == 1)
        .map(|(column, _)| quoted(&column.name))
        .collect();
    // A table whose rows have no title of their own is one of albums.
    let of_tracks = title.is_some() || !has_album;
    if of_tracks {
        let id = track_id.map(|id| quoted(&id.name)).or_else(|| {
            let parts: Vec<String> =
                [artist, album, disc, number, title].into_iter().flatten().map(|column| quoted(&column.name)).collect();
            (!parts.is_empty()).then(|| format!("{{ columns = [{}], join = \" / \" }}", parts.join(", ")))
        });
        let first = columns.first().map(|column| quoted(&column.name)).unwrap_or_default();
        let entries = vec![
            ("id", Some(id.unwrap_or_else(|| first.clone()))),
            ("repeats", track_id.is_none().then(|| "\"number\"".to_owned())),
            ("title", Some(title.map_or(first, value))),
            ("artists", credit),
            ("album", album_id.filter(|_| !has_album).map(|id| quoted(&id.name))),
            ("disc", disc.map(value)),
            ("number", number.map(value)),
            ("duration", duration.map(timed)),
            ("isrc", isrc.map(value)),
            ("mbid", mbid.map(value)),
            ("date", date.map(dated)),
            ("label", label.filter(|_| !has_album).map(value)),
            ("language", language.map(value)),
            ("raw", (!rest.is_empty()).then(|| format!("[{}]", rest.join(", ")))),
        ];
        section("file.track", entries);
    }
    let of = if of_tracks { "\"track\"" } else { "\"album\"" };
    if let Some(licence) = licence {
        section("[file.rights]", vec![("of", Some(of.to_owned())), ("licence", Some(value(licence)))]);
    }
    for (kind, column) in [("\"genre\"", genre), ("\"tag\"", tags)] {
        if let Some(column) = column {
            let entries =
                vec![("of", Some(of.to_owned())), ("kind", Some(kind.to_owned())), ("value", Some(listed(column)))];
            section("[file.supplement]", entries);
        }
    }
    let mut text = text.trim_end().to_owned();
    let _ = writeln!(text);
    text
}

fn twins(columns: &[Column], name: &str) -> usize {
    columns.iter().filter(|column| column.name == name).count()
}

fn value(column: &Column) -> String {
    let split = [" feat. ", "; ", " & "].into_iter().find(|separator| {
        column.words.ends_with("artists") && column.values.iter().any(|value| value.contains(separator))
    });
    match split {
        Some(separator) => format!("{{ column = {}, split = {} }}", quoted(&column.name), quoted(separator)),
        None => quoted(&column.name),
    }
}

fn timed(column: &Column) -> String {
    let unit = if column.mostly(|value| value.contains(':')) {
        "m:ss"
    } else if column.words.ends_with("ms") || column.median().is_some_and(|median| median > 20_000.0) {
        "ms"
    } else {
        "s"
    };
    format!("{{ column = {}, unit = \"{unit}\" }}", quoted(&column.name))
}

fn dated(column: &Column) -> String {
    if column.mostly(|value| PartialDate::lenient(value).is_some()) {
        return quoted(&column.name);
    }
    // A second part beyond 12 is a day.
    let month_first = column
        .values
        .iter()
        .any(|value| value.split('/').nth(1).and_then(|part| part.parse::<u32>().ok()).is_some_and(|part| part > 12));
    let order = if month_first { "mdy" } else { "dmy" };
    format!("{{ column = {}, date = \"{order}\" }}", quoted(&column.name))
}

fn listed(column: &Column) -> String {
    let name = quoted(&column.name);
    if column.lists {
        name
    } else if column.mostly(|value| value.starts_with('[') && value.ends_with(']')) {
        format!("{{ column = {name}, list = true }}")
    } else {
        let separator = [";", "|", ","].into_iter().find(|separator| {
            column.values.iter().filter(|value| value.contains(separator)).count() * 10 > column.values.len()
        });
        separator.map_or(name.clone(), |separator| format!("{{ column = {name}, split = \"{separator}\" }}"))
    }
}
