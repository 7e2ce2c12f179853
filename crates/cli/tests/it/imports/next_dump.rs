//! The next dump: the tables are what it alone would have made them, and what points at tracks points at the same ones.

use std::fs;
use std::sync::Arc;

use fonoteca_accounts::{Accounts, AccountsKey, ItemKind, Role, Secret, User};
use fonoteca_archive::Archive;
use fonoteca_model::{Id, Timestamp};
use serde_json::Value;

use super::musicbrainz::{lines, mbid, release};
use crate::world::World;

/// A track of the sample, which is held, by its code.
const HELD: &str = "ZZFN22100002";
const COLUMNS: &str = "hex_id(id) AS id, title, artist_credit, hex_id(album_id) AS album, isrc, mbid, \"date\", raw";

/// A release whose recording is the held one.
fn release_of_held(title: &str) -> Value {
    let mut release = release(1, title);
    release["artist-credit"][0]["name"] = "Harbour Lights".into();
    let track = &mut release["media"][0]["tracks"][0];
    track["title"] = "Scarborough Fair".into();
    track["length"] = Value::Null;
    track["recording"]["isrcs"] = serde_json::json!([HELD]);
    release
}

/// Rows of a table that imports wrote, but for which of them.
fn imported(world: &World) -> Vec<Value> {
    let asked = format!("SELECT {COLUMNS} FROM tracks WHERE source = 'musicbrainz' ORDER BY id");
    let mut rows = world.here(&["sql", &asked, "--json"]).json();
    for table in ["albums", "artists", "supplements"] {
        let asked = format!("SELECT * EXCEPT (job, batch, import_id) FROM {table} WHERE import_id IS NOT NULL");
        let mut more: Vec<Value> = world.here(&["sql", &asked, "--json"]).json();
        more.sort_by_key(Value::to_string);
        rows.append(&mut more);
    }
    rows
}

/// The ids of the recording that a code leads to: its own, and those of all tracks that are the same.
fn members(world: &World, id: &str) -> Vec<String> {
    let shown = world.here(&["links", "show", id, "--json"]).one();
    let members = shown["members"].as_array().unwrap().iter();
    members.map(|member| member["id"].as_str().unwrap().to_owned()).collect()
}

async fn accounts(world: &World, key: &AccountsKey) -> (Accounts, User) {
    let archive =
        Archive::open(&world.path("archive"), Arc::new(|| Timestamp::from_seconds(1_793_620_800))).await.unwrap();
    let accounts = Accounts::open(&archive.accounts_path(), key.clone()).await.unwrap();
    let user = match accounts.user("daria").await.unwrap() {
        Some(user) => user,
        None => {
            let password = Secret::new("a long enough password");
            accounts.add_user("daria", &password, Role::Owner, Timestamp::from_seconds(1)).await.unwrap()
        }
    };
    (accounts, user)
}

#[test]
fn the_next_dump_leaves_what_it_alone_would_and_whatever_points_at_tracks() {
    let world = World::with_sample();
    let import = |world: &World, releases: &[Value]| {
        fs::write(world.path("release"), lines(releases.iter().cloned())).unwrap();
        let told = world.here(&["import", "musicbrainz", "release", "--json"]);
        assert_eq!(told.code, 0, "{}", told.err);
        let joined = world.here(&["links", "join", "--json"]);
        assert_eq!(joined.code, 0, "{}", joined.err);
        told.one()
    };
    import(&world, &[release_of_held("Fair"), release(2, "Gone"), release(3, "Changed")]);
    let found = world.here(&["lookup", HELD, "--json"]).json();
    let held = found.iter().find(|hit| hit["held"] == true).unwrap()["id"].as_str().unwrap().to_owned();
    let of_dump = Id::of("musicbrainz", &mbid(1_000_001)).to_string();
    let same = members(&world, &held);
    assert!(same.contains(&held) && same.contains(&of_dump), "{same:?}");

    // What points at tracks: rights, a withdrawal, stars and plays.
    assert_eq!(world.here(&["rights", "set", HELD, "--basis", "private-copy"]).code, 0);
    assert_eq!(world.here(&["rights", "withdraw", "SEFON2600003", "--yes"]).code, 0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let key = AccountsKey::generate();
    let changed: Id = Id::of("musicbrainz", &mbid(1_000_003));
    runtime.block_on(async {
        let (accounts, user) = accounts(&world, &key).await;
        for track in [held.parse().unwrap(), changed] {
            accounts.star(&user, ItemKind::Track, track, Timestamp::from_seconds(2)).await.unwrap();
            accounts.scrobble(&user, track, Timestamp::from_seconds(3), true).await.unwrap();
        }
        accounts.close().await;
    });
    let tracks_version = |world: &World| {
        let history = world.here(&["catalog", "history", "tracks", "--json"]).json();
        history.iter().map(|entry| entry["version"].as_u64().unwrap()).max().unwrap()
    };
    let before = tracks_version(&world);
    let rights = world.here(&["rights", "show", HELD, "--json"]).json();
    let withdrawn = world.here(&["rights", "show", "SEFON2600003", "--json"]).json();
    assert!(!withdrawn.is_empty());

    let is_found = |world: &World, words: &str| !world.here(&["search", words, "--json"]).json().is_empty();
    assert!(is_found(&world, "Gone song") && !is_found(&world, "Changed song"), "a withdrawal hides what nobody holds");

    let next = [release_of_held("Fair, again"), release(3, "Changed now"), release(4, "New")];
    let told = import(&world, &next);
    assert_eq!((&told["removed"], &told["rejected"]), (&3.into(), &0.into()), "{told}");
    let afresh = World::with_sample();
    import(&afresh, &next);
    assert_eq!(imported(&world), imported(&afresh));

    // The version before can still be asked.
    let titles = |at: &str| -> Vec<String> {
        let asked = "SELECT title FROM tracks WHERE source = 'musicbrainz' ORDER BY title";
        let rows = world.here(&["sql", asked, "--json", "--at", at]).json();
        rows.iter().map(|row| row["title"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(titles(&format!("tracks={before}")), ["Changed song", "Gone song", "Scarborough Fair"]);
    assert_eq!(
        titles(&format!("tracks={}", tracks_version(&world))),
        ["Changed now song", "New song", "Scarborough Fair"]
    );

    assert_eq!(world.here(&["rights", "show", HELD, "--json"]).json(), rights);
    let withdrawn_still = world.here(&["rights", "show", "SEFON2600003", "--json"]).json();
    assert_eq!(withdrawn_still, withdrawn, "a withdrawal outlasts the next dump");
    assert!(is_found(&world, "New song") && !is_found(&world, "Changed now"), "also in the search");
    let still = members(&world, &held);
    assert!(still.contains(&held) && still.contains(&of_dump), "{still:?}");
    assert_eq!(world.here(&["verify", "--json"]).code, 0);
    let title = |id: &str| {
        let rows = world.here(&["sql", &format!("SELECT title FROM tracks WHERE id = parse_id('{id}')"), "--json"]);
        rows.one()["title"].clone()
    };
    assert_eq!(title(&held), "Scarborough Fair");
    assert_eq!(title(&changed.to_string()), "Changed now song");
    runtime.block_on(async {
        let (accounts, user) = accounts(&world, &key).await;
        let starred: Vec<Id> =
            accounts.starred(&user, ItemKind::Track).await.unwrap().into_iter().map(|star| star.item).collect();
        assert_eq!(starred.len(), 2);
        assert!(starred.contains(&held.parse().unwrap()) && starred.contains(&changed));
        assert_eq!(accounts.play_count(changed).await.unwrap(), 1);
        accounts.close().await;
    });
}
