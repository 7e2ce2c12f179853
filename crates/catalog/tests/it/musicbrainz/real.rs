//! Real entities, as MusicBrainz gives them: every one is read without a reject.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fonoteca_catalog::import::musicbrainz::Entity;
use serde_json::Value;

use super::of;

#[test]
fn real_entities_are_read_without_a_reject() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/musicbrainz");
    if !folder.is_dir() {
        eprintln!("skipped: real MusicBrainz entities: {} is not here", folder.display());
        return;
    }
    let mut lines: BTreeMap<Entity, Vec<Value>> = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().replace('_', "-");
        let entity = Entity::ALL.into_iter().filter(|entity| name.starts_with(entity.as_str()));
        let entity = entity.max_by_key(|entity| entity.as_str().len()).expect("an entity");
        lines.entry(entity).or_default().push(serde_json::from_slice(&fs::read(&path).expect("a file")).expect("JSON"));
    }
    assert_eq!(lines.len(), 5);
    for (entity, values) in lines {
        let text = values.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
        let found = of(entity, text);
        assert!(found.rejects.is_empty(), "{entity}: {:?}", found.rejects);
        assert_eq!(found.read, values.len() as u64);
        let named = values.iter().filter(|value| value["id"].is_string()).count();
        let rows = &found.rows;
        let of_entity = match entity {
            Entity::Artist => rows.artists.len(),
            Entity::Recording => rows.tracks.len(),
            Entity::Release | Entity::ReleaseGroup => rows.albums.len(),
            Entity::Label => {
                let is_record = |row: &&fonoteca_catalog::Supplement| row.licence.as_deref() == Some("CC0-1.0");
                rows.supplements.iter().filter(is_record).count()
            }
        };
        assert_eq!(of_entity, named, "{entity}");
        for raw in rows
            .artists
            .iter()
            .map(|row| &row.raw)
            .chain(rows.albums.iter().map(|row| &row.raw))
            .chain(rows.tracks.iter().map(|row| &row.raw))
            .flatten()
        {
            for key in ["\"tags\"", "\"genres\"", "\"rating\"", "\"annotation\"", "\"user-"] {
                assert!(!raw.contains(key), "{key} in {raw}");
            }
        }
    }
}
