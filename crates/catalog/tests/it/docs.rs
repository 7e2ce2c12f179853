//! The page about the format lists what the declaration declares.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use fonoteca_catalog::Table;

const BEGIN: &str = "<!-- generated from the declaration in crates/catalog/src/schema/tables.rs -->\n";
const END: &str = "<!-- end of the generated part -->\n";
const UPDATE: &str = "FONOTECA_UPDATE_DOCS";

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/catalog.md")
}

fn tables() -> String {
    let mut text = String::new();
    for table in Table::ALL {
        writeln!(text, "\n### `{}`\n\n{}\n", table.name(), table.about()).expect("a string");
        writeln!(text, "| column | type | null | meaning |\n|---|---|---|---|").expect("a string");
        for column in table.columns() {
            let null = if column.nullable { "yes" } else { "" };
            let key = if column.key { " (key)" } else { "" };
            let about = column.about.replace('|', "\\|");
            writeln!(text, "| `{}`{key} | `{}` | {null} | {about} |", column.name, column.kind.sql_name())
                .expect("a string");
        }
    }
    text.push('\n');
    text
}

#[test]
fn the_page_is_up_to_date() {
    let page = page();
    let text = fs::read_to_string(&page).expect("docs/formats/catalog.md");
    let (head, rest) = text.split_once(BEGIN).expect("where the generated part begins");
    let (_, tail) = rest.split_once(END).expect("where it ends");
    let wanted = format!("{head}{BEGIN}{}{END}{tail}", tables());
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&page, &wanted).expect("write");
    } else {
        assert!(text == wanted, "docs/formats/catalog.md is behind the declaration: run this test with {UPDATE}=1");
    }
}

#[test]
fn every_column_says_what_it_means() {
    for table in Table::ALL {
        assert!(!table.about().is_empty(), "{}", table.name());
        let columns = table.columns();
        for column in &columns {
            assert!(column.about.len() > 4 && column.about.ends_with('.') || column.about.ends_with('…'), "{column:?}");
        }
        let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        let last: &[&str] = if table.is_imported() { &["job", "batch", "import_id"] } else { &["job", "batch"] };
        assert!(names.ends_with(last), "{}: {names:?}", table.name());
        let mut names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), columns.len(), "{}: a name twice", table.name());
    }
    assert_eq!(Table::ALL.last(), Some(&Table::Files), "the commit point comes last");
}
