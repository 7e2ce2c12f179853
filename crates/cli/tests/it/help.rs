//! Help, manual and completions: all from one declaration.

use std::path::Path;

use crate::world::World;

/// Set it, and the page is written instead of compared.
const UPDATE: &str = "FONOTECA_UPDATE_DOCS";

#[test]
fn the_reference_is_what_the_program_says() {
    let page = World::empty().ok(&["man", "--markdown"]).out;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == written, "docs/cli.md is not what the program says; run this test with {UPDATE}=1 and commit it");
}

#[test]
fn help_is_on_stdout_and_short_help_is_short() {
    let world = World::empty();
    let (short, long) = (world.ok(&["ingest", "-h"]), world.ok(&["ingest", "--help"]));
    assert!(short.out.lines().count() < long.out.lines().count());
    assert!(!short.out.contains("--batch-files") && long.out.contains("--batch-files"));
    assert!(short.err.is_empty() && long.err.is_empty());
    let bare = world.run(&[]);
    assert_eq!(bare.code, 2);
    assert!(bare.err.contains("Usage: fonoteca") && bare.out.is_empty());
    assert!(world.ok(&["--version"]).out.starts_with("fonoteca 0."));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = World::empty().ok(&["completions", shell]).out;
        assert!(script.contains("opt-out") && script.contains("batch-files"), "{shell}");
    }
}

#[test]
fn every_command_has_a_man_page() {
    let world = World::empty();
    assert!(world.ok(&["man"]).out.contains(".TH fonoteca 1"));
    world.ok(&["man", "--dir", "man1"]);
    for page in ["fonoteca.1", "fonoteca-ingest.1", "fonoteca-rights-opt-out.1", "fonoteca-mirror-pull.1"] {
        let text = std::fs::read_to_string(world.path("man1").join(page)).unwrap();
        assert!(text.contains(page.trim_end_matches(".1").replace('-', "\\-").as_str()), "{page}: {text}");
    }
}
