//! Why nothing could be told of a file.

use std::any::Any;
use std::io;
use std::path::{Path, PathBuf};

/// Why a file yields no facts. Each message names the file and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// The bytes are not those of an audio file.
    #[error("{path:?} is not audio: {found}; leave it out, or check that it was copied whole")]
    NotAudio {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        found: String,
    },
    /// The file is protected by DRM, which is never removed here.
    #[error("{path:?} is protected by {scheme} and cannot be archived; use an unprotected copy from its seller")]
    Drm {
        /// The file.
        path: PathBuf,
        /// The protection, by the name that its users know.
        scheme: &'static str,
    },
    /// The file is audio of a kind that cannot be read here.
    #[error("{path:?} is {what}, which is not supported; convert a copy to FLAC and take that in")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// The file goes beyond a limit.
    #[error("{path:?} has {what}, the limit is {limit}; raise the limit or split the file")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is too large, with its value and unit.
        what: String,
        /// The limit, with its unit.
        limit: String,
    },
    /// There is too little sound to say what it is.
    #[error("{path:?} holds too little sound to be identified; at least 7 seconds are needed")]
    TooShort {
        /// The file.
        path: PathBuf,
    },
    /// A library panicked on the file.
    #[error("reading {path:?} crashed ({message}); please report this with the file, and leave it out until then")]
    Crashed {
        /// The file.
        path: PathBuf,
        /// What the panic said.
        message: String,
    },
    /// The caller asked to stop.
    #[error("stopped while reading {path:?}; run the same command again")]
    Cancelled {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read {path:?}; check that it exists and that you may read it")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl AudioError {
    /// What a caught panic says.
    pub(crate) fn crashed(path: &Path, panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let message = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        Self::Crashed { path: path.into(), message: message.to_owned() }
    }

    /// The same error about the file that the user knows, when what was read is a copy of it.
    #[must_use]
    pub fn about(mut self, source_path: &Path) -> Self {
        let (Self::NotAudio { path, .. }
        | Self::Drm { path, .. }
        | Self::Unsupported { path, .. }
        | Self::TooLarge { path, .. }
        | Self::TooShort { path }
        | Self::Crashed { path, .. }
        | Self::Cancelled { path }
        | Self::Read { path, .. }) = &mut self;
        source_path.clone_into(path);
        self
    }
}
