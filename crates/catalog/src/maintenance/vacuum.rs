//! Removing Parquet files that no version needs any more.
//!
//! Needed are the files of the latest version, of every version that a release pins, and of every version that was the
//! latest at some moment of the retention time. What is not needed was replaced (by [`super::optimize`] or an import) or
//! belongs to no version: an import that was given up, a rewrite that was killed. Files of an import that can be gone on
//! with belong to no version either: those that its journal names are left alone, and so is for a week, whatever the
//! retention, what no version ever named, since it may be being written.
//!
//! Delta's own vacuum is not used: it judges a file by the time at which it was removed from the table, which checkpoints
//! forget after a week, and it writes two versions into the log for what changes none.

use std::collections::HashSet;
use std::time::Duration;

use fonoteca_model::Timestamp;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt as _};

use super::Pins;
use crate::catalog::Catalog;
use crate::delta;
use crate::error::CatalogError;
use crate::import::staged_files;
use crate::schema::Table;

/// Files that no version ever named are left alone for so long: they may be those of an import in progress.
const UNNAMED: Duration = Duration::from_hours(7 * 24);

/// A file that nothing needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unneeded {
    /// Its table.
    pub table: Table,
    /// Its name in the table's folder.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// Whether a version named it once; else it is left from something that was never finished.
    pub named: bool,
}

/// What would be removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VacuumPlan {
    /// The files.
    pub files: Vec<Unneeded>,
    /// The versions before these are no longer readable afterwards, unless a release pins them.
    pub readable_from: Vec<(Table, i64)>,
    keep: Duration,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vacuumed {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Catalog {
    /// Which files no version needs that was the latest within `keep` before `now`, or that a release pins.
    pub async fn plan_vacuum(&self, now: Timestamp, keep: Duration) -> Result<VacuumPlan, CatalogError> {
        let pins = self.snapshot().await?.pins().await?;
        let staged = staged_files(&self.shared.state)?;
        let mut plan = VacuumPlan { keep, ..VacuumPlan::default() };
        for table in Table::ALL {
            self.unneeded(*table, &pins, now, &mut plan).await?;
        }
        plan.files.retain(|file| !staged.contains(&(file.table.name().to_owned(), file.name.clone())));
        Ok(plan)
    }

    /// Removes what is in the plan and still is not needed. Waits for the commit lock, and holds it until it is done.
    pub async fn vacuum(&self, plan: &VacuumPlan, now: Timestamp) -> Result<Vacuumed, CatalogError> {
        let writer = self.writer().await?;
        let again = self.plan_vacuum(now, plan.keep).await?;
        let planned: HashSet<(Table, &str)> = plan.files.iter().map(|file| (file.table, file.name.as_str())).collect();
        let mut done = Vacuumed::default();
        for file in again.files.iter().filter(|file| planned.contains(&(file.table, file.name.as_str()))) {
            let path = format!("catalog/{}/{}", file.table.name(), file.name);
            match self.shared.objects.delete(&Key::from(path.as_str())).await {
                Ok(()) => {
                    done.files += 1;
                    done.bytes += file.bytes;
                }
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(CatalogError::object("remove", &path)(error)),
            }
        }
        drop(writer);
        Ok(done)
    }

    async fn unneeded(
        &self,
        table: Table,
        pins: &Pins,
        now: Timestamp,
        plan: &mut VacuumPlan,
    ) -> Result<(), CatalogError> {
        // The folder first: what is written after this is not looked at.
        let folder = format!("catalog/{}", table.name());
        let prefix = Key::from(folder.as_str());
        let listed = self.shared.objects.list_with_delimiter(Some(&prefix));
        let listed = listed.await.map_err(CatalogError::object("list", &folder))?;
        let kept_since = before(now, plan.keep);
        let unnamed_before = before(now, plan.keep.max(UNNAMED));
        let (needed, named, from) = self.needed(table, pins, kept_since).await?;
        plan.readable_from.push((table, from));
        for object in listed.objects {
            let Some(name) = object.location.filename().filter(|name| name.ends_with(".parquet")) else { continue };
            let written = Timestamp(object.last_modified.timestamp_micros());
            let named = named.contains(name);
            let old = written < if named { kept_since } else { unnamed_before };
            if old && !needed.contains(name) {
                plan.files.push(Unneeded { table, name: name.to_owned(), bytes: object.size, named });
            }
        }
        Ok(())
    }

    /// The files that are needed, those that any version ever named, and the version that was the latest at `since`.
    async fn needed(
        &self,
        table: Table,
        pins: &Pins,
        since: Timestamp,
    ) -> Result<(HashSet<String>, HashSet<String>, i64), CatalogError> {
        let mut needed = HashSet::new();
        let mut named = HashSet::new();
        let mut later = Vec::new();
        let logged = self.logged_versions(table).await?;
        let mut from = logged.first().copied().unwrap_or(0);
        for version in logged {
            let entry = self.entry(table, version).await?;
            named.extend(entry.added.iter().map(|file| file.path.clone()));
            named.extend(entry.removed.iter().cloned());
            if entry.at <= since {
                // Nothing that came before this version counts as later, also if a clock was set back between.
                from = version;
                later.clear();
            } else {
                later.extend(entry.added.into_iter().map(|file| file.path));
            }
        }
        needed.extend(later);
        let pinned: HashSet<i64> = pins.versions(table).chain([from]).collect();
        for version in pinned {
            let at = delta::open_at(&self.shared.objects, table, version).await?;
            let snapshot = at.snapshot().map_err(CatalogError::delta(delta::READ_LOG, table))?;
            needed.extend(snapshot.log_data().iter().map(|file| file.path().into_owned()));
        }
        Ok((needed, named, from))
    }
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
}
