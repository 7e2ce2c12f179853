//! The commands, one file each: its options, whose docs are its help, and what it does.

mod analyse;
mod catalog;
mod completions;
mod demo;
mod duplicates;
mod feed;
mod identify;
mod import;
mod index;
mod ingest;
mod init;
mod links;
mod lookup;
mod man;
mod mirror;
mod release;
mod review;
mod rights;
mod search;
mod serve;
mod sql;
mod stats;
mod user;
mod verify;

pub use sql::Form;

use clap::Subcommand;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// How a command ends.
pub type Ended = Result<Exit, CommandError>;

#[derive(Debug, Subcommand)]
pub enum Command {
    Init(init::Args),
    Ingest(ingest::Args),
    Analyse(analyse::Args),
    #[command(subcommand)]
    Import(import::Command),
    Search(search::Args),
    Lookup(lookup::Args),
    Identify(identify::Args),
    Sql(sql::Args),
    Stats(stats::Args),
    Duplicates(duplicates::Args),
    #[command(subcommand)]
    Links(links::Command),
    Review(review::Args),
    #[command(subcommand)]
    Rights(rights::Command),
    #[command(subcommand)]
    Release(release::Command),
    #[command(subcommand)]
    Feed(feed::Command),
    #[command(subcommand)]
    Mirror(mirror::Command),
    Verify(verify::Args),
    Serve(serve::Args),
    #[command(subcommand)]
    User(user::Command),
    #[command(subcommand)]
    Catalog(catalog::Command),
    #[command(subcommand)]
    Index(index::Command),
    Demo(demo::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Runs a command.
pub async fn run(command: Command, context: &Context) -> Ended {
    match command {
        Command::Init(args) => init::run(args, context).await,
        Command::Ingest(args) => ingest::run(args, context).await,
        Command::Analyse(args) => analyse::run(args, context).await,
        Command::Import(command) => import::run(command, context).await,
        Command::Search(args) => search::run(args, context).await,
        Command::Lookup(args) => lookup::run(args, context).await,
        Command::Identify(args) => identify::run(args, context).await,
        Command::Sql(args) => sql::run(args, context).await,
        Command::Stats(args) => stats::run(args, context).await,
        Command::Duplicates(args) => duplicates::run(args, context).await,
        Command::Links(command) => links::run(command, context).await,
        Command::Review(args) => review::run(args, context).await,
        Command::Rights(command) => rights::run(command, context).await,
        Command::Release(command) => release::run(command, context).await,
        Command::Feed(command) => feed::run(command, context).await,
        Command::Mirror(command) => mirror::run(command, context).await,
        Command::Verify(args) => verify::run(args, context).await,
        Command::Serve(args) => serve::run(args, context).await,
        Command::User(command) => user::run(command, context).await,
        Command::Catalog(command) => catalog::run(command, context).await,
        Command::Index(command) => index::run(command, context).await,
        // The tour runs other commands, so its future holds theirs.
        Command::Demo(args) => Box::pin(demo::run(args, context)).await,
        Command::Completions(args) => Ok(completions::run(&args, context)),
        Command::Man(args) => man::run(&args, context),
    }
}
