//! A library of ten thousand files in place, moved and renamed as a whole: nobody loses anything by it.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use fonoteca_accounts::{Accounts, ItemKind, NewPlaylist, Playlist, Star, User};
use fonoteca_archive::Archive;
use fonoteca_archive::keys::KeyRing;
use fonoteca_model::{Id, Timestamp};
use fonoteca_testkit::{http, noise, tagged};
use serde_json::Value;

use crate::ingest_modes::summary;
use crate::serve::Server;
use crate::world::World;

const ALBUMS: u32 = 1_000;
const SONGS: u32 = 10;
const FILES: u32 = ALBUMS * SONGS;
/// Songs that somebody starred, played and put into a list; few enough that each is of another album.
const STARRED: usize = 20;
const USER: &str = "ana";
const NOW: Timestamp = Timestamp::from_seconds(1_793_620_800);

#[test]
fn ten_thousand_files_moved_and_renamed_keep_their_tracks_rights_and_what_accounts_hold() {
    let world = World::with_archive();
    for album in 0..ALBUMS {
        let folder = world.path("music").join(format!("artist {}", album / 5)).join(format!("album {album}"));
        fs::create_dir_all(&folder).unwrap();
        for song in 0..SONGS {
            let number = album * SONGS + song;
            let (title, artist) = (format!("Song {number}"), format!("Artist {}", album / 5));
            let bytes = tagged(&noise(number, 20), &title, &artist, &format!("Album {album}"));
            // Some names are those of another age.
            let name =
                [if song == 7 { b"caf\xe9 ".as_slice() } else { b"" }, song.to_string().as_bytes(), b".wav"].concat();
            fs::write(folder.join(OsStr::from_bytes(&name)), bytes).unwrap();
        }
    }
    let ingest = |folder: &str| {
        let args = ["ingest", folder, "--basis", "private-copy", "--in-place", "--analyse", "quick", "--json"];
        world.here(&args).ended(0).json()
    };
    let files = stamps(&world.path("music"));
    assert_eq!(files.len(), FILES as usize);
    let first = ingest("music");
    assert_eq!(summary(&first)["added"], FILES);
    let tracks = tracks_of(&first);
    assert_eq!(tracks.len(), FILES as usize, "each file is a track of its own");

    let roots: Vec<&String> = tracks.keys().step_by(2_500).collect();
    for root in &roots {
        let _ = world.here(&["rights", "set", root, "--basis", "own-work"]).ended(0);
    }
    let shown = |root: &str| world.here(&["rights", "show", root, "--json"]).ended(0).one();
    let rights: Vec<Value> = roots.iter().map(|root| shown(root)).collect();
    let login = add_user(&world);
    let some: Vec<Id> = tracks.values().step_by(FILES as usize / STARRED).map(|track| track.parse().unwrap()).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(use_account(&world, &some));
    let told = |world: &World| {
        let server = Server::start(world);
        let songs: Vec<Value> =
            some.iter().map(|track| ask(&server, &login, &format!("getSong?id=tr-{track}"))["song"].clone()).collect();
        let frequent = ask(&server, &login, "getAlbumList2?type=frequent&size=500")["albumList2"]["album"].clone();
        assert_eq!(frequent.as_array().map(Vec::len), Some(STARRED), "{frequent}");
        (songs, frequent)
    };
    let before = (told(&world), runtime.block_on(held_by_the_account(&world)));

    // Every folder and every file gets another name, and everything lies elsewhere.
    fs::create_dir(world.path("shelf")).unwrap();
    for (number, artist) in entries(&world.path("music")).iter().enumerate() {
        let to = world.path("shelf").join(named(b"\xff ", number));
        fs::rename(artist, &to).unwrap();
        for (number, album) in entries(&to).iter().enumerate() {
            for song in entries(album) {
                let name = [b"\xe9 ", song.file_name().unwrap().as_bytes()].concat();
                fs::rename(&song, song.with_file_name(OsStr::from_bytes(&name))).unwrap();
            }
            fs::rename(album, to.join(named(b"disc ", number))).unwrap();
        }
    }
    let second = ingest("shelf");
    assert_eq!((&summary(&second)["known"], &summary(&second)["added"]), (&FILES.into(), &0.into()));
    assert_eq!(tracks_of(&second), tracks, "the same tracks");
    assert_eq!(roots.iter().map(|root| shown(root)).collect::<Vec<_>>(), rights);
    assert_eq!((told(&world), runtime.block_on(held_by_the_account(&world))), before);
    assert_eq!(stamps(&world.path("shelf")), files, "no file was written to");
    assert_eq!(summary(&ingest("shelf"))["unchanged"], FILES);
    let stats = world.here(&["stats", "--json"]).one();
    assert_eq!((&stats["files"], &stats["tracks"], &stats["blobs"]), (&FILES.into(), &FILES.into(), &FILES.into()));
    let checked = world.here(&["verify", "--sample", "300", "--json"]).ended(0).one();
    assert_eq!(checked["checked"], 300);
    assert_eq!(blobs(&world.path("archive/blobs")), 0, "nothing is copied");
}

/// The track of each blob.
fn tracks_of(lines: &[Value]) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    lines.iter().filter_map(|line| Some((text(&line["root"])?, text(&line["track_id"])?))).collect()
}

fn named(begin: &[u8], number: usize) -> OsString {
    OsString::from_vec([begin, number.to_string().as_bytes()].concat())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// What tells whether a file was written to, by its inode.
fn stamps(folder: &Path) -> BTreeMap<u64, (u64, i64, i64)> {
    let mut found = BTreeMap::new();
    for path in entries(folder) {
        let metadata = fs::metadata(&path).unwrap();
        if metadata.is_dir() {
            found.extend(stamps(&path));
        } else {
            found.insert(metadata.ino(), (metadata.len(), metadata.mtime(), metadata.mtime_nsec()));
        }
    }
    found
}

fn blobs(folder: &Path) -> usize {
    entries(folder).iter().map(|path| if path.is_dir() { blobs(path) } else { 1 }).sum()
}

/// Adds an account: what its apps send to log in.
fn add_user(world: &World) -> String {
    let mut command = world.command(&["--archive", "archive", "user", "add", USER, "--password-stdin", "--json"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a long pass phrase").unwrap();
    let output = child.wait_with_output().unwrap();
    let user: Value = serde_json::from_slice(&output.stdout).unwrap();
    format!("&u={USER}&p={}&v=1.16.1&c=test&f=json", user["app_password"].as_str().unwrap())
}

fn ask(server: &Server, login: &str, question: &str) -> Value {
    let address = server.url().trim_start_matches("http://").parse().unwrap();
    let (status, body) = http::get(address, &format!("/rest/{question}{login}"));
    let answer: Value = serde_json::from_slice(&body).unwrap();
    let answer = &answer["subsonic-response"];
    assert_eq!((status, &answer["status"]), (200, &"ok".into()), "{question}: {answer}");
    answer.clone()
}

async fn account(world: &World) -> (Accounts, User) {
    let archive = Archive::open(&world.path("archive"), Arc::new(|| NOW)).await.unwrap();
    let key = KeyRing::new(world.path("home/.config/fonoteca/keys")).accounts_key().unwrap();
    let accounts = Accounts::open(&archive.accounts_path(), key).await.unwrap();
    let user = accounts.user(USER).await.unwrap().unwrap();
    (accounts, user)
}

/// Stars, rates and plays tracks, and makes a list of them.
async fn use_account(world: &World, tracks: &[Id]) {
    let (accounts, user) = account(world).await;
    for track in tracks {
        accounts.star(&user, ItemKind::Track, *track, NOW).await.unwrap();
        accounts.set_rating(&user, ItemKind::Track, *track, 4, NOW).await.unwrap();
        accounts.scrobble(&user, *track, NOW, true).await.unwrap();
    }
    let list = NewPlaylist { name: "Evenings".to_owned(), tracks: tracks.to_vec(), ..NewPlaylist::default() };
    accounts.create_playlist(&user, &list, NOW).await.unwrap();
    accounts.close().await;
}

/// Stars, ratings, plays and the list.
async fn held_by_the_account(world: &World) -> (Vec<Star>, HashMap<Id, u8>, HashMap<Id, u64>, Playlist) {
    let (accounts, user) = account(world).await;
    let lists = accounts.playlists(&user).await.unwrap();
    let held = (
        accounts.starred(&user, ItemKind::Track).await.unwrap(),
        accounts.ratings(&user, ItemKind::Track).await.unwrap(),
        accounts.play_counts(&user).await.unwrap(),
        accounts.playlist(&user, lists[0].id).await.unwrap().unwrap(),
    );
    accounts.close().await;
    assert_eq!([held.0.len(), held.1.len(), held.2.len(), held.3.tracks.len()], [STARRED; 4]);
    held
}
