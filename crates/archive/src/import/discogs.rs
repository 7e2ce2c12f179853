//! Discogs' dumps.

use fonoteca_catalog::import::discogs::{Dump, LICENCE, SOURCE, dump_date};
use fonoteca_catalog::import::{Facts, ImportError, InputLimits, Meter, Opened, Report};
use fonoteca_model::progress::Progress;

use super::{Request, take_in};
use crate::archive::Archive;
use crate::error::ArchiveError;

/// Imports a Discogs dump. What it is of is told by its first element, its date by the name of the file.
pub async fn discogs(archive: &Archive, request: &Request, progress: &dyn Progress) -> Result<Report, ArchiveError> {
    let (from, meter) = (request.clone(), Meter::default());
    let opened = tokio::task::spawn_blocking(move || {
        let input = from.open(InputLimits::default(), &meter)?;
        Ok::<_, ImportError>((Dump::open(from.name(), input)?, meter))
    });
    let (dump, meter) = opened.await.map_err(|error| ArchiveError::Bug(format!("opening a dump: {error}")))??;
    let dataset = dump.kind().name();
    let facts = Facts {
        dump_date: dump_date(&request.name()).map(|date| date.to_string()),
        licence: Some(LICENCE.to_owned()),
        parts: None,
    };
    let open = move || Ok(Opened { records: Box::new(dump), meter, facts: Box::new(move || facts) });
    take_in(archive, request, SOURCE, dataset, None, open, progress).await
}
