//! Credentials for apps: app passwords, which can be read back, and API keys, which cannot.

use fonoteca_model::{Id, Timestamp};
use md5::{Digest, Md5};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::database::random_id;
use crate::secret::same;
use crate::users::check_text;
use crate::{Accounts, AccountsError, Secret, User};

/// Most app passwords, and most API keys, of one user. Every token check unseals them all.
pub const MAX_CREDENTIALS: usize = 32;
const MAX_LABEL_CHARS: usize = 100;
/// A request's salt or key is text from outside; nothing longer than this is hashed.
const MAX_GIVEN_BYTES: usize = 1024;
/// `last used` is exact to this much, so that a client's thousand requests are not a thousand writes.
const LAST_USED_STEP_US: i64 = 10 * 60 * 1_000_000;

/// What is shown of an app password or an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// For revoking it.
    pub id: Id,
    /// What the user called it, mostly the app's or device's name.
    pub label: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it last opened the door, to within ten minutes.
    pub last_used: Option<Timestamp>,
}

impl Credential {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: Id(row.try_get("id")?),
            label: row.try_get("label")?,
            created: Timestamp(row.try_get("created_us")?),
            last_used: row.try_get::<Option<i64>, _>("last_used_us")?.map(Timestamp),
        })
    }
}

struct AppPassword {
    credential: Credential,
    text: Secret,
}

impl Accounts {
    /// Makes a random app password, shown to the user once and stored sealed.
    ///
    /// # Errors
    /// [`AccountsError::TooMany`] at [`MAX_CREDENTIALS`]; [`AccountsError::TooLong`] for the label.
    pub async fn new_app_password(&self, user: &User, label: &str, now: Timestamp) -> Result<Secret, AccountsError> {
        check_text("label", label, MAX_LABEL_CHARS)?;
        let (id, secret) = (random_id(), Secret::random_to_type());
        let sealed = self.key.seal(secret.expose(), &place(user.id, id));
        let mut transaction = self.write().await?;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM app_passwords WHERE user_id = $1")
            .bind(user.id.0)
            .fetch_one(&mut *transaction)
            .await?;
        room_for_one_more(count, "app passwords")?;
        sqlx::query("INSERT INTO app_passwords (id, user_id, label, sealed, created_us) VALUES ($1, $2, $3, $4, $5)")
            .bind(id.0)
            .bind(user.id.0)
            .bind(label)
            .bind(sealed)
            .bind(now.0)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(secret)
    }

    /// The user's app passwords, the oldest first.
    pub async fn app_passwords(&self, user: &User) -> Result<Vec<Credential>, AccountsError> {
        let rows = sqlx::query(
            "SELECT id, label, created_us, last_used_us FROM app_passwords WHERE user_id = $1 ORDER BY created_us, id",
        )
        .bind(user.id.0)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(Credential::from_row).collect::<Result<_, _>>()?)
    }

    /// Takes an app password away; whether there was one of this id.
    pub async fn revoke_app_password(&self, user: &User, id: Id) -> Result<bool, AccountsError> {
        let done = sqlx::query("DELETE FROM app_passwords WHERE id = $1 AND user_id = $2")
            .bind(id.0)
            .bind(user.id.0)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Subsonic's salted token: the user whose app password gives `md5(password + salt) = token_hex`.
    ///
    /// The scheme is Subsonic's, of 2014; its strength here is that app passwords are random and 120 bits long.
    pub async fn check_token(
        &self,
        name: &str,
        token_hex: &str,
        salt: &str,
        now: Timestamp,
    ) -> Result<Option<User>, AccountsError> {
        let mut token = [0; 16];
        if salt.len() > MAX_GIVEN_BYTES || hex::decode_to_slice(token_hex, &mut token).is_err() {
            return Ok(None);
        }
        self.check_app_passwords(name, now, |text| {
            let digest: [u8; 16] = Md5::new().chain_update(text).chain_update(salt).finalize().into();
            same(&digest, &token)
        })
        .await
    }

    /// The user one of whose app passwords this is.
    pub async fn check_app_password(
        &self,
        name: &str,
        password: &Secret,
        now: Timestamp,
    ) -> Result<Option<User>, AccountsError> {
        self.check_app_passwords(name, now, |text| same(text.as_bytes(), password.expose().as_bytes())).await
    }

    /// Makes a random API key, shown to the user once; only its hash is stored.
    ///
    /// # Errors
    /// [`AccountsError::TooMany`] at [`MAX_CREDENTIALS`]; [`AccountsError::TooLong`] for the label.
    pub async fn new_api_key(&self, user: &User, label: &str, now: Timestamp) -> Result<Secret, AccountsError> {
        check_text("label", label, MAX_LABEL_CHARS)?;
        // The prefix lets scanners that look for leaked secrets know one.
        let secret = Secret::random("fonoteca_");
        let mut transaction = self.write().await?;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM api_keys WHERE user_id = $1")
            .bind(user.id.0)
            .fetch_one(&mut *transaction)
            .await?;
        room_for_one_more(count, "API keys")?;
        sqlx::query("INSERT INTO api_keys (id, user_id, label, hash, created_us) VALUES ($1, $2, $3, $4, $5)")
            .bind(random_id().0)
            .bind(user.id.0)
            .bind(label)
            .bind(secret.sha256_hex())
            .bind(now.0)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(secret)
    }

    /// The user's API keys, the oldest first.
    pub async fn api_keys(&self, user: &User) -> Result<Vec<Credential>, AccountsError> {
        let rows = sqlx::query(
            "SELECT id, label, created_us, last_used_us FROM api_keys WHERE user_id = $1 ORDER BY created_us, id",
        )
        .bind(user.id.0)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(Credential::from_row).collect::<Result<_, _>>()?)
    }

    /// Takes an API key away; whether there was one of this id.
    pub async fn revoke_api_key(&self, user: &User, id: Id) -> Result<bool, AccountsError> {
        let done = sqlx::query("DELETE FROM api_keys WHERE id = $1 AND user_id = $2")
            .bind(id.0)
            .bind(user.id.0)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// The user whose API key this is.
    pub async fn check_api_key(&self, key: &Secret, now: Timestamp) -> Result<Option<User>, AccountsError> {
        if key.expose().len() > MAX_GIVEN_BYTES {
            return Ok(None);
        }
        // Looked up by hash: how long the look-up takes tells nothing about a key that is not known already.
        let hash = key.sha256_hex();
        let row = sqlx::query(
            "SELECT users.id, users.name, users.role, users.created_us FROM api_keys \
             JOIN users ON users.id = api_keys.user_id WHERE hash = $1",
        )
        .bind(&hash)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        sqlx::query(
            "UPDATE api_keys SET last_used_us = $1 WHERE hash = $2 AND (last_used_us IS NULL OR last_used_us <= $3)",
        )
        .bind(now.0)
        .bind(&hash)
        .bind(now.0.saturating_sub(LAST_USED_STEP_US))
        .execute(&self.pool)
        .await?;
        Ok(Some(User::from_row(&row)?))
    }

    /// The user of this name if `fits` says yes to one of their app passwords. All are tried, whichever fits.
    async fn check_app_passwords(
        &self,
        name: &str,
        now: Timestamp,
        fits: impl Fn(&str) -> bool,
    ) -> Result<Option<User>, AccountsError> {
        let Some(user) = self.user(name).await? else { return Ok(None) };
        let mut fitting = None;
        for password in self.unsealed_app_passwords(&user).await? {
            if fits(password.text.expose()) {
                fitting = Some(password.credential);
            }
        }
        let Some(credential) = fitting else { return Ok(None) };
        if credential.last_used.is_none_or(|used| now.0.saturating_sub(used.0) >= LAST_USED_STEP_US) {
            sqlx::query("UPDATE app_passwords SET last_used_us = $1 WHERE id = $2")
                .bind(now.0)
                .bind(credential.id.0)
                .execute(&self.pool)
                .await?;
        }
        Ok(Some(user))
    }

    async fn unsealed_app_passwords(&self, user: &User) -> Result<Vec<AppPassword>, AccountsError> {
        let rows =
            sqlx::query("SELECT id, label, created_us, last_used_us, sealed FROM app_passwords WHERE user_id = $1")
                .bind(user.id.0)
                .fetch_all(&self.pool)
                .await?;
        rows.iter()
            .map(|row| {
                let credential = Credential::from_row(row)?;
                match self.key.unseal(row.try_get("sealed")?, &place(user.id, credential.id)) {
                    Some(text) => Ok(AppPassword { credential, text }),
                    None => Err(AccountsError::Damaged { user: user.name.clone(), label: credential.label }),
                }
            })
            .collect()
    }
}

/// Binds a sealed text to its row.
fn place(user: Id, id: Id) -> String {
    format!("app_passwords/{user}/{id}")
}

fn room_for_one_more(count: i64, what: &'static str) -> Result<(), AccountsError> {
    if count < MAX_CREDENTIALS as i64 {
        Ok(())
    } else {
        Err(AccountsError::TooMany { whose: "user", what, max: MAX_CREDENTIALS })
    }
}
