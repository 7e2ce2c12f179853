//! Who may listen, and what they listened to: users, their credentials and their listening state, in SQL.
//!
//! The crate knows neither HTTP nor audio. Whoever serves requests hands in names, secrets and the time, and gets back a
//! [`User`] or nothing. Tracks, albums and artists are only ids here; whether they exist is the catalogue's business.
//!
//! Four kinds of credential, each stored in the weakest form that still does its job:
//!
//! | credential | for | stored as |
//! |---|---|---|
//! | password | the web login form | argon2id hash |
//! | app password | Subsonic's `t`/`s` and `p` parameters | sealed with XChaCha20-Poly1305, since the salted token needs the text |
//! | API key | OpenSubsonic's `apiKey` parameter | SHA-256 |
//! | session | the web cookie | SHA-256 |
//!
//! The key that seals app passwords ([`AccountsKey`]) lives outside the archive: a copied database opens nothing.
//!
//! ```
//! # async fn example() -> Result<(), fonoteca_accounts::AccountsError> {
//! use fonoteca_accounts::{Accounts, AccountsKey, Role, Secret};
//! use fonoteca_model::Timestamp;
//!
//! let now = Timestamp::from_seconds(1_795_000_000);
//! let accounts = Accounts::open("state/accounts.sqlite".as_ref(), AccountsKey::generate()).await?;
//! let ana = accounts.add_user("ana", &Secret::new("correct horse"), Role::Listener, now).await?;
//! assert_eq!(ana.role, Role::Owner, "the first user owns the archive");
//! let for_the_phone = accounts.new_app_password(&ana, "phone", now).await?;
//! assert!(accounts.check_app_password("ana", &for_the_phone, now).await?.is_some());
//! # Ok(())
//! # }
//! ```

mod credentials;
mod database;
mod error;
mod listening;
mod password;
mod playlists;
mod secret;
mod sessions;
mod users;

pub use credentials::{Credential, MAX_CREDENTIALS};
pub use database::Accounts;
pub use error::AccountsError;
pub use listening::{ItemKind, NowPlaying, Play, Star};
pub use playlists::{MAX_PLAYLIST_TRACKS, NewPlaylist, Playlist, PlaylistSummary};
pub use secret::{AccountsKey, AccountsKeyError, Secret};
pub use users::{MIN_PASSWORD_CHARS, Role, User, name_key};
