//! Minisign keys and signatures (Ed25519; <https://jedisct1.github.io/minisign/>), without passwords: who may read a
//! key file is for the file system to say.

use std::fmt;
use std::io::Cursor;
use std::str::FromStr;

use minisign::{KeyPair, SecretKey, SecretKeyBox, SignatureBox};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::FeedError;

/// Characters of the base64 of 64 bytes: an Ed25519 signature.
const SIGNATURE_CHARS: usize = 88;
/// Bytes of the longest signature file that is read.
const MAX_SIGNATURE_BYTES: usize = 4096;

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a minisign public key.
    #[error("not a minisign public key (a line of base64 that begins with RW): {problem}")]
    Public {
        /// What is wrong with it.
        problem: String,
    },
    /// Not a minisign secret key without a password and with a checksum. (`minisign -G -W` leaves the checksum out.)
    #[error("not a secret key file without a password, as made here or by `rsign generate -W`: {problem}")]
    Secret {
        /// What is wrong with it.
        problem: String,
    },
    /// The system gives no random numbers.
    #[error("a key cannot be made: {problem}")]
    Generate {
        /// What minisign says.
        problem: String,
    },
}

/// A public key; prints as the line of base64 that minisign shows, and reads that line or a whole `.pub` file.
#[derive(Clone)]
pub struct PublicKey(minisign::PublicKey);

impl PublicKey {
    /// The key's id, as minisign shows it: 16 hex digits.
    pub fn id(&self) -> String {
        key_id(self.0.keynum())
    }

    /// The text of a `.pub` file.
    pub fn to_file_text(&self) -> String {
        format!("untrusted comment: minisign public key {}\n{self}\n", self.id())
    }
}

fn key_id(keynum: &[u8]) -> String {
    // Minisign prints the eight bytes as a little-endian number.
    let mut number = [0; 8];
    number.iter_mut().zip(keynum).for_each(|(to, from)| *to = *from);
    format!("{:016X}", u64::from_le_bytes(number))
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_base64())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        // Minisign's own comparison leaves out the key's id.
        self.0.to_bytes() == other.0.to_bytes()
    }
}

impl Eq for PublicKey {}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let problem = |problem: String| KeyError::Public { problem };
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let line = lines.find(|line| !line.starts_with("untrusted comment:"));
        let line = line.ok_or_else(|| problem("it is empty".to_owned()))?;
        let key = minisign::PublicKey::from_base64(line).map_err(|error| problem(error.to_string()))?;
        if key.to_bytes().starts_with(b"Ed") && key.to_base64() == line {
            Ok(Self(key))
        } else {
            Err(problem("it is of another kind".to_owned()))
        }
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A secret key with its public one. Prints only the public one.
pub struct SigningKey {
    secret: SecretKey,
    public: PublicKey,
}

impl SigningKey {
    /// A new key from the system's random numbers.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = KeyPair::generate_unencrypted_keypair();
        let KeyPair { pk, sk } = pair.map_err(|error| KeyError::Generate { problem: error.to_string() })?;
        Ok(Self { secret: sk, public: PublicKey(pk) })
    }

    /// Reads the text of a secret key file.
    pub fn load(text: &str) -> Result<Self, KeyError> {
        let problem = |error: minisign::PError| KeyError::Secret { problem: error.to_string() };
        let file = SecretKeyBox::from_string(text).map_err(problem)?;
        let secret = file.into_unencrypted_secret_key().map_err(problem)?;
        let public = minisign::PublicKey::from_secret_key(&secret).map_err(problem)?;
        Ok(Self { secret, public: PublicKey(public) })
    }

    /// The text of the secret key file, for [`load`](Self::load) and for `minisign -S`. Anybody who reads it can sign:
    /// the file must be its owner's alone.
    pub fn to_secret_text(&self) -> Result<String, KeyError> {
        let file = self.secret.to_box(Some("fonoteca secret key, without a password"));
        file.map(String::from).map_err(|error| KeyError::Secret { problem: error.to_string() })
    }

    /// The public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}

/// Signs `bytes`; the result is the text of a `.minisig` file.
///
/// The comment is signed too, and shown by minisign to whoever verifies; line breaks in it become spaces.
pub fn sign(bytes: &[u8], key: &SigningKey, trusted_comment: &str) -> Result<String, FeedError> {
    let comment: String = trusted_comment.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let untrusted = format!("signature with key {}", key.public.id());
    let signed =
        minisign::sign(Some(&key.public.0), &key.secret, Cursor::new(bytes), Some(comment.trim()), Some(&untrusted));
    signed.map(String::from).map_err(|error| FeedError::Signing { problem: error.to_string() })
}

/// The key that a signature names, as far as a signature tells: whether it made it is for [`verify_bytes`] to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signer([u8; 8]);

impl Signer {
    pub(super) fn id(self) -> String {
        key_id(&self.0)
    }

    pub(super) fn is_among(self, keys: &[PublicKey]) -> bool {
        keys.iter().any(|key| key.0.keynum() == self.0)
    }
}

/// Who is said to have signed.
pub(super) fn signer(signature_text: &str) -> Result<Signer, FeedError> {
    let signature = read_signature(signature_text)?;
    let mut number = [0; 8];
    number.iter_mut().zip(signature.keynum()).for_each(|(to, from)| *to = *from);
    Ok(Signer(number))
}

/// Checks the detached signature of any document, such as a release's manifest, against the keys that are trusted.
pub fn verify_bytes(bytes: &[u8], signature_text: &str, trusted: &[PublicKey]) -> Result<(), FeedError> {
    let signature = read_signature(signature_text)?;
    let key_id = key_id(signature.keynum());
    let mut named = trusted.iter().filter(|key| key.0.keynum() == signature.keynum()).peekable();
    if named.peek().is_none() {
        let trusted: Vec<String> = trusted.iter().map(PublicKey::id).collect();
        return Err(FeedError::UntrustedKey { key_id, trusted: trusted.join(", ") });
    }
    if !named.any(|key| minisign::verify(&key.0, &signature, Cursor::new(bytes), true, false, true).is_ok()) {
        return Err(FeedError::BadSignature { key_id });
    }
    Ok(())
}

/// Minisign's reader, behind a check of the lengths that its verifier takes for granted.
fn read_signature(text: &str) -> Result<SignatureBox, FeedError> {
    let problem = |problem: &str| FeedError::SignatureText { problem: problem.to_owned() };
    if text.len() > MAX_SIGNATURE_BYTES {
        return Err(problem("it is too long"));
    }
    let comment_signature = text.lines().nth(3).ok_or_else(|| problem("it has fewer than four lines"))?;
    if comment_signature.trim().len() != SIGNATURE_CHARS || !comment_signature.trim().ends_with("==") {
        return Err(problem("its fourth line is not a signature"));
    }
    SignatureBox::from_string(text).map_err(|error| FeedError::SignatureText { problem: error.to_string() })
}
