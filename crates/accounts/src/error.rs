//! What can go wrong with accounts.

use std::path::PathBuf;

use fonoteca_model::Id;

/// Why an operation on the accounts failed. A wrong password is no error: the `check_…` functions answer `None`.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The database file cannot be opened or created.
    #[error("cannot open the accounts database {path}; check that the folder exists and is writable", path = path.display())]
    Open {
        /// The database file.
        path: PathBuf,
        /// What the driver or the file system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database has a migration that this program does not know.
    #[error(
        "the accounts database {path} was written by a newer version of Fonoteca (migration {migration}); update this one",
        path = path.display()
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The number of the first unknown migration.
        migration: i64,
    },
    /// The database cannot be brought up to this program's version.
    #[error("cannot bring the accounts database {path} up to date; restore it from a backup", path = path.display())]
    Migrate {
        /// The database file.
        path: PathBuf,
        /// What the driver said.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// The accounts key is not the one that sealed this database.
    #[error(
        "the accounts key does not open {path}; use the key that the database was made with, or remove the database to \
         start with no accounts",
        path = path.display()
    )]
    WrongKey {
        /// The database file.
        path: PathBuf,
    },
    /// A stored app password cannot be unsealed, though the key is right: the row was altered.
    #[error("the app password {label:?} of user {user:?} is damaged in the database; revoke it and make a new one")]
    Damaged {
        /// Whose it is.
        user: String,
        /// The app password's label.
        label: String,
    },
    /// A name that no user may have.
    #[error(
        "{name:?} cannot be a user name: use 1 to 64 letters, digits, and . _ - @, beginning with a letter or digit"
    )]
    BadName {
        /// The name, shortened.
        name: String,
    },
    /// A password that is too short or too long.
    #[error("a password has {min} to {max} characters, this one has {found}")]
    BadPassword {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// The text of a label, name or comment is too long.
    #[error("a {what} has at most {max} characters, this one has {found}")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// Most characters.
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// More of something than an account may have.
    #[error("a {whose} has at most {max} {what}; remove some first")]
    TooMany {
        /// What has too many of them.
        whose: &'static str,
        /// What there are too many of.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// A rating outside 1 to 5 (0 takes a rating away).
    #[error("a rating is 1 to 5, or 0 to take it away; found {found}")]
    BadRating {
        /// What was asked for.
        found: u8,
    },
    /// There already is a user of this name.
    #[error("there already is a user named {name:?}; names differ by more than upper and lower case")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// There is no user of this name.
    #[error("there is no user named {name:?}; `fonoteca user list` shows all")]
    NoUser {
        /// The name.
        name: String,
    },
    /// Removing this user would leave an archive that nobody owns.
    #[error("{name:?} is the archive's last owner; make somebody else an owner first")]
    LastOwner {
        /// The name.
        name: String,
    },
    /// There is no such playlist, or it belongs to somebody else.
    #[error("there is no playlist {id} of this user's")]
    NoPlaylist {
        /// The playlist.
        id: Id,
    },
    /// A query failed.
    #[error("the accounts database did not answer")]
    Database(#[from] sqlx::Error),
}
