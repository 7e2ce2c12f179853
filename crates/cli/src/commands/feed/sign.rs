//! `fonoteca feed sign`: sign on the machine that has the key. No archive is needed there.

use std::path::PathBuf;

use fonoteca_archive::ArchiveError;
use fonoteca_archive::feed::sign_folder;
use fonoteca_torrent::feed::SigningKey;
use serde_json::json;

use super::Ended;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Sign what `feed publish --unsigned` wrote, on the machine that has the key
///
/// No archive is needed. `minisign -S -s KEY -m FOLDER/*.json` does the same, also with a key that has a password.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file with the secret key, without a password
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The folder
    folder: PathBuf,
}

pub fn run(args: &Args, context: &Context) -> Ended {
    let text = std::fs::read_to_string(&args.key).map_err(|source| {
        CommandError::from(ArchiveError::Io { path: args.key.clone(), what: "cannot be read", source })
    })?;
    let key = SigningKey::load(&text).map_err(|error| {
        CommandError::usage(format!("{}: {error}", args.key.display()))
            .hint("a key with a password signs with `minisign -S -s KEY -m FOLDER/*.json`")
    })?;
    let files = sign_folder(&args.folder, &key)?;
    let told = json!({ "folder": args.folder, "files": files, "key": key.public() });
    context.output().result(&told, |output| {
        output.line(format_args!("{} files signed by {}", files.len(), key.public()));
    });
    Ok(Exit::Done)
}
