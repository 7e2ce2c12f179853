//! Names and moments that stay in order whatever the clock does.

use fonoteca_catalog::Snapshot;
use fonoteca_catalog::arrow::array::{Array as _, AsArray as _};
use fonoteca_catalog::arrow::datatypes::TimestampMicrosecondType;
use fonoteca_model::Timestamp;

use crate::archive::Archive;
use crate::error::ArchiveError;

/// The name of a job of one commit: a second one in the same instant, or after the clock was set back, has another name,
/// since the tables' versions only grow. `snapshot` is the writer's.
pub(crate) fn job(kind: &str, now: Timestamp, snapshot: &Snapshot) -> String {
    format!("{kind}-{}-{}", now.0, snapshot.versions().values().sum::<i64>())
}

/// The time, but later than `column` of `table` says anywhere. For rows of which the latest counts.
pub(crate) async fn later_than(
    archive: &Archive,
    snapshot: &Snapshot,
    table: &str,
    column: &str,
) -> Result<Timestamp, ArchiveError> {
    let batches = snapshot.sql(&format!("SELECT max({column}) FROM {table}")).await?;
    let latest = batches.iter().find_map(|batch| {
        let found = batch.column(0).as_primitive_opt::<TimestampMicrosecondType>()?;
        (batch.num_rows() > 0 && found.is_valid(0)).then(|| found.value(0))
    });
    let now = archive.now();
    Ok(latest.map_or(now, |latest| Timestamp(now.0.max(latest.saturating_add(1)))))
}
