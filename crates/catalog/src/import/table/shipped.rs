//! Maps that come with the program, by name.

use super::map::{Map, MapError};

/// Their names and texts, from `crates/catalog/maps`.
pub const SHIPPED: &[(&str, &str)] = &[
    ("freemusicc", include_str!("../../../maps/freemusicc.toml")),
    ("fma", include_str!("../../../maps/fma.toml")),
    ("fma-tracks", include_str!("../../../maps/fma-tracks.toml")),
    ("mtg-jamendo", include_str!("../../../maps/mtg-jamendo.toml")),
];

/// The map of that name; `None` where there is none.
pub fn shipped(name: &str) -> Option<Result<Map, MapError>> {
    SHIPPED.iter().find(|(known, _)| *known == name).map(|(_, text)| Map::parse(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_are_maps() {
        for (name, _) in SHIPPED {
            let map = shipped(name).expect("there").unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(
                map.licence.is_some() && map.about.is_some(),
                "{name} says where its data is from, and its licence"
            );
        }
        assert!(shipped("nothing").is_none());
    }
}
