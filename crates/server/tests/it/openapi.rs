//! Answers against the OpenSubsonic API's own description, where it is at hand.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fonoteca_testkit::shared_data;
use serde_json::Value;

use crate::world::World;

/// The description, read in place; it is not part of this repository.
fn description(test: &str) -> Option<PathBuf> {
    shared_data(test).map(|data| data.join("opensubsonic-openapi"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_as_described() {
    let Some(description) = description("every_answer_is_as_described") else { return };
    let world = World::new().await;
    let artists = world.ask("getArtists", "").await;
    let artist = &artists["artists"]["index"][0]["artist"][0]["id"];
    let albums = world.ask("getAlbumList2", "type=newest").await;
    let album = &albums["albumList2"]["album"][0]["id"];
    let songs = world.ask("getAlbum", &format!("id={}", album.as_str().expect("an id"))).await;
    let song = &songs["album"]["song"][0]["id"];
    let id = |value: &Value| format!("id={}", value.as_str().expect("an id"));
    for (endpoint, query) in [
        ("ping", String::new()),
        ("getLicense", String::new()),
        ("getOpenSubsonicExtensions", String::new()),
        ("tokenInfo", String::new()),
        ("getUser", "username=ana".into()),
        ("getMusicFolders", String::new()),
        ("getGenres", String::new()),
        ("getArtists", String::new()),
        ("getArtist", id(artist)),
        ("getAlbum", id(album)),
        ("getSong", id(song)),
        ("getLyricsBySongId", id(song)),
        ("getLyrics", "title=Minuet".into()),
        ("getAlbumList2", "type=alphabeticalByName".into()),
        ("search3", "query=".into()),
        ("scrobble", id(song)),
        ("getSong", "id=none".into()),
    ] {
        let answer = world.ask(endpoint, &query).await;
        let whole = serde_json::json!({ "subsonic-response": answer });
        let problems = check_endpoint(&description, endpoint, &whole);
        assert!(problems.is_empty(), "{endpoint} {query}: {problems:#?}\n{whole:#}");
    }
}

#[test]
fn the_check_finds_what_is_wrong() {
    let Some(description) = description("the_check_finds_what_is_wrong") else { return };
    let answer = serde_json::json!({ "subsonic-response": {
        "status": "ok", "version": "1.16.1", "type": "x", "serverVersion": "1", "openSubsonic": "yes",
        "license": { "valid": 1, "colour": "red" }
    }});
    let problems = check_endpoint(&description, "getLicense", &answer).join("\n");
    for part in ["openSubsonic: not a boolean", "license/valid: not a boolean", "license/colour: not described"] {
        assert!(problems.contains(part), "{part} in {problems}");
    }
}

fn check_endpoint(description: &Path, endpoint: &str, answer: &Value) -> Vec<String> {
    let file = description.join("endpoints").join(format!("{endpoint}.json"));
    let operations = read(&file);
    let response = &operations["get"]["responses"]["200"];
    let (response, file) = resolve(response, &file);
    let schema = response["content"]["application/json"]["schema"].clone();
    let mut problems = Vec::new();
    check(&schema, &file, answer, "", &mut problems);
    let mut described = BTreeSet::new();
    names(&schema, &file, answer, "", &mut described);
    undescribed(answer, "", &described, &mut problems);
    problems
}

fn read(file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file).expect("a file of the description")).expect("JSON")
}

/// Follows `$ref`, which is relative to the file that it stands in.
fn resolve(schema: &Value, file: &Path) -> (Value, PathBuf) {
    match schema["$ref"].as_str() {
        Some(reference) => {
            let target = file.parent().expect("a folder").join(reference);
            let (schema, file) = (read(&target), target);
            resolve(&schema, &file)
        }
        None => (schema.clone(), file.to_owned()),
    }
}

/// The part of JSON Schema that the description uses.
fn check(schema: &Value, file: &Path, value: &Value, at: &str, problems: &mut Vec<String>) {
    let (schema, file) = resolve(schema, file);
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(part, &file, value, at, problems);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let tried: Vec<Vec<String>> = choices
            .iter()
            .map(|choice| {
                let mut problems = Vec::new();
                check(choice, &file, value, at, &mut problems);
                problems
            })
            .collect();
        if !tried.iter().any(Vec::is_empty) {
            problems.extend(tried.into_iter().min_by_key(Vec::len).unwrap_or_default());
        }
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    if !fits {
        problems.push(format!("{at}: not a {}", schema["type"].as_str().unwrap_or("?")));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        problems.push(format!("{at}: {value} is none of {allowed:?}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            problems.push(format!("{at}/{name}: missing"));
        }
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(name) {
            check(member, &file, value, &format!("{at}/{name}"), problems);
        }
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for value in values {
            check(items, &file, value, &format!("{at}[]"), problems);
        }
    }
}

/// The paths of all members that some part of the schema names.
fn names(schema: &Value, file: &Path, value: &Value, at: &str, described: &mut BTreeSet<String>) {
    let (schema, file) = resolve(schema, file);
    for part in ["allOf", "oneOf"].into_iter().flat_map(|kind| schema[kind].as_array().into_iter().flatten()) {
        names(part, &file, value, at, described);
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        if let Some(value) = value.get(name) {
            names(member, &file, value, &at, described);
        }
        described.insert(at);
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for value in values {
            names(items, &file, value, &format!("{at}[]"), described);
        }
    }
}

fn undescribed(value: &Value, at: &str, described: &BTreeSet<String>, problems: &mut Vec<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        if !described.contains(&at) {
            problems.push(format!("{at}: not described"));
        }
        undescribed(value, &at, described, problems);
    }
    for value in value.as_array().into_iter().flatten() {
        undescribed(value, &format!("{at}[]"), described, problems);
    }
}
