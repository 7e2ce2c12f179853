//! Columns that hold one word out of a few.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A word that is not one of those a column may hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a {what}; one of: {choices}")]
pub struct WordError {
    what: &'static str,
    found: String,
    choices: String,
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident $what:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word as it stands in the table.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = WordError;
            fn from_str(text: &str) -> Result<Self, WordError> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(WordError {
                        what: $what,
                        found: text.chars().take(60).collect(),
                        choices: [$($word),*].join(", "),
                    }),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

words! {
    /// What a blob is.
    BlobKind "blob kind" {
        /// A recording, exactly as it came.
        Audio = "audio",
        /// A cover.
        Cover = "cover",
        /// Words or their timing.
        Lyrics = "lyrics",
        /// The index of a release, which names what its torrents hold.
        Index = "index",
        /// The text of a licence.
        Licence = "licence",
        /// A document that proves a right.
        Evidence = "evidence",
        /// A metadata snapshot of a release.
        Metadata = "metadata",
        /// Made from another blob.
        Derived = "derived",
    }

    /// How a file arrived. Not whether its bytes are still the same: that is what fixity events say.
    FileState "file state" {
        /// It proves itself complete.
        Sound = "sound",
        /// It arrived incomplete.
        Malformed = "malformed",
        /// Its format declares no length, so nothing proves it either way.
        Unprovable = "unprovable",
    }

    /// What a link joins.
    LinkEntity "link entity" {
        /// Tracks that are one recording.
        Recording = "recording",
        /// Artists that are one.
        Artist = "artist",
        /// Albums that are one.
        Album = "album",
    }

    /// How a preservation event ended.
    Outcome "event outcome" {
        /// As it should.
        Success = "success",
        /// It did not.
        Failure = "failure",
        /// As it should, and something is worth a look.
        Warning = "warning",
    }

    /// Where a release stands.
    ReleaseStatus "release status" {
        /// Its files are made.
        Built = "built",
        /// A feed lists it.
        Published = "published",
        /// Another release replaces it.
        Superseded = "superseded",
        /// It was taken back.
        Withdrawn = "withdrawn",
    }
}
