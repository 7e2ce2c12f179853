//! Which keys a feed is believed by, and how one key hands over to the next.
//!
//! An archive's keys speak of each other in *statements*, one line of text each with a minisign signature: a key says which
//! one follows it, or that a key is no longer to be believed. They stand in every feed, oldest first, so that whoever trusts
//! an old key finds the way to the one in use.

use fonoteca_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::Document;
use super::keys::{PublicKey, SigningKey, sign, signer, verify_bytes};
use super::{FeedError, MAX_FEED_BYTES};

/// Statements in one feed at most.
const MAX_STATEMENTS: usize = 64;
/// How every statement begins.
const FORMAT: &str = "fonoteca-key/1";

/// What a key said, as it was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The signed text, one line without its end: `fonoteca-key/1 rotate OLD NEW MILLISECONDS` or
    /// `fonoteca-key/1 revoke KEY SIGNER MILLISECONDS`.
    pub text: String,
    /// The text of the minisign signature.
    pub signature: String,
}

/// What a statement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// `old` hands over to `new`, and signs it.
    Rotate {
        /// The key that was in force.
        old: PublicKey,
        /// The key that follows it.
        new: PublicKey,
    },
    /// `key` is not to be believed any more, says `signer`: itself, or another key in force.
    Revoke {
        /// The key that was lost or stolen.
        key: PublicKey,
        /// Who says so.
        signer: PublicKey,
    },
}

impl Said {
    /// The text to be signed.
    pub fn text(&self, at: Timestamp) -> String {
        let at = at.as_millis();
        match self {
            Self::Rotate { old, new } => format!("{FORMAT} rotate {old} {new} {at}"),
            Self::Revoke { key, signer } => format!("{FORMAT} revoke {key} {signer} {at}"),
        }
    }

    /// The key that has to sign it.
    pub fn signer(&self) -> &PublicKey {
        match self {
            Self::Rotate { old, .. } => old,
            Self::Revoke { signer, .. } => signer,
        }
    }

    /// Reads the text of a statement, whoever signed it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(' ').collect();
        let [format, verb, first, second, at] = words[..] else {
            return Err("it has not five words".to_owned());
        };
        if format != FORMAT {
            return Err(format!("it is of format {format:?}, this program reads {FORMAT:?}"));
        }
        at.parse::<i64>().map_err(|_| format!("{at:?} is not a moment in milliseconds"))?;
        let key = |text: &str| text.parse::<PublicKey>().map_err(|error| format!("{text:?}: {error}"));
        match verb {
            "rotate" => Ok(Self::Rotate { old: key(first)?, new: key(second)? }),
            "revoke" => Ok(Self::Revoke { key: key(first)?, signer: key(second)? }),
            _ => Err(format!("{verb:?} is neither `rotate` nor `revoke`")),
        }
    }
}

impl Statement {
    /// Signs it with the key that has to.
    pub fn sign(said: &Said, at: Timestamp, key: &SigningKey) -> Result<Self, FeedError> {
        let text = said.text(at);
        let signature = sign(text.as_bytes(), key, &text)?;
        Ok(Self { text, signature })
    }

    /// What it says, if the key that has to sign it did.
    pub fn read(&self) -> Result<Said, String> {
        if self.text.len() > 1024 {
            return Err("it is too long".to_owned());
        }
        let said = Said::parse(&self.text)?;
        verify_bytes(self.text.as_bytes(), &self.signature, std::slice::from_ref(said.signer()))
            .map_err(|error| error.to_string())?;
        Ok(said)
    }
}

/// The keys that a reader believes, and what it learned of keys from the feeds that it believed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trust {
    /// Keys in force.
    pub keys: Vec<PublicKey>,
    /// Keys that were trusted and handed over to others. Nothing new is believed by them.
    pub former: Vec<PublicKey>,
    /// Keys that were revoked, for ever.
    pub revoked: Vec<PublicKey>,
}

impl Trust {
    /// Trust in these keys and no others.
    pub fn new(keys: impl Into<Vec<PublicKey>>) -> Self {
        Self { keys: keys.into(), ..Self::default() }
    }

    /// Reads a feed if its bytes are signed by a key that is trusted, or by one that trusted keys lead to; also returns whom
    /// to trust from then on. Whether the feed is fresh is for [`accept`](super::accept) to say.
    pub fn verify(&self, bytes: &[u8], signature: &str) -> Result<(Document, Self), FeedError> {
        if bytes.len() > MAX_FEED_BYTES {
            return Err(FeedError::TooLarge { found: bytes.len() });
        }
        let signer = signer(signature)?;
        let document = if signer.is_among(&self.keys) {
            verify_bytes(bytes, signature, &self.keys)?;
            Document::from_bytes(bytes)?
        } else if signer.is_among(&self.revoked) {
            return Err(FeedError::Revoked { key_id: signer.id() });
        } else if signer.is_among(&self.former) {
            return Err(FeedError::Replaced { key_id: signer.id() });
        } else {
            // Nothing of these bytes is believed but what the statements in them prove by themselves.
            let statements = Document::from_bytes(bytes).map(|document| document.statements().to_vec());
            let led_to = self.follow(&statements.unwrap_or_default())?;
            if !signer.is_among(&led_to.keys) {
                let trusted: Vec<String> = self.keys.iter().map(PublicKey::id).collect();
                return Err(FeedError::UntrustedKey { key_id: signer.id(), trusted: trusted.join(", ") });
            }
            verify_bytes(bytes, signature, &led_to.keys)?;
            Document::from_bytes(bytes)?
        };
        let next = self.follow(document.statements())?;
        if signer.is_among(&next.revoked) {
            return Err(FeedError::Revoked { key_id: signer.id() });
        }
        if !signer.is_among(&next.keys) {
            return Err(FeedError::Replaced { key_id: signer.id() });
        }
        Ok((document, next))
    }

    /// Whom to trust after these statements. One that its key did not sign breaks the chain; one of keys that are not known
    /// here is passed over.
    pub fn follow(&self, statements: &[Statement]) -> Result<Self, FeedError> {
        if statements.len() > MAX_STATEMENTS {
            let problem = format!("has {} entries, at most {MAX_STATEMENTS} are taken", statements.len());
            return Err(FeedError::Field { field: "statements".to_owned(), problem });
        }
        let mut trust = self.clone();
        let mut handed_over: Vec<(PublicKey, PublicKey)> = Vec::new();
        for (index, statement) in statements.iter().enumerate() {
            let broken = |problem: String| FeedError::Chain { index, problem };
            match statement.read().map_err(broken)? {
                Said::Rotate { old, new } => {
                    if handed_over.iter().any(|(from, to)| *from == old && *to != new) {
                        return Err(broken(format!("key {} hands over to two different keys", old.id())));
                    }
                    handed_over.push((old.clone(), new.clone()));
                    if trust.keys.contains(&old) && !trust.revoked.contains(&new) {
                        trust.keys.retain(|key| *key != old && *key != new);
                        trust.former.retain(|key| *key != old && *key != new);
                        trust.former.push(old);
                        trust.keys.push(new);
                    }
                }
                Said::Revoke { key, signer } => {
                    if key == signer || trust.keys.contains(&signer) {
                        trust.keys.retain(|held| *held != key);
                        trust.former.retain(|held| *held != key);
                        if !trust.revoked.contains(&key) {
                            trust.revoked.push(key);
                        }
                    }
                }
            }
        }
        Ok(trust)
    }
}
