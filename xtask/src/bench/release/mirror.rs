//! Mirroring a release over this machine's own address: ours, checked, described and findable in the end, beside clients that
//! only fetch; what a second release costs a mirror; and the check of what is there.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::clients::{CLIENTS, Client, install_rqbit};
use super::publisher::{Archive, own_address};
use super::{Bench, ROUNDS, number};
use crate::bench::{Row, TargetIs, median};
use crate::workspace::Workspace;

const FILES: u64 = 1_000;
const BYTES: u64 = 4_000_000;
/// Files that the second release has more: one of a hundred.
const MORE: u64 = FILES / 100;

/// Measures, and returns what there was to fetch.
pub fn measure(workspace: &Workspace, bench: &Bench, rows: &mut Vec<Row>) -> Result<Value> {
    let binary = workspace.build_binary("release")?;
    install_rqbit(workspace)?;
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let source = Archive::init(&binary, &folder.path().join("source"))?;
    let music = folder.path().join("music");
    let made = bench.phase("material", &music, &[0, FILES, BYTES])?;
    ingest(&source, &music)?;
    let address = own_address()?;
    let url = format!("http://{address}");
    eprintln!("first release …");
    let first = release(&source, &url, "first")?;
    let serving = source.serve(address)?;
    let [torrent] = &first.audio[..] else { bail!("the release has {} torrents of audio, not one", first.audio.len()) };
    let torrents = source.folder().join("releases/first");
    let variants = [torrents.join(format!("{torrent}.torrent")), torrents.join(format!("{torrent}.v1.torrent"))];

    let mirror_of = |name: &str| -> Result<Archive> {
        let mirror = Archive::init(&binary, &folder.path().join(name))?;
        mirror.run(&["mirror", "add", &url, "--key", &first.key, "--name", "m"])?;
        Ok(mirror)
    };
    let (mut ours, mut by_web_seed) = (Vec::new(), Vec::new());
    let mut theirs = CLIENTS.map(|client| (client, Vec::new()));
    for round in 1..=ROUNDS {
        eprintln!("mirroring, round {round} of {ROUNDS}");
        for (name, arguments, seconds) in [
            ("mirror", &["mirror", "pull"][..], &mut ours),
            ("by-web-seed", &["mirror", "pull", "--via", "web-seed"], &mut by_web_seed),
        ] {
            let mirror = mirror_of(name)?;
            let start = Instant::now();
            let report = mirror.run(arguments)?;
            seconds.push(start.elapsed().as_secs_f64());
            if number(&report, "fetched_bytes")? < number(&made, "bytes")? {
                bail!("the mirror did not fetch everything: {report}");
            }
            if round < ROUNDS || name != "mirror" {
                remove(&folder.path().join(name))?;
            }
        }
        for (client, seconds) in &mut theirs {
            let into = folder.path().join("into");
            std::fs::create_dir_all(&into).context("cannot create a folder for a client")?;
            seconds.push(client.fetch(workspace, &variants, &into)?);
            if round < ROUNDS || *client != Client::Libtorrent {
                remove(&into)?;
            }
        }
    }
    let (ours, by_web_seed) = (median(ours), median(by_web_seed));
    for (client, seconds) in theirs {
        let pair = (ours, Some((client.name(), median(seconds))));
        rows.push(Row::less_is_better("mirror of a release", "s", pair, Some((TargetIs::Ratio, 0.9))));
    }
    rows.push(Row::less_is_better("mirror of a release, by web seed alone", "s", (by_web_seed, None), None));

    let mirror = Archive::of(&binary, &folder.path().join("mirror"));
    check(workspace, &mirror, &variants, &folder.path().join("into"), rows)?;

    eprintln!("second release …");
    let more = folder.path().join("more");
    let added = bench.phase("material", &more, &[FILES, MORE, BYTES])?;
    ingest(&source, &more)?;
    drop(serving);
    release(&source, &url, "second")?;
    let _serving = source.serve(address)?;
    let report = mirror.run(&["mirror", "pull"])?;
    let share = number(&report, "fetched_bytes")? / number(&added, "bytes")?;
    let figure = "fetched for a release with 1 % more";
    rows.push(Row::less_is_better(figure, "times its bytes", (share, None), Some((TargetIs::AtMost, 1.02))));
    Ok(json!({"bytes": made["bytes"], "added": added["bytes"], "second": report}))
}

/// The check of everything that the mirror has, beside that of a client that has the same.
fn check(
    workspace: &Workspace,
    mirror: &Archive,
    variants: &[PathBuf; 2],
    downloaded: &Path,
    rows: &mut Vec<Row>,
) -> Result<()> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        eprintln!("check, round {round} of {ROUNDS}");
        let start = Instant::now();
        mirror.run(&["verify", "--fresh"])?;
        ours.push(start.elapsed().as_secs_f64());
        theirs.push(Client::Libtorrent.fetch(workspace, variants, downloaded)?);
    }
    let pair = (median(ours), Some(("libtorrent's re-check, hybrid", median(theirs))));
    rows.push(Row::less_is_better("check of what is on the disk", "s", pair, Some((TargetIs::Ratio, 1.0))));
    remove(downloaded)
}

fn ingest(source: &Archive, music: &Path) -> Result<()> {
    eprintln!("ingest …");
    let music = music.to_str().context("the folder's name is UTF-8")?;
    source.run(&["ingest", music, "--basis", "own-work", "--in-place", "--analyse", "none"]).map(drop)
}

/// A release as it was published.
struct Release {
    key: String,
    /// Names of the torrents with audio.
    audio: Vec<String>,
}

fn release(source: &Archive, url: &str, name: &str) -> Result<Release> {
    let built = source.run(&["release", "build", name, "--url", url, "--yes"])?;
    let published = source.run(&["feed", "publish", "--yes"])?;
    let key = published["key"].as_str().context("the feed was not signed")?.to_owned();
    let torrents = built["torrents"].as_array().into_iter().flatten();
    let audio = torrents.filter(|torrent| torrent["role"] == "audio").filter_map(|torrent| torrent["name"].as_str());
    Ok(Release { key, audio: audio.map(str::to_owned).collect() })
}

fn remove(folder: &Path) -> Result<()> {
    std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}
