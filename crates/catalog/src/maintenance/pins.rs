//! Which versions of the tables must stay readable because a release was cut from them.

use std::collections::BTreeMap;

use crate::error::CatalogError;
use crate::schema::{Release, Table};
use crate::snapshot::Snapshot;

/// For each table, the versions that releases were cut from, with the names of those releases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins(BTreeMap<Table, BTreeMap<i64, Vec<String>>>);

impl Pins {
    /// The releases that were cut from this version.
    pub fn of(&self, table: Table, version: i64) -> &[String] {
        self.0.get(&table).and_then(|versions| versions.get(&version)).map_or(&[], Vec::as_slice)
    }

    /// The pinned versions of a table.
    pub fn versions(&self, table: Table) -> impl Iterator<Item = i64> {
        self.0.get(&table).into_iter().flat_map(|versions| versions.keys().copied())
    }

    /// From what stands in a row of `releases`: the column `tables`, JSON of table to version.
    fn add(&mut self, release: &Release) -> Result<(), CatalogError> {
        let unreadable = || CatalogError::Pinned { release: release.name.clone() };
        let tables: BTreeMap<String, i64> = serde_json::from_str(&release.tables).map_err(|_| unreadable())?;
        for (name, version) in tables {
            // A table of a later program has no files that this one could remove.
            if let Some(table) = Table::ALL.iter().find(|table| table.name() == name) {
                let names = self.0.entry(*table).or_default().entry(version).or_default();
                if !names.contains(&release.name) {
                    names.push(release.name.clone());
                }
            }
        }
        Ok(())
    }
}

impl Snapshot {
    /// The versions that releases pin: by every row of `releases`, also of those that were withdrawn or superseded.
    pub async fn pins(&self) -> Result<Pins, CatalogError> {
        let mut pins = Pins::default();
        for release in self.rows::<Release>("").await? {
            pins.add(&release)?;
        }
        Ok(pins)
    }
}

#[cfg(test)]
mod tests {
    use fonoteca_model::Timestamp;

    use super::*;
    use crate::schema::ReleaseStatus;

    fn release(name: &str, tables: &str) -> Release {
        Release {
            name: name.to_owned(),
            at: Timestamp(0),
            serial: 1,
            status: ReleaseStatus::Withdrawn,
            tables: tables.to_owned(),
            manifest: "{}".to_owned(),
            supersedes: None,
        }
    }

    #[test]
    fn pins_name_their_releases_and_nonsense_is_refused() {
        let mut pins = Pins::default();
        pins.add(&release("one", r#"{"tracks":3,"of a later program":9}"#)).expect("read");
        pins.add(&release("two", r#"{"tracks":3,"files":4}"#)).expect("read");
        pins.add(&release("two", r#"{"tracks":3,"files":4}"#)).expect("read");
        assert_eq!(pins.of(Table::Tracks, 3), ["one", "two"]);
        assert_eq!(pins.of(Table::Tracks, 4), [""; 0]);
        assert_eq!(pins.versions(Table::Files).collect::<Vec<_>>(), [4]);
        assert!(pins.add(&release("three", "nonsense")).is_err());
    }
}
