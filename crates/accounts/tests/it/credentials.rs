//! App passwords with Subsonic's tokens, and API keys.

use fonoteca_accounts::{AccountsError, MAX_CREDENTIALS, Secret};
use md5::{Digest, Md5};

use crate::{NOW, PASSWORD, world};

fn token(password: &str, salt: &str) -> String {
    hex::encode(Md5::digest(format!("{password}{salt}")))
}

#[test]
fn the_token_of_the_subsonic_documentation() {
    assert_eq!(token("sesame", "c19b2d"), "26719a1196d2a940705a59634eb18eab");
}

#[tokio::test]
async fn a_token_of_any_app_password_opens() {
    let world = world().await;
    let accounts = &world.accounts;
    let phone = accounts.new_app_password(&world.ana, "phone", NOW).await.expect("made");
    let car = accounts.new_app_password(&world.ana, "car", NOW).await.expect("made");
    let bea = world.add("bea").await;
    let of_bea = accounts.new_app_password(&bea, "phone", NOW).await.expect("made");
    let check = async |name: &str, token: &str, salt: &str| {
        accounts.check_token(name, token, salt, NOW).await.expect("asked").map(|user| user.name)
    };
    for secret in [&phone, &car] {
        let token = token(secret.expose(), "c19b2d");
        assert_eq!(check("ana", &token, "c19b2d").await.as_deref(), Some("ana"));
        assert_eq!(check("ANA", &token.to_uppercase(), "c19b2d").await.as_deref(), Some("ana"));
        assert_eq!(check("ana", &token, "c19b2e").await, None, "wrong salt");
        assert_eq!(check("ana", &token[..30], "c19b2d").await, None, "half a token");
        assert_eq!(check("bea", &token, "c19b2d").await, None, "another user");
        assert_eq!(check("nobody", &token, "c19b2d").await, None);
    }
    assert_eq!(check("ana", &token(PASSWORD, "c19b2d"), "c19b2d").await, None, "the login password is no app password");
    assert_eq!(check("ana", &token(of_bea.expose(), "x"), "x").await, None);
    assert_eq!(check("ana", "", "").await, None);
    let long = "s".repeat(1_000_000);
    assert_eq!(check("ana", &token(phone.expose(), &long), &long).await, None, "a salt beyond the limit");
}

#[tokio::test]
async fn an_app_password_is_revoked_alone() {
    let world = world().await;
    let accounts = &world.accounts;
    let phone = accounts.new_app_password(&world.ana, "phone", NOW).await.expect("made");
    let car = accounts.new_app_password(&world.ana, "car", NOW.plus_seconds(1)).await.expect("made");
    let listed = accounts.app_passwords(&world.ana).await.expect("listed");
    assert_eq!(listed.iter().map(|password| &*password.label).collect::<Vec<_>>(), ["phone", "car"]);
    let bea = world.add("bea").await;
    assert!(!accounts.revoke_app_password(&bea, listed[0].id).await.expect("asked"), "not hers");
    assert!(accounts.revoke_app_password(&world.ana, listed[0].id).await.expect("asked"));
    assert!(!accounts.revoke_app_password(&world.ana, listed[0].id).await.expect("asked"));
    assert!(accounts.check_app_password("ana", &phone, NOW).await.expect("asked").is_none());
    assert!(accounts.check_app_password("ana", &car, NOW).await.expect("asked").is_some());
}

#[tokio::test]
async fn last_use_is_noted_every_ten_minutes() {
    let world = world().await;
    let accounts = &world.accounts;
    let password = accounts.new_app_password(&world.ana, "phone", NOW).await.expect("made");
    let key = accounts.new_api_key(&world.ana, "script", NOW).await.expect("made");
    let last_used = async || {
        let password = accounts.app_passwords(&world.ana).await.expect("listed")[0].last_used;
        let key = accounts.api_keys(&world.ana).await.expect("listed")[0].last_used;
        assert_eq!(password, key);
        password
    };
    assert_eq!(last_used().await, None);
    for (seconds, noted) in [(0, 0), (599, 0), (600, 600), (900, 600)] {
        let now = NOW.plus_seconds(seconds);
        assert!(accounts.check_app_password("ana", &password, now).await.expect("asked").is_some());
        assert!(accounts.check_api_key(&key, now).await.expect("asked").is_some());
        assert_eq!(last_used().await, Some(NOW.plus_seconds(noted)), "after {seconds} s");
    }
}

#[tokio::test]
async fn an_api_key_names_its_user() {
    let world = world().await;
    let accounts = &world.accounts;
    let key = accounts.new_api_key(&world.ana, "script", NOW).await.expect("made");
    assert_eq!(accounts.check_api_key(&key, NOW).await.expect("asked"), Some(world.ana.clone()));
    for wrong in ["", "fonoteca_", &key.expose()[1..], &"x".repeat(1_000_000)] {
        assert_eq!(accounts.check_api_key(&Secret::new(wrong), NOW).await.expect("asked"), None);
    }
    let id = accounts.api_keys(&world.ana).await.expect("listed")[0].id;
    assert!(accounts.revoke_api_key(&world.ana, id).await.expect("asked"));
    assert_eq!(accounts.check_api_key(&key, NOW).await.expect("asked"), None);
}

#[tokio::test]
async fn credentials_have_limits() {
    let world = world().await;
    for _ in 0..MAX_CREDENTIALS {
        world.accounts.new_app_password(&world.ana, "one more", NOW).await.expect("room");
    }
    let error = world.accounts.new_app_password(&world.ana, "too many", NOW).await.expect_err("no room");
    assert_eq!(error.to_string(), "a user has at most 32 app passwords; remove some first");
    let error = world.accounts.new_api_key(&world.ana, &"x".repeat(101), NOW).await.expect_err("too long");
    assert!(matches!(error, AccountsError::TooLong { found: 101, .. }), "{error}");
}
