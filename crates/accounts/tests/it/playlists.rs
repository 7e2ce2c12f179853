//! Playlists: order, owners, limits.

use fonoteca_accounts::{AccountsError, MAX_PLAYLIST_TRACKS, NewPlaylist};
use fonoteca_model::Id;

use crate::{NOW, world};

fn playlist(name: &str, public: bool, tracks: &[i64]) -> NewPlaylist {
    NewPlaylist { name: name.into(), comment: String::new(), public, tracks: tracks.iter().copied().map(Id).collect() }
}

#[tokio::test]
async fn a_playlist_keeps_its_order_and_repeats() {
    let world = world().await;
    let (accounts, ana) = (&world.accounts, &world.ana);
    let id = accounts.create_playlist(ana, &playlist("Evening", false, &[3, -1, 3, 2]), NOW).await.expect("made");
    let read = accounts.playlist(ana, id).await.expect("asked").expect("there");
    assert_eq!(read.tracks, [3, -1, 3, 2].map(Id));
    assert_eq!((&*read.summary.owner, read.summary.track_count), ("ana", 4));

    let later = NOW.plus_seconds(5);
    accounts.replace_playlist(ana, id, &playlist("Night", true, &[9]), later).await.expect("replaced");
    let read = accounts.playlist(ana, id).await.expect("asked").expect("there");
    assert_eq!((&*read.summary.name, read.summary.public), ("Night", true));
    assert_eq!((read.summary.created, read.summary.changed), (NOW, later));
    assert_eq!(read.tracks, [Id(9)]);

    accounts.delete_playlist(ana, id).await.expect("deleted");
    assert_eq!(accounts.playlist(ana, id).await.expect("asked"), None);
}

#[tokio::test]
async fn others_read_what_is_public_and_change_nothing() {
    let world = world().await;
    let (accounts, ana) = (&world.accounts, &world.ana);
    let bea = world.add("bea").await;
    let public = accounts.create_playlist(ana, &playlist("Public", true, &[1]), NOW).await.expect("made");
    let private = accounts.create_playlist(ana, &playlist("Private", false, &[1]), NOW).await.expect("made");
    let seen = accounts.playlists(&bea).await.expect("listed");
    assert_eq!(seen.iter().map(|playlist| playlist.id).collect::<Vec<_>>(), [public]);
    assert_eq!(accounts.playlists(ana).await.expect("listed").len(), 2);
    assert!(accounts.playlist(&bea, public).await.expect("asked").is_some());
    assert!(accounts.playlist(&bea, private).await.expect("asked").is_none());
    for id in [public, private] {
        let replaced = accounts.replace_playlist(&bea, id, &playlist("Mine", true, &[]), NOW).await;
        assert!(matches!(replaced, Err(AccountsError::NoPlaylist { .. })));
        assert!(matches!(accounts.delete_playlist(&bea, id).await, Err(AccountsError::NoPlaylist { .. })));
    }
    assert_eq!(accounts.playlist(ana, public).await.expect("asked").expect("there").tracks, [Id(1)]);
}

#[tokio::test]
async fn a_playlist_may_be_as_long_as_the_limit() {
    let world = world().await;
    let (accounts, ana) = (&world.accounts, &world.ana);
    // Past one statement's rows (500), and at the limit.
    for count in [0, 500, 501, MAX_PLAYLIST_TRACKS] {
        let tracks: Vec<i64> = (0..count as i64).rev().collect();
        let new = playlist("Long", false, &tracks);
        let id = accounts.create_playlist(ana, &new, NOW).await.expect("made");
        assert_eq!(accounts.playlist(ana, id).await.expect("asked").expect("there").tracks, new.tracks, "{count}");
    }
    let new = playlist("Too long", false, &vec![1; MAX_PLAYLIST_TRACKS + 1]);
    let error = accounts.create_playlist(ana, &new, NOW).await.expect_err("refused");
    assert_eq!(error.to_string(), "a playlist has at most 10000 tracks; remove some first");
    let error = accounts.create_playlist(ana, &playlist(&"x".repeat(201), false, &[]), NOW).await.expect_err("refused");
    assert_eq!(error.to_string(), "a playlist's name has at most 200 characters, this one has 201");
}
