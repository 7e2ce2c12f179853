//! `user`

use crate::world::World;

const PASSWORD: &str = "correct horse battery\n";

#[test]
fn an_account_comes_with_a_password_for_apps() {
    let world = World::with_archive();
    let made = world.here_with_input(&["user", "add", "ana", "--password-stdin", "--json"], PASSWORD);
    assert_eq!(made.code, 0, "{}", made.err);
    let made = made.one();
    assert_eq!((&made["name"], &made["role"]), (&"ana".into(), &"owner".into()), "the first owns the archive");
    assert!(made["app_password"].as_str().unwrap().len() >= 24);
    let second = world.here_with_input(&["user", "add", "bo", "--password-stdin"], PASSWORD);
    assert!(second.out.contains("bo (listener)") && second.err.contains("the password is for the web page"));

    let names: Vec<_> =
        world.here(&["user", "list", "--json"]).json().iter().map(|user| user["name"].clone()).collect();
    assert_eq!(names, ["ana", "bo"]);
    assert!(!world.here(&["user", "list"]).out.contains("horse"));
}

#[test]
fn what_cannot_be_is_said() {
    let world = World::with_archive();
    let short = world.here_with_input(&["user", "add", "ana", "--password-stdin"], "short\n");
    assert_eq!(short.code, 2);
    assert!(short.err.contains("8 to"), "{}", short.err);
    assert_eq!(world.here_with_input(&["user", "add", "ana", "--password-stdin"], PASSWORD).code, 0);
    let again = world.here_with_input(&["user", "add", "Ana", "--password-stdin"], PASSWORD);
    assert_eq!(again.code, 2);
    let last = world.here(&["user", "remove", "ana", "--yes"]);
    assert_eq!(last.code, 2);
    assert!(last.err.contains("last owner"), "{}", last.err);
}

#[test]
fn credentials_are_made_listed_and_revoked() {
    let world = World::with_archive();
    assert_eq!(world.here_with_input(&["user", "add", "ana", "--password-stdin"], PASSWORD).code, 0);
    let key = world.here(&["user", "api-key", "ana", "--label", "phone"]);
    assert!(key.out.starts_with("fonoteca_"), "{}", key.out);
    assert_eq!(world.here(&["user", "app-password", "ana"]).code, 0);
    let listed = world.here(&["user", "credentials", "ana", "--json"]).json();
    assert_eq!(listed.len(), 3);
    let phone = listed.iter().find(|credential| credential["label"] == "phone").unwrap();
    assert_eq!(phone["kind"], "api_key");
    let revoke = ["user", "revoke", "ana", phone["id"].as_str().unwrap()];
    assert_eq!(world.here(&revoke).code, 0);
    assert_eq!(world.here(&revoke).code, 2);
    assert_eq!(world.here(&["user", "credentials", "ana", "--json"]).json().len(), 2);
    let changed = world.here_with_input(&["user", "password", "ana", "--password-stdin"], "another good one\n");
    assert_eq!(changed.code, 0, "{}", changed.err);
}
