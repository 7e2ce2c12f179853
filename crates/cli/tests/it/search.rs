//! `search` and `lookup`

use crate::world::World;

#[test]
fn words_are_found_in_any_script_unfinished_and_misspelt() {
    let world = World::with_sample();
    for (words, title) in [
        (&["fur", "elise"][..], "Für Elise"),
        (&["калин"], "Калинка"),
        (&["茉莉"], "茉莉花"),
        (&["grensleeves"], "Greensleeves"),
        (&["monte", "minuet"], "Minuet in G"),
    ] {
        let hits = world.here(&[&["search", "--kind", "track", "--json"], words].concat()).json();
        assert_eq!(hits.first().map(|hit| hit["title"].clone()), Some(title.into()), "{words:?}: {hits:?}");
    }
}

#[test]
fn filters_filter() {
    let world = World::with_sample();
    let all = world.here(&["search", "--kind", "album", "--json", "--limit", "100"]).json();
    let recent = world.here(&["search", "--kind", "album", "--json", "--year", "2020..", "--limit", "100"]).json();
    assert!(!recent.is_empty() && recent.len() < all.len());
    assert!(recent.iter().all(|hit| hit["year"].as_u64() >= Some(2020) && hit["kind"] == "album"));
    let page = world.here(&["search", "--kind", "album", "--json", "--limit", "1", "--offset", "1"]).json();
    assert_eq!(page, all[1..2]);
    let cursor = all[0]["cursor"].as_str().expect("a cursor");
    let page = world.here(&["search", "--kind", "album", "--json", "--limit", "1", "--after", cursor]).json();
    assert_eq!(page, all[1..2]);
    assert_eq!(world.here(&["search", "--after", "nowhere"]).code, 2);
    let none = world.here(&["search", "zzzzzz", "--not-held"]);
    assert_eq!((none.code, none.out.as_str()), (0, ""));
    assert!(none.err.contains("nothing found"));
}

#[test]
fn a_key_that_nothing_has_is_an_item_that_failed() {
    let said = World::with_sample().here(&["lookup", "ZZFN39999999"]);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert!(said.err.contains("fonoteca search"), "{}", said.err);
}

#[test]
fn people_read_what_is_known() {
    let said = World::with_sample().here(&["lookup", "ZZFN22100002"]);
    for fact in ["Scarborough Fair", "The Long Way Home", "Harbour Lights", "basis licensed", "2021"] {
        assert!(said.out.contains(fact), "{fact}: {}", said.out);
    }
}
