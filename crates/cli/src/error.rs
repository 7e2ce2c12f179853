//! Errors as a person reads them: a message, the chain of causes, and what to do.

use std::error::Error;

use fonoteca_accounts::AccountsError;
use fonoteca_archive::{ArchiveError, Blame};
use fonoteca_server::ServerError;

use crate::exit::Exit;

/// Why a command stopped.
#[derive(Debug)]
pub struct CommandError {
    exit: Exit,
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
}

impl CommandError {
    /// From an error, with its chain of causes.
    pub fn of(exit: Exit, error: &dyn Error) -> Self {
        let mut causes = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        Self { exit, message: error.to_string(), causes, hints: Vec::new() }
    }

    /// The command makes no sense as it was given.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// How the program ends.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// What went wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Why, the nearest cause first.
    pub fn causes(&self) -> &[String] {
        &self.causes
    }

    /// What to do.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl From<ArchiveError> for CommandError {
    fn from(error: ArchiveError) -> Self {
        let exit = match (&error, error.blame()) {
            (ArchiveError::Cancelled, _) => Exit::Interrupted,
            (_, Blame::Outside) => Exit::SomeFailed,
            (_, Blame::Usage) => Exit::Usage,
            (_, Blame::Rights) => Exit::Refused,
            (_, Blame::Archive) => Exit::Damaged,
            (_, Blame::Bug) => Exit::Bug,
        };
        let told = Self::of(exit, &error);
        match &error {
            error if error.is_io_error() => told.hint(
                "the disk fails: see what the system says of it (dmesg), then run the same command again; what was finished \
                 is kept",
            ),
            // The store says so itself.
            ArchiveError::Store(_) => told,
            error if error.is_full() => told.hint("free some space, and run the same command again"),
            ArchiveError::Catalog(_) if exit == Exit::Damaged => told.hint(
                "bring back the named file from a copy of the archive; `fonoteca verify` reads all tables and blobs",
            ),
            ArchiveError::Index(_) => told.hint("`fonoteca index rebuild` makes the search index anew from the tables"),
            ArchiveError::Refused(_) => told
                .hint("`fonoteca rights show SUBJECT` says why it is dark, `fonoteca rights set` records a decision"),
            ArchiveError::Fetch { .. } => {
                told.hint("check the address, and that `fonoteca serve` runs there with a published feed")
            }
            ArchiveError::Bug(_) => told.hint("please report this with the command that was given"),
            _ => told,
        }
    }
}

impl From<fonoteca_catalog::CatalogError> for CommandError {
    fn from(error: fonoteca_catalog::CatalogError) -> Self {
        ArchiveError::from(error).into()
    }
}

impl From<fonoteca_catalog::index::IndexError> for CommandError {
    fn from(error: fonoteca_catalog::index::IndexError) -> Self {
        ArchiveError::from(error).into()
    }
}

impl From<AccountsError> for CommandError {
    fn from(error: AccountsError) -> Self {
        use AccountsError as E;
        let exit = match &error {
            E::Open { .. } => Exit::SomeFailed,
            E::Newer { .. } | E::Migrate { .. } | E::WrongKey { .. } | E::Damaged { .. } | E::Database(_) => {
                Exit::Damaged
            }
            _ => Exit::Usage,
        };
        Self::of(exit, &error)
    }
}

impl From<ServerError> for CommandError {
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::Archive(error) => error.into(),
            error @ ServerError::Listen { .. } => {
                Self::of(Exit::SomeFailed, &error).hint("choose another address with --listen, such as 127.0.0.1:4041")
            }
            error => Self::of(Exit::SomeFailed, &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_says_who_has_to_act() {
        let exit = |error: ArchiveError| CommandError::from(error).exit();
        assert_eq!(exit(ArchiveError::NotFound { path: "x".into() }), Exit::Damaged);
        assert_eq!(exit(ArchiveError::Usage("x".to_owned())), Exit::Usage);
        assert_eq!(exit(ArchiveError::Refused("x".to_owned())), Exit::Refused);
        assert_eq!(exit(ArchiveError::Bug("x".to_owned())), Exit::Bug);
        assert_eq!(exit(ArchiveError::Cancelled), Exit::Interrupted);
        assert_eq!(exit(ArchiveError::Foreign { name: "x".into(), reason: "y".into() }), Exit::SomeFailed);
    }

    #[test]
    fn causes_are_told_once_each() {
        let source = std::io::Error::other("the disk is on fire");
        let error = CommandError::from(ArchiveError::Io { path: "a".into(), what: "cannot be read", source });
        assert_eq!(error.message(), "a: cannot be read");
        assert_eq!(error.causes(), ["the disk is on fire"]);
    }
}
