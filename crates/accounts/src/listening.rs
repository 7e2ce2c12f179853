//! What users hear and like: plays, what plays now, stars and ratings.

use std::collections::HashMap;

use fonoteca_model::{Id, Timestamp};
use sqlx::Row;

use crate::{Accounts, AccountsError, User};

/// One time that somebody heard a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Play {
    /// What was heard.
    pub track: Id,
    /// When, as the client says.
    pub at: Timestamp,
}

/// What somebody is hearing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NowPlaying {
    /// Who.
    pub user: String,
    /// What.
    pub track: Id,
    /// Since when, as the client says.
    pub since: Timestamp,
}

/// What can be starred and rated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// A track.
    Track,
    /// An album.
    Album,
    /// An artist.
    Artist,
}

impl ItemKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Album => "album",
            Self::Artist => "artist",
        }
    }
}

/// A star on something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Star {
    /// The track, album or artist.
    pub item: Id,
    /// When it was starred.
    pub at: Timestamp,
}

impl Accounts {
    /// Notes that the user heard `track` (`submission`), or has begun to (not `submission`).
    ///
    /// The same play sent twice counts once: clients send again what they are not sure of.
    pub async fn scrobble(&self, user: &User, track: Id, at: Timestamp, submission: bool) -> Result<(), AccountsError> {
        let statement = if submission {
            "INSERT INTO plays (user_id, track_id, at_us) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
        } else {
            "INSERT INTO now_playing (user_id, track_id, since_us) VALUES ($1, $2, $3) \
             ON CONFLICT (user_id) DO UPDATE SET track_id = excluded.track_id, since_us = excluded.since_us"
        };
        sqlx::query(statement).bind(user.id.0).bind(track.0).bind(at.0).execute(&self.pool).await?;
        Ok(())
    }

    /// The user's `limit` latest plays, the latest first.
    pub async fn plays(&self, user: &User, limit: u32) -> Result<Vec<Play>, AccountsError> {
        let rows =
            sqlx::query("SELECT track_id, at_us FROM plays WHERE user_id = $1 ORDER BY at_us DESC, track_id LIMIT $2")
                .bind(user.id.0)
                .bind(i64::from(limit))
                .fetch_all(&self.pool)
                .await?;
        rows.iter()
            .map(|row| Ok(Play { track: Id(row.try_get("track_id")?), at: Timestamp(row.try_get("at_us")?) }))
            .collect()
    }

    /// How often the user played each track that they ever played.
    pub async fn play_counts(&self, user: &User) -> Result<HashMap<Id, u64>, AccountsError> {
        let rows = sqlx::query("SELECT track_id, count(*) AS plays FROM plays WHERE user_id = $1 GROUP BY track_id")
            .bind(user.id.0)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| Ok((Id(row.try_get("track_id")?), row.try_get::<i64, _>("plays")?.unsigned_abs())))
            .collect()
    }

    /// How often all users together played a track.
    pub async fn play_count(&self, track: Id) -> Result<u64, AccountsError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM plays WHERE track_id = $1")
            .bind(track.0)
            .fetch_one(&self.pool)
            .await?;
        Ok(count.unsigned_abs())
    }

    /// What users have begun to hear after `since`, the latest first.
    pub async fn now_playing(&self, since: Timestamp) -> Result<Vec<NowPlaying>, AccountsError> {
        let rows = sqlx::query(
            "SELECT users.name, now_playing.track_id, now_playing.since_us FROM now_playing \
             JOIN users ON users.id = now_playing.user_id WHERE since_us > $1 ORDER BY since_us DESC, users.name",
        )
        .bind(since.0)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(NowPlaying {
                    user: row.try_get("name")?,
                    track: Id(row.try_get("track_id")?),
                    since: Timestamp(row.try_get("since_us")?),
                })
            })
            .collect()
    }

    /// Stars something; a star that is there keeps its time.
    pub async fn star(&self, user: &User, kind: ItemKind, item: Id, now: Timestamp) -> Result<(), AccountsError> {
        sqlx::query(
            "INSERT INTO stars (user_id, kind, item_id, starred_us) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(user.id.0)
        .bind(kind.as_str())
        .bind(item.0)
        .bind(now.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Takes a star away; taking away what is not there is fine.
    pub async fn unstar(&self, user: &User, kind: ItemKind, item: Id) -> Result<(), AccountsError> {
        sqlx::query("DELETE FROM stars WHERE user_id = $1 AND kind = $2 AND item_id = $3")
            .bind(user.id.0)
            .bind(kind.as_str())
            .bind(item.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// What the user starred, the latest first.
    pub async fn starred(&self, user: &User, kind: ItemKind) -> Result<Vec<Star>, AccountsError> {
        let rows = sqlx::query(
            "SELECT item_id, starred_us FROM stars WHERE user_id = $1 AND kind = $2 ORDER BY starred_us DESC, item_id",
        )
        .bind(user.id.0)
        .bind(kind.as_str())
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| Ok(Star { item: Id(row.try_get("item_id")?), at: Timestamp(row.try_get("starred_us")?) }))
            .collect()
    }

    /// Rates something from 1 to 5; 0 takes the rating away.
    ///
    /// # Errors
    /// [`AccountsError::BadRating`] above 5.
    pub async fn set_rating(
        &self,
        user: &User,
        kind: ItemKind,
        item: Id,
        rating: u8,
        now: Timestamp,
    ) -> Result<(), AccountsError> {
        if rating > 5 {
            return Err(AccountsError::BadRating { found: rating });
        }
        if rating == 0 {
            sqlx::query("DELETE FROM ratings WHERE user_id = $1 AND kind = $2 AND item_id = $3")
                .bind(user.id.0)
                .bind(kind.as_str())
                .bind(item.0)
                .execute(&self.pool)
                .await?;
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO ratings (user_id, kind, item_id, rating, rated_us) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (user_id, kind, item_id) DO UPDATE SET rating = excluded.rating, rated_us = excluded.rated_us",
        )
        .bind(user.id.0)
        .bind(kind.as_str())
        .bind(item.0)
        .bind(i16::from(rating))
        .bind(now.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The user's ratings of tracks, albums or artists.
    pub async fn ratings(&self, user: &User, kind: ItemKind) -> Result<HashMap<Id, u8>, AccountsError> {
        let rows = sqlx::query("SELECT item_id, rating FROM ratings WHERE user_id = $1 AND kind = $2")
            .bind(user.id.0)
            .bind(kind.as_str())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok((Id(row.try_get("item_id")?), row.try_get::<i16, _>("rating")? as u8))).collect()
    }
}
