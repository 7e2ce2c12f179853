//! The `minisign` program and the crate read each other's keys and signatures.

use std::fs;

use fonoteca_torrent::{PublicKey, SigningKey, sign};

use crate::feed::{sample, verify_signed};
use crate::programs::output_of;

#[test]
fn minisign_verifies_what_is_signed_here() {
    let folder = tempfile::tempdir().expect("folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let key = SigningKey::generate().expect("random numbers");
    let bytes = sample(1, None).to_bytes();
    fs::write(at("feed.json"), &bytes).expect("written");
    fs::write(at("feed.json.minisig"), sign(&bytes, &key, "serial 1").expect("signs")).expect("written");
    fs::write(at("feed.pub"), key.public().to_file_text()).expect("written");
    let said = output_of("minisign", "minisign", &["-V", "-m", &at("feed.json"), "-p", &at("feed.pub")]);
    assert!(said.contains("Signature and comment signature verified\nTrusted comment: serial 1"), "{said}");
}

#[test]
fn signatures_of_minisign_verify_here() {
    let folder = tempfile::tempdir().expect("folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let feed = sample(1, None);
    fs::write(at("feed.json"), feed.to_bytes()).expect("written");

    // With a key of minisign's own, without a password.
    output_of("minisign", "minisign", &["-G", "-W", "-p", &at("their.pub"), "-s", &at("their.key")]);
    let public: PublicKey = fs::read_to_string(at("their.pub")).expect("read").parse().expect("a public key");
    for legacy in [&[][..], &["-l"]] {
        let (message, secret, sig) = (at("feed.json"), at("their.key"), at("their.minisig"));
        let args = [&["-S", "-m", &message, "-s", &secret, "-x", &sig][..], legacy].concat();
        output_of("minisign", "minisign", &args);
        let text = fs::read_to_string(&sig).expect("read");
        assert_eq!(verify_signed(&feed.to_bytes(), &text, std::slice::from_ref(&public)).expect("verifies"), feed);
    }

    // With a key made here.
    let key = SigningKey::generate().expect("random numbers");
    fs::write(at("our.key"), key.to_secret_text().expect("text")).expect("written");
    let sig = at("our.minisig");
    output_of("minisign", "minisign", &["-S", "-m", &at("feed.json"), "-s", &at("our.key"), "-x", &sig]);
    let text = fs::read_to_string(&sig).expect("read");
    assert_eq!(verify_signed(&feed.to_bytes(), &text, &[key.public().clone()]).expect("verifies"), feed);
}
