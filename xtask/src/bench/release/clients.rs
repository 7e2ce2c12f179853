//! Other people's BitTorrent clients: each fetches a torrent from whom its tracker and its web seeds name, and is done when
//! all of it is there and checked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::publisher::own_address;
use crate::workspace::{Workspace, run};

/// How long a client may take.
const LIMIT: Duration = Duration::from_mins(10);
const RQBIT: &str = "9.1.0";

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    Transmission,
    Rqbit,
    Libtorrent,
}

/// All of them.
pub const CLIENTS: [Client; 3] = [Client::Transmission, Client::Rqbit, Client::Libtorrent];

const LIBTORRENT: &str = "
import sys, time
import libtorrent as lt
session = lt.session({'listen_interfaces': '0.0.0.0:0', 'enable_dht': False, 'enable_lsd': False,
                      'enable_upnp': False, 'enable_natpmp': False})
asked = lt.add_torrent_params()
asked.ti = lt.torrent_info(sys.argv[1])
asked.save_path = sys.argv[2]
handle = session.add_torrent(asked)
while not handle.status().is_seeding:
    time.sleep(0.02)
";

/// Builds rqbit, which no package has, below `target/`.
pub fn install_rqbit(workspace: &Workspace) -> Result<()> {
    if rqbit(workspace).exists() {
        return Ok(());
    }
    let mut cargo = workspace.cargo();
    cargo.args([
        "install",
        "--quiet",
        "--locked",
        "--version",
        RQBIT,
        "--no-default-features",
        "--features",
        "rust-tls",
    ]);
    run(cargo.arg("--root").arg(workspace.cache("rqbit")).arg("rqbit"))
}

fn rqbit(workspace: &Workspace) -> PathBuf {
    workspace.cache("rqbit").join("bin/rqbit")
}

impl Client {
    /// What it is called in the results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transmission => "Transmission, v1",
            Self::Rqbit => "rqbit, v1",
            Self::Libtorrent => "libtorrent, hybrid",
        }
    }

    /// Fetches hybrid or twin into a folder; returns seconds. What is there already is only checked.
    pub fn fetch(self, workspace: &Workspace, [hybrid, twin]: &[PathBuf; 2], into: &Path) -> Result<f64> {
        match self {
            Self::Transmission => transmission(twin, into),
            Self::Rqbit => {
                let mut command = Command::new(rqbit(workspace));
                command.args(["-v", "error", "--disable-dht", "--disable-upnp-port-forward", "--disable-lsd"]);
                command.args(["download", "--exit-on-finish", "--disable-http-api", "-o"]).arg(into).arg(twin);
                timed(&mut command)
            }
            Self::Libtorrent => {
                let mut command = Command::new("/usr/bin/python3");
                timed(command.args(["-c", LIBTORRENT]).arg(hybrid).arg(into))
            }
        }
    }
}

fn timed(command: &mut Command) -> Result<f64> {
    let start = Instant::now();
    let mut limited = Command::new("timeout");
    limited.arg(LIMIT.as_secs().to_string()).arg(command.get_program()).args(command.get_args());
    run(limited.stdin(Stdio::null()).stdout(Stdio::null()))?;
    Ok(start.elapsed().as_secs_f64())
}

/// It never ends by itself, and says by a script that it has everything.
fn transmission(torrent: &Path, into: &Path) -> Result<f64> {
    let settings = tempfile::tempdir().context("cannot create a temporary folder")?;
    let (done, finish) = (settings.path().join("done"), settings.path().join("finish"));
    let options = r#"{"dht-enabled": false, "lpd-enabled": false, "pex-enabled": false, "utp-enabled": false,
        "port-forwarding-enabled": false}"#;
    fs::write(settings.path().join("settings.json"), options).context("cannot write Transmission's settings")?;
    fs::write(&finish, format!("#!/bin/sh\ntouch '{}'\n", done.display())).context("cannot write a script")?;
    fs::set_permissions(&finish, fs::Permissions::from_mode(0o755)).context("cannot make a script executable")?;
    let mut command = Command::new("transmission-cli");
    let port = own_address()?.port().to_string();
    command
        .args(["-M", "-p", &port, "-g"])
        .arg(settings.path())
        .arg("-f")
        .arg(&finish)
        .arg("-w")
        .arg(into)
        .arg(torrent);
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start transmission-cli")?;
    while !done.exists() && start.elapsed() < LIMIT && child.try_wait().is_ok_and(|ended| ended.is_none()) {
        thread::sleep(Duration::from_millis(20));
    }
    let seconds = start.elapsed().as_secs_f64();
    // It may have ended by itself, which the missing file tells.
    let _ = child.kill();
    let _ = child.wait();
    if !done.exists() {
        bail!("transmission-cli did not finish");
    }
    Ok(seconds)
}
