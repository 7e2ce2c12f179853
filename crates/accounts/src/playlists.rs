//! Playlists: named, ordered tracks of one user, readable by others if the user says so.

use fonoteca_model::{Id, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use crate::database::random_id;
use crate::users::check_text;
use crate::{Accounts, AccountsError, User};

/// Most tracks in a playlist.
pub const MAX_PLAYLIST_TRACKS: usize = 10_000;
const MAX_PLAYLISTS: usize = 1_000;
const MAX_NAME_CHARS: usize = 200;
const MAX_COMMENT_CHARS: usize = 2_000;
/// Three values a row; SQLite takes 32,766 values in a statement.
const ROWS_A_STATEMENT: usize = 500;

/// What a user says about a playlist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewPlaylist {
    /// Its name, up to 200 characters; two playlists may share one.
    pub name: String,
    /// Up to 2,000 characters.
    pub comment: String,
    /// Whether the archive's other accounts may read it.
    pub public: bool,
    /// In playing order; a track may come more than once.
    pub tracks: Vec<Id>,
}

/// A playlist without its tracks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaylistSummary {
    /// Random, never reused.
    pub id: Id,
    /// The name of the user whose it is.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// What the user says about it.
    pub comment: String,
    /// Whether the archive's other accounts may read it.
    pub public: bool,
    /// How many tracks it has.
    pub track_count: u64,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub changed: Timestamp,
}

/// A playlist with its tracks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playlist {
    /// All but the tracks.
    pub summary: PlaylistSummary,
    /// In playing order.
    pub tracks: Vec<Id>,
}

impl PlaylistSummary {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: Id(row.try_get("id")?),
            owner: row.try_get("owner")?,
            name: row.try_get("name")?,
            comment: row.try_get("comment")?,
            public: row.try_get("public")?,
            track_count: row.try_get::<i64, _>("track_count")?.unsigned_abs(),
            created: Timestamp(row.try_get("created_us")?),
            changed: Timestamp(row.try_get("changed_us")?),
        })
    }
}

impl Accounts {
    /// Makes a playlist.
    ///
    /// # Errors
    /// [`AccountsError::TooLong`], [`AccountsError::TooMany`].
    pub async fn create_playlist(&self, user: &User, new: &NewPlaylist, now: Timestamp) -> Result<Id, AccountsError> {
        check(new)?;
        let id = random_id();
        let mut transaction = self.write().await?;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM playlists WHERE user_id = $1")
            .bind(user.id.0)
            .fetch_one(&mut *transaction)
            .await?;
        if count >= MAX_PLAYLISTS as i64 {
            return Err(AccountsError::TooMany { whose: "user", what: "playlists", max: MAX_PLAYLISTS });
        }
        sqlx::query(
            "INSERT INTO playlists (id, user_id, name, comment, public, created_us, changed_us) \
             VALUES ($1, $2, $3, $4, $5, $6, $6)",
        )
        .bind(id.0)
        .bind(user.id.0)
        .bind(&new.name)
        .bind(&new.comment)
        .bind(new.public)
        .bind(now.0)
        .execute(&mut *transaction)
        .await?;
        insert_tracks(&mut transaction, id, &new.tracks).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// The playlists that the user may read: their own and the public ones, by name.
    pub async fn playlists(&self, user: &User) -> Result<Vec<PlaylistSummary>, AccountsError> {
        let rows = sqlx::query(
            "SELECT playlists.*, users.name AS owner, \
             (SELECT count(*) FROM playlist_tracks WHERE playlist_id = playlists.id) AS track_count \
             FROM playlists JOIN users ON users.id = playlists.user_id \
             WHERE user_id = $1 OR public = TRUE ORDER BY playlists.name, playlists.id",
        )
        .bind(user.id.0)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(PlaylistSummary::from_row).collect::<Result<_, _>>()?)
    }

    /// A playlist that the user may read.
    pub async fn playlist(&self, user: &User, id: Id) -> Result<Option<Playlist>, AccountsError> {
        // One transaction, so that the count and the tracks are of the same moment.
        let mut transaction = self.pool.begin().await?;
        let row = sqlx::query(
            "SELECT playlists.*, users.name AS owner, \
             (SELECT count(*) FROM playlist_tracks WHERE playlist_id = playlists.id) AS track_count \
             FROM playlists JOIN users ON users.id = playlists.user_id \
             WHERE playlists.id = $1 AND (user_id = $2 OR public = TRUE)",
        )
        .bind(id.0)
        .bind(user.id.0)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let tracks: Vec<i64> =
            sqlx::query_scalar("SELECT track_id FROM playlist_tracks WHERE playlist_id = $1 ORDER BY position")
                .bind(id.0)
                .fetch_all(&mut *transaction)
                .await?;
        let summary = PlaylistSummary::from_row(&row)?;
        Ok(Some(Playlist { summary, tracks: tracks.into_iter().map(Id).collect() }))
    }

    /// Replaces all of a playlist of the user's own.
    ///
    /// # Errors
    /// [`AccountsError::NoPlaylist`] for one of somebody else's too; otherwise as [`Accounts::create_playlist`].
    pub async fn replace_playlist(
        &self,
        user: &User,
        id: Id,
        new: &NewPlaylist,
        now: Timestamp,
    ) -> Result<(), AccountsError> {
        check(new)?;
        let mut transaction = self.write().await?;
        let changed = sqlx::query(
            "UPDATE playlists SET name = $1, comment = $2, public = $3, changed_us = $4 WHERE id = $5 AND user_id = $6",
        )
        .bind(&new.name)
        .bind(&new.comment)
        .bind(new.public)
        .bind(now.0)
        .bind(id.0)
        .bind(user.id.0)
        .execute(&mut *transaction)
        .await?;
        if changed.rows_affected() == 0 {
            return Err(AccountsError::NoPlaylist { id });
        }
        sqlx::query("DELETE FROM playlist_tracks WHERE playlist_id = $1").bind(id.0).execute(&mut *transaction).await?;
        insert_tracks(&mut transaction, id, &new.tracks).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Deletes a playlist of the user's own.
    ///
    /// # Errors
    /// [`AccountsError::NoPlaylist`] for one of somebody else's too.
    pub async fn delete_playlist(&self, user: &User, id: Id) -> Result<(), AccountsError> {
        let done = sqlx::query("DELETE FROM playlists WHERE id = $1 AND user_id = $2")
            .bind(id.0)
            .bind(user.id.0)
            .execute(&self.pool)
            .await?;
        if done.rows_affected() == 0 { Err(AccountsError::NoPlaylist { id }) } else { Ok(()) }
    }
}

fn check(new: &NewPlaylist) -> Result<(), AccountsError> {
    check_text("playlist's name", &new.name, MAX_NAME_CHARS)?;
    check_text("playlist's comment", &new.comment, MAX_COMMENT_CHARS)?;
    if new.tracks.len() > MAX_PLAYLIST_TRACKS {
        return Err(AccountsError::TooMany { whose: "playlist", what: "tracks", max: MAX_PLAYLIST_TRACKS });
    }
    Ok(())
}

async fn insert_tracks(
    transaction: &mut Transaction<'static, Sqlite>,
    playlist: Id,
    tracks: &[Id],
) -> Result<(), AccountsError> {
    for (chunk, ids) in tracks.chunks(ROWS_A_STATEMENT).enumerate() {
        let mut query =
            sqlx::QueryBuilder::<Sqlite>::new("INSERT INTO playlist_tracks (playlist_id, position, track_id) ");
        query.push_values(ids.iter().enumerate(), |mut row, (at, track)| {
            row.push_bind(playlist.0).push_bind((chunk * ROWS_A_STATEMENT + at) as i64).push_bind(track.0);
        });
        query.build().execute(&mut **transaction).await?;
    }
    Ok(())
}
