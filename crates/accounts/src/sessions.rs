//! Sessions of the web page: what stands behind its cookie.

use std::time::Duration;

use fonoteca_model::Timestamp;

use crate::{Accounts, AccountsError, Secret, User};

impl Accounts {
    /// Begins a session that ends after `ttl`; sessions that ended earlier are cleared away on the occasion.
    pub async fn new_session(&self, user: &User, now: Timestamp, ttl: Duration) -> Result<Secret, AccountsError> {
        let secret = Secret::random("");
        let ttl_us = i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX);
        let mut transaction = self.write().await?;
        sqlx::query("DELETE FROM sessions WHERE expires_us <= $1").bind(now.0).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO sessions (hash, user_id, created_us, expires_us) VALUES ($1, $2, $3, $4)")
            .bind(secret.sha256_hex())
            .bind(user.id.0)
            .bind(now.0)
            .bind(now.0.saturating_add(ttl_us))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(secret)
    }

    /// Whose session this is, if it has not ended.
    pub async fn check_session(&self, secret: &Secret, now: Timestamp) -> Result<Option<User>, AccountsError> {
        let row = sqlx::query(
            "SELECT users.id, users.name, users.role, users.created_us FROM sessions \
             JOIN users ON users.id = sessions.user_id WHERE hash = $1 AND expires_us > $2",
        )
        .bind(secret.sha256_hex())
        .bind(now.0)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.as_ref().map(User::from_row).transpose()?)
    }

    /// Ends a session; ending one that does not exist is fine.
    pub async fn end_session(&self, secret: &Secret) -> Result<(), AccountsError> {
        sqlx::query("DELETE FROM sessions WHERE hash = $1").bind(secret.sha256_hex()).execute(&self.pool).await?;
        Ok(())
    }
}
