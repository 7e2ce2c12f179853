//! What the commands that import dumps have in common: files, a list of rejects, and how an import is told.

use std::fs::File;
use std::path::{Path, PathBuf};

use fonoteca_archive::import::Request;
use fonoteca_catalog::import::Report;
use serde_json::json;

use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;

/// Files, and where what is not understood in them is listed.
#[derive(Debug, clap::Args)]
pub struct Files {
    /// The files, packed (gz, bz2, xz, zst) or not; `-` reads standard input
    #[arg(required = true, value_name = "FILE")]
    paths: Vec<PathBuf>,
    /// List what was not understood in this file, in JSON Lines [default: a new file in the archive's state/rejects]
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Rows of a batch; a kill costs at most one [default: 4000000]
    #[arg(long, value_name = "N", hide_short_help = true, value_parser = clap::value_parser!(u64).range(1..))]
    batch_rows: Option<u64>,
}

impl Files {
    /// One request a file. The list of rejects begins empty.
    pub fn requests(&self) -> Result<Vec<Request>, CommandError> {
        self.empty_rejects()?;
        Ok(self.paths.iter().map(|file| self.request(std::slice::from_ref(file))).collect())
    }

    /// One request for all files together.
    pub fn one_request(&self) -> Result<Request, CommandError> {
        let stdin = self.paths.iter().any(|file| is_stdin(file));
        if stdin && self.paths.len() > 1 {
            return Err(CommandError::usage("standard input is read alone: give files, or `-` and nothing else"));
        }
        self.empty_rejects()?;
        Ok(self.request(&self.paths))
    }

    fn request(&self, files: &[PathBuf]) -> Request {
        Request {
            files: files.iter().filter(|file| !is_stdin(file)).cloned().collect(),
            rejects: self.rejects.clone(),
            batch_rows: self.batch_rows,
            process: std::process::id(),
        }
    }

    fn empty_rejects(&self) -> Result<(), CommandError> {
        let Some(path) = &self.rejects else { return Ok(()) };
        File::create(path).map(drop).map_err(|error| {
            CommandError::usage(format!("{} cannot be written: {error}", path.display()))
                .hint("name another file with --rejects FILE, or none")
        })
    }
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// Tells what an import did, and how the program ends for it.
pub fn tell(output: &Output, file: &str, report: &Report) -> Exit {
    let value = json!({
        "file": file,
        "source": report.source,
        "dataset": report.dataset,
        "import_id": report.import_id,
        "already": report.already,
        "read": report.read,
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "rejected": report.rejected,
        "passed_over": report.passed_over,
        "rejects_file": report.rejects_file.as_ref().map(|path| path.display().to_string()),
    });
    output.result(&value, |output| {
        let dataset = &report.dataset;
        if report.already {
            output.line(format_args!("{file}: {dataset} is imported already; nothing was written"));
            return;
        }
        let rejected = match &report.rejects_file {
            Some(path) => format!("{} rejected, listed in {}", report.rejected, path.display()),
            None => format!("{} rejected", report.rejected),
        };
        let mut told = vec![
            format!("{} records of {dataset} read", report.read),
            format!("{} rows added, {} changed, {} removed", report.added, report.changed, report.removed),
            rejected,
        ];
        if report.passed_over > 0 {
            told.push(format!("{} gave no row and were passed over", report.passed_over));
        }
        output.line(format_args!("{file}: {}", told.join("; ")));
        if report.added > 0 {
            output.note("next: `fonoteca links join` finds which of these are one with what other sources have");
        }
    });
    Exit::done_if(report.already || report.rejected == 0, Exit::SomeFailed)
}
