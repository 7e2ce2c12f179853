//! The pages about settings of mirrors list what is declared, and the example is one that is read.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use fonoteca_archive::Settings;
use fonoteca_archive::mirror::KEYS;

const BEGIN: &str = "<!-- generated from the declaration in crates/archive/src/mirror/rules.rs -->\n";
const END: &str = "<!-- end of the generated part -->\n";
const UPDATE: &str = "FONOTECA_UPDATE_DOCS";

fn table() -> String {
    let mut text = "\n| key | as in | meaning |\n|---|---|---|\n".to_owned();
    for key in KEYS {
        writeln!(text, "| `{}` | `{}` | {} |", key.name, key.example, key.meaning).expect("a string");
    }
    text.push('\n');
    text
}

#[test]
fn the_page_is_up_to_date() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/archive.md");
    let text = fs::read_to_string(&page).expect("docs/formats/archive.md");
    let (head, rest) = text.split_once(BEGIN).expect("where the generated part begins");
    let (_, tail) = rest.split_once(END).expect("where it ends");
    let wanted = format!("{head}{BEGIN}{}{END}{tail}", table());
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&page, &wanted).expect("write");
    } else {
        assert!(text == wanted, "docs/formats/archive.md is behind the declaration: run this test with {UPDATE}=1");
    }
}

#[test]
fn the_example_of_the_page_is_read() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/mirroring.md");
    let text = fs::read_to_string(&page).expect("docs/mirroring.md");
    let (_, rest) = text.split_once("```toml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("where it ends");
    let folder = tempfile::tempdir().expect("a folder");
    let written = format!("format = 1\nname = \"x\"\n\n{example}");
    fs::write(folder.path().join(Settings::FILE), written).expect("written");
    let settings = Settings::read(folder.path()).expect("read");
    assert_eq!(settings.mirrors["vila-nova"].budget.map(|size| size.0), Some(4_000_000_000_000));
    assert!(settings.serve.upload.is_some() && settings.fixity.every.is_some());
}
