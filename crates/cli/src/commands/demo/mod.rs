//! `fonoteca demo`: the whole way on a sample collection, as a tour of real commands.

mod check;
mod neighbour;
mod tour;

use std::path::{Path, PathBuf};

use fonoteca_accounts::{Role, Secret};
use fonoteca_archive::Archive;
use rand::distr::{Alphanumeric, SampleString};

use super::Ended;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use neighbour::Server;
use tour::Tour;

/// The account that the tour makes.
const USER: &str = "demo";
/// A recording of the sample that is a private copy by `rights.csv`, though its tags say CC BY-NC-ND.
const DARK: &str = "ZZFN32200005";

/// Show the whole way on a sample collection
///
/// Makes an archive in a temporary folder, takes the sample in, finds things in it, releases what may be given away,
/// serves it, mirrors it into a second archive by BitTorrent, and checks both. Then it leaves the server running, for
/// you to listen. Keys and accounts stay in that folder; nothing of yours is touched.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  fonoteca demo --sample sample")]
pub struct Args {
    /// The sample collection: audio, with `rights.csv` and `listens.jsonl` beside it
    #[arg(long, value_name = "DIR")]
    sample: PathBuf,
    /// End when all is checked, instead of leaving the server running
    #[arg(long)]
    exit: bool,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let failed = |what: String, error: std::io::Error| CommandError::of(Exit::SomeFailed, &error).hint(what);
    let sample = args.sample.canonicalize().map_err(|error| {
        failed(format!("--sample {} should be the folder `sample` of Fonoteca's sources", args.sample.display()), error)
    })?;
    let folder = tempfile::Builder::new().prefix("fonoteca-demo-").tempdir();
    let folder = folder.map_err(|error| failed("a temporary folder is needed".to_owned(), error))?.keep();
    let mut tour = Tour::new(context, &folder);
    let here = tour.archive("archive");
    let there = tour.archive("mirror");

    take_in(&mut tour, &here, &sample).await?;
    find(&mut tour, &here).await?;
    let password = Secret::new(Alphanumeric.sample_string(&mut rand::rng(), 16));
    let server = open_doors(&mut tour, &here, &password).await?;
    let address = server.url();
    release(&mut tour, &here, &address).await?;
    mirror(&mut tour, &here, &there, &address).await?;
    let held = tour.finish(&folder);

    if !args.exit {
        let output = context.output();
        output.line(format_args!("The server goes on. Open {} and log in:", output.strong(&address)));
        output.line(format_args!("  name {}, password {}", output.strong(USER), output.strong(password.expose())));
        output.line("Ctrl-C ends the tour; the folder stays until you remove it.");
        context.interrupt().watch();
        context.interrupt().wait().await;
    }
    server.stop().await?;
    Ok(Exit::done_if(held, Exit::SomeFailed))
}

async fn take_in(tour: &mut Tour<'_>, here: &Context, sample: &Path) -> Result<(), CommandError> {
    tour.head(
        "An archive of one's own",
        "It is one folder. What must last in it is plain: audio as it came, Parquet tables.",
    );
    let folder = tour.path_of("archive");
    tour.command(here, &["init", &folder, "--name", "Demo archive"], Exit::Done).await?;

    let path = sample.display().to_string();
    tour.head(
        "Music comes in",
        "Every file is copied, hashed, decoded to its end and described. Each must have a basis; here the \
         licence tags are asked. One file is no audio and is refused, which ends the command with exit code 1; \
         one was cut off in the middle, and is kept and marked.",
    );
    tour.command(here, &["ingest", &path, "--basis", "licensed"], Exit::SomeFailed).await?;

    tour.head(
        "What tags do not say",
        "Decisions come from a table: a letter of permission, a dispute, a label's dedication.",
    );
    let rights = sample.join("rights.csv").display().to_string();
    tour.command(here, &["rights", "import", &rights], Exit::Done).await?;

    tour.head("What people listen to", "Popularity orders search, and says which torrents a mirror fetches first.");
    let listens = sample.join("listens.jsonl").display().to_string();
    tour.command(here, &["import", "listenbrainz", &listens], Exit::Done).await?;
    tour.command(here, &["stats"], Exit::Done).await?;
    let stats = open(here).await?.snapshot().await?.stats().await?;
    tour.check("the collection came in, the cut file marked", stats.files > 10 && stats.malformed == 1);
    Ok(())
}

async fn find(tour: &mut Tour<'_>, here: &Context) -> Result<(), CommandError> {
    tour.head("Finding", "Any script, unfinished words, a typo: the same commands answer a few tracks and millions.");
    for words in [&["search", "fair"][..], &["search", "grensleeves"], &["search", "калин", "--kind", "track"]] {
        tour.command(here, words, Exit::Done).await?;
        let found = check::finds(&open(here).await?, words[1])?;
        tour.check(&format!("{:?} finds something", words[1]), found);
    }
    tour.head(
        "Why something stays dark",
        "The strictest decision wins. This one is kept and checked, and only its owner hears it.",
    );
    tour.command(here, &["rights", "show", DARK], Exit::Done).await?;
    let dark = check::is_dark(&open(here).await?, DARK).await?;
    tour.check("the disputed recording is given to nobody", dark);
    Ok(())
}

async fn open_doors(tour: &mut Tour<'_>, here: &Context, password: &Secret) -> Result<Server, CommandError> {
    tour.head("Listening", "An account hears what its role allows, in a browser or any Subsonic app.");
    tour.say_command(here, &["user", "add", USER]);
    let archive = open(here).await?;
    let accounts = here.accounts(&archive).await?;
    super::user::create(here, &accounts, USER, password, Role::Owner).await?;
    tour.say_command(here, &["serve"]);
    let server = Server::start(archive, accounts).await?;
    tour.say(&format!("serving at {}, seeding by BitTorrent at {}", server.url(), server.seeder()));
    Ok(server)
}

async fn release(tour: &mut Tour<'_>, here: &Context, url: &str) -> Result<(), CommandError> {
    tour.head(
        "Giving it away",
        "What the rights allow goes into torrents, most popular first. They are made from the hashes stored at the \
         beginning: no audio is read.",
    );
    tour.command(here, &["release", "build", "first", "--url", url, "--yes"], Exit::Done).await?;
    tour.head("Telling the world", "The feed is signed. The key is made now, and stays out of the archive.");
    tour.command(here, &["feed", "publish", "--yes"], Exit::Done).await?;
    tour.command(here, &["feed", "verify"], Exit::Done).await?;
    let archive = open(here).await?;
    tour.check("nothing dark is in a torrent", check::gives_only_what_it_may(&archive).await?);
    Ok(())
}

async fn mirror(tour: &mut Tour<'_>, here: &Context, there: &Context, url: &str) -> Result<(), CommandError> {
    tour.head(
        "Somebody else has a copy",
        "A mirror trusts a key, fetches by BitTorrent, and checks every blob by its hash.",
    );
    let folder = tour.path_of("mirror");
    tour.command(there, &["init", &folder, "--name", "Demo mirror"], Exit::Done).await?;
    let key = check::key(&open(here).await?)?;
    tour.command(there, &["mirror", "add", url, "--key", &key, "--name", "demo"], Exit::Done).await?;
    // The server looks for new releases every two seconds, and a tracker that does not know a torrent yet says no.
    tokio::time::sleep(neighbour::NOTICED).await;
    tour.command(there, &["mirror", "pull", "--via", "bittorrent"], Exit::Done).await?;
    tour.command(there, &["mirror", "status"], Exit::Done).await?;

    tour.head("Is it all still there?", "Both archives read every byte again, and compare.");
    tour.command(here, &["verify"], Exit::Done).await?;
    tour.command(here, &["release", "verify", "first"], Exit::Done).await?;
    tour.command(there, &["verify"], Exit::Done).await?;
    tour.command(there, &["release", "verify", "first"], Exit::Done).await?;
    let same = check::hold_the_same(&open(here).await?, &open(there).await?).await?;
    tour.check("the mirror holds every blob that was released", same);
    Ok(())
}

async fn open(context: &Context) -> Result<Archive, CommandError> {
    context.open().await
}
