//! The tracker, over HTTP.

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn only_the_archives_own_torrents() {
    let world = World::empty().await;
    let query = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=6881&left=0";
    let answer = world.get(&format!("/announce?{query}")).await;
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.expect("text");
    assert!(text.starts_with("d14:failure reason"), "{text}");
    let answer = world.get("/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa").await;
    assert_eq!(answer.text().await.expect("text"), "d5:filesdee");
    let answer = world.get("/announce").await.text().await.expect("text");
    assert!(answer.contains("is missing"), "{answer}");
}
