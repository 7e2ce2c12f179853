//! `state/health.sqlite`, version 2; the format is told in `docs/formats/health.md`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fonoteca_model::{Sha1Hash, Timestamp};
use fonoteca_swarm::Scraped;
use fonoteca_torrent::feed::PublicKey;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{PartsOf, Report, ReportingMirror, SignedReport};
use crate::archive::Archive;
use crate::error::ArchiveError;

const FORMAT_VERSION: i64 = 2;
/// How long a writer waits for another process's writer.
const BUSY: Duration = Duration::from_secs(30);
/// Days for which counts are kept.
const KEEP_DAYS: i64 = 400;
/// Mirrors of which reports are kept; of more, those that have been silent for longest are forgotten.
const MAX_MIRRORS: i64 = 1000;
const DAY: i64 = 86_400;

/// A count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    pub seeders: u32,
    pub leechers: u32,
    pub at: Timestamp,
}

/// What is known of one swarm.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub counted: Option<Counted>,
    pub mirrors: u32,
    /// Mirrors that have parts of it, and which parts they have between them.
    pub in_part: u32,
    pub parts: u64,
    pub last_copy: Option<Timestamp>,
}

impl Seen {
    /// The best of both.
    pub fn add(&mut self, other: &Self) {
        self.counted = match (self.counted, other.counted) {
            (Some(a), Some(b)) if (b.seeders, b.leechers) > (a.seeders, a.leechers) => Some(b),
            (a, b) => a.or(b),
        };
        self.mirrors = self.mirrors.max(other.mirrors);
        self.in_part = self.in_part.max(other.in_part);
        self.parts |= other.parts;
        self.last_copy = self.last_copy.max(other.last_copy);
    }
}

/// The database; all of it blocks.
pub(super) struct Database {
    path: PathBuf,
    connection: Connection,
}

impl Database {
    fn path(archive: &Archive) -> PathBuf {
        archive.state_path().join("health.sqlite")
    }

    /// Opens it, if anything was heard yet.
    pub fn open_existing(archive: &Archive) -> Result<Option<Self>, ArchiveError> {
        let path = Self::path(archive);
        if path.is_file() { Self::at(&path).map(Some) } else { Ok(None) }
    }

    /// Opens it, or makes it.
    pub fn open(archive: &Archive) -> Result<Self, ArchiveError> {
        Self::at(&Self::path(archive))
    }

    fn at(path: &Path) -> Result<Self, ArchiveError> {
        let open = || -> rusqlite::Result<Connection> {
            let mut connection = Connection::open(path)?;
            connection.busy_timeout(BUSY)?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            prepare(&mut connection)?;
            Ok(connection)
        };
        let connection = open().map_err(|source| failed(path, source))?;
        let version: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(|source| failed(path, source))?;
        if version != FORMAT_VERSION {
            return Err(ArchiveError::Settings {
                path: path.to_owned(),
                reason: format!("version {version} was written by another Fonoteca; this one reads {FORMAT_VERSION}"),
            });
        }
        Ok(Self { path: path.to_owned(), connection })
    }

    /// Notes what a tracker counted. Of a day the last count is kept, and the last at which there was a copy.
    pub fn count(
        &mut self,
        tracker: &str,
        counts: &HashMap<Sha1Hash, Scraped>,
        now: Timestamp,
    ) -> Result<(), ArchiveError> {
        let (seconds, day) = (now.as_seconds(), now.as_seconds().div_euclid(DAY));
        self.write(|transaction| {
            let mut insert = transaction.prepare(
                "INSERT OR REPLACE INTO counts (hash, tracker, day, at, seeders, leechers, completed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            let mut copy = transaction.prepare(
                "INSERT INTO copies (hash, at) VALUES (?1, ?2)
                 ON CONFLICT (hash) DO UPDATE SET at = excluded.at",
            )?;
            for (hash, scraped) in counts {
                let Scraped { seeders, leechers, completed } = *scraped;
                insert.execute(params![hash.as_bytes(), tracker, day, seconds, seeders, leechers, completed])?;
                if seeders > 0 {
                    copy.execute(params![hash.as_bytes(), seconds])?;
                }
            }
            transaction.execute("DELETE FROM counts WHERE day < ?1", [day - KEEP_DAYS])?;
            Ok(())
        })
    }

    /// When a mirror reported last.
    pub fn reported(&self, key: &PublicKey) -> Result<Option<Timestamp>, ArchiveError> {
        let ask = || {
            let query = "SELECT at FROM reports WHERE key = ?1";
            self.connection.query_row(query, [key.to_string()], |row| row.get::<_, i64>(0)).optional()
        };
        ask().map(|at| at.map(Timestamp::from_seconds)).map_err(|source| failed(&self.path, source))
    }

    /// The last report of a mirror, as it was signed.
    pub fn signed(&self, key: &PublicKey) -> Result<Option<SignedReport>, ArchiveError> {
        let query = "SELECT report, signature FROM signed WHERE key = ?1";
        let ask = self.connection.query_row(query, [key.to_string()], |row| {
            Ok(SignedReport { report: row.get(0)?, signature: row.get(1)? })
        });
        ask.optional().map_err(|source| failed(&self.path, source))
    }

    /// The last reports of all mirrors that reported after `since`, the latest first.
    pub fn all_signed(&self, since: Timestamp) -> Result<Vec<SignedReport>, ArchiveError> {
        let ask = || -> rusqlite::Result<Vec<SignedReport>> {
            let mut query = self.connection.prepare(
                "SELECT s.report, s.signature FROM signed s JOIN reports r ON r.key = s.key
                 WHERE r.at >= ?1 ORDER BY r.at DESC, s.key",
            )?;
            let signed = |row: &rusqlite::Row| Ok(SignedReport { report: row.get(0)?, signature: row.get(1)? });
            query.query_map([since.as_seconds()], signed)?.collect()
        };
        ask().map_err(|source| failed(&self.path, source))
    }

    /// Takes a report in the place of the one before it; `have` and `parts` are what of it the feed lists.
    pub fn report(
        &mut self,
        report: &Report,
        have: &[Sha1Hash],
        parts: &[PartsOf],
        signed: &SignedReport,
    ) -> Result<(), ArchiveError> {
        let (key, seconds, serial) = (report.key.to_string(), report.at.as_seconds(), report.serial.cast_signed());
        self.write(|transaction| {
            transaction.execute("DELETE FROM holdings WHERE key = ?1", [&key])?;
            transaction.execute("DELETE FROM parts WHERE key = ?1", [&key])?;
            transaction.execute(
                "INSERT OR REPLACE INTO reports (key, serial, at, torrents) VALUES (?1, ?2, ?3, ?4)",
                params![key, serial, seconds, have.len() as i64],
            )?;
            transaction.execute(
                "INSERT OR REPLACE INTO signed (key, report, signature) VALUES (?1, ?2, ?3)",
                params![key, signed.report, signed.signature],
            )?;
            let mut insert = transaction.prepare("INSERT OR IGNORE INTO holdings (key, hash) VALUES (?1, ?2)")?;
            for hash in have {
                insert.execute(params![key, hash.as_bytes()])?;
            }
            let mut insert =
                transaction.prepare("INSERT OR REPLACE INTO parts (key, hash, have, want) VALUES (?1, ?2, ?3, ?4)")?;
            for of in parts {
                let (have, want) = (of.have.0.cast_signed(), of.want.0.cast_signed());
                insert.execute(params![key, of.torrent.as_bytes(), have, want])?;
            }
            transaction.execute(
                "INSERT OR REPLACE INTO report_days (key, day, at, serial, torrents) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![key, seconds.div_euclid(DAY), seconds, serial, have.len() as i64],
            )?;
            transaction.execute("DELETE FROM report_days WHERE day < ?1", [seconds.div_euclid(DAY) - KEEP_DAYS])?;
            let forgotten = "SELECT key FROM reports ORDER BY at DESC, key LIMIT -1 OFFSET ?1";
            for table in ["holdings", "parts", "signed", "report_days"] {
                transaction.execute(&format!("DELETE FROM {table} WHERE key IN ({forgotten})"), [MAX_MIRRORS])?;
            }
            transaction.execute(&format!("DELETE FROM reports WHERE key IN ({forgotten})"), [MAX_MIRRORS])?;
            Ok(())
        })
    }

    /// All that was known at `until`; mirrors count that reported after `since`.
    pub fn seen(&self, since: Timestamp, until: Timestamp) -> Result<HashMap<Sha1Hash, Seen>, ArchiveError> {
        let ask = || -> rusqlite::Result<HashMap<Sha1Hash, Seen>> {
            let mut all: HashMap<Sha1Hash, Seen> = HashMap::new();
            let until = until.as_seconds();
            // Of several trackers, and several days, the last to have counted; of one moment the best.
            let mut counts = self
                .connection
                .prepare("SELECT hash, seeders, leechers, at FROM counts WHERE at <= ?1 ORDER BY at, seeders")?;
            let mut rows = counts.query([until])?;
            while let Some(row) = rows.next()? {
                let counted =
                    Counted { seeders: row.get(1)?, leechers: row.get(2)?, at: Timestamp::from_seconds(row.get(3)?) };
                let seen = all.entry(Sha1Hash(row.get(0)?)).or_default();
                // What several trackers said in one round counts together.
                let same_round =
                    seen.counted.is_some_and(|known| counted.at.as_seconds() - known.at.as_seconds() < 900);
                seen.counted = match seen.counted {
                    Some(known) if same_round && known.seeders > counted.seeders => Some(known),
                    _ => Some(counted),
                };
            }
            let mut copies = self.connection.prepare("SELECT hash, at FROM copies WHERE at <= ?1")?;
            let mut rows = copies.query([until])?;
            while let Some(row) = rows.next()? {
                all.entry(Sha1Hash(row.get(0)?)).or_default().last_copy = Some(Timestamp::from_seconds(row.get(1)?));
            }
            let mut held = self.connection.prepare(
                "SELECT h.hash, sum(r.at >= ?1), max(r.at) FROM holdings h JOIN reports r ON r.key = h.key
                 WHERE r.at <= ?2 GROUP BY h.hash",
            )?;
            let mut rows = held.query([since.as_seconds(), until])?;
            while let Some(row) = rows.next()? {
                let seen = all.entry(Sha1Hash(row.get(0)?)).or_default();
                seen.mirrors = row.get(1)?;
                seen.last_copy = seen.last_copy.max(Some(Timestamp::from_seconds(row.get(2)?)));
            }
            let mut parts = self.connection.prepare(
                "SELECT p.hash, p.have FROM parts p JOIN reports r ON r.key = p.key
                 WHERE r.at >= ?1 AND r.at <= ?2 AND p.have != 0",
            )?;
            let mut rows = parts.query([since.as_seconds(), until])?;
            while let Some(row) = rows.next()? {
                let seen = all.entry(Sha1Hash(row.get(0)?)).or_default();
                seen.in_part += 1;
                seen.parts |= row.get::<_, i64>(1)?.cast_unsigned();
            }
            Ok(all)
        };
        ask().map_err(|source| failed(&self.path, source))
    }

    /// The mirrors that reported, the latest first.
    pub fn mirrors(&self) -> Result<Vec<ReportingMirror>, ArchiveError> {
        let ask = || -> rusqlite::Result<Vec<(String, i64, i64, i64)>> {
            let mut query =
                self.connection.prepare("SELECT key, serial, at, torrents FROM reports ORDER BY at DESC")?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?.collect()
        };
        let rows = ask().map_err(|source| failed(&self.path, source))?;
        // What is stored was read as a key before.
        let mirrors = rows.into_iter().filter_map(|(key, serial, at, torrents)| {
            let key = key.parse().ok()?;
            let at_ms = Timestamp::from_seconds(at).as_millis();
            Some(ReportingMirror { key, serial: serial.cast_unsigned(), at_ms, torrents: torrents.cast_unsigned() })
        });
        Ok(mirrors.collect())
    }

    /// A swarm's counts, the best of a day.
    pub fn history(&self, hash: Sha1Hash) -> Result<Vec<(i64, u32, u32)>, ArchiveError> {
        let ask = || -> rusqlite::Result<Vec<(i64, u32, u32)>> {
            let mut query = self.connection.prepare(
                "SELECT day, max(seeders), max(leechers) FROM counts WHERE hash = ?1 GROUP BY day ORDER BY day",
            )?;
            query.query_map([hash.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
        };
        ask().map_err(|source| failed(&self.path, source))
    }

    fn write(&mut self, work: impl FnOnce(&rusqlite::Transaction) -> rusqlite::Result<()>) -> Result<(), ArchiveError> {
        let write = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            work(&transaction)?;
            transaction.commit()
        };
        write().map_err(|source| failed(&self.path, source))
    }
}

fn failed(path: &Path, source: rusqlite::Error) -> ArchiveError {
    let source = std::io::Error::other(source);
    ArchiveError::Io { path: path.to_owned(), what: "cannot be used", source }
}

/// Makes the tables where there are none, and those that version 1 did not have.
fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version >= FORMAT_VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS counts (
             hash BLOB NOT NULL,
             tracker TEXT NOT NULL,
             day INTEGER NOT NULL,
             at INTEGER NOT NULL,
             seeders INTEGER NOT NULL,
             leechers INTEGER NOT NULL,
             completed INTEGER NOT NULL,
             PRIMARY KEY (hash, tracker, day)
         ) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS copies (hash BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS reports (
             key TEXT PRIMARY KEY,
             serial INTEGER NOT NULL,
             at INTEGER NOT NULL,
             torrents INTEGER NOT NULL
         ) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS holdings (key TEXT NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (key, hash)) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS parts (
             key TEXT NOT NULL,
             hash BLOB NOT NULL,
             have INTEGER NOT NULL,
             want INTEGER NOT NULL,
             PRIMARY KEY (key, hash)
         ) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS signed (key TEXT PRIMARY KEY, report TEXT NOT NULL, signature TEXT NOT NULL);
         CREATE TABLE IF NOT EXISTS report_days (
             key TEXT NOT NULL,
             day INTEGER NOT NULL,
             at INTEGER NOT NULL,
             serial INTEGER NOT NULL,
             torrents INTEGER NOT NULL,
             PRIMARY KEY (key, day)
         ) WITHOUT ROWID;
         PRAGMA user_version = 2;",
    )?;
    transaction.commit()
}
