//! `cargo xtask corpus`: real music under free licences, from Debian's packages; nothing of it is in the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::{Workspace, run};

/// The packages that tests read: Ogg Vorbis and MP3, well and badly tagged.
const PACKAGES: [&str; 2] = ["wesnoth-1.16-music", "hyperrogue-music"];
/// More of the same, for benches.
const MORE_PACKAGES: [&str; 5] =
    ["ufoai-music", "warzone2100-music", "singularity-music", "supertuxkart-data", "supertux-data"];
const AUDIO: [&str; 8] = ["ogg", "oga", "opus", "mp3", "flac", "wav", "m4a", "aac"];

/// Where the packages are unpacked, a folder each (`FONOTECA_TEST_CORPUS`).
pub fn folder(workspace: &Workspace) -> PathBuf {
    workspace.cache("corpus")
}

/// Fetches what is not there yet and prints what there is; returns every audio file, sorted.
pub fn fetch(workspace: &Workspace, all: bool) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for package in PACKAGES.iter().chain(MORE_PACKAGES.iter().filter(|_| all)) {
        let unpacked = folder(workspace).join(package);
        // The stamp is written last: a folder without one is half a package.
        let stamp = unpacked.join(".complete");
        if !stamp.exists() || audio_files(&unpacked)?.is_empty() {
            unpack(package, &unpacked)?;
            fs::write(&stamp, "").with_context(|| format!("cannot write {}", stamp.display()))?;
        }
        let audio = audio_files(&unpacked)?;
        let bytes = audio.iter().map(|file| file.metadata().map_or(0, |facts| facts.len())).sum::<u64>();
        eprintln!("{package}: {} audio files, {:.1} MB", audio.len(), bytes as f64 / 1e6);
        files.extend(audio);
    }
    Ok(files)
}

fn unpack(package: &str, into: &Path) -> Result<()> {
    if into.exists() {
        fs::remove_dir_all(into).with_context(|| format!("cannot remove {}", into.display()))?;
    }
    fs::create_dir_all(into).with_context(|| format!("cannot create {}", into.display()))?;
    let download = tempfile::Builder::new().prefix("download-").tempdir_in(into.parent().unwrap_or(into))?;
    let fetch = || {
        run(Command::new("apt-get")
            .args(["-qq", "-o", "APT::Sandbox::User=root", "download", package])
            .current_dir(download.path()))
    };
    if fetch().is_err() {
        // A fresh image has no package lists; only root may fetch them.
        run(Command::new("apt-get").args(["-qq", "update"]))
            .context("apt-get knows no packages; run `apt-get update` as root")?;
        fetch()?;
    }
    let Some(archive) =
        fs::read_dir(download.path())?.flatten().map(|entry| entry.path()).find(|path| has_ending(path, &["deb"]))
    else {
        bail!("apt-get download {package} left no .deb file in {}", download.path().display());
    };
    run(Command::new("dpkg").arg("-x").arg(&archive).arg(into))?;
    // Games keep their music in ZIP files by another name.
    for packed in files_with(into, &["pk3"])? {
        run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&packed).arg(packed.with_extension("")))?;
    }
    Ok(())
}

/// Audio files under a folder by their endings, sorted by path; links are not followed.
pub fn audio_files(folder: &Path) -> Result<Vec<PathBuf>> {
    files_with(folder, &AUDIO)
}

fn files_with(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && has_ending(&entry.path(), endings) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|found| endings.iter().any(|ending| found.eq_ignore_ascii_case(ending)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_is_found_by_its_ending_in_any_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        for name in ["b.ogg", "deep/a.MP3", "notes.txt", "ogg"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let found = audio_files(folder.path()).unwrap();
        assert_eq!(found, [folder.path().join("b.ogg"), folder.path().join("deep/a.MP3")]);
    }
}
