//! Secrets: texts that mask themselves, random ones, and the key that seals those that must be read back.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand::RngCore;
use sha2::{Digest, Sha256};

const NONCE_BYTES: usize = 24;

/// A text that nobody sees by accident: `Debug` and `Display` print `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, to be shown once or compared, never logged.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// 120 random bits in groups of four, without letters that look alike, to be typed into a phone.
    pub(crate) fn random_to_type() -> Self {
        const ALPHABET: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
        let mut bytes = [0; 24];
        rand::rng().fill_bytes(&mut bytes);
        let letters: Vec<char> = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
        let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
        Self(groups.join("-"))
    }

    /// 256 random bits in URL-safe base64 after `prefix`.
    pub(crate) fn random(prefix: &str) -> Self {
        let mut bytes = [0; 32];
        rand::rng().fill_bytes(&mut bytes);
        Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// What is stored of a random secret: no need to slow a guesser down who would have to guess 256 bits.
    pub(crate) fn sha256_hex(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Whether two texts are the same, in a time that does not tell where they differ.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && std::hint::black_box(a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b))) == 0
}

/// The 256-bit key that seals app passwords. Kept in the user's configuration folder, never in the archive.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountsKey([u8; 32]);

/// Why a text is not an accounts key; it never repeats the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an accounts key is 32 bytes in base64 (44 characters); restore the key file from a backup")]
pub struct AccountsKeyError;

impl AccountsKey {
    /// A new random key.
    pub fn generate() -> Self {
        let mut bytes = [0; 32];
        rand::rng().fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Standard base64 with padding, 44 characters: what the key file holds.
    pub fn to_text(&self) -> Secret {
        Secret(STANDARD.encode(self.0))
    }

    /// Nonce and ciphertext in base64. `place` names the row, so that a sealed text cannot be moved to another one.
    pub(crate) fn seal(&self, text: &str, place: &str) -> String {
        let mut nonce = [0; NONCE_BYTES];
        rand::rng().fill_bytes(&mut nonce);
        let payload = Payload { msg: text.as_bytes(), aad: place.as_bytes() };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).expect("a short text can always be sealed");
        STANDARD.encode([&nonce[..], &sealed].concat())
    }

    /// The text that was sealed for `place`, or `None` if the key, the place or a bit is not the same.
    pub(crate) fn unseal(&self, sealed: &str, place: &str) -> Option<Secret> {
        let bytes = STANDARD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        let text = self.cipher().decrypt(&XNonce::from(*nonce), payload).ok()?;
        String::from_utf8(text).ok().map(Secret)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }
}

impl FromStr for AccountsKey {
    type Err = AccountsKeyError;

    /// Reads what [`AccountsKey::to_text`] wrote; white space around it is ignored.
    fn from_str(text: &str) -> Result<Self, AccountsKeyError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| AccountsKeyError)?;
        bytes.try_into().map(Self).map_err(|_| AccountsKeyError)
    }
}

impl fmt::Debug for AccountsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountsKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_masks_itself() {
        let secret = Secret::new("sesame");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
        assert_eq!(format!("{:?}", AccountsKey([7; 32])), "AccountsKey(***)");
    }

    #[test]
    fn a_key_survives_its_text_and_nothing_else_is_a_key() {
        let key = AccountsKey::generate();
        assert_eq!(format!(" {}\n", key.to_text().expose()).parse::<AccountsKey>().expect("a key"), key);
        for wrong in ["", "AAAA", "not base64!", &"A".repeat(44)] {
            assert!(matches!(wrong.parse::<AccountsKey>(), Err(AccountsKeyError)), "{wrong}");
        }
    }

    #[test]
    fn a_sealed_text_opens_only_with_its_key_in_its_place() {
        let key = AccountsKey::generate();
        let sealed = key.seal("sesame", "row 1");
        assert_ne!(sealed, key.seal("sesame", "row 1"), "a nonce is never used twice");
        assert_eq!(key.unseal(&sealed, "row 1"), Some(Secret::new("sesame")));
        assert_eq!(key.unseal(&sealed, "row 2"), None);
        assert_eq!(AccountsKey::generate().unseal(&sealed, "row 1"), None);
        for cut in ["", "AAAA", &sealed[..40]] {
            assert_eq!(key.unseal(cut, "row 1"), None);
        }
    }

    #[test]
    fn a_secret_to_type_has_no_letters_that_look_alike() {
        let secret = Secret::random_to_type();
        assert_eq!(secret.expose().len(), 24 + 5);
        assert!(!secret.expose().contains(['0', '1', 'l', 'o']), "{}", secret.expose());
    }

    #[test]
    fn same_is_equality() {
        assert!(same(b"", b"") && same(b"abc", b"abc"));
        assert!(!same(b"abc", b"abd") && !same(b"abc", b"ab") && !same(b"", b"a"));
    }
}
