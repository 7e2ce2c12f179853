//! Names, roles, passwords and sessions.

use std::time::Duration;

use fonoteca_accounts::{AccountsError, Role, Secret};

use crate::{NOW, PASSWORD, world};

#[tokio::test]
async fn the_first_user_owns_the_archive() {
    let world = world().await;
    assert_eq!(world.ana.role, Role::Owner, "though added as a listener");
    let bea = world.add("bea").await;
    assert_eq!(bea.role, Role::Listener);
    let users = world.accounts.users().await.expect("listed");
    assert_eq!(users, [world.ana.clone(), bea.clone()]);
    assert_eq!(world.accounts.user("BEA").await.expect("found"), Some(bea));
    assert_eq!(world.accounts.user("cleo").await.expect("asked"), None);
}

#[tokio::test]
async fn a_name_is_taken_in_any_case_and_any_normal_form() {
    let world = world().await;
    for name in ["ana", "ANA"] {
        let error = world.accounts.add_user(name, &Secret::new(PASSWORD), Role::Listener, NOW).await;
        assert!(matches!(error, Err(AccountsError::NameTaken { .. })), "{name}: {error:?}");
    }
    world.add("Jos\u{e9}").await;
    assert!(world.accounts.user("jose\u{301}").await.expect("asked").is_some(), "decomposed");
}

#[tokio::test]
async fn names_that_nobody_may_have() {
    let world = world().await;
    let long = "a".repeat(65);
    for name in ["", " ", "-ana", "a b", "a/b", "a\0b", "a\nb", "<script>", &long] {
        let error = world.accounts.add_user(name, &Secret::new(PASSWORD), Role::Listener, NOW).await;
        assert!(matches!(error, Err(AccountsError::BadName { .. })), "{name:?}: {error:?}");
    }
    for name in ["é", "音楽", "a.b-c_d@example.org", &long[..64]] {
        world.add(name).await;
    }
}

#[tokio::test]
async fn only_the_right_password_opens() {
    let world = world().await;
    let check = async |name: &str, password: &str| {
        world.accounts.check_password(name, &Secret::new(password)).await.expect("asked").map(|user| user.name)
    };
    assert_eq!(check("Ana", PASSWORD).await.as_deref(), Some("ana"));
    assert_eq!(check("ana", "correct horsf").await, None);
    assert_eq!(check("ana", "").await, None);
    assert_eq!(check("nobody", PASSWORD).await, None);
    assert_eq!(check("ana", &"x".repeat(100_000)).await, None);
}

#[tokio::test]
async fn an_unknown_name_takes_as_long_as_a_wrong_password() {
    let world = world().await;
    let time = async |name: &str| {
        let start = std::time::Instant::now();
        for _ in 0..3 {
            world.accounts.check_password(name, &Secret::new("wrong password")).await.expect("asked");
        }
        start.elapsed()
    };
    time("ana").await;
    let (known, unknown) = (time("ana").await, time("nobody").await);
    // Without the work for nobody the ratio would be in the hundreds.
    assert!(unknown * 10 > known, "known {known:?}, unknown {unknown:?}");
}

#[tokio::test]
async fn a_new_password_replaces_the_old_one_and_ends_sessions() {
    let world = world().await;
    let session = world.accounts.new_session(&world.ana, NOW, Duration::from_mins(1)).await.expect("made");
    world.accounts.set_password("ana", &Secret::new("battery staple")).await.expect("set");
    assert!(world.accounts.check_password("ana", &Secret::new(PASSWORD)).await.expect("asked").is_none());
    assert!(world.accounts.check_password("ana", &Secret::new("battery staple")).await.expect("asked").is_some());
    assert!(world.accounts.check_session(&session, NOW).await.expect("asked").is_none());
    for (password, found) in [("1234567", 7), (&*"x".repeat(257), 257)] {
        let error = world.accounts.set_password("ana", &Secret::new(password)).await.expect_err("refused");
        assert_eq!(error.to_string(), format!("a password has 8 to 256 characters, this one has {found}"));
    }
    let error = world.accounts.set_password("cleo", &Secret::new(PASSWORD)).await.expect_err("refused");
    assert!(matches!(error, AccountsError::NoUser { .. }));
}

#[tokio::test]
async fn an_archive_keeps_an_owner() {
    let world = world().await;
    let accounts = &world.accounts;
    world.add("bea").await;
    assert!(matches!(accounts.remove_user("ana").await, Err(AccountsError::LastOwner { .. })));
    assert!(matches!(accounts.set_role("ana", Role::Listener).await, Err(AccountsError::LastOwner { .. })));
    accounts.set_role("bea", Role::Owner).await.expect("set");
    accounts.remove_user("ana").await.expect("removed");
    assert!(matches!(accounts.remove_user("ana").await, Err(AccountsError::NoUser { .. })));
    assert_eq!(accounts.users().await.expect("listed").len(), 1);
}

#[tokio::test]
async fn removing_a_user_closes_every_door() {
    let world = world().await;
    let accounts = &world.accounts;
    let bea = world.add("bea").await;
    let session = accounts.new_session(&bea, NOW, Duration::from_mins(1)).await.expect("made");
    let key = accounts.new_api_key(&bea, "app", NOW).await.expect("made");
    let password = accounts.new_app_password(&bea, "app", NOW).await.expect("made");
    accounts.remove_user("bea").await.expect("removed");
    assert!(accounts.check_session(&session, NOW).await.expect("asked").is_none());
    assert!(accounts.check_api_key(&key, NOW).await.expect("asked").is_none());
    assert!(accounts.check_app_password("bea", &password, NOW).await.expect("asked").is_none());
    world.add("bea").await;
    assert!(accounts.check_app_password("bea", &password, NOW).await.expect("asked").is_none(), "nor for a new bea");
}

#[tokio::test]
async fn a_session_ends() {
    let world = world().await;
    let accounts = &world.accounts;
    let session = accounts.new_session(&world.ana, NOW, Duration::from_mins(1)).await.expect("made");
    let at = async |seconds| accounts.check_session(&session, NOW.plus_seconds(seconds)).await.expect("asked");
    assert_eq!(at(59).await, Some(world.ana.clone()));
    assert_eq!(at(60).await, None, "the moment it expires");
    accounts.end_session(&session).await.expect("ended");
    assert_eq!(at(0).await, None);
    assert!(accounts.check_session(&Secret::new(""), NOW).await.expect("asked").is_none());
}
