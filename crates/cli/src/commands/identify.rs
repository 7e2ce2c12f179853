//! `fonoteca identify`: which recording is this?

use std::path::PathBuf;

use fonoteca_archive::identify::{Identified, ask, hear, one_a_recording};
use fonoteca_model::units::Duration;

use super::Ended;
use crate::context::Context;
use crate::environment;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::{Align, Table};

/// Say which recording a sound is from, and where in it it begins
///
/// Any audio file will do: the whole piece in another coding, an excerpt of ten seconds, a recording of it with noise. It
/// is compared with the first two minutes of everything held; the score is the share of equal bits of the fingerprints.
/// Nothing is taken in. Ends with exit code 1 when nothing held sounds like it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fonoteca identify excerpt.wav --json
  FONOTECA_API_KEY=… fonoteca identify excerpt.wav --server https://music.example.org")]
pub struct Args {
    /// The sound; its first two minutes are heard, and at least seven seconds are needed
    file: PathBuf,
    /// Ask this server instead of an archive on this machine; the fingerprint is sent, not the sound
    ///
    /// The API key of an account there is read from the variable FONOTECA_API_KEY; `fonoteca user api-key` makes one. What
    /// that account may not hear is not told.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let progress = context.job();
    let sound = hear(&args.file, &progress).await?;
    let found = match &args.server {
        Some(server) => {
            let key = environment::api_key().ok_or_else(|| {
                CommandError::usage("the server wants an API key, and FONOTECA_API_KEY is not set")
                    .hint("whoever runs the server makes one with `fonoteca user api-key NAME`")
            })?;
            ask(server, &key, &sound).await?
        }
        None => one_a_recording(context.open().await?.identify(sound, &progress).await?),
    };
    drop(progress);
    let output = context.output();
    if output.is_json() {
        found.iter().for_each(|found| output.json(found));
    } else {
        output.table(&table(&found));
    }
    if found.is_empty() {
        output.note(format_args!("nothing held sounds like {}", args.file.display()));
    }
    Ok(Exit::done_if(!found.is_empty(), Exit::SomeFailed))
}

fn table(found: &[Identified]) -> Table {
    let mut table = Table::new(&[
        ("title", Align::Left),
        ("artist", Align::Left),
        ("album", Align::Left),
        ("begins at", Align::Right),
        ("score", Align::Right),
        ("recording", Align::Left),
    ]);
    for found in found {
        table.row([
            found.title.clone(),
            found.artist.clone(),
            found.album.clone().unwrap_or_default(),
            Duration(found.offset_ms.max(0)).to_string(),
            format!("{:.3}", found.score),
            found.recording_id.to_string(),
        ]);
    }
    table
}
