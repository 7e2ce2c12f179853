//! Behaviour of the accounts, through the public API and against the database file itself.

mod compat;
mod credentials;
mod database;
mod listening;
mod playlists;
mod users;

use fonoteca_accounts::{Accounts, AccountsKey, Role, Secret, User};
use fonoteca_model::Timestamp;
use tempfile::TempDir;

/// When all tests take place.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);
/// The login password of everybody here.
pub const PASSWORD: &str = "correct horse";

/// A database with its owner `ana`.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) key: AccountsKey,
    pub(crate) accounts: Accounts,
    pub(crate) ana: User,
}

pub(crate) async fn world() -> World {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = AccountsKey::generate();
    let accounts = Accounts::open(&folder.path().join("accounts.sqlite"), key.clone()).await.expect("opens");
    let ana = accounts.add_user("ana", &Secret::new(PASSWORD), Role::Listener, NOW).await.expect("added");
    World { folder, key, accounts, ana }
}

impl World {
    pub(crate) async fn add(&self, name: &str) -> User {
        self.accounts.add_user(name, &Secret::new(PASSWORD), Role::Listener, NOW).await.expect("added")
    }
}
