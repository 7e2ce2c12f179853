//! What people use today for the same facts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::cost::{Cost, of, script};
use crate::tools;
use crate::workspace::Workspace;

/// Hash, tags, fingerprint of the first two minutes, loudness with range and true peak; two files at a time, `$1` being
/// Python, the files behind. fpcalc exits with 3 on files shorter than two minutes though it prints the fingerprint.
const FACTS: &str = r#"
python=$1; shift
printf '%s\0' "$@" | xargs -0 -P 2 -n 4 sha256sum > /dev/null
"$python" -c 'import sys, mutagen
for path in sys.argv[1:]: mutagen.File(path)' "$@"
printf '%s\0' "$@" | xargs -0 -P 2 -n 1 bash -c 'fpcalc "$0" | grep -q FINGERPRINT='
printf '%s\0' "$@" | xargs -0 -P 2 -n 1 bash -c 'ffmpeg -nostdin -nostats -hide_banner -i "$0" -map 0:a \
    -af ebur128=peak=true -f null - < /dev/null 2> /dev/null'
"#;

/// The facts that one pass of ours tells.
pub fn facts(workspace: &Workspace, files: &[PathBuf]) -> Result<Cost> {
    let mut command = script(FACTS, [tools::peers(workspace).join("bin/python")]);
    Ok(of(command.args(files))?.0)
}

/// SHA-256 of all files below a folder, two at a time.
pub fn hashes(folder: &Path) -> Result<Cost> {
    let text = "find \"$1\" -type f -print0 | xargs -0 -P 2 -n 16 sha256sum > /dev/null";
    Ok(of(&script(text, [folder]))?.0)
}

/// Drops a folder's files from memory; then they are read once more, one after the other.
pub fn cold_read(folder: &Path) -> Result<Cost> {
    forget(folder)?;
    Ok(of(&script("find \"$1\" -type f -print0 | xargs -0 cat > /dev/null", [folder]))?.0)
}

/// Asks the kernel to drop what it holds of a folder's files.
pub fn forget(folder: &Path) -> Result<()> {
    let text = "sync; find \"$1\" -type f -print0 | xargs -0 -I{} dd if={} iflag=nocache count=0 status=none";
    of(&script(text, [folder])).map(drop)
}

/// What beets' scan costs, without asking anybody about the tags.
pub fn beets(workspace: &Workspace, library: &Path) -> Result<Cost> {
    let home = tempfile::tempdir().context("cannot create a temporary folder")?;
    let path = home.path().display();
    let settings = format!(
        "directory: {path}/music\nlibrary: {path}/library.db\nimport:\n  copy: no\n  write: no\n  autotag: no\n"
    );
    fs::write(home.path().join("config.yaml"), settings).context("cannot write the settings of beets")?;
    let mut command = Command::new(tools::peers(workspace).join("bin/beet"));
    command.env("BEETSDIR", home.path()).args(["import", "--quiet"]).arg(library);
    Ok(of(&command)?.0)
}

/// What supysonic's scan costs.
pub fn supysonic(workspace: &Workspace, library: &Path) -> Result<Cost> {
    let home = tempfile::tempdir().context("cannot create a temporary folder")?;
    let settings = format!("[base]\ndatabase_uri = sqlite:///{}/library.db\n", home.path().display());
    fs::write(home.path().join("supysonic.conf"), settings).context("cannot write the settings of supysonic")?;
    let command = || {
        let mut command = Command::new(tools::peers(workspace).join("bin/supysonic-cli"));
        command.current_dir(home.path());
        command
    };
    of(command().args(["folder", "add", "music"]).arg(library))?;
    Ok(of(command().args(["folder", "scan", "--foreground", "music"]))?.0)
}
