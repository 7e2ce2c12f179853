//! `getLyricsBySongId`, `getLyrics`: the words that came with the music.

use fonoteca_model::fold::fold;

use super::node::Node;
use super::reply::{ErrorCode, Failure};
use super::{Call, ids};
use crate::library::{Hearing, Library, Page, Song, Words};

/// Songs that are looked at for a title.
const MOST_SONGS: u32 = 20;

/// All words of a song, with times and without (OpenSubsonic's extension `songLyrics`).
pub(super) async fn by_song(call: &Call) -> Result<Node, Failure> {
    let id = ids::track(&call.params)?;
    let library = Library::open(&call.app, &call.user).await?;
    let song = match library.hear(id).await? {
        Hearing::Song(song) => song,
        Hearing::Refused(why) => return Err(Failure::new(ErrorCode::NotAuthorised, why)),
        Hearing::Unknown => return Err(Failure::not_found("song")),
    };
    let words = library.words(&song).await?;
    let list = Node::new().many("structuredLyrics", words.into_iter().map(|words| structured(&song, words)));
    Ok(Node::new().one("lyricsList", list))
}

/// The words of the first song with that title and artist; an empty text where there are none.
pub(super) async fn by_title(call: &Call) -> Result<Node, Failure> {
    let (artist, title) = (call.params.get("artist").unwrap_or(""), call.params.get("title").unwrap_or(""));
    let none = Node::new().one("lyrics", Node::new().content(""));
    if fold(title).is_empty() {
        return Ok(none);
    }
    let library = Library::open(&call.app, &call.user).await?;
    let songs = library.search_songs(&format!("{artist} {title}"), Page { offset: 0, limit: MOST_SONGS }).await?;
    let is_meant =
        |song: &Song| fold(&song.track.title) == fold(title) && fold(&song.track.artist_credit).contains(&fold(artist));
    for song in songs.into_iter().filter(is_meant) {
        let words = library.words(&song).await?;
        // Without times first: a client of this endpoint shows a text.
        let plain = words.iter().find(|words| matches!(words, Words::Plain(_))).or(words.first());
        let Some(words) = plain else { continue };
        let text = match words {
            Words::Plain(text) => text.clone(),
            Words::Timed(lines) => lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n"),
        };
        let node = Node::new()
            .with("artist", song.track.artist_credit.as_str())
            .with("title", song.track.title.as_str())
            .content(text);
        return Ok(Node::new().one("lyrics", node));
    }
    Ok(none)
}

fn structured(song: &Song, words: Words) -> Node {
    let node = Node::new()
        .with("displayArtist", song.track.artist_credit.as_str())
        .with("displayTitle", song.track.title.as_str())
        // What an LRC file is written in, nobody says.
        .with("lang", song.track.language.as_deref().unwrap_or("und"));
    match words {
        Words::Timed(lines) => {
            let line = |line: fonoteca_audio::TimedLine| Node::new().with("start", line.at_ms).content(line.text);
            node.with("synced", true).many("line", lines.into_iter().map(line))
        }
        Words::Plain(text) => {
            let lines: Vec<Node> = text.lines().map(|line| Node::new().content(line.trim_end())).collect();
            node.with("synced", false).many("line", lines)
        }
    }
}
