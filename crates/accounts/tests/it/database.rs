//! The database as a file: who may read it, what it gives away, versions, keys, several processes.

use std::time::Duration;

use fonoteca_accounts::{Accounts, AccountsError, AccountsKey, NewPlaylist, Role, Secret};
use fonoteca_model::Id;
use sqlx::ConnectOptions;

use crate::{NOW, PASSWORD, World, world};

fn file(world: &World) -> std::path::PathBuf {
    world.folder.path().join("accounts.sqlite")
}

#[tokio::test]
async fn no_secret_stands_in_the_files() {
    let world = world().await;
    let accounts = &world.accounts;
    let secrets = [
        Secret::new(PASSWORD),
        accounts.new_app_password(&world.ana, "phone", NOW).await.expect("made"),
        accounts.new_api_key(&world.ana, "script", NOW).await.expect("made"),
        accounts.new_session(&world.ana, NOW, Duration::from_mins(1)).await.expect("made"),
        world.key.to_text(),
    ];
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(world.folder.path()).expect("listed") {
        bytes.extend(std::fs::read(entry.expect("an entry").path()).expect("read"));
    }
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("phone") && holds("script"), "the rows are in the files that were read");
    for secret in &secrets {
        assert!(!holds(secret.expose()), "found {}", secret.expose());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_of_the_files_reads_them() {
    use std::os::unix::fs::PermissionsExt;
    let world = world().await;
    let mut files = 0;
    for entry in std::fs::read_dir(world.folder.path()).expect("listed") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", entry.path().display());
        files += 1;
    }
    assert!(files >= 2, "the database and its log");
}

#[tokio::test]
async fn what_was_written_is_there_after_opening_again() {
    let world = world().await;
    let password = world.accounts.new_app_password(&world.ana, "phone", NOW).await.expect("made");
    world.accounts.close().await;
    let again = Accounts::open(&file(&world), world.key.clone()).await.expect("opens");
    assert_eq!(again.users().await.expect("listed"), std::slice::from_ref(&world.ana));
    assert!(again.check_app_password("ana", &password, NOW).await.expect("asked").is_some());
}

#[tokio::test]
async fn another_key_is_refused() {
    let world = world().await;
    let error = Accounts::open(&file(&world), AccountsKey::generate()).await.expect_err("refused");
    assert!(matches!(error, AccountsError::WrongKey { .. }), "{error}");
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let world = world().await;
    world.accounts.close().await;
    let mut raw = sqlx::sqlite::SqliteConnectOptions::new().filename(file(&world)).connect().await.expect("opens");
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'of the future', TRUE, x'00', 0)",
    )
    .execute(&mut raw)
    .await
    .expect("inserted");
    let error = Accounts::open(&file(&world), world.key.clone()).await.expect_err("refused");
    assert_eq!(
        error.to_string(),
        format!(
            "the accounts database {} was written by a newer version of Fonoteca (migration 9999); update this one",
            file(&world).display()
        )
    );
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("accounts.sqlite");
    std::fs::write(&path, "this is a text file, long enough to be read as a header of a hundred bytes".repeat(3))
        .expect("written");
    let error = Accounts::open(&path, AccountsKey::generate()).await.expect_err("refused");
    assert!(matches!(error, AccountsError::Open { .. }), "{error:?}");
    let error = Accounts::open(&folder.path().join("no/such"), AccountsKey::generate()).await.expect_err("refused");
    assert!(matches!(error, AccountsError::Open { .. }), "{error:?}");
}

#[tokio::test]
async fn a_damaged_app_password_is_named() {
    let world = world().await;
    let password = world.accounts.new_app_password(&world.ana, "phone", NOW).await.expect("made");
    let mut raw = sqlx::sqlite::SqliteConnectOptions::new().filename(file(&world)).connect().await.expect("opens");
    sqlx::query("UPDATE app_passwords SET id = id + 1").execute(&mut raw).await.expect("moved");
    let error = world.accounts.check_app_password("ana", &password, NOW).await.expect_err("refused");
    assert!(matches!(&error, AccountsError::Damaged { user, label } if user == "ana" && label == "phone"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_pools_make_and_write_one_database() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("accounts.sqlite");
    let key = AccountsKey::generate();
    let open = || Accounts::open(&path, key.clone());
    let (one, two) = tokio::join!(open(), open());
    let pools = [one.expect("opens"), two.expect("opens")];
    let ana = pools[0].add_user("ana", &Secret::new(PASSWORD), Role::Owner, NOW).await.expect("added");

    let mut tasks = tokio::task::JoinSet::new();
    for (number, pool) in pools.iter().enumerate() {
        for worker in 0..4_i64 {
            let (pool, ana) = (pool.clone(), ana.clone());
            tasks.spawn(async move {
                for play in 0..25 {
                    let track = Id(number as i64 * 1000 + worker * 100 + play);
                    pool.scrobble(&ana, track, NOW, true).await.expect("scrobbled");
                    if play % 5 == 0 {
                        pool.create_playlist(&ana, &NewPlaylist::default(), NOW).await.expect("created");
                    }
                }
            });
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no worker failed");
    }
    for pool in &pools {
        assert_eq!(pool.plays(&ana, 1000).await.expect("listed").len(), 200);
        assert_eq!(pool.playlists(&ana).await.expect("listed").len(), 40);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_first_users_one_is_the_owner() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("accounts.sqlite");
    let key = AccountsKey::generate();
    let one = Accounts::open(&path, key.clone()).await.expect("opens");
    let two = Accounts::open(&path, key).await.expect("opens");
    let password = Secret::new(PASSWORD);
    let (ana, bea) = tokio::join!(
        one.add_user("ana", &password, Role::Listener, NOW),
        two.add_user("bea", &password, Role::Listener, NOW)
    );
    let roles = [ana.expect("added").role, bea.expect("added").role];
    assert_eq!(roles.iter().filter(|&&role| role == Role::Owner).count(), 1, "{roles:?}");
}
