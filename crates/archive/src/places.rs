//! Where files outside the archive were seen, by this archive.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::Arc;

use fonoteca_catalog::Location;
use fonoteca_store::{Place, Places, Stamp};
use futures::TryStreamExt;

use crate::archive::Archive;
use crate::error::ArchiveError;

impl Archive {
    /// The places. Where their database is gone, or never was, it is made from the table `locations`.
    pub(crate) async fn places(&self) -> Result<Arc<Places>, ArchiveError> {
        let places = self.store().places()?;
        if !places.is_complete()? {
            let snapshot = self.snapshot().await?;
            let mut rows = snapshot.stream::<Location>("").await?;
            while let Some(some) = rows.try_next().await? {
                let (there, not_there): (Vec<Place>, Vec<Place>) =
                    some.into_iter().map(place).partition(|place| Stamp::at(&place.path) == Some(place.stamp));
                // A path that was taken in more than once stands for the blob that it is now.
                places.record_unknown(&not_there)?;
                places.record(&there)?;
            }
            places.complete()?;
        }
        Ok(places)
    }

    /// Whether the tables refer to files outside the archive, while nothing says where those were seen.
    pub(crate) fn lacks_places(&self) -> bool {
        let locations = self.root().join("catalog").join(fonoteca_catalog::Table::Locations.name());
        let is_row_file = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.is_ok_and(|entry| entry.path().extension().is_some_and(|extension| extension == "parquet"))
        };
        !self.store().has_places() && std::fs::read_dir(locations).is_ok_and(|mut files| files.any(is_row_file))
    }
}

fn place(row: Location) -> Place {
    Place {
        path: PathBuf::from(std::ffi::OsString::from_vec(row.path)),
        stamp: Stamp { size: row.size.cast_unsigned(), mtime: row.mtime, inode: row.inode.cast_unsigned() },
        root: row.root,
        in_place: true,
    }
}

/// The row that says durably where a blob lies.
pub(crate) fn location(place: &Place) -> Location {
    Location {
        root: place.root,
        path: place.path.as_os_str().as_bytes().to_vec(),
        size: place.stamp.size.cast_signed(),
        mtime: place.stamp.mtime,
        inode: place.stamp.inode.cast_signed(),
    }
}
