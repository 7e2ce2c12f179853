//! What the tests need besides cargo: programs from Debian, packages from PyPI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::{Workspace, output, run};

/// Debian packages, and what each is for.
const PACKAGES: [(&str, &str); 26] = [
    ("ffmpeg", "transcoding; an independent decoder and loudness meter"),
    ("flac", "makes test files"),
    ("vorbis-tools", "makes test files"),
    ("lame", "makes test files"),
    ("opus-tools", "makes test files"),
    ("sox", "makes test files"),
    ("musepack-tools", "makes test files"),
    ("libchromaprint-tools", "fpcalc, the reference for fingerprints"),
    ("python3-libtorrent", "the reference for torrents"),
    ("python3-venv", "the folder that the packages from PyPI live in"),
    ("aria2", "a client that must be able to fetch a release"),
    ("transmission-cli", "a client that must be able to fetch a release"),
    ("qbittorrent-nox", "a client that must be able to fetch a release"),
    ("rtorrent", "a client that must be able to fetch a release"),
    ("nodejs", "runs WebTorrent, a client that must be able to fetch a release"),
    ("npm", "installs WebTorrent"),
    ("mktorrent", "the fast way to make torrents, in benches"),
    ("minisign", "the reference for signatures"),
    ("opentracker", "a tracker that is asked for counts"),
    ("fuse3", "lets somebody who is not root mount a disk that fails"),
    ("strace", "sees in which order writes reach the disk"),
    ("chromium", "the browser that plays a song"),
    ("chromium-driver", "drives it"),
    ("cmake", "builds libopus"),
    ("time", "says what a command costs, in benches"),
    ("git", "tidy asks it which files are ours"),
];

/// What building the program itself needs.
const BUILD: &[&str] = &["cmake"];

/// Installs what building needs; everything else is for the tests.
pub fn install_build_packages() -> Result<()> {
    install(BUILD)
}

/// Installs the Debian packages that are missing, as root or through sudo; asks apt for nothing when none is.
pub fn install_system_packages() -> Result<()> {
    let mut names = PACKAGES.map(|(name, _)| name).to_vec();
    // Other packages of Node.js than Debian's bring npm along, and do not go with Debian's.
    if Command::new("npm").arg("--version").output().is_ok_and(|output| output.status.success()) {
        names.retain(|name| *name != "npm");
    }
    install(&names)
}

fn install(names: &[&'static str]) -> Result<()> {
    let missing = missing_packages(names)?;
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {}", missing.join(" "));
    let prefix: &[&str] = if output(Command::new("id").arg("-u"))?.trim() == "0" {
        &[]
    } else if Command::new("sudo").args(["-n", "true"]).status().is_ok_and(|status| status.success()) {
        &["sudo", "-n"]
    } else {
        bail!("packages are missing that only root may install; run: sudo apt-get install {}", missing.join(" "));
    };
    let apt = |arguments: &[&str]| {
        let words: Vec<&str> =
            [prefix, &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"], arguments].concat();
        run(Command::new(words[0]).args(&words[1..]))
    };
    apt(&["update"])?;
    apt(&[&["install", "--yes", "--no-install-recommends"], missing.as_slice()].concat())
}

fn missing_packages(names: &[&'static str]) -> Result<Vec<&'static str>> {
    let query = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${Package} ${db:Status-Status}\n"])
        .args(names)
        .output();
    let Ok(query) = query else {
        bail!(
            "this is not a Debian system; install what these Debian packages hold, then run `cargo test`: {}",
            names.join(" ")
        );
    };
    // It exits with 1 when it does not know one of them; what it knows is on stdout all the same.
    let known = String::from_utf8_lossy(&query.stdout).into_owned();
    let installed = |name: &str| known.lines().any(|line| line.split_once(' ') == Some((name, "installed")));
    Ok(names.iter().copied().filter(|name| !installed(name)).collect())
}

/// The virtual environment with the packages from PyPI; it sees Debian's Python packages (libtorrent) too.
pub fn python_tools(workspace: &Workspace) -> PathBuf {
    workspace.cache("pytools")
}

/// The interpreter that tests run their Python with (`FONOTECA_TEST_PYTHON`).
pub fn python(workspace: &Workspace) -> PathBuf {
    python_tools(workspace).join("bin/python")
}

/// Where WebTorrent lies (`FONOTECA_TEST_WEBTORRENT`).
pub fn webtorrent(workspace: &Workspace) -> PathBuf {
    workspace.cache("webtorrent").join("node_modules")
}

/// Installs WebTorrent from npm anew when `xtask/webtorrent` is not what it was installed from.
pub fn install_webtorrent(workspace: &Workspace) -> Result<()> {
    let list = workspace.root.join("xtask/webtorrent");
    let folder = workspace.cache("webtorrent");
    let mut wanted = Vec::new();
    for file in ["package.json", "package-lock.json", "no-webrtc/package.json", "no-webrtc/index.js"] {
        let from = list.join(file);
        wanted.push((file, fs::read_to_string(&from).with_context(|| format!("cannot read {}", from.display()))?));
    }
    let stamp = folder.join("made-from.txt");
    let all: String = wanted.iter().map(|(_, text)| text.as_str()).collect();
    if fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == all) {
        return Ok(());
    }
    fs::create_dir_all(folder.join("no-webrtc")).with_context(|| format!("cannot create {}", folder.display()))?;
    for (file, text) in &wanted {
        let to = folder.join(file);
        fs::write(&to, text).with_context(|| format!("cannot write {}", to.display()))?;
    }
    // Without the scripts of packages: what they would compile is not needed.
    let arguments = ["ci", "--no-audit", "--no-fund", "--omit=optional", "--ignore-scripts", "--silent"];
    run(Command::new("npm").args(arguments).current_dir(&folder))?;
    fs::write(&stamp, all).with_context(|| format!("cannot write {}", stamp.display()))
}

/// The virtual environment with the programs that benches run as peers.
pub fn peers(workspace: &Workspace) -> PathBuf {
    workspace.cache("peers")
}

/// Makes the virtual environment of the tests anew when `xtask/pytools.txt` is not what it was made from.
pub fn install_python_tools(workspace: &Workspace) -> Result<()> {
    install_python(workspace, "xtask/pytools.txt", &python_tools(workspace))
}

/// Makes that of the peers anew when `xtask/peertools.txt` is not what it was made from.
pub fn install_peers(workspace: &Workspace) -> Result<()> {
    install_python(workspace, "xtask/peertools.txt", &peers(workspace))
}

fn install_python(workspace: &Workspace, list: &str, folder: &Path) -> Result<()> {
    let list = workspace.root.join(list);
    let wanted = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let stamp = folder.join("made-from.txt");
    if fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == wanted) {
        return Ok(());
    }
    let debian = Path::new("/usr/bin/python3");
    let interpreter = if debian.exists() { debian } else { Path::new("python3") };
    run(Command::new(interpreter).args(["-m", "venv", "--clear", "--system-site-packages"]).arg(folder))?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--ignore-installed",
        "-r",
    ]);
    run(pip.arg(&list))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}
