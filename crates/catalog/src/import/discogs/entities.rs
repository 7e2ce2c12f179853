//! Masters, artists and labels.

use fonoteca_model::fold::fold;
use serde_json::Value;

use super::credits::{credit_text, credits, people};
use super::element::Element;
use super::{LICENCE, Notes, Raw, SOURCE, id, numbered, one_line, supplements};
use crate::schema::{Album, Artist, Batch, Supplement};

/// A master stands for all releases of one album: an album of kind `master`, without tracks of its own. Releases name
/// it.
pub(super) fn master(master: &Element, rows: &mut Batch, notes: &mut Notes) {
    let Some(number) = notes.number(&master.attribute("id")) else { return };
    let source_id = format!("m{number}");
    let album_id = id(&source_id);
    let artists = people(master, "artists", notes);
    let title = notes.title("title", &master.text("title"));
    let mut raw = Raw::default();
    let main = master.text("main_release");
    if main.parse::<u64>().is_ok() {
        raw.text("main_release", format!("r{main}"));
    }
    raw.text("notes", master.text("notes"));
    raw.text("quality", master.text("data_quality"));
    rows.albums.push(Album {
        id: album_id,
        source: SOURCE.to_owned(),
        source_id,
        fold: fold(&title),
        title,
        artist_credit: credit_text(&artists),
        artists: credits(&artists).collect(),
        upc: None,
        mbid: None,
        label: None,
        catalogue_number: None,
        date: notes.date("year", &master.text("year")),
        kind: Some("master".to_owned()),
        language: None,
        cover_root: None,
        raw: raw.finish(),
    });
    supplements(master, "album", album_id, rows);
}

/// An artist. Variations of the name are other names; aliases are artists of their own, and stay in `raw`.
pub(super) fn artist(artist: &Element, rows: &mut Batch, notes: &mut Notes) {
    let Some(number) = notes.number(&artist.text("id")) else { return };
    let source_id = format!("a{number}");
    let full = notes.title("name", &artist.text("name"));
    let (name, disambiguation) = numbered(&full);
    let mut aliases: Vec<String> = Vec::new();
    for variation in artist.texts("namevariations", "name") {
        let variation = notes.text("namevariations/name", one_line(&variation));
        if !aliases.contains(&variation) {
            aliases.push(variation);
        }
    }
    let mut raw = Raw::default();
    raw.text("real_name", one_line(&artist.text("realname")));
    raw.text("profile", artist.text("profile"));
    raw.text("quality", artist.text("data_quality"));
    raw.list("urls", artist.texts("urls", "url").into_iter().map(Value::String).collect());
    for list in ["aliases", "groups", "members"] {
        let mut others = Vec::new();
        for other in artist.list(list, "name") {
            let mut entry = Raw::default();
            let number = other.attribute("id");
            if !number.is_empty() {
                entry.text("id", format!("a{number}"));
            }
            entry.text("name", one_line(&other.own_text()));
            others.push(entry.value());
        }
        raw.list(list, others);
    }
    rows.artists.push(Artist {
        id: id(&source_id),
        source: SOURCE.to_owned(),
        source_id,
        fold: fold(name),
        name: name.to_owned(),
        sort_name: None,
        disambiguation: disambiguation.map(str::to_owned),
        aliases,
        mbid: None,
        raw: raw.finish(),
    });
}

/// A label. No table has labels, and as an artist it would be taken for one, so it is told as an annotation.
pub(super) fn label(label: &Element, rows: &mut Batch, notes: &mut Notes) {
    let Some(number) = notes.number(&label.text("id")) else { return };
    let source_id = format!("l{number}");
    let mut value = Raw::default();
    value.text("id", source_id.clone());
    value.text("name", notes.title("name", &label.text("name")));
    value.text("contact", label.text("contactinfo"));
    value.text("profile", label.text("profile"));
    value.text("quality", label.text("data_quality"));
    value.list("urls", label.texts("urls", "url").into_iter().map(Value::String).collect());
    if let Some(parent) = label.child("parentLabel") {
        value.object("parent", linked(parent));
    }
    let sublabels = label.list("sublabels", "label").map(linked).filter(|label| !label.0.is_empty());
    value.list("sublabels", sublabels.map(Raw::value).collect());
    rows.supplements.push(Supplement {
        source: SOURCE.to_owned(),
        kind_of: "label".to_owned(),
        id: id(&source_id),
        kind: "annotation".to_owned(),
        value: value.value().to_string(),
        licence: Some(LICENCE.to_owned()),
    });
}

/// Another label, as one is named within a label. Dumps have had sublabels without name and number.
fn linked(label: &Element) -> Raw {
    let mut raw = Raw::default();
    let number = label.attribute("id");
    if !number.is_empty() {
        raw.text("id", format!("l{number}"));
    }
    raw.text("name", one_line(&label.own_text()));
    raw
}
