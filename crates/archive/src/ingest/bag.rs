//! A BagIt bag (RFC 8493) that is to be taken in: its manifests are checked first, and only what they prove goes further.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use fonoteca_catalog::{Batch, Event, Outcome};
use fonoteca_model::progress::{Progress, Unit};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use walkdir::WalkDir;

use super::outcome::{FileOutcome, Status};
use super::rows::AGENT;
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::moment::job;
use crate::rights::stable_id;

const DECLARATION: &str = "bagit.txt";
const PAYLOAD: &str = "data";
/// Bytes of one line of a manifest, of `bagit.txt` and of `bag-info.txt` together.
const LINE_BYTES: u64 = 16 << 10;
const INFO_BYTES: u64 = 1 << 20;
/// Entries of one manifest.
const ENTRIES: usize = 10_000_000;
/// Files that an event names.
const NAMED: usize = 100;

/// The algorithms that manifests may have, the best first.
const ALGORITHMS: [&str; 4] = ["sha512", "sha256", "sha1", "md5"];

/// A bag whose files were compared with its manifests.
#[derive(Debug)]
pub struct Bag {
    folder: PathBuf,
    /// `bag-info.txt`, as it is.
    info: Vec<(String, String)>,
    /// Names the bag by its manifests.
    seal: String,
    /// Payload that is what a manifest says.
    right: BTreeSet<String>,
    /// By path in the bag: what is wrong with it.
    wrong: BTreeMap<String, String>,
}

impl Bag {
    /// Whether a folder is a bag.
    pub fn is_bag(folder: &Path) -> bool {
        folder.join(DECLARATION).is_file()
    }

    /// Reads the bag in `folder` and checks every file that its manifests list. Blocks: call it where that is allowed.
    pub fn check(folder: &Path, progress: &dyn Progress) -> Result<Self, ArchiveError> {
        let foreign = |file: &str, reason: String| ArchiveError::Foreign {
            name: folder.join(file).display().to_string(),
            reason,
        };
        let declared = tags(folder, DECLARATION)?;
        let value = |key: &str| declared.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        match (value("BagIt-Version"), value("Tag-File-Character-Encoding")) {
            (Some("0.97" | "1.0"), Some(encoding)) if encoding.eq_ignore_ascii_case("UTF-8") => {}
            (version, encoding) => {
                let said = format!("says version {version:?}, encoding {encoding:?}; read are 0.97 and 1.0 in UTF-8");
                return Err(foreign(DECLARATION, said));
            }
        }
        let info = if folder.join("bag-info.txt").is_file() { tags(folder, "bag-info.txt")? } else { Vec::new() };
        let mut bag = Self {
            folder: folder.to_owned(),
            info,
            seal: String::new(),
            right: BTreeSet::new(),
            wrong: BTreeMap::new(),
        };
        let mut seal = Sha256::new();
        let mut is_complete = false;
        for (prefix, is_payload) in [("tagmanifest", false), ("manifest", true)] {
            let mut manifests = BTreeMap::new();
            for algorithm in ALGORITHMS {
                let name = format!("{prefix}-{algorithm}.txt");
                if folder.join(&name).is_file() {
                    manifests.insert(algorithm, bag.manifest(&name, is_payload, &mut seal)?);
                }
            }
            let Some(best) = ALGORITHMS.iter().find_map(|name| Some((*name, manifests.get(name)?))) else { continue };
            is_complete |= is_payload;
            bag.compare(best.0, best.1, is_payload, progress)?;
            for (algorithm, other) in &manifests {
                for name in best.1.keys().filter(|name| !other.contains_key(*name)) {
                    bag.accuse(name, format!("is not in {prefix}-{algorithm}.txt"));
                }
            }
        }
        if !is_complete {
            let known = ALGORITHMS.join(", ");
            return Err(foreign(
                "manifest-sha256.txt",
                format!("there is no manifest of the payload by one of: {known}"),
            ));
        }
        bag.seal = hex::encode(seal.finalize());
        bag.strangers();
        bag.count();
        Ok(bag)
    }

    /// What is to be taken in: the payload's folder where all of it is right, else each right file that is called like audio.
    pub fn paths(&self) -> Vec<PathBuf> {
        if self.wrong.keys().any(|name| name.starts_with("data/")) {
            let right = self.right.iter().map(|name| self.folder.join(name));
            return right.filter(|path| fonoteca_audio::looks_like_audio_name(path)).collect();
        }
        vec![self.folder.join(PAYLOAD)]
    }

    /// What is not as the bag says, each as a file that failed.
    pub fn failures(&self) -> impl Iterator<Item = FileOutcome> {
        self.wrong.iter().map(|(name, reason)| {
            FileOutcome::of_path(&self.folder.join(name), Status::Failed, Some(format!("bag: {reason}")))
        })
    }

    /// Keeps what the bag says of itself, and how the check ended, as an event; once for each outcome.
    pub async fn record(&self, archive: &Archive) -> Result<(), ArchiveError> {
        let names: Vec<&String> = self.wrong.keys().take(NAMED).collect();
        let id = stable_id(&["bag", &self.seal, &self.wrong.len().to_string(), &format!("{names:?}")]);
        let writer = archive.catalog().writer().await?;
        if writer.snapshot().has_event(&id).await? {
            return Ok(());
        }
        let external = self.info.iter().find(|(key, _)| key == "External-Identifier").map(|(_, value)| value.clone());
        let folder = || self.folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let now = archive.now();
        let event = Event {
            id,
            at: now,
            kind: "validation".to_owned(),
            subject_kind: "bag".to_owned(),
            subject: external.unwrap_or_else(folder),
            outcome: if self.wrong.is_empty() { Outcome::Success } else { Outcome::Failure },
            detail: Some(
                serde_json::json!({"bag_info": self.info, "files": self.right.len(), "wrong": names, "seal": self.seal})
                    .to_string(),
            ),
            agent: AGENT.to_owned(),
        };
        let job = job("bag", now, writer.snapshot());
        writer.commit(&job, 0, Batch { events: vec![event], ..Batch::default() }).await?;
        Ok(())
    }

    fn accuse(&mut self, name: &str, reason: impl Into<String>) {
        self.right.remove(name);
        self.wrong.entry(name.to_owned()).or_insert_with(|| reason.into());
    }

    /// A manifest: digest by path. Paths that leave the bag are accused.
    fn manifest(
        &mut self,
        name: &str,
        is_payload: bool,
        seal: &mut Sha256,
    ) -> Result<BTreeMap<String, String>, ArchiveError> {
        let path = self.folder.join(name);
        let foreign = |reason: String| ArchiveError::Foreign { name: path.display().to_string(), reason };
        let mut reader = BufReader::new(File::open(&path).map_err(ArchiveError::io(&path, "cannot be read"))?);
        let mut entries = BTreeMap::new();
        for number in 1.. {
            let mut line = String::new();
            let read = (&mut reader).take(LINE_BYTES).read_line(&mut line);
            if read.map_err(ArchiveError::io(&path, "cannot be read"))? == 0 {
                break;
            }
            seal.update(line.as_bytes());
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                continue;
            }
            let entry = line.split_once([' ', '\t']);
            let Some((digest, file)) = entry.filter(|(digest, _)| digest.bytes().all(|byte| byte.is_ascii_hexdigit()))
            else {
                return Err(foreign(format!("line {number} is no digest and path")));
            };
            let file = decoded(file.trim_start_matches([' ', '\t', '*']).trim_start_matches("./"));
            let stays = Path::new(&file).components().all(|part| matches!(part, Component::Normal(_)));
            if !stays || file.is_empty() || is_payload != file.starts_with("data/") {
                return Err(foreign(format!("line {number}: {file:?} does not belong there")));
            }
            if entries.insert(file.clone(), digest.to_ascii_lowercase()).is_some() {
                self.accuse(&file, format!("is twice in {name}"));
            }
            if entries.len() > ENTRIES {
                return Err(foreign(format!("has more than {ENTRIES} entries")));
            }
        }
        Ok(entries)
    }

    fn compare(
        &mut self,
        algorithm: &str,
        entries: &BTreeMap<String, String>,
        is_payload: bool,
        progress: &dyn Progress,
    ) -> Result<(), ArchiveError> {
        if is_payload {
            progress.stage("checking the bag", Some(entries.len() as u64), Unit::Items);
        }
        for (name, digest) in entries {
            if progress.cancelled() {
                return Err(ArchiveError::Cancelled);
            }
            match hash(&self.folder, name, algorithm) {
                Ok(found) if found == *digest => {
                    if is_payload && !self.wrong.contains_key(name) {
                        self.right.insert(name.clone());
                    }
                }
                Ok(found) => self.accuse(name, format!("its {algorithm} is {found}, the manifest says {digest}")),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => self.accuse(name, "is missing"),
                Err(error) => self.accuse(name, format!("cannot be read: {error}")),
            }
            if is_payload {
                progress.advance(1);
            }
        }
        Ok(())
    }

    /// Payload that no manifest knows proves nothing.
    fn strangers(&mut self) {
        for entry in WalkDir::new(self.folder.join(PAYLOAD)).into_iter().filter_map(Result::ok) {
            if entry.file_type().is_dir() {
                continue;
            }
            let below = entry.path().strip_prefix(&self.folder).unwrap_or(entry.path());
            let name = below.to_string_lossy().into_owned();
            if !self.right.contains(&name) {
                self.accuse(&name, "is in no manifest");
            }
        }
    }

    /// `Payload-Oxum`: bytes and files of the payload.
    fn count(&mut self) {
        let Some((_, told)) = self.info.iter().find(|(key, _)| key == "Payload-Oxum").cloned() else { return };
        let sizes =
            self.right.iter().map(|name| std::fs::metadata(self.folder.join(name)).map_or(0, |file| file.len()));
        let found = format!("{}.{}", sizes.sum::<u64>(), self.right.len());
        if found != told.trim() && self.wrong.is_empty() {
            self.accuse("bag-info.txt", format!("Payload-Oxum is {told}, the payload has {found}"));
        }
    }
}

/// `%0A`, `%0D` and `%25` stand for what a line cannot hold, and for themselves.
fn decoded(name: &str) -> String {
    let name = name.replace("%0A", "\n").replace("%0a", "\n").replace("%0D", "\r").replace("%0d", "\r");
    name.replace("%25", "%")
}

/// A file of labels and values; what begins with a blank goes on with the value before it.
fn tags(folder: &Path, name: &str) -> Result<Vec<(String, String)>, ArchiveError> {
    let path = folder.join(name);
    let mut text = String::new();
    let file = File::open(&path).map_err(ArchiveError::io(&path, "cannot be read"))?;
    file.take(INFO_BYTES).read_to_string(&mut text).map_err(ArchiveError::io(&path, "cannot be read"))?;
    let mut found: Vec<(String, String)> = Vec::new();
    for line in text.trim_start_matches('\u{feff}').lines() {
        match (line.split_once(':'), found.last_mut()) {
            (_, Some((_, value))) if line.starts_with([' ', '\t']) => {
                value.push(' ');
                value.push_str(line.trim());
            }
            (Some((key, value)), _) => found.push((key.trim().to_owned(), value.trim().to_owned())),
            _ => {}
        }
    }
    Ok(found)
}

/// The digest of a regular file inside the bag; a link is none, since it may lead out.
fn hash(folder: &Path, name: &str, algorithm: &str) -> std::io::Result<String> {
    let path = folder.join(name);
    if !std::fs::symlink_metadata(&path)?.is_file() || !path.canonicalize()?.starts_with(folder.canonicalize()?) {
        return Err(std::io::Error::other("it is no regular file inside the bag"));
    }
    let file = File::open(&path)?;
    match algorithm {
        "sha512" => digest::<Sha512>(file),
        "sha256" => digest::<Sha256>(file),
        "sha1" => digest::<Sha1>(file),
        _ => digest::<Md5>(file),
    }
}

fn digest<D: Digest>(mut file: File) -> std::io::Result<String> {
    let mut hasher = D::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hex::encode(hasher.finalize().as_slice()));
        }
        hasher.update(&buffer[..count]);
    }
}

#[cfg(test)]
mod tests {
    use fonoteca_model::Silent;

    use super::*;

    fn bag(manifest: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("data")).expect("made");
        std::fs::write(folder.path().join("data/a.ogg"), "a").expect("written");
        let declaration = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";
        std::fs::write(folder.path().join(DECLARATION), declaration).expect("written");
        std::fs::write(folder.path().join("manifest-md5.txt"), manifest).expect("written");
        folder
    }

    #[test]
    fn paths_stay_inside() {
        for line in ["0cc1 data/../x", "0cc1 /etc/passwd", "0cc1 bag-info.txt", "zz data/a.ogg", "0cc1"] {
            let folder = bag(line);
            assert!(matches!(Bag::check(folder.path(), &Silent), Err(ArchiveError::Foreign { .. })), "{line}");
        }
    }

    #[test]
    fn what_no_manifest_knows_is_named() {
        let folder = bag("0cc175b9c0f1b6a831c399e269772661  data/a.ogg\n");
        let whole = Bag::check(folder.path(), &Silent).expect("a bag");
        assert_eq!((whole.paths(), whole.failures().count()), (vec![folder.path().join("data")], 0));
        std::fs::write(folder.path().join("data/b"), "b").expect("written");
        let more = Bag::check(folder.path(), &Silent).expect("a bag");
        assert_eq!(more.paths(), [folder.path().join("data/a.ogg")]);
        assert_eq!(
            more.failures().map(|failure| failure.reason).collect::<Vec<_>>(),
            [Some("bag: is in no manifest".to_owned())]
        );
    }

    #[test]
    fn a_value_may_go_on_in_the_next_line() {
        let folder = bag("");
        std::fs::write(folder.path().join("bag-info.txt"), "Note: one\n  two\nPayload-Oxum: 1.1\n").expect("written");
        let read = tags(folder.path(), "bag-info.txt").expect("tags");
        assert_eq!(read[0], ("Note".to_owned(), "one two".to_owned()));
        assert_eq!(decoded("a%0Ab%25"), "a\nb%");
    }
}
