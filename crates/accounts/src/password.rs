//! Hashing of the passwords that people choose: argon2id (RFC 9106), away from the async threads, few at a time.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use rand::RngCore;
use tokio::sync::Semaphore;

use crate::Secret;

/// Each hash takes 19 MiB and tens of milliseconds of a processor; more at once would let a flood of logins take the machine.
const MAX_AT_ONCE: usize = 4;

/// A hash of the same cost that no password has, checked for names that do not exist, so that time tells nothing.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBvdGhlciBzYWx0$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and checks passwords, [`MAX_AT_ONCE`] at a time.
#[derive(Clone)]
pub(crate) struct PasswordHashing(Arc<Semaphore>);

impl PasswordHashing {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_AT_ONCE)))
    }

    /// The PHC string of a password under a fresh salt.
    pub(crate) async fn hash(&self, password: &Secret) -> String {
        let password = password.clone();
        self.blocking(move || {
            let mut salt = [0; 16];
            rand::rng().fill_bytes(&mut salt);
            let salt = SaltString::encode_b64(&salt).expect("16 bytes are a salt");
            let hash = Argon2::default().hash_password(password.expose().as_bytes(), &salt);
            hash.expect("the default parameters are valid").to_string()
        })
        .await
    }

    /// Whether `password` has this PHC string. Without one it works as long and answers no.
    pub(crate) async fn verify(&self, password: &Secret, hash: Option<String>) -> bool {
        let password = password.clone();
        self.blocking(move || {
            let parsed = hash.as_deref().and_then(|hash| PasswordHash::new(hash).ok());
            let known = parsed.is_some();
            let parsed = parsed.unwrap_or_else(|| PasswordHash::new(NOBODY).expect("the constant is a PHC string"));
            Argon2::default().verify_password(password.expose().as_bytes(), &parsed).is_ok() && known
        })
        .await
    }

    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let permit = Arc::clone(&self.0).acquire_owned().await.expect("the semaphore is never closed");
        let task = tokio::task::spawn_blocking(move || {
            let _held_until_done = permit;
            work()
        });
        task.await.expect("hashing does not panic and is never cancelled")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_verifies_its_password_only() {
        let hashing = PasswordHashing::new();
        let hash = hashing.hash(&Secret::new("correct horse")).await;
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(hashing.verify(&Secret::new("correct horse"), Some(hash.clone())).await);
        assert!(!hashing.verify(&Secret::new("correct horsf"), Some(hash)).await);
        assert!(!hashing.verify(&Secret::new("correct horse"), None).await);
        assert!(!hashing.verify(&Secret::new("correct horse"), Some("not a hash".into())).await);
    }
}
