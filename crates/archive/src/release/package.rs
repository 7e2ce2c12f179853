//! What makes tables usable without this program: a README, a data package (Frictionless), queries to begin with.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fonoteca_catalog::schema::{Column, ColumnType, IMPORT_COLUMN, JOB_COLUMNS};
use fonoteca_catalog::table_file::CHANGE;
use serde_json::{Value, json};

use super::tables::{Counts, Keyed};

/// A file of a table.
pub(super) struct Resource {
    pub path: String,
    pub table: &'static str,
    pub mime: &'static str,
    pub bytes: u64,
    pub sha256: String,
    pub counts: Counts,
}

/// The columns of a table, and those of its key.
pub(super) struct Columns {
    columns: Vec<Column>,
    key: &'static [&'static str],
}

/// The columns that rows of `T` have in a release.
pub(super) fn columns<T: Keyed>() -> Columns {
    let is_stamp = |name: &str| JOB_COLUMNS.contains(&name) || name == IMPORT_COLUMN;
    let columns = T::TABLE.columns().into_iter().filter(|column| !is_stamp(column.name));
    Columns { columns: columns.collect(), key: T::COLUMNS }
}

/// What the documents are about.
pub(super) struct Package<'a> {
    pub archive: &'a str,
    pub release: &'a str,
    pub previous: Option<&'a str>,
    pub counts: &'a BTreeMap<&'static str, Counts>,
    pub columns: &'a BTreeMap<&'static str, Columns>,
}

const POPULAR: &str = "\
-- What is listened to most.
SELECT t.artist_credit, t.title, l.count AS listens
FROM 'full/listens.parquet' l
LEFT JOIN 'full/links.parquet' k ON k.to_id = l.recording_id
JOIN 'full/tracks.parquet' t ON t.id = coalesce(k.from_id, l.recording_id)
ORDER BY listens DESC, t.id LIMIT 100;
";
const LICENCES: &str = "\
-- How much there is under which terms.
SELECT coalesce(r.spdx, r.licence_uri, r.basis) AS terms, count(DISTINCT f.root) AS files, sum(f.size) AS bytes
FROM 'full/files.parquet' f JOIN 'full/rights.parquet' r ON r.subject_kind = 'blob' AND r.subject = f.root
GROUP BY terms ORDER BY files DESC, terms;
";
const LOUDNESS: &str = "\
-- What each file is, and how loud.
SELECT f.root || '.' || f.extension AS file, t.artist_credit, t.title, f.codec, f.duration_ms, f.loudness_lufs
FROM 'full/files.parquet' f
JOIN 'full/holdings.parquet' h USING (root) JOIN 'full/tracks.parquet' t ON t.id = h.track_id
ORDER BY f.loudness_lufs DESC NULLS LAST, f.root;
";

impl Package<'_> {
    /// Name, media type and text of each document.
    pub fn documents(&self, resources: &[Resource]) -> Vec<(&'static str, &'static str, String)> {
        let package = serde_json::to_string_pretty(&self.descriptor(resources)).expect("plain values are always JSON");
        vec![
            ("README.md", "text/markdown", self.readme()),
            ("datapackage.json", "application/json", package + "\n"),
            ("queries/popular.sql", "application/sql", POPULAR.to_owned()),
            ("queries/licences.sql", "application/sql", LICENCES.to_owned()),
            ("queries/loudness.sql", "application/sql", LOUDNESS.to_owned()),
        ]
    }

    fn readme(&self) -> String {
        let mut text = format!(
            "# What {} gives out: the tables of release {}\n\n\
             `full/` has everything known about the audio that is given out as of this release, a table a file: Parquet, and \
             the same rows as JSON Lines (`.jsonl.zst`). `SHA256SUMS` has the checksums, `datapackage.json` describes the \
             files ([Data Package](https://datapackage.org)), `queries/` has questions to begin with, for \
             [DuckDB](https://duckdb.org) in this folder: `duckdb < queries/licences.sql`.\n\n",
            self.archive, self.release
        );
        text.push_str(
            "The tables are under [CC0 1.0](https://creativecommons.org/publicdomain/zero/1.0/). The audio is not: the \
             licence of each file is in `rights`, whose `subject` is the file's root, and the credit to give in \
             `attribution`. Nothing is here about what may not be given out.\n\n",
        );
        match self.previous {
            None => text.push_str("There is no release before this one to compare with.\n"),
            Some(previous) => {
                let _ = writeln!(
                    text,
                    "`delta/` has what changed since release {previous}: the rows with one column before the others, \
                     `{CHANGE}`. `added` and `changed` rows are as they are now, `removed` ones as they were. The tables of \
                     {previous} without the rows of these keys, together with those added and changed, are the tables here:\n\n\
                     ```sql\n\
                     SELECT * FROM 'previous/full/tracks.parquet' WHERE id NOT IN (SELECT id FROM 'delta/tracks.parquet')\n\
                     UNION ALL SELECT * EXCLUDE ({CHANGE}) FROM 'delta/tracks.parquet' WHERE {CHANGE} <> 'removed';\n\
                     ```"
                );
            }
        }
        text.push_str("\n| table | key | rows | added | changed | removed |\n|---|---|---|---|---|---|\n");
        for (table, counts) in self.counts {
            let key = self.columns.get(table).map(|columns| columns.key.join(", ")).unwrap_or_default();
            let Counts { rows, added, changed, removed } = counts;
            let _ = match self.previous {
                Some(_) => writeln!(text, "| {table} | {key} | {rows} | {added} | {changed} | {removed} |"),
                None => writeln!(text, "| {table} | {key} | {rows} | | | |"),
            };
        }
        text.push_str(
            "\nIds are the first 8 bytes of SHA-256(source ‖ 0x00 ‖ source_id). A root is a BitTorrent v2 `pieces root` (BEP \
             52), and names the file in the torrents. Moments are UTC, durations milliseconds, sizes bytes.\n",
        );
        for (table, of_table) in self.columns {
            let _ = write!(text, "\n## {table}\n\n| column | type | null | meaning |\n|---|---|---|---|\n");
            for column in &of_table.columns {
                let null = if column.nullable { "yes" } else { "" };
                let _ = writeln!(
                    text,
                    "| `{}` | `{}` | {null} | {} |",
                    column.name,
                    column.kind.sql_name(),
                    column.about.replace('|', "\\|")
                );
            }
        }
        text
    }

    fn descriptor(&self, resources: &[Resource]) -> Value {
        let resources: Vec<Value> = resources.iter().map(|resource| self.resource(resource)).collect();
        let mut package = json!({
            "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
            "name": format!("{}-catalogue", self.release.to_lowercase()),
            "title": format!("What {} gives out: release {}", self.archive, self.release),
            "licenses": [{
                "name": "CC0-1.0",
                "title": "CC0 1.0 Universal",
                "path": "https://creativecommons.org/publicdomain/zero/1.0/",
            }],
            "resources": resources,
        });
        if let Some(previous) = self.previous {
            package["description"] = json!(format!("delta/ has what changed since release {previous}"));
        }
        package
    }

    fn resource(&self, resource: &Resource) -> Value {
        let is_delta = resource.path.starts_with("delta/");
        let ending = resource.path.split_once('.').map_or("", |(_, ending)| ending);
        let mut fields: Vec<Value> = Vec::new();
        if is_delta {
            let words = ["added", "changed", "removed"];
            fields.push(json!({"name": CHANGE, "type": "string", "constraints": {"required": true, "enum": words}}));
        }
        let of_table = self.columns.get(resource.table);
        for column in of_table.iter().flat_map(|columns| &columns.columns) {
            fields.push(json!({
                "name": column.name,
                "type": kind(column.kind),
                "description": column.about,
                "constraints": {"required": !column.nullable},
            }));
        }
        let counts = resource.counts;
        json!({
            "name": format!("{}-{}-{}", if is_delta { "delta" } else { "full" }, resource.table, ending.replace('.', "-")),
            "path": resource.path,
            "format": ending.split('.').next().unwrap_or_default(),
            "mediatype": resource.mime,
            "bytes": resource.bytes,
            "hash": format!("sha256:{}", resource.sha256),
            "rows": if is_delta { counts.added + counts.changed + counts.removed } else { counts.rows },
            "schema": {"fields": fields, "primaryKey": of_table.map(|columns| columns.key).unwrap_or_default()},
        })
    }
}

/// The type as Table Schema has it.
fn kind(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Text | ColumnType::Bytes => "string",
        ColumnType::Int64 | ColumnType::Int32 => "integer",
        ColumnType::Float64 => "number",
        ColumnType::Bool => "boolean",
        ColumnType::Moment => "datetime",
        ColumnType::Texts | ColumnType::Credits => "array",
    }
}
