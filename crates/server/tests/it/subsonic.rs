//! Logging in as a Subsonic client, browsing, searching.

use fonoteca_accounts::Secret;
use md5::{Digest, Md5};
use serde_json::{Value, json};

use crate::world::World;

async fn error(world: &World, query: &str) -> (u16, i64) {
    let response = world.get(&format!("/rest/ping?v=1.16.1&c=test&f=json&{query}")).await;
    let status = response.status().as_u16();
    let body: Value = serde_json::from_str(&response.text().await.expect("text")).expect("JSON");
    let body = &body["subsonic-response"];
    match body["status"].as_str() {
        Some("ok") => (status, -1),
        _ => (status, body["error"]["code"].as_i64().expect("a code")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_log_in() {
    let world = World::empty().await;
    let now = world.archive.now();
    let password = world.accounts.new_app_password(&world.bea, "phone", now).await.expect("made");
    let key = world.accounts.new_api_key(&world.bea, "script", now).await.expect("made");
    let (password, key) = (password.expose(), key.expose());
    let token = |password: &str, salt: &str| hex::encode(Md5::digest(format!("{password}{salt}")));
    let encoded = hex::encode(password);
    for (query, answer) in [
        (format!("u=bea&t={}&s=abcdef", token(password, "abcdef")), (200, -1)),
        (format!("u=BEA&p={password}"), (200, -1)),
        (format!("u=bea&p=enc:{encoded}"), (200, -1)),
        ("u=bea&p=correct%20horse".into(), (200, -1)),
        (format!("apiKey={key}"), (200, -1)),
        (format!("apiKey={key}&u=bea"), (200, 43)),
        (format!("apiKey={key}x"), (200, 44)),
        (format!("u=bea&t={}&s=abcdeg", token(password, "abcdef")), (200, 40)),
        (format!("u=ana&t={}&s=abcdef", token(password, "abcdef")), (200, 40)),
        (format!("u=nobody&p={password}"), (200, 40)),
        (format!("u=bea&p={password}&t=x&s=y"), (200, 43)),
        (String::new(), (200, 10)),
    ] {
        assert_eq!(error(&world, &query).await, answer, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down_and_the_right_password_opens_again() {
    let world = World::empty().await;
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.push(error(&world, "u=bea&p=wrong").await);
    }
    assert_eq!(answers[0], (200, 40));
    assert_eq!(answers[7], (429, 40), "{answers:?}");
    assert_eq!(error(&world, "u=bea&p=correct%20horse").await, (429, 40), "not even tried");
    world.wait(60);
    assert_eq!(error(&world, "u=bea&p=correct%20horse").await, (200, -1));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_writings_in_every_spelling_of_the_address() {
    let world = World::empty().await;
    let key = world.accounts.new_api_key(&world.ana, "x", world.archive.now()).await.expect("made");
    let key: &Secret = &key;
    let query = format!("v=1.16.1&c=test&apiKey={}", key.expose());
    let expected = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<subsonic-response xmlns=\"http://subsonic.org/restapi\" status=\"ok\" \
         version=\"1.16.1\" type=\"fonoteca\" serverVersion=\"{}\" openSubsonic=\"true\"/>",
        env!("CARGO_PKG_VERSION")
    );
    for path in ["/rest/ping", "/rest/ping.view"] {
        let response = world.get(&format!("{path}?{query}")).await;
        assert_eq!(response.headers()["content-type"], "application/xml; charset=utf-8");
        assert_eq!(response.text().await.expect("text"), expected);
        let posted = world.client.post(world.url(path)).header("content-type", "application/x-www-form-urlencoded");
        let posted = posted.body(query.clone()).send().await.expect("an answer");
        assert_eq!(posted.text().await.expect("text"), expected, "as a form");
    }
    let response = world.get(&format!("/rest/ping?{query}&f=jsonp&callback=alert")).await;
    let text = response.text().await.expect("text");
    assert!(text.starts_with("{\"subsonic-response\":") && text.contains("failed"), "{text}");
    let unknown = world.get(&format!("/rest/jukeboxControl?{query}")).await;
    assert_eq!(unknown.status(), 404);
    let open = world.get("/rest/getOpenSubsonicExtensions?f=json").await.text().await.expect("text");
    assert!(open.contains("apiKeyAuthentication"), "asked before logging in: {open}");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_artist_to_song() {
    let world = World::new().await;
    let artists = world.ask("getArtists", "").await;
    let index = artists["artists"]["index"].as_array().expect("letters");
    let clara = index.iter().find(|letter| letter["name"] == "C").expect("Clara")["artist"][0].clone();
    assert_eq!(clara["name"], "Clara Monte");
    assert_eq!(clara["albumCount"], 1);
    let artist = world.ask("getArtist", &format!("id={}", clara["id"].as_str().expect("an id"))).await;
    let album = &artist["artist"]["album"][0];
    assert_eq!(album["name"], "Teclas Antiguas");
    assert_eq!(album["year"], 2019);
    let album = world.ask("getAlbum", &format!("id={}", album["id"].as_str().expect("an id"))).await["album"].clone();
    let songs = album["song"].as_array().expect("songs");
    assert_eq!(album["songCount"], songs.len());
    let song = world.ask("getSong", &format!("id={}", songs[0]["id"].as_str().expect("an id"))).await["song"].clone();
    assert_eq!(song, songs[0]);
    assert_eq!((&song["suffix"], &song["track"], &song["isDir"]), (&json!("flac"), &json!(1), &json!(false)));
    assert!(song["duration"].as_i64().expect("seconds") > 10);
    assert!(song["size"].as_i64().expect("bytes") > 10_000);
    assert!(song["replayGain"]["trackGain"].is_number(), "{song}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_sees_no_private_copies() {
    let world = World::new().await;
    let count = |found: &Value| found["searchResult3"]["song"].as_array().expect("songs").len();
    let (all, shared) =
        (world.ask("search3", "query=&songCount=500").await, world.ask_as_bea("search3", "query=&songCount=500").await);
    assert!(count(&shared) > 0 && count(&shared) < count(&all), "{} of {}", count(&shared), count(&all));
    let hidden: Vec<&Value> = all["searchResult3"]["song"]
        .as_array()
        .expect("songs")
        .iter()
        .filter(|song| song["artist"] == "Lumen Duo")
        .collect();
    let id = hidden.first().expect("a song of the private copy")["id"].as_str().expect("an id");
    assert_eq!(world.ask_as_bea("getSong", &format!("id={id}")).await["error"]["code"], 70);
    assert_eq!(world.ask_as_bea("stream", &format!("id={id}")).await["error"]["code"], 50);
    assert_eq!(world.ask_as_bea("getCoverArt", &format!("id={id}")).await["error"]["code"], 70);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_searches_are_paged() {
    let world = World::new().await;
    let names = async |query: &str| -> Vec<String> {
        let found = world.ask("getAlbumList2", query).await;
        let albums = found["albumList2"]["album"].as_array().unwrap_or_else(|| panic!("{found}")).clone();
        albums.iter().map(|album| album["name"].as_str().expect("a name").to_owned()).collect()
    };
    let all = names("type=alphabeticalByName").await;
    assert_eq!(all, ["Evening Songs", "Teclas Antiguas"]);
    assert_eq!(names("type=alphabeticalByName&size=1&offset=1").await, all[1..]);
    assert_eq!(names("type=byYear&fromYear=2018&toYear=2019").await, ["Evening Songs", "Teclas Antiguas"]);
    assert_eq!(names("type=byYear&fromYear=2019&toYear=2018").await, ["Teclas Antiguas", "Evening Songs"]);
    assert_eq!(names("type=byYear&fromYear=1900&toYear=1950").await, [""; 0]);
    assert_eq!(names("type=random").await.len(), 2);
    assert_eq!(names("type=starred").await, [""; 0]);
    assert_eq!(world.ask("getAlbumList2", "").await["error"]["code"], 10);
    assert_eq!(world.ask("getAlbumList2", "type=unheard").await["error"]["code"], 0);
    let found = world.ask("search3", "query=clara&songCount=1").await["searchResult3"].clone();
    assert_eq!(found["song"].as_array().expect("songs").len(), 1);
    assert_eq!(found["artist"][0]["name"], "Clara Monte");
}

#[tokio::test(flavor = "multi_thread")]
async fn plays_are_noted() {
    let world = World::new().await;
    let song = world.ask("search3", "query=").await["searchResult3"]["song"][0].clone();
    let id = song["id"].as_str().expect("an id");
    assert_eq!(world.ask("scrobble", &format!("id={id}&time=1700000000000")).await["status"], "ok");
    let plays = world.accounts.plays(&world.ana, 10).await.expect("listed");
    assert_eq!(plays.len(), 1);
    assert_eq!(plays[0].at.as_seconds(), 1_700_000_000);
    assert_eq!(world.ask("scrobble", &format!("id={id}&submission=false")).await["status"], "ok");
    assert_eq!(world.accounts.plays(&world.ana, 10).await.expect("listed").len(), 1);
    let none = "id=tr-0000000000000001";
    assert_eq!(world.ask("scrobble", &format!("id={id}&{none}")).await["error"]["code"], 70);
    assert_eq!(world.accounts.plays(&world.ana, 10).await.expect("listed").len(), 1, "all or nothing");
    let recent = world.ask("getAlbumList2", "type=recent").await;
    assert_eq!(recent["albumList2"]["album"][0]["id"], song["albumId"]);
}
