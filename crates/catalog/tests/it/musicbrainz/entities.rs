//! Entities as the dumps have them, made up here.

use fonoteca_catalog::import::musicbrainz::{Entity, Options};
use fonoteca_catalog::{Credit, Supplement, Track};
use fonoteca_model::Id;
use serde_json::{Value, json};

use super::{of, read, tar, xz};

/// An MBID that ends in this number.
pub fn mbid(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn id(number: u32) -> Id {
    Id::of("musicbrainz", &mbid(number))
}

fn raw(text: Option<&String>) -> Value {
    text.map_or(Value::Null, |text| serde_json::from_str(text).expect("JSON"))
}

fn credit(number: u32, role: &str, name: &str) -> Credit {
    Credit { artist_id: id(number), role: role.into(), name: name.into() }
}

fn told(number: u32, kind_of: &str, kind: &str, value: &str) -> Supplement {
    Supplement {
        source: "musicbrainz".into(),
        kind_of: kind_of.into(),
        id: id(number),
        kind: kind.into(),
        value: value.into(),
        licence: Some("CC-BY-NC-SA-3.0".into()),
    }
}

/// A release with all that a release may have; made up.
fn release() -> Value {
    serde_json::from_str(include_str!("release.json")).expect("JSON")
}

#[test]
fn a_release_is_an_album_and_its_tracks() {
    let found = of(Entity::Release, release().to_string());
    assert_eq!(
        (found.rejects.len(), found.rows.albums.len(), found.rows.tracks.len()),
        (0, 1, 5),
        "{:?}",
        found.rejects
    );
    let album = &found.rows.albums[0];
    assert_eq!((album.id, album.mbid.as_ref()), (id(1), Some(&mbid(1))));
    assert_eq!((album.title.as_str(), album.fold.as_str()), ("Två skivor", "tva skivor"));
    assert_eq!(album.artist_credit, "Anna feat. Bo & Cy");
    let credits = [credit(10, "main", "Anna"), credit(11, "featured", "Bo"), credit(12, "featured", "Cy")];
    assert_eq!(album.artists, credits);
    assert_eq!(album.upc.as_deref(), Some("0036000291452"));
    assert_eq!((album.label.as_deref(), album.catalogue_number.as_deref()), (Some("Etikett"), Some("CAT-1")));
    assert_eq!((album.date.as_deref(), album.kind.as_deref()), (Some("1999-05"), Some("live")));
    assert_eq!(album.language.as_deref(), Some("swe"));
    let left = json!({
        "country": "SE", "status": "Official", "quality": "normal", "script": "Latn",
        "release-group": {"id": mbid(2), "first-release-date": "1998"},
        "label-info": [{"catalog-number": "CAT-1", "label": {"id": mbid(3), "name": "Etikett"}},
            {"catalog-number": "[none]", "label": {"id": mbid(4), "name": "Annan"}}],
        "media": [{"format": "CD", "discs": ["disc"]}],
    });
    assert_eq!(raw(album.raw.as_ref()), left);

    let place = |track: &Track| (track.disc, track.number, track.title.clone(), track.duration_ms);
    let places: Vec<_> = found.rows.tracks.iter().map(place).collect();
    assert_eq!(
        places,
        [
            (Some(1), Some(0), "Hidden".to_owned(), Some(5000)),
            (Some(1), Some(1), "Ett".to_owned(), Some(61000)),
            (Some(1), Some(2), "Två".to_owned(), Some(1000)),
            (Some(1), Some(3), "Film".to_owned(), None),
            (Some(2), Some(1), "Tre".to_owned(), None),
        ]
    );
    let one = &found.rows.tracks[1];
    assert_eq!(
        (one.id, &one.source_id, one.album_id, one.mbid.clone()),
        (id(21), &mbid(21), Some(id(1)), Some(mbid(121)))
    );
    assert_eq!((one.isrc.as_deref(), one.date.as_deref()), (Some("SEFON2600001"), Some("1998-01-02")));
    assert_eq!(one.artist_credit, "Anna");
    let credits = [credit(10, "main", "Anna"), credit(13, "nyckelharpa", "Dan"), credit(14, "composer", "Eva")];
    assert_eq!(one.artists, credits);
    assert_eq!(raw(one.raw.as_ref()), json!({"number": "A1", "isrcs": ["SEFON2600002"], "disambiguation": "take 2"}));
    let two = &found.rows.tracks[2];
    assert_eq!(
        (two.artist_credit.as_str(), two.artists.len()),
        ("Anna feat. Bo & Cy", 3),
        "the release's, without its own"
    );
    assert_eq!(raw(two.raw.as_ref()), json!({"video": true}));
    assert_eq!(raw(found.rows.tracks[3].raw.as_ref()), json!({"data-track": true}));
    assert_eq!(found.rows.tracks[4].raw, None, "nothing is left, so nothing is kept");

    // What is said of the release itself; the rest is in the dumps of what it is said of.
    assert_eq!(
        found.rows.supplements,
        [
            told(1, "album", "genre", "folk"),
            told(1, "album", "tag", "folk"),
            told(1, "album", "rating", "4.5"),
            told(1, "album", "annotation", "Taped at home."),
        ]
    );
    let text = serde_json::to_string(&found.rows.albums).expect("JSON")
        + &serde_json::to_string(&found.rows.tracks).expect("JSON");
    for word in ["mine", "of the", "Taped", "folk"] {
        assert!(!text.contains(word), "{word} is in the core: {text}");
    }
    let without = Options { supplements: false, entity: None, ..Options::default() };
    let without = read(release().to_string(), without).expect("read");
    assert!(without.rows.supplements.is_empty());
    assert_eq!((&without.rows.albums, &without.rows.tracks), (&found.rows.albums, &found.rows.tracks));
}

#[test]
fn artists_recordings_groups_and_labels() {
    let artist = json!({
        "id": mbid(10).to_uppercase(), "name": "Анна", "sort-name": "Anna", "disambiguation": "singer", "gender": "Female",
        "gender-id": "x", "life-span": {"begin": "1970", "end": null, "ended": false}, "isnis": [], "ipis": ["1"],
        "area": {"id": mbid(50), "name": "Lund", "sort-name": "Lund", "tags": [{"name": "t"}]},
        "begin-area": null, "end-area": null, "begin_area": null,
        "aliases": [{"name": "Anna", "locale": "en", "primary": true, "type": null}, {"name": "A."}, {"name": "A."}, {"name": "Анна"}],
        "tags": [{"name": "pop", "count": 1}],
    });
    let found = of(Entity::Artist, artist.to_string());
    let row = &found.rows.artists[0];
    assert_eq!((row.id, row.mbid.as_ref(), row.sort_name.as_deref()), (id(10), Some(&mbid(10)), Some("Anna")));
    assert_eq!(
        (row.aliases.as_slice(), row.disambiguation.as_deref()),
        (&["Anna".to_owned(), "A.".to_owned()][..], Some("singer"))
    );
    let left = json!({
        "gender": "Female", "life-span": {"begin": "1970"}, "ipis": ["1"], "area": {"id": mbid(50), "name": "Lund"},
        "aliases": [{"name": "Anna", "locale": "en", "primary": true}],
    });
    assert_eq!(raw(row.raw.as_ref()), left);
    assert_eq!(found.rows.supplements, [told(10, "artist", "tag", "pop")]);

    let recording = json!({"id": mbid(121), "title": "Ett", "length": 60000, "video": false, "isrcs": ["SEFON2600001"],
        "first-release-date": "1998", "artist-credit": [{"name": "Anna", "joinphrase": "", "artist": {"id": mbid(10), "name": "A"}}],
        "genres": [{"name": "folk", "count": 1}]});
    let found = of(Entity::Recording, recording.to_string());
    let row = &found.rows.tracks[0];
    assert_eq!((row.id, row.mbid.as_ref(), row.album_id), (id(121), Some(&mbid(121)), None));
    assert_eq!((row.date.as_deref(), row.raw.as_ref()), (Some("1998"), None));
    assert_eq!(found.rows.supplements, [told(121, "track", "genre", "folk")]);

    let group = json!({"id": mbid(2), "title": "Två", "primary-type": "EP", "secondary-types": [], "first-release-date": "1998-03",
        "artist-credit": [], "releases": [{"id": mbid(1)}], "annotation": "a"});
    let found = of(Entity::ReleaseGroup, group.to_string());
    let row = &found.rows.albums[0];
    assert_eq!((row.kind.as_deref(), row.date.as_deref(), row.upc.as_ref()), (Some("ep"), Some("1998-03"), None));
    assert_eq!(raw(row.raw.as_ref()), json!({"release-group": true}));
    assert_eq!(found.rows.supplements, [told(2, "album", "annotation", "a")]);

    let label = json!({"id": mbid(3), "name": "Etikett", "label-code": 7, "sort-name": "Etikett", "tags": [{"name": "x"}],
            "aliases": [{"name": "Et.", "locale": null}], "country": "SE", "annotation": "long"});
    let found = of(Entity::Label, label.to_string());
    assert_eq!((found.read, found.rejects.len()), (1, 0));
    let [tag, annotation, about] = &found.rows.supplements[..] else { panic!("{:?}", found.rows.supplements) };
    assert_eq!((tag, annotation), (&told(3, "label", "tag", "x"), &told(3, "label", "annotation", "long")));
    assert_eq!((about.id, about.kind.as_str(), about.licence.as_deref()), (id(3), "annotation", Some("CC0-1.0")));
    let value =
        json!({"id": mbid(3), "name": "Etikett", "label-code": 7, "aliases": [{"name": "Et."}], "country": "SE"});
    assert_eq!(raw(Some(&about.value)), value);
}

#[test]
fn an_archive_says_what_it_has_and_when_it_was_made() {
    let artist = json!({"id": mbid(10), "name": "Anna", "sort-name": "Anna", "gender": null}).to_string() + "\n";
    let release = release().to_string() + "\n";
    let members: [(&str, &[u8]); 4] = [
        ("TIMESTAMP", b"2026-11-18 00:10:01.5+00\n"),
        ("COPYING", b"CC0 and more"),
        ("mbdump/artist", artist.as_bytes()),
        ("mbdump/release", release.as_bytes()),
    ];
    let packed = xz(&tar(&members));
    let first = read(packed.clone(), Options::default()).expect("read");
    assert_eq!((first.entity, first.rows.artists.len(), first.rows.albums.len()), (Some(Entity::Artist), 1, 0));
    assert_eq!((first.dump_date.as_deref(), first.parts.as_deref()), (Some("2026-11-18"), Some("artist,release")));
    let second = read(packed, Options { entity: Some(Entity::Release), ..Options::default() }).expect("read");
    assert_eq!((second.rows.artists.len(), second.rows.albums.len()), (0, 1));
    assert_eq!((second.dump_date, second.parts), (first.dump_date, first.parts));
    // Lines by themselves tell what they are, also behind one that does not.
    let bare = read(format!("\n{{\"x\": 1}}\n{release}"), Options::default()).expect("read");
    assert_eq!((bare.entity, bare.rows.albums.len(), bare.parts), (Some(Entity::Release), 1, None));
}
