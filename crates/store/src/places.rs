//! Where files outside the archive were seen, and which blobs they were: `state/places.sqlite`.
//!
//! It serves two questions: is this file still the one that was taken in (asked of a path), and where does a blob lie that
//! was taken in without copying it (asked of a root). It is derived: without it files are read again, and what it knew of
//! blobs in place stands in the catalogue's table `locations`. The format is told in `docs/formats/places.md`.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fonoteca_model::{BlobId, Timestamp};
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};

use crate::error::StoreError;
use crate::source::Stamp;

/// The version of this format. Another one is begun anew: everything in it can be had again.
const FORMAT_VERSION: i64 = 1;
/// How long a writer waits for another process's writer.
const BUSY: Duration = Duration::from_secs(30);

/// A file outside the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its absolute path.
    pub path: PathBuf,
    /// What it looked like when it was read.
    pub stamp: Stamp,
    /// Which blob it was then.
    pub root: BlobId,
    /// Whether the archive refers to it there, and may have no copy.
    pub in_place: bool,
}

/// The database; all of it blocks.
#[derive(Debug)]
pub struct Places {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Places {
    /// Opens the database, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let open = || {
            let mut connection = Connection::open(path)?;
            connection.busy_timeout(BUSY)?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "full")?;
            prepare(&mut connection)?;
            Ok(connection)
        };
        let connection = open().map_err(|source| StoreError::places(path, source))?;
        Ok(Self { path: path.to_path_buf(), connection: Mutex::new(connection) })
    }

    /// Whether it knows all that it has to begin with; where not, it was just made, and waits for [`Self::complete`].
    pub fn is_complete(&self) -> Result<bool, StoreError> {
        version(&self.lock()).map(|version| version == FORMAT_VERSION).map_err(|source| self.failed(source))
    }

    /// Says that it knows all that it has to begin with.
    pub fn complete(&self) -> Result<(), StoreError> {
        self.write(|transaction| transaction.pragma_update(None, "user_version", FORMAT_VERSION))
    }

    /// What is known of the files of a folder whose names lie between two names, both included, in the order of names.
    pub fn in_folder(&self, folder: &Path, first: &OsStr, last: &OsStr) -> Result<Vec<Place>, StoreError> {
        self.ask(
            "SELECT folder, name, size, mtime, inode, root, in_place FROM places
             WHERE folder = ?1 AND name BETWEEN ?2 AND ?3 ORDER BY name",
            params![folder.as_os_str().as_bytes(), first.as_bytes(), last.as_bytes()],
        )
    }

    /// Where a blob lies that was taken in without copying it, in the order of paths. Whether it still does shows there.
    pub fn of_root(&self, root: BlobId) -> Result<Vec<Place>, StoreError> {
        self.ask(
            "SELECT folder, name, size, mtime, inode, root, in_place FROM places
             WHERE root = ?1 AND in_place = 1 ORDER BY folder, name",
            params![root.as_bytes()],
        )
    }

    /// Up to `limit` places in use at or below a path, in the order of folders and names, that come after `after`.
    pub fn below(&self, path: &Path, after: Option<&Path>, limit: usize) -> Result<Vec<Place>, StoreError> {
        let (folder, name) = split(path);
        let (after_folder, after_name) = after.map_or((&[][..], &[][..]), split);
        // A path and all that begins with it and a slash; 0 is the byte that follows the slash.
        let bytes = path.as_os_str().as_bytes();
        let bytes = bytes.strip_suffix(b"/").unwrap_or(bytes);
        let (from, until) = ([bytes, b"/"].concat(), [bytes, b"0"].concat());
        self.ask(
            "SELECT folder, name, size, mtime, inode, root, in_place FROM places
             WHERE in_place = 1 AND (folder, name) > (?5, ?6)
               AND (folder = ?1 OR (folder >= ?2 AND folder < ?3) OR (folder = ?4 AND name = ?7))
             ORDER BY folder, name LIMIT ?8",
            params![
                path.as_os_str().as_bytes(),
                from,
                until,
                folder,
                after_folder,
                after_name,
                name,
                i64::try_from(limit).unwrap_or(i64::MAX)
            ],
        )
    }

    /// Remembers places, each instead of what was known of its path.
    pub fn record(&self, places: &[Place]) -> Result<(), StoreError> {
        self.insert("INSERT OR REPLACE", places)
    }

    /// Remembers places whose paths are not known yet.
    pub fn record_unknown(&self, places: &[Place]) -> Result<(), StoreError> {
        self.insert("INSERT OR IGNORE", places)
    }

    fn insert(&self, insert: &str, places: &[Place]) -> Result<(), StoreError> {
        let insert = format!(
            "{insert} INTO places (folder, name, size, mtime, inode, root, in_place) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        );
        self.write(|transaction| {
            let mut insert = transaction.prepare(&insert)?;
            for place in places {
                let (folder, name) = split(&place.path);
                let Stamp { size, mtime, inode } = place.stamp;
                insert.execute(params![
                    folder,
                    name,
                    size.cast_signed(),
                    mtime.0,
                    inode.cast_signed(),
                    place.root.as_bytes(),
                    place.in_place
                ])?;
            }
            Ok(())
        })
    }

    /// Forgets what was known of these paths.
    pub fn forget(&self, paths: &[PathBuf]) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut delete = transaction.prepare("DELETE FROM places WHERE folder = ?1 AND name = ?2")?;
            for path in paths {
                let (folder, name) = split(path);
                delete.execute(params![folder, name])?;
            }
            Ok(())
        })
    }

    fn write(&self, work: impl FnOnce(&Transaction) -> rusqlite::Result<()>) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let write = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            work(&transaction)?;
            transaction.commit()
        };
        write().map_err(|source| self.failed(source))
    }

    fn ask(&self, query: &str, with: impl rusqlite::Params) -> Result<Vec<Place>, StoreError> {
        let connection = self.lock();
        let ask = || -> rusqlite::Result<Vec<Place>> {
            let mut statement = connection.prepare(query)?;
            statement.query_map(with, place)?.collect()
        };
        ask().map_err(|source| self.failed(source))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, source: rusqlite::Error) -> StoreError {
        StoreError::places(&self.path, source)
    }
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Makes the table where there is none of this version.
fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    if version(connection)? == FORMAT_VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if ![0, FORMAT_VERSION].contains(&version(&transaction)?) {
        transaction.execute_batch("DROP TABLE IF EXISTS places; PRAGMA user_version = 0;")?;
    }
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS places (
             folder BLOB NOT NULL,
             name BLOB NOT NULL,
             size INTEGER NOT NULL,
             mtime INTEGER NOT NULL,
             inode INTEGER NOT NULL,
             root BLOB NOT NULL,
             in_place INTEGER NOT NULL,
             PRIMARY KEY (folder, name)
         ) WITHOUT ROWID;
         CREATE INDEX IF NOT EXISTS places_root ON places (root) WHERE in_place = 1;",
    )?;
    transaction.commit()
}

/// The bytes of a path's folder and of its name there.
fn split(path: &Path) -> (&[u8], &[u8]) {
    let folder = path.parent().unwrap_or(Path::new("")).as_os_str();
    (folder.as_bytes(), path.file_name().unwrap_or_default().as_bytes())
}

fn place(row: &Row<'_>) -> rusqlite::Result<Place> {
    let os = |bytes: Vec<u8>| std::ffi::OsString::from_vec(bytes);
    Ok(Place {
        path: PathBuf::from(os(row.get(0)?)).join(os(row.get(1)?)),
        stamp: Stamp {
            size: row.get::<_, i64>(2)?.cast_unsigned(),
            mtime: Timestamp(row.get(3)?),
            inode: row.get::<_, i64>(4)?.cast_unsigned(),
        },
        root: BlobId(row.get(5)?),
        in_place: row.get(6)?,
    })
}
