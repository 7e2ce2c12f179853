//! `fonoteca feed`: tell the world what there is.

mod health;
mod key;
mod publish;
mod sign;
mod verify;

pub(super) use health::risk;

use fonoteca_archive::Archive;
use fonoteca_archive::keys::public_keys;
use fonoteca_torrent::feed::SigningKey;

use super::Ended;
use crate::context::Context;
use crate::error::CommandError;

/// Publish the signed list of releases and withdrawals that mirrors follow
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Publish(publish::Args),
    Verify(verify::Args),
    Sign(sign::Args),
    #[command(subcommand)]
    Key(key::Command),
    Health(health::Args),
}

pub async fn run(command: Command, context: &Context) -> Ended {
    match command {
        Command::Publish(args) => publish::run(args, context).await,
        Command::Verify(args) => verify::run(args, context).await,
        Command::Sign(args) => sign::run(&args, context),
        Command::Key(command) => key::run(command, context).await,
        Command::Health(args) => health::run(args, context).await,
    }
}

/// The key that signs for the archive. The first one is announced, since nobody can make it again.
pub(super) fn signing_key(context: &Context, archive: &Archive) -> Result<SigningKey, CommandError> {
    let is_first = public_keys(archive)?.is_empty();
    let key = context.keys()?.signing_key(archive)?;
    if is_first {
        let folder = context.keys_folder()?;
        context.output().note(format_args!(
            "a signing key was made in {}: back it up, for mirrors will trust no other",
            folder.display()
        ));
    }
    Ok(key)
}

/// The key that signs a new release. Where the archive's key is on another machine, one that nobody trusts stands in for it
/// until the release is published.
pub(super) fn release_key(context: &Context, archive: &Archive) -> Result<SigningKey, CommandError> {
    if context.keys()?.has_signing_key(archive)? {
        return signing_key(context, archive);
    }
    context.output().note(
        "the archive's key is on another machine: the manifest is to be signed there, with `feed publish --unsigned`",
    );
    SigningKey::generate().map_err(|error| CommandError::of(crate::exit::Exit::Bug, &error))
}
