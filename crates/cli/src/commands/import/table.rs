//! `fonoteca import table`: take in tables of others by a map.

use std::path::Path;

use fonoteca_archive::import;
use fonoteca_catalog::import::table::{Map, SHIPPED};
use serde_json::json;

use super::{Ended, dump};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Take in tables of others: CSV, TSV, JSON Lines, Parquet, SQLite
///
/// A map says which column goes where. Maps that come with the program are freemusicc, fma, fma-tracks and mtg-jamendo;
/// `--guess` writes a first one for another file, to be looked over. All files of a map are given in one command, and
/// replace what the map gave before.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fonoteca import table --guess songs.csv > songs.toml
  fonoteca import table songs.csv --map songs.toml
  fonoteca import table releases.csv tracks.csv --map freemusicc")]
pub struct Args {
    #[command(flatten)]
    dump: dump::Files,
    /// The map: a TOML file, or the name of one that comes with the program
    #[arg(long, required_unless_present = "guess", value_name = "MAP")]
    map: Option<String>,
    /// Write a first map for the file, from its columns and first rows, and import nothing
    #[arg(long, conflicts_with = "map")]
    guess: bool,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let output = context.output();
    let request = args.dump.one_request()?;
    let Some(name) = args.map else {
        if request.files.is_empty() {
            return Err(CommandError::usage("a map is guessed from a file, not from standard input"));
        }
        for path in &request.files {
            let map = import::guess_map(path)?;
            let value = json!({"file": path.display().to_string(), "map": map});
            output.result(&value, |output| output.line(map.trim_end()));
        }
        return Ok(Exit::Done);
    };
    let text = text(&name)?;
    let map = Map::parse(&text).map_err(|error| CommandError::usage(format!("{name}: {error}")))?;
    let archive = context.open().await?;
    let progress = context.job();
    let report = import::tables(&archive, &map, &text, &request, &progress).await?;
    drop(progress);
    Ok(dump::tell(output, &request.name(), &report))
}

fn text(name: &str) -> Result<String, CommandError> {
    if let Some((_, text)) = SHIPPED.iter().find(|(known, _)| *known == name) {
        return Ok((*text).to_owned());
    }
    std::fs::read_to_string(Path::new(name)).map_err(|error| {
        let known: Vec<&str> = SHIPPED.iter().map(|(known, _)| *known).collect();
        CommandError::usage(format!("the map {name} cannot be read: {error}"))
            .hint(format!("give a TOML file, or one of {}", known.join(", ")))
    })
}
