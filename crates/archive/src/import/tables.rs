//! Tables of others, by a map.

use std::path::Path;

use fonoteca_catalog::import::decisions::{self, TakingDecisions};
use fonoteca_catalog::import::table::{Format, Input as TableInput, Map, Tables, dump_date, guess};
use fonoteca_catalog::import::{Facts, ImportError, Input, InputLimits, Meter, Opened, Report};
use fonoteca_model::progress::Progress;

use super::{Request, name_of, take_in};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::rights::stable_id;

/// Imports the files of a map, given in any order, as one import. `map_text` is the map's text: another text makes another
/// import of the same files.
pub async fn tables(
    archive: &Archive,
    map: &Map,
    map_text: &str,
    request: &Request,
    progress: &dyn Progress,
) -> Result<Report, ArchiveError> {
    let given: Vec<String> = match request.files.as_slice() {
        [] => vec!["-".to_owned()],
        files => files.iter().map(|path| name_of(path)).collect(),
    };
    let names: Vec<&str> = given.iter().map(String::as_str).collect();
    let order = map.assign(&names).map_err(|error| ArchiveError::Usage(error.to_string()))?;
    let files = order.iter().filter_map(|at| request.files.get(*at).cloned()).collect();
    let request = Request { files, ..request.clone() };
    if request.files.is_empty() && map.needs_file(0, "-") {
        return Err(ArchiveError::Usage("Parquet and SQLite are not read from standard input: give a file".to_owned()));
    }
    let date = request.files.iter().find_map(|path| dump_date(&name_of(path)));
    let facts = Facts { dump_date: date.map(|date| date.to_string()), licence: map.licence.clone(), parts: None };
    let (from, reading, at, catalog) = (request.clone(), map.clone(), archive.now(), archive.catalog().clone());
    let runtime = tokio::runtime::Handle::current();
    let open = move || {
        let meter = Meter::default();
        let records = Tables::open(&reading, inputs(&reading, &from, &meter)?, at)?;
        // On the reader's thread, where waiting is allowed: all is recorded before the rows count.
        let records = TakingDecisions::new(records, move |said| {
            runtime.block_on(decisions::record(&catalog, said, at)).map(drop).map_err(ImportError::from)
        });
        Ok(Opened { records: Box::new(records), meter, facts: Box::new(move || facts) })
    };
    let options = format!("map={}", stable_id(&["map", map_text]));
    take_in(archive, &request, &map.source, &map.dataset, Some(options), open, progress).await
}

/// The files in the order of the map.
fn inputs(map: &Map, request: &Request, meter: &Meter) -> Result<Vec<(String, TableInput)>, ImportError> {
    if request.files.is_empty() {
        let stdin = request.open(InputLimits::default(), meter)?;
        return Ok(vec![("-".to_owned(), TableInput::Stream(Box::new(stdin)))]);
    }
    let each = request.files.iter().enumerate().map(|(at, path)| {
        let name = name_of(path);
        if map.needs_file(at, &name) {
            meter.add_file(path)?;
            return Ok((name, TableInput::File(path.clone())));
        }
        Ok((name, TableInput::Stream(Box::new(Input::open(path, InputLimits::default(), meter)?))))
    });
    each.collect()
}

/// Writes a first map for a file.
pub fn guess_map(path: &Path) -> Result<String, ArchiveError> {
    let name = name_of(path);
    let input = if Format::of_name(&name).is_some_and(Format::needs_file) {
        TableInput::File(path.to_owned())
    } else {
        TableInput::Stream(Box::new(Input::open(path, InputLimits::default(), &Meter::default())?))
    };
    Ok(guess(&name, input)?)
}
