//! Users: names, roles and the passwords of the login form.

use fonoteca_model::{Id, Timestamp};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use unicode_normalization::UnicodeNormalization;

use crate::database::random_id;
use crate::{Accounts, AccountsError, Secret};

/// Fewest characters of a password that somebody chooses (NIST SP 800-63B).
pub const MIN_PASSWORD_CHARS: usize = 8;
const MAX_PASSWORD_CHARS: usize = 256;
const MAX_NAME_CHARS: usize = 64;

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Owns the archive: hears everything that has a basis, private copies included, and administers it.
    Owner,
    /// Hears what may be streamed to the archive's other accounts.
    Listener,
}

impl Role {
    /// The word in the database and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Listener => "listener",
        }
    }
}

/// Somebody with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Random, never reused.
    pub id: Id,
    /// As the user wrote it, in NFC; two names never differ by case alone.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// When the account was made.
    pub created: Timestamp,
}

impl User {
    pub(crate) fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let role: &str = row.try_get("role")?;
        Ok(Self {
            id: Id(row.try_get("id")?),
            name: row.try_get("name")?,
            role: if role == "owner" { Role::Owner } else { Role::Listener },
            created: Timestamp(row.try_get("created_us")?),
        })
    }
}

impl Accounts {
    /// Adds a user. The first one becomes the owner, whatever `role` says: an archive is never without.
    ///
    /// # Errors
    /// [`AccountsError::BadName`], [`AccountsError::BadPassword`], [`AccountsError::NameTaken`].
    pub async fn add_user(
        &self,
        name: &str,
        password: &Secret,
        role: Role,
        now: Timestamp,
    ) -> Result<User, AccountsError> {
        let name = checked_name(name)?;
        check_new_password(password)?;
        let hash = self.hashing.hash(password).await;
        let mut transaction = self.write().await?;
        let users: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&mut *transaction).await?;
        let role = if users == 0 { Role::Owner } else { role };
        let user = User { id: random_id(), name, role, created: now };
        let inserted = sqlx::query(
            "INSERT INTO users (id, name, name_key, role, password_hash, created_us) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (name_key) DO NOTHING",
        )
        .bind(user.id.0)
        .bind(&user.name)
        .bind(name_key(&user.name))
        .bind(role.as_str())
        .bind(hash)
        .bind(now.0)
        .execute(&mut *transaction)
        .await?;
        if inserted.rows_affected() == 0 {
            return Err(AccountsError::NameTaken { name: user.name });
        }
        transaction.commit().await?;
        Ok(user)
    }

    /// All users, the oldest account first.
    pub async fn users(&self) -> Result<Vec<User>, AccountsError> {
        let rows = sqlx::query("SELECT id, name, role, created_us FROM users ORDER BY created_us, name_key")
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.iter().map(User::from_row).collect::<Result<_, _>>()?)
    }

    /// The user of this name, in upper or lower case.
    pub async fn user(&self, name: &str) -> Result<Option<User>, AccountsError> {
        let row = sqlx::query("SELECT id, name, role, created_us FROM users WHERE name_key = $1")
            .bind(name_key(name))
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.as_ref().map(User::from_row).transpose()?)
    }

    /// Removes a user with everything that is theirs: credentials, sessions, plays, stars, playlists.
    ///
    /// # Errors
    /// [`AccountsError::NoUser`]; [`AccountsError::LastOwner`] for the only owner.
    pub async fn remove_user(&self, name: &str) -> Result<(), AccountsError> {
        let mut transaction = self.write().await?;
        let role: Option<String> = sqlx::query_scalar("SELECT role FROM users WHERE name_key = $1")
            .bind(name_key(name))
            .fetch_optional(&mut *transaction)
            .await?;
        let role = role.ok_or_else(|| AccountsError::NoUser { name: name.into() })?;
        let owners: i64 =
            sqlx::query_scalar("SELECT count(*) FROM users WHERE role = 'owner'").fetch_one(&mut *transaction).await?;
        if role == Role::Owner.as_str() && owners == 1 {
            return Err(AccountsError::LastOwner { name: name.into() });
        }
        sqlx::query("DELETE FROM users WHERE name_key = $1").bind(name_key(name)).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Changes a user's role.
    ///
    /// # Errors
    /// [`AccountsError::NoUser`]; [`AccountsError::LastOwner`] when no owner would remain.
    pub async fn set_role(&self, name: &str, role: Role) -> Result<(), AccountsError> {
        let mut transaction = self.write().await?;
        let changed = sqlx::query("UPDATE users SET role = $1 WHERE name_key = $2")
            .bind(role.as_str())
            .bind(name_key(name))
            .execute(&mut *transaction)
            .await?;
        if changed.rows_affected() == 0 {
            return Err(AccountsError::NoUser { name: name.into() });
        }
        let owners: i64 =
            sqlx::query_scalar("SELECT count(*) FROM users WHERE role = 'owner'").fetch_one(&mut *transaction).await?;
        if owners == 0 {
            return Err(AccountsError::LastOwner { name: name.into() });
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Changes a user's password and ends their sessions; app passwords and API keys stay.
    ///
    /// # Errors
    /// [`AccountsError::NoUser`], [`AccountsError::BadPassword`].
    pub async fn set_password(&self, name: &str, password: &Secret) -> Result<(), AccountsError> {
        check_new_password(password)?;
        let hash = self.hashing.hash(password).await;
        let mut transaction = self.write().await?;
        let changed = sqlx::query("UPDATE users SET password_hash = $1 WHERE name_key = $2")
            .bind(hash)
            .bind(name_key(name))
            .execute(&mut *transaction)
            .await?;
        if changed.rows_affected() == 0 {
            return Err(AccountsError::NoUser { name: name.into() });
        }
        sqlx::query("DELETE FROM sessions WHERE user_id = (SELECT id FROM users WHERE name_key = $1)")
            .bind(name_key(name))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The user of this name if the password is theirs. Works as long for a name that does not exist.
    pub async fn check_password(&self, name: &str, password: &Secret) -> Result<Option<User>, AccountsError> {
        if password.expose().chars().count() > MAX_PASSWORD_CHARS {
            return Ok(None);
        }
        let row = sqlx::query("SELECT id, name, role, created_us, password_hash FROM users WHERE name_key = $1")
            .bind(name_key(name))
            .fetch_optional(&self.pool)
            .await?;
        let hash = row.as_ref().map(|row| row.try_get("password_hash")).transpose()?;
        let right = self.hashing.verify(password, hash).await;
        Ok(row.as_ref().filter(|_| right).map(User::from_row).transpose()?)
    }
}

/// What two spellings of one user name have in common: NFC and lower case, cut where no name goes on.
pub fn name_key(name: &str) -> String {
    // A name longer than any user's finds nobody; cut, it costs no more than one that could exist.
    name.chars().take(MAX_NAME_CHARS + 1).nfc().collect::<String>().to_lowercase()
}

fn checked_name(name: &str) -> Result<String, AccountsError> {
    let normal: String = name.chars().take(4 * MAX_NAME_CHARS).nfc().collect();
    let allowed = |c: char| c.is_alphanumeric() || ".-_@".contains(c);
    let starts_well = normal.chars().next().is_some_and(char::is_alphanumeric);
    if starts_well && normal.chars().count() <= MAX_NAME_CHARS && normal.chars().all(allowed) {
        Ok(normal)
    } else {
        Err(AccountsError::BadName { name: name.chars().take(MAX_NAME_CHARS).collect() })
    }
}

fn check_new_password(password: &Secret) -> Result<(), AccountsError> {
    let found = password.expose().chars().count();
    if (MIN_PASSWORD_CHARS..=MAX_PASSWORD_CHARS).contains(&found) {
        Ok(())
    } else {
        Err(AccountsError::BadPassword { min: MIN_PASSWORD_CHARS, max: MAX_PASSWORD_CHARS, found })
    }
}

/// A label, playlist name or comment of at most `max` characters.
pub(crate) fn check_text(what: &'static str, text: &str, max: usize) -> Result<(), AccountsError> {
    let found = text.chars().count();
    if found <= max { Ok(()) } else { Err(AccountsError::TooLong { what, max, found }) }
}
