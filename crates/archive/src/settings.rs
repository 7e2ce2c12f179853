//! `archive.toml`: the name, the format version, public keys and policies. Never a secret.

use std::collections::BTreeMap;
use std::path::Path;

use fonoteca_model::units::Rate;
use serde::{Deserialize, Serialize};

use crate::error::ArchiveError;
use crate::fixity::Schedule;
use crate::mirror::Rules;

/// The version of the folder's layout that this program writes and reads.
pub const FORMAT: u32 = 1;

/// The contents of `archive.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The version of the folder's layout.
    pub format: u32,
    /// What the archive is called, in feeds and on its page.
    pub name: String,
    /// What publishing does unless told otherwise.
    #[serde(default)]
    pub publish: Publish,
    /// When `serve` checks what is held.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fixity: Schedule,
    /// What `serve` may do.
    #[serde(default, skip_serializing_if = "is_default")]
    pub serve: Serving,
    /// How each mirror is kept, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mirrors: BTreeMap<String, Rules>,
}

/// What `serve` may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Serving {
    /// Bytes a second that are uploaded by BitTorrent at most; `serve --upload-limit` overrides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload: Option<Rate>,
    /// Whether the trackers that torrents name are told what is seeded here, so that others find it.
    pub announce: bool,
}

impl Default for Serving {
    fn default() -> Self {
        Self { upload: None, announce: true }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Policies of `release` and `feed`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Publish {
    /// minisign public keys that may sign this archive's feed; the first is the one in use.
    pub keys: Vec<String>,
    /// Where the server is reached from outside, e.g. `https://music.example.org`.
    pub url: Option<String>,
    /// Trackers beside the archive's own, in every torrent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trackers: Vec<String>,
    /// Web seeds beside the archive's own: folders under which the torrents' names lie.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub web_seeds: Vec<String>,
    /// The torrents' comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Where the torrents come from, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Torrents say when they were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_date: Option<bool>,
}

impl Settings {
    /// The file's name in the archive's folder.
    pub const FILE: &'static str = "archive.toml";

    /// Settings of a new archive.
    pub fn new(name: &str) -> Self {
        Self {
            format: FORMAT,
            name: name.to_owned(),
            publish: Publish::default(),
            fixity: Schedule::default(),
            serve: Serving::default(),
            mirrors: BTreeMap::new(),
        }
    }

    /// Reads the file in `root`.
    pub fn read(root: &Path) -> Result<Self, ArchiveError> {
        let path = root.join(Self::FILE);
        let text = std::fs::read_to_string(&path).map_err(ArchiveError::io(&path, "cannot be read"))?;
        // The version is looked at first: a newer layout may well have fields that this program does not know.
        let version = toml::from_str::<toml::Table>(&text)
            .ok()
            .and_then(|table| table.get("format").and_then(toml::Value::as_integer));
        if let Some(version) = version.filter(|version| *version > i64::from(FORMAT)) {
            return Err(ArchiveError::Settings {
                path,
                reason: format!(
                    "format {version} was written by a newer Fonoteca; this one reads up to {FORMAT}: upgrade it"
                ),
            });
        }
        toml::from_str(&text)
            .map_err(|error| ArchiveError::Settings { path, reason: format!("is not valid: {}", error.message()) })
    }

    /// Writes the file in `root`, whole or not at all.
    pub fn write(&self, root: &Path) -> Result<(), ArchiveError> {
        let text = toml::to_string_pretty(self).map_err(|error| ArchiveError::Bug(error.to_string()))?;
        fonoteca_store::write_file(&root.join(Self::FILE), text.as_bytes()).map_err(ArchiveError::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_refuses_a_newer_format() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut settings = Settings::new("Archivo");
        settings.publish.url = Some("http://127.0.0.1:4040".to_owned());
        settings.write(folder.path()).expect("written");
        assert_eq!(Settings::read(folder.path()).expect("read"), settings);
        settings.fixity = Schedule {
            every: Some("30d".parse().expect("a span")),
            rate: Some("20MB/s".parse().expect("a rate")),
            hours: Some("22:00-06:00".parse().expect("hours")),
        };
        settings.write(folder.path()).expect("written");
        assert_eq!(Settings::read(folder.path()).expect("read"), settings);
        let with = |line: &str| {
            let text = format!("format = 1\nname = \"x\"\n[fixity]\n{line}\n");
            std::fs::write(folder.path().join(Settings::FILE), text).expect("written");
            Settings::read(folder.path())
        };
        assert_eq!(with("every = \"2w\"").expect("read").fixity.every.expect("a span").seconds, 14 * 86_400);
        for wrong in ["every = \"often\"", "rate = 5", "hours = \"night\"", "evry = \"1d\""] {
            assert!(with(wrong).is_err(), "{wrong}");
        }
        std::fs::write(folder.path().join(Settings::FILE), "format = 99\nname = \"x\"\nnew = 1\n").expect("written");
        let error = Settings::read(folder.path()).expect_err("newer").to_string();
        assert!(error.contains("newer Fonoteca"), "{error}");
    }
}
