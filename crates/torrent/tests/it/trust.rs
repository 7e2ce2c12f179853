//! From one key to the next: what a reader follows, and what it refuses.

use std::fs;

use fonoteca_model::Timestamp;
use fonoteca_torrent::feed::{Feed, Said, Statement};
use fonoteca_torrent::{FeedError, PublicKey, SigningKey, Trust, sign};

use crate::feed::sample;
use crate::programs::output_of;

const AT: Timestamp = Timestamp::from_seconds(1_793_620_000);

fn key() -> SigningKey {
    SigningKey::generate().expect("random numbers")
}

fn rotate(old: &SigningKey, new: &SigningKey) -> Statement {
    let said = Said::Rotate { old: old.public().clone(), new: new.public().clone() };
    Statement::sign(&said, AT, old).expect("signs")
}

fn revoke(key: &SigningKey, signer: &SigningKey) -> Statement {
    let said = Said::Revoke { key: key.public().clone(), signer: signer.public().clone() };
    Statement::sign(&said, AT, signer).expect("signs")
}

fn trust(keys: &[&SigningKey]) -> Trust {
    Trust::new(publics(keys))
}

fn publics(keys: &[&SigningKey]) -> Vec<PublicKey> {
    keys.iter().map(|key| key.public().clone()).collect()
}

/// What a reader makes of a feed with these statements, signed with `key`.
fn read(trust: &Trust, statements: &[Statement], key: &SigningKey) -> Result<Trust, String> {
    let feed = Feed { statements: statements.to_vec(), ..sample(1, None) };
    let bytes = feed.to_bytes();
    let signature = sign(&bytes, key, "").expect("signs");
    trust.verify(&bytes, &signature).map(|(_, trust)| trust).map_err(|error: FeedError| error.to_string())
}

#[test]
fn whoever_trusts_an_old_key_is_led_to_the_one_in_use() {
    let (first, second, third) = (key(), key(), key());
    let chain = [rotate(&first, &second), rotate(&second, &third)];
    for old in [&first, &second, &third] {
        let after = read(&trust(&[old]), &chain, &third).expect("followed");
        assert_eq!(after.keys, publics(&[&third]));
        assert_eq!(read(&after, &chain, &third).expect("the next one, too"), after);
    }
    let after = read(&trust(&[&first]), &chain, &third).expect("followed");
    assert_eq!(after.former, publics(&[&first, &second]));
    // Another key that the operator trusts stays.
    let other = key();
    let both = read(&trust(&[&other, &first]), &chain, &third).expect("followed");
    assert_eq!(both.keys, publics(&[&other, &third]));
}

#[test]
fn a_key_that_was_replaced_is_believed_no_more() {
    let (old, new, thief) = (key(), key(), key());
    let after = read(&trust(&[&old]), &[rotate(&old, &new)], &new).expect("followed");
    let id = old.public().id();
    let replaced = format!(
        "the feed is signed with key {id}, which was replaced by another: \
         an old feed is being served, or somebody else has the old key"
    );
    assert_eq!(read(&after, &[], &old).expect_err("refused"), replaced);
    // Nor when its own feed says that it was replaced.
    assert_eq!(read(&trust(&[&old]), &[rotate(&old, &new)], &old).expect_err("refused"), replaced);
    // Whoever stole it cannot lead readers elsewhere who know better.
    let refused = read(&after, &[rotate(&old, &thief)], &thief).expect_err("refused");
    assert!(refused.contains("is not among the trusted keys"), "{refused}");
}

#[test]
fn a_broken_chain_is_refused() {
    let (first, second, third, thief) = (key(), key(), key(), key());
    let good = [rotate(&first, &second), rotate(&second, &third)];
    let reader = trust(&[&first]);
    let refused = |statements: &[Statement], key: &SigningKey| read(&reader, statements, key).expect_err("refused");

    let gap = refused(&good[1..], &third);
    assert!(gap.contains("is not among the trusted keys"), "a link is missing: {gap}");
    let mut forged = good.to_vec();
    forged[1] = Statement { signature: rotate(&thief, &third).signature, ..forged[1].clone() };
    assert!(refused(&forged, &third).starts_with("the feed's statements[1], about its keys, breaks the chain: "));
    let mut changed = good.to_vec();
    changed[0].text = changed[0].text.replace(&second.public().to_string(), &thief.public().to_string());
    assert!(refused(&changed, &thief).starts_with("the feed's statements[0], about its keys, breaks the chain: "));
    let forked = [rotate(&first, &second), rotate(&first, &third)];
    assert!(refused(&forked, &third).contains("hands over to two different keys"));
    for text in ["", "fonoteca-key/2 rotate a b 1", "fonoteca-key/1 burn RW RW 1", "fonoteca-key/1 rotate RW RW x"] {
        let statement = Statement { text: text.to_owned(), signature: good[0].signature.clone() };
        assert!(refused(&[statement], &third).contains("breaks the chain"), "{text}");
    }
    let many = vec![good[0].clone(); 65];
    assert!(refused(&many, &second).contains("statements has 65 entries, at most 64"));
    // A chain that is sound does not make a wrong signature right.
    let feed = Feed { statements: good.to_vec(), ..sample(1, None) };
    let signature = sign(b"something else", &third, "").expect("signs");
    let error = reader.verify(&feed.to_bytes(), &signature).expect_err("refused").to_string();
    assert!(error.starts_with("the feed's signature does not match"), "{error}");
}

#[test]
fn a_revoked_key_is_believed_no_more_and_never_again() {
    let (old, new, stranger) = (key(), key(), key());
    let statements = [rotate(&old, &new), revoke(&old, &new)];
    let after = read(&trust(&[&old]), &statements, &new).expect("followed");
    assert_eq!((after.keys.clone(), after.former.clone()), (publics(&[&new]), vec![]));
    assert_eq!(after.revoked, publics(&[&old]));
    assert!(read(&after, &[], &old).expect_err("refused").contains("which was revoked"));
    let back = [rotate(&new, &old)];
    assert!(read(&after, &back, &old).expect_err("refused").contains("which was revoked"));
    // Strangers revoke nothing.
    let after = read(&trust(&[&new]), &[revoke(&new, &stranger)], &new).expect("believed");
    assert_eq!(after.keys, publics(&[&new]));
    // A key may revoke itself, and then nothing is left that could be believed.
    assert!(read(&trust(&[&old]), &[revoke(&old, &old)], &old).expect_err("refused").contains("which was revoked"));
}

#[test]
fn minisign_signs_and_verifies_statements() {
    let folder = tempfile::tempdir().expect("folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (old, new) = (key(), key());
    let here = rotate(&old, &new);
    fs::write(at("statement"), &here.text).expect("written");
    fs::write(at("statement.minisig"), &here.signature).expect("written");
    output_of("minisign", "minisign", &["-V", "-m", &at("statement"), "-P", &old.public().to_string()]);
    fs::write(at("old.key"), old.to_secret_text().expect("text")).expect("written");
    output_of("minisign", "minisign", &["-S", "-m", &at("statement"), "-s", &at("old.key")]);
    let signature = fs::read_to_string(at("statement.minisig")).expect("read");
    assert_ne!(signature, here.signature);
    let theirs = Statement { signature, ..here };
    assert_eq!(read(&trust(&[&old]), &[theirs], &new).expect("followed").keys, publics(&[&new]));
}
