//! Signing keys. They live in the user's own configuration folder, never in the archive.

use std::path::{Path, PathBuf};

use fonoteca_accounts::AccountsKey;
use fonoteca_torrent::feed::{PublicKey, SigningKey};

use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::settings::Settings;

/// The folder with a user's keys, `fonoteca/keys` below the configuration folder.
#[derive(Debug, Clone)]
pub struct KeyRing {
    folder: PathBuf,
}

impl KeyRing {
    /// The keys in `folder`, which is made at first use.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The key that signs for `archive`. The first time one is made, and its public half is written into `archive.toml`.
    pub fn signing_key(&self, archive: &Archive) -> Result<SigningKey, ArchiveError> {
        let mut settings = Settings::read(archive.root())?;
        for public in &settings.publish.keys {
            let public: PublicKey = parse_public(public)?;
            let path = self.path_of(&public);
            if path.is_file() {
                let text = std::fs::read_to_string(&path).map_err(ArchiveError::io(&path, "cannot be read"))?;
                return SigningKey::load(&text).map_err(|error| ArchiveError::Foreign {
                    name: path.display().to_string(),
                    reason: error.to_string(),
                });
            }
        }
        if !settings.publish.keys.is_empty() {
            return Err(ArchiveError::Usage(format!(
                "none of the keys that archive.toml names is in {}: copy the archive's secret key there, or remove the keys \
                 from archive.toml to begin with a new one (mirrors must then trust it anew)",
                self.folder.display()
            )));
        }
        let key = self.new_key()?;
        settings.publish.keys.push(key.public().to_string());
        settings.write(archive.root())?;
        Ok(key)
    }

    /// Makes a signing key. It signs for nobody before an archive names it.
    pub fn new_key(&self) -> Result<SigningKey, ArchiveError> {
        let key = SigningKey::generate().map_err(|error| ArchiveError::Bug(error.to_string()))?;
        let text = key.to_secret_text().map_err(|error| ArchiveError::Bug(error.to_string()))?;
        self.write_secret(&self.path_of(key.public()), &text)?;
        Ok(key)
    }

    /// Whether a key that signs for `archive` is here; another machine may have it.
    pub fn has_signing_key(&self, archive: &Archive) -> Result<bool, ArchiveError> {
        let keys = public_keys(archive)?;
        Ok(keys.is_empty() || keys.iter().any(|key| self.path_of(key).is_file()))
    }

    /// The key that seals app passwords in the accounts database; made the first time.
    pub fn accounts_key(&self) -> Result<AccountsKey, ArchiveError> {
        let path = self.folder.join("accounts.key");
        let foreign = |reason: String| ArchiveError::Foreign { name: path.display().to_string(), reason };
        match std::fs::read_to_string(&path) {
            Ok(text) => text.trim().parse::<AccountsKey>().map_err(|error| foreign(error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key = AccountsKey::generate();
                self.write_secret(&path, key.to_text().expose())?;
                Ok(key)
            }
            Err(source) => Err(ArchiveError::Io { path: path.clone(), what: "cannot be read", source }),
        }
    }

    fn path_of(&self, public: &PublicKey) -> PathBuf {
        self.folder.join(format!("{}.key", public.id()))
    }

    /// Writes a secret that only its owner may read, and never over another one.
    fn write_secret(&self, path: &Path, text: &str) -> Result<(), ArchiveError> {
        use std::io::Write;
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(ArchiveError::io(&self.folder, "cannot be made"))?;
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(ArchiveError::io(path, "cannot be written"))?;
        file.write_all(text.as_bytes()).map_err(ArchiveError::io(path, "cannot be written"))?;
        file.write_all(b"\n").map_err(ArchiveError::io(path, "cannot be written"))?;
        file.sync_all().map_err(ArchiveError::io(path, "cannot be written"))
    }
}

/// The public keys that `archive.toml` names.
pub fn public_keys(archive: &Archive) -> Result<Vec<PublicKey>, ArchiveError> {
    Settings::read(archive.root())?.publish.keys.iter().map(|text| parse_public(text)).collect()
}

/// Reads a minisign public key as a person gives it.
pub fn parse_public(text: &str) -> Result<PublicKey, ArchiveError> {
    text.trim().parse().map_err(|error| ArchiveError::Usage(format!("{text:?}: {error}")))
}
