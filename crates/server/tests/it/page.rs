//! The web page.

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn search_album_and_sound() {
    let world = World::new().await;
    let cookie = world.session(&world.ana).await;
    let get = async |path: &str| world.get_with(path, &[("cookie", &cookie)]).await;
    let home = get("/").await.text().await.expect("text");
    assert!(home.contains("Teclas Antiguas") && home.contains("<!doctype html>"), "{home}");
    let fragment = world.get_with("/search?q=minu", &[("cookie", &cookie), ("x-fragment", "1")]).await;
    let fragment = fragment.text().await.expect("text");
    assert!(fragment.contains("Minuet in G") && !fragment.contains("<html"), "{fragment}");
    let (_, rest) = fragment.split_once("data-track=\"").expect("a track");
    let track = &rest[..16];
    let sound = world.get_with(&format!("/stream/{track}"), &[("cookie", &cookie), ("range", "bytes=0-3")]).await;
    assert_eq!(sound.status(), 206);
    assert_eq!(sound.bytes().await.expect("bytes"), "fLaC");
    let cover = get(&format!("/cover/tr-{track}")).await;
    assert_eq!(cover.headers()["content-type"], "image/jpeg");
    assert_eq!(world.get(&format!("/stream/{track}")).await.status(), 303, "not without a login");
    let (_, rest) = home.split_once("href=\"/album/").expect("an album");
    let album = get(&format!("/album/{}", &rest[..16])).await;
    assert_eq!(album.status(), 200);
    assert_eq!(get("/album/0000000000000001").await.status(), 404);
    assert_eq!(get("/album/%3Cscript%3E").await.status(), 404);
    let strange = get("/search?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E").await.text().await.expect("text");
    assert!(!strange.contains("<script>alert"), "{strange}");
    assert!(get("/search?q=zzzzzz").await.text().await.expect("text").contains("Nothing found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_may_not_play_private_copies() {
    let world = World::new().await;
    let song = world.ask("search3", "query=lumen").await["searchResult3"]["song"][0].clone();
    let track = song["id"].as_str().expect("an id").trim_start_matches("tr-").to_owned();
    let of = async |user| {
        let cookie = world.session(user).await;
        world.get_with(&format!("/stream/{track}"), &[("cookie", &cookie)]).await.status().as_u16()
    };
    assert_eq!((of(&world.ana).await, of(&world.bea).await), (200, 403));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_own_files() {
    let world = World::empty().await;
    for (name, mime) in [("style.css", "text/css"), ("player.js", "text/javascript"), ("icon.svg", "image/svg+xml")] {
        let response = world.get(&format!("/assets/{name}")).await;
        assert_eq!(response.status(), 200);
        assert!(response.headers()["content-type"].to_str().expect("text").starts_with(mime));
        let tag = response.headers()["etag"].to_str().expect("text").to_owned();
        let text = response.text().await.expect("text");
        assert!(!text.contains("https://"), "{name} fetches nothing from elsewhere");
        assert_eq!(world.get_with(&format!("/assets/{name}"), &[("if-none-match", &tag)]).await.status(), 304);
    }
    assert_eq!(world.get("/assets/..%2FCargo.toml").await.status(), 404);
    assert_eq!(world.get("/healthz").await.text().await.expect("text"), "ok\n");
    assert!(world.get("/metrics").await.text().await.expect("text").contains("fonoteca_requests_total"));
}
