//! Opening the database: one SQLite file, shared by every process that serves or administers the archive.

use std::path::Path;
use std::time::Duration;

use fonoteca_model::Id;
use rand::Rng;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};

use crate::password::PasswordHashing;
use crate::{AccountsError, AccountsKey};

static MIGRATIONS: Migrator = sqlx::migrate!();

/// How long a writer waits for another process's writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// SQLite has one writer; the rest are readers.
const MAX_CONNECTIONS: u32 = 8;
const KEY_CHECK_TEXT: &str = "fonoteca accounts";
const KEY_CHECK_PLACE: &str = "key_check";

/// The accounts of one archive. Cheap to clone; all clones share a pool of connections.
#[derive(Clone)]
pub struct Accounts {
    pub(crate) pool: SqlitePool,
    pub(crate) key: AccountsKey,
    pub(crate) hashing: PasswordHashing,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}

impl Accounts {
    /// Opens the database at `path`, creates it (readable by its owner only) or brings it up to date.
    ///
    /// Any number of processes may have it open: SQLite's write-ahead log lets readers go on beside one writer, and
    /// writers wait for each other for up to ten seconds.
    ///
    /// # Errors
    /// [`AccountsError::Newer`] for a database of a later version, [`AccountsError::WrongKey`] when `key` is not the one
    /// that it was made with, [`AccountsError::Open`] and [`AccountsError::Migrate`] otherwise.
    pub async fn open(path: &Path, key: AccountsKey) -> Result<Self, AccountsError> {
        let failed =
            |source: Box<dyn std::error::Error + Send + Sync>| AccountsError::Open { path: path.into(), source };
        create_private(path).map_err(|error| failed(error.into()))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .connect_with(options)
            .await
            .map_err(|error| failed(error.into()))?;
        let accounts = Self { pool, key, hashing: PasswordHashing::new() };
        accounts.migrate(path).await?;
        Ok(accounts)
    }

    /// Closes every connection, after which SQLite has folded its log into the one file.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// All migrations and the check of the key in one transaction: of two processes that make the database, one waits.
    async fn migrate(&self, path: &Path) -> Result<(), AccountsError> {
        let mut transaction = self.write().await?;
        MIGRATIONS.run(&mut *transaction).await.map_err(|error| match error {
            MigrateError::VersionMissing(migration) => AccountsError::Newer { path: path.into(), migration },
            source => AccountsError::Migrate { path: path.into(), source },
        })?;
        let stored: Option<String> =
            sqlx::query_scalar("SELECT sealed FROM key_check WHERE id = 1").fetch_optional(&mut *transaction).await?;
        if let Some(sealed) = stored {
            if self.key.unseal(&sealed, KEY_CHECK_PLACE).is_none_or(|text| text.expose() != KEY_CHECK_TEXT) {
                return Err(AccountsError::WrongKey { path: path.into() });
            }
        } else {
            sqlx::query("INSERT INTO key_check (id, sealed) VALUES (1, $1)")
                .bind(self.key.seal(KEY_CHECK_TEXT, KEY_CHECK_PLACE))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// A transaction that will write. It takes SQLite's write lock at once: taking it later, after a read, fails without
    /// waiting when another process wrote in between.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Sqlite>, AccountsError> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }
}

/// A fresh row id. Random, so that no two processes agree on one and none is ever reused.
pub(crate) fn random_id() -> Id {
    Id(rand::rng().random_range(1..=i64::MAX))
}

/// Makes the file before SQLite does, since SQLite would make it readable by all; the log files copy its mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}
