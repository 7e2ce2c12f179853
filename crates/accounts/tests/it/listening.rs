//! Plays, stars and ratings.

use fonoteca_accounts::{AccountsError, ItemKind, NowPlaying, Play, Star};
use fonoteca_model::Id;

use crate::{NOW, world};

#[tokio::test]
async fn a_play_sent_twice_counts_once() {
    let world = world().await;
    let (accounts, ana) = (&world.accounts, &world.ana);
    let bea = world.add("bea").await;
    let later = NOW.plus_seconds(200);
    for (user, track, at) in [(ana, 1, NOW), (ana, 1, NOW), (ana, 1, later), (ana, -2, later), (&bea, 1, NOW)] {
        accounts.scrobble(user, Id(track), at, true).await.expect("scrobbled");
    }
    let latest = accounts.plays(ana, 10).await.expect("listed");
    let expected = [(-2, later), (1, later), (1, NOW)].map(|(track, at)| Play { track: Id(track), at });
    assert_eq!(latest, expected);
    assert_eq!(accounts.plays(ana, 1).await.expect("listed"), expected[..1]);
    let counts = accounts.play_counts(ana).await.expect("counted");
    assert_eq!(counts, [(Id(1), 2), (Id(-2), 1)].into());
    assert_eq!(accounts.play_count(Id(1)).await.expect("counted"), 3);
    assert_eq!(accounts.play_count(Id(3)).await.expect("counted"), 0);
}

#[tokio::test]
async fn what_plays_now_is_no_play() {
    let world = world().await;
    let (accounts, ana) = (&world.accounts, &world.ana);
    accounts.scrobble(ana, Id(1), NOW, false).await.expect("noted");
    accounts.scrobble(ana, Id(2), NOW.plus_seconds(9), false).await.expect("noted");
    assert_eq!(accounts.plays(ana, 10).await.expect("listed"), []);
    let now = accounts.now_playing(NOW).await.expect("listed");
    assert_eq!(now, [NowPlaying { user: "ana".into(), track: Id(2), since: NOW.plus_seconds(9) }]);
    assert_eq!(accounts.now_playing(NOW.plus_seconds(9)).await.expect("listed"), [], "nothing since");
}

#[tokio::test]
async fn stars_are_each_users_own() {
    let world = world().await;
    let (accounts, ana) = (&world.accounts, &world.ana);
    let bea = world.add("bea").await;
    let later = NOW.plus_seconds(1);
    accounts.star(ana, ItemKind::Track, Id(1), NOW).await.expect("starred");
    accounts.star(ana, ItemKind::Track, Id(1), later).await.expect("starred again");
    accounts.star(ana, ItemKind::Track, Id(2), later).await.expect("starred");
    accounts.star(ana, ItemKind::Album, Id(1), later).await.expect("starred");
    let starred = async |user, kind| accounts.starred(user, kind).await.expect("listed");
    let expected = [Star { item: Id(2), at: later }, Star { item: Id(1), at: NOW }];
    assert_eq!(starred(ana, ItemKind::Track).await, expected);
    assert_eq!(starred(ana, ItemKind::Artist).await, []);
    assert_eq!(starred(&bea, ItemKind::Track).await, []);
    accounts.unstar(ana, ItemKind::Track, Id(1)).await.expect("unstarred");
    accounts.unstar(ana, ItemKind::Track, Id(1)).await.expect("unstarred again");
    assert_eq!(starred(ana, ItemKind::Track).await, expected[..1]);
    assert_eq!(starred(ana, ItemKind::Album).await.len(), 1, "the album of the same id keeps its star");
}

#[tokio::test]
async fn a_rating_is_one_to_five() {
    let world = world().await;
    let (accounts, ana) = (&world.accounts, &world.ana);
    let rate = async |rating| accounts.set_rating(ana, ItemKind::Album, Id(1), rating, NOW).await;
    let ratings = async || accounts.ratings(ana, ItemKind::Album).await.expect("listed");
    for rating in [1, 5] {
        rate(rating).await.expect("rated");
        assert_eq!(ratings().await, [(Id(1), rating)].into());
    }
    assert!(matches!(rate(6).await, Err(AccountsError::BadRating { found: 6 })));
    rate(0).await.expect("taken away");
    assert_eq!(ratings().await, [].into());
}
