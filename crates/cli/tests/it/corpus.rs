//! The music from Debian's packages, taken in once for all tests that look at it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use fonoteca_testkit::{Operator, copy_folder};
use serde_json::Value;

use crate::mirrors::PROGRAM;

const PACKAGES: [&str; 2] = ["wesnoth-1.16-music", "hyperrogue-music"];

/// An archive of the corpus. Nobody changes it: each test works on a copy.
pub struct Corpus {
    operator: Operator,
    /// The audio files of the packages, by their endings.
    pub files: BTreeSet<PathBuf>,
    /// What `ingest --json` said of each file.
    pub outcomes: Vec<Value>,
    /// And of all together.
    pub summary: Value,
}

/// The corpus, taken in when the first test asks for it; tells that `test` is skipped where there is none.
pub fn corpus(test: &str) -> Option<&'static Corpus> {
    static CORPUS: OnceLock<Corpus> = OnceLock::new();
    let folder = fonoteca_testkit::corpus(test)?;
    Some(CORPUS.get_or_init(|| Corpus::take_in(&folder)))
}

impl Corpus {
    fn take_in(folder: &Path) -> Self {
        let packages = PACKAGES.map(|package| folder.join(package));
        // Nothing drops a static, so it lies where the next run clears it away.
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("corpus");
        let operator = Operator::at(PROGRAM, &home, "Corpus");
        let [a, b] = packages.each_ref().map(|package| package.to_str().expect("UTF-8"));
        let mut outcomes = operator.json(&["ingest", a, b, "--basis", "licensed", "--license", "CC-BY-SA-4.0"]);
        let summary = outcomes.pop().expect("a summary")["summary"].take();
        let files = packages.iter().flat_map(|package| audio_files(package)).collect();
        Self { operator, files, outcomes, summary }
    }

    /// An archive with the same content and no keys yet.
    pub fn copy(&self) -> Operator {
        let copy = Operator::new(PROGRAM, "Copy");
        std::fs::remove_dir_all(copy.archive()).expect("the empty archive can be removed");
        copy_folder(&self.operator.archive(), &copy.archive());
        copy
    }
}

/// Files that end as audio does, whatever this program thinks of them.
fn audio_files(folder: &Path) -> Vec<PathBuf> {
    let find = Command::new("find")
        .arg(folder)
        .args(["-type", "f", "-regextype", "egrep", "-iregex", r".*\.(ogg|oga|opus|mp3|flac|wav|m4a|aac)"])
        .output()
        .expect("there is find");
    String::from_utf8(find.stdout).expect("UTF-8").lines().map(PathBuf::from).collect()
}
