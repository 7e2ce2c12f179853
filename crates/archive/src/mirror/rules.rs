//! `[mirrors.NAME]` in `archive.toml`: how much a mirror may take, of what, when, and from whom. Declared once: the command
//! line sets these keys by their names, and the documentation lists [`KEYS`].

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use fonoteca_model::units::{Bytes, Rate, Span, UnitError};
use serde::{Deserialize, Serialize};

use super::choose::Strategy;
use super::only::Term;
use super::pull::Via;
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::fixity::Hours;
use crate::settings::Settings;

/// How a key's value is written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    List,
    Switch,
}

/// A key of `[mirrors.NAME]`.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    kind: Kind,
    /// What it means, in Markdown.
    pub meaning: &'static str,
    /// A value that it may have.
    pub example: &'static str,
}

const fn key(name: &'static str, kind: Kind, example: &'static str, meaning: &'static str) -> Key {
    Key { name, kind, meaning, example }
}

/// All keys, in the order of the documentation.
pub const KEYS: [Key; 13] = [
    key("budget", Kind::Text, "4TB", "bytes that may be spent on it; without, all there are"),
    key(
        "strategy",
        Kind::Text,
        "rarest",
        "what comes first: `popular`, `rarest` (what the fewest others have) or `random` (a slice of everything that \
         stays as it is when the feed changes)",
    ),
    key(
        "only",
        Kind::List,
        "genre:jazz",
        "only audio that matches: `genre:`, `label:`, `licence:`, `artist:`, `codec:`. Of one kind any, of several kinds each",
    ),
    key(
        "sources",
        Kind::List,
        "https://b.example.org",
        "other addresses of the same feed and its files, asked in turn",
    ),
    key("reuse", Kind::List, "/srv/torrents", "folders whose files are used, by content, before anything is fetched"),
    key("via", Kind::Text, "web-seed", "`auto`, `bittorrent` or `web-seed`"),
    key("peers", Kind::Number, "20", "hosts that are talked to at once by BitTorrent; 50 unless said otherwise"),
    key("download", Kind::Text, "5MB/s", "bytes a second that are fetched at most"),
    key("hours", Kind::Text, "01:00-06:00", "when in the day anything is fetched; the feed is read at all hours"),
    key("every", Kind::Text, "15min", "how often `serve` reads the feed; 15 minutes unless said otherwise"),
    key(
        "report",
        Kind::Switch,
        "true",
        "tell the origin, signed, what is here and about to be: so that mirrors share it out",
    ),
    key(
        "legal_hold",
        Kind::List,
        "isrc:ZZFNT2600001",
        "what is kept dark when the feed withdraws it: `kind:subject`, a root, or `*`",
    ),
    key("pause", Kind::Switch, "false", "the feed is read and withdrawals are honoured, and nothing is fetched"),
];

/// The value of `every` where none is given: 15 minutes.
const EVERY_SECONDS: i64 = 15 * 60;

/// Bytes, written exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        Bytes::from_str(text).map(|bytes| Self(bytes.0))
    }
}

impl TryFrom<String> for Size {
    type Error = UnitError;
    fn try_from(text: String) -> Result<Self, UnitError> {
        text.parse()
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 4] =
            [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
        match UNITS.iter().find(|(_, bytes)| self.0 > 0 && self.0.is_multiple_of(*bytes)) {
            Some((unit, bytes)) => write!(f, "{}{unit}", self.0 / bytes),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

/// What the operator decides about one mirror.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Bytes that may be spent on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Size>,
    /// What comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Which audio.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<Term>,
    /// Other servers that have the same feed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Folders with files that may be used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reuse: Vec<PathBuf>,
    /// By which way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// Hosts at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peers: Option<u16>,
    /// Bytes a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download: Option<Rate>,
    /// When anything is fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// How often the feed is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// Whether the origin is told what is here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub report: bool,
    /// What stays, dark, when it is withdrawn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub legal_hold: Vec<String>,
    /// Nothing is fetched.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pause: bool,
}

impl Rules {
    /// Those of the mirror called `name`, as the file says them now; a server that runs goes by them from its next look on.
    pub fn read(archive: &Archive, name: &str) -> Result<Self, ArchiveError> {
        Ok(Settings::read(archive.root())?.mirrors.remove(name).unwrap_or_default())
    }

    /// Writes them into `archive.toml`.
    pub fn write(&self, archive: &Archive, name: &str) -> Result<(), ArchiveError> {
        self.check()?;
        let mut settings = Settings::read(archive.root())?;
        if *self == Self::default() {
            settings.mirrors.remove(name);
        } else {
            settings.mirrors.insert(name.to_owned(), self.clone());
        }
        settings.write(archive.root())
    }

    /// With `key=value` set; a value of nothing takes the key away, and a list is parted by commas.
    pub fn with(&self, assignment: &str) -> Result<Self, ArchiveError> {
        let (name, value) = assignment
            .split_once('=')
            .map(|(name, value)| (name.trim(), value.trim()))
            .ok_or_else(|| ArchiveError::Usage(format!("{assignment:?}: write KEY=VALUE, as in budget=4TB")))?;
        let names = || KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", ");
        let key = KEYS
            .iter()
            .find(|key| key.name == name)
            .ok_or_else(|| ArchiveError::Usage(format!("{name:?} is no setting of a mirror: there are {}", names())))?;
        let wrong = |reason: &dyn fmt::Display| {
            ArchiveError::Usage(format!("{name}={value}: {reason}; write it as in {name}={}", key.example))
        };
        let mut table = toml::Table::try_from(self).map_err(|error| ArchiveError::Bug(error.to_string()))?;
        if value.is_empty() {
            table.remove(name);
        } else {
            let value = match key.kind {
                Kind::Text => toml::Value::String(value.to_owned()),
                Kind::Number => toml::Value::Integer(value.parse().map_err(|error| wrong(&error))?),
                Kind::Switch => toml::Value::Boolean(value.parse().map_err(|error| wrong(&error))?),
                Kind::List => {
                    let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty());
                    toml::Value::Array(parts.map(|part| toml::Value::String(part.to_owned())).collect())
                }
            };
            table.insert(name.to_owned(), value);
        }
        let rules: Self = table.try_into().map_err(|error: toml::de::Error| wrong(&error.message()))?;
        rules.check()?;
        Ok(rules)
    }

    /// Those that are set, as they are written, in the order of [`KEYS`].
    pub fn said(&self) -> Vec<(String, String)> {
        let table = toml::Table::try_from(self).unwrap_or_default();
        let text = |value: &toml::Value| match value {
            toml::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let said = KEYS.iter().filter_map(|key| {
            let value = match table.get(key.name)? {
                toml::Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(","),
                value => text(value),
            };
            Some((key.name.to_owned(), value))
        });
        said.collect()
    }

    /// What comes first.
    pub fn strategy(&self) -> Strategy {
        self.strategy.unwrap_or_default()
    }

    /// Seconds from one look at the feed to the next.
    pub fn every_seconds(&self) -> i64 {
        self.every.map_or(EVERY_SECONDS, |span| span.seconds)
    }

    /// Whether something that a feed withdraws stays here, dark. `subject` is written `kind:key`.
    pub fn holds(&self, subject: &str, root: fonoteca_model::BlobId) -> bool {
        let root = root.to_string();
        self.legal_hold.iter().any(|held| held == "*" || held == subject || *held == root)
    }

    fn check(&self) -> Result<(), ArchiveError> {
        for source in &self.sources {
            super::follow::check_url(source)?;
        }
        if self.peers == Some(0) {
            return Err(ArchiveError::Usage("peers=0: at least one; pause=true fetches nothing".to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_takes_its_example_and_gives_it_back() {
        let mut rules = Rules::default();
        for key in KEYS {
            rules = rules.with(&format!("{}={}", key.name, key.example)).expect(key.name);
        }
        let written = toml::Table::try_from(&rules).expect("a table");
        let mut declared: Vec<&str> = KEYS.iter().map(|key| key.name).filter(|name| *name != "pause").collect();
        declared.sort_unstable();
        assert_eq!(written.keys().map(String::as_str).collect::<Vec<_>>(), declared, "`pause` is off, and not written");
        for key in KEYS.iter().filter(|key| key.name != "pause") {
            let said = match &written[key.name] {
                toml::Value::Array(list) => list[0].as_str().expect("text").to_owned(),
                toml::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert!(said == key.example || key.name == "download", "{}: {said}", key.name);
        }
        assert_eq!(written.clone().try_into::<Rules>().expect("read"), rules);
        for key in KEYS {
            rules = rules.with(&format!("{}=", key.name)).expect(key.name);
        }
        assert_eq!(rules, Rules::default());
    }

    #[test]
    fn what_is_wrong_is_refused_with_an_example() {
        for (wrong, says) in [
            ("budget", "KEY=VALUE"),
            ("budgett=4TB", "no setting of a mirror"),
            ("budget=lots", "budget=4TB"),
            ("strategy=best", "strategy=rarest"),
            ("only=jazz", "only=genre:jazz"),
            ("peers=-1", "peers=20"),
            ("peers=0", "at least one"),
            ("report=perhaps", "report=true"),
            ("hours=night", "hours=01:00-06:00"),
            ("sources=ftp://b.example.org", "http"),
        ] {
            let error = Rules::default().with(wrong).expect_err(wrong).to_string();
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_size_is_written_exactly() {
        for (bytes, text) in [(4_000_000_000_000, "4TB"), (1_500_000_000, "1500MB"), (1_234_567, "1234567B")] {
            assert_eq!(Size(bytes).to_string(), text);
            assert_eq!(text.parse::<Size>(), Ok(Size(bytes)));
        }
    }
}
