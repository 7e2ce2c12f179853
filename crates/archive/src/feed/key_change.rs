//! Changing keys: what the archive's keys say of each other, in `releases/.keys.json`.

use std::path::PathBuf;

use fonoteca_torrent::feed::{PublicKey, Said, SigningKey, Statement};
use serde::Serialize;

use super::publish::vouch;
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::keys::{KeyRing, public_keys};
use crate::settings::Settings;

/// What a change of keys did.
#[derive(Debug, Clone, Serialize)]
pub struct KeyChange {
    /// The key that signs from now on.
    pub key: PublicKey,
    /// The key that it follows, or that was revoked.
    pub old: PublicKey,
    /// What was signed.
    pub statement: Statement,
}

fn path(archive: &Archive) -> PathBuf {
    archive.releases_path().join(".keys.json")
}

/// What the archive's keys said of each other so far, oldest first.
pub fn statements(archive: &Archive) -> Result<Vec<Statement>, ArchiveError> {
    let path = path(archive);
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| ArchiveError::Damaged { what: format!("{}: {error}", path.display()) }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(ArchiveError::Io { path, what: "cannot be read", source }),
    }
}

fn add(archive: &Archive, statement: &Statement) -> Result<(), ArchiveError> {
    let mut all = statements(archive)?;
    all.push(statement.clone());
    let bytes = serde_json::to_vec_pretty(&all).map_err(|error| ArchiveError::Bug(error.to_string()))?;
    Ok(fonoteca_store::write_file(&path(archive), &bytes)?)
}

fn put_in_force(archive: &Archive, new: &PublicKey, old: Option<&PublicKey>) -> Result<(), ArchiveError> {
    let mut settings = Settings::read(archive.root())?;
    let (new, old) = (new.to_string(), old.map(PublicKey::to_string));
    settings.publish.keys.retain(|key| *key != new && Some(key) != old.as_ref());
    settings.publish.keys.insert(0, new);
    settings.write(archive.root())
}

/// Names the key that signs, whose secret half may be on another machine; only where none is named yet.
pub fn adopt(archive: &Archive, key: &PublicKey) -> Result<(), ArchiveError> {
    let keys = public_keys(archive)?;
    if keys.contains(key) {
        return Ok(());
    }
    if let Some(first) = keys.first() {
        return Err(ArchiveError::Usage(format!(
            "key {} signs for this archive already: `fonoteca feed key rotate --to` hands over to another",
            first.id()
        )));
    }
    put_in_force(archive, key, None)
}

/// Hands over from the key in force to `new`, or to one that is made here. The feed that is published next tells mirrors.
/// What a killed hand-over left is completed.
pub fn rotate(archive: &Archive, keys: &KeyRing, new: Option<PublicKey>) -> Result<KeyChange, ArchiveError> {
    if public_keys(archive)?.is_empty() {
        return Err(ArchiveError::Usage(
            "there is no key yet that could hand over: `fonoteca feed publish` makes one".into(),
        ));
    }
    let old = keys.signing_key(archive)?;
    let begun = statements(archive)?.into_iter().find_map(|statement| match statement.read() {
        Ok(Said::Rotate { old: from, new }) if from == *old.public() => Some((new, statement)),
        _ => None,
    });
    let (new, statement) = if let Some(begun) = begun {
        begun
    } else {
        let new = match new {
            Some(new) => new,
            None => keys.new_key()?.public().clone(),
        };
        if new == *old.public() {
            return Err(ArchiveError::Usage("a key cannot hand over to itself".to_owned()));
        }
        let said = Said::Rotate { old: old.public().clone(), new: new.clone() };
        let statement = sign(archive, &said, &old)?;
        add(archive, &statement)?;
        (new, statement)
    };
    put_in_force(archive, &new, Some(old.public()))?;
    if let Ok(key) = keys.signing_key(archive)
        && *key.public() == new
    {
        vouch(archive, &key)?;
    }
    Ok(KeyChange { key: new, old: old.public().clone(), statement })
}

/// Revokes a key that is not the one in force: hand over first.
pub fn revoke(archive: &Archive, keys: &KeyRing, key: &PublicKey) -> Result<KeyChange, ArchiveError> {
    let signer = keys.signing_key(archive)?;
    if signer.public() == key {
        return Err(ArchiveError::Usage(
            "this key signs the feed: hand over to another with `fonoteca feed key rotate`, then revoke it".to_owned(),
        ));
    }
    let said = Said::Revoke { key: key.clone(), signer: signer.public().clone() };
    let known = statements(archive)?
        .into_iter()
        .find(|statement| matches!(statement.read(), Ok(Said::Revoke { key: revoked, .. }) if revoked == *key));
    let statement = if let Some(known) = known {
        known
    } else {
        let statement = sign(archive, &said, &signer)?;
        add(archive, &statement)?;
        statement
    };
    put_in_force(archive, signer.public(), Some(key))?;
    Ok(KeyChange { key: signer.public().clone(), old: key.clone(), statement })
}

fn sign(archive: &Archive, said: &Said, key: &SigningKey) -> Result<Statement, ArchiveError> {
    Statement::sign(said, archive.now(), key).map_err(|error| ArchiveError::Bug(error.to_string()))
}
