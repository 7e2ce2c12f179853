//! A world of its own for each test: a folder, an empty environment, and a copy of an archive that holds the sample.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a home in it, and perhaps an archive.
pub struct World {
    folder: TempDir,
}

/// What a command said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl World {
    /// Nothing but a home.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("home")).unwrap();
        Self { folder }
    }

    /// An archive called `archive`, with nothing in it.
    pub fn with_archive() -> Self {
        let world = Self::empty();
        world.ok(&["init", "archive", "--name", "Archivo"]);
        world
    }

    /// An archive with the sample, its rights and its listens in it.
    pub fn with_sample() -> Self {
        static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
        let template = TEMPLATE.get_or_init(make_template);
        let world = Self::empty();
        copy(template, &world.path("archive"));
        world
    }

    /// A path in the world.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, in this world and no other.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fonoteca"));
        command.env_clear().env("HOME", self.path("home")).env("USER", "tester").current_dir(self.folder.path());
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command that finds its archive by itself, or needs none.
    pub fn run(&self, args: &[&str]) -> Said {
        Said::from(self.command(args).output().unwrap())
    }

    /// Runs a command that must succeed.
    pub fn ok(&self, args: &[&str]) -> Said {
        let said = self.run(args);
        assert_eq!(said.code, 0, "{args:?}: {}{}", said.out, said.err);
        said
    }

    /// Runs a command on `archive`.
    pub fn here(&self, args: &[&str]) -> Said {
        self.run(&[&["--archive", "archive"], args].concat())
    }

    /// Runs a command on `archive` with something on stdin.
    pub fn here_with_input(&self, args: &[&str], input: &str) -> Said {
        let mut command = self.command(&[&["--archive", "archive"], args].concat());
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Said::from(child.wait_with_output().unwrap())
    }

    /// The first blob in the store of `archive`, for tests that damage one.
    pub fn a_blob(&self) -> PathBuf {
        let mut folder = self.path("archive/blobs");
        loop {
            let mut entries: Vec<PathBuf> =
                std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            entries.sort();
            let first = entries.into_iter().find(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
            folder = first.unwrap();
            if folder.is_file() {
                return folder;
            }
        }
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    /// The lines of stdout as JSON.
    pub fn json(&self) -> Vec<Value> {
        let parse =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{}", self.err));
        self.out.lines().map(parse).collect()
    }

    /// The only line of stdout as JSON.
    pub fn one(&self) -> Value {
        let mut all = self.json();
        assert_eq!(all.len(), 1, "{}{}", self.out, self.err);
        all.remove(0)
    }
}

/// The sample collection of the repository.
pub fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sample").canonicalize().unwrap()
}

/// Fails unless the object has all these fields.
pub fn assert_fields(object: &Value, fields: &[&str]) {
    for field in fields {
        assert!(object.get(field).is_some(), "no {field:?} in {object}");
    }
}

/// Takes the sample in once for all tests of this process.
fn make_template() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for entry in std::fs::read_dir(place).unwrap().filter_map(Result::ok) {
        // Left by a run that has ended: a static is never dropped.
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(process) = name.strip_prefix("sample-archive-")
            && !Path::new("/proc").join(process).exists()
        {
            std::fs::remove_dir_all(entry.path()).unwrap();
        }
    }
    let template = place.join(format!("sample-archive-{}", std::process::id()));
    let world = World::with_archive();
    let sample = sample();
    let taken = world.here(&["ingest", sample.to_str().unwrap(), "--basis", "licensed"]);
    assert_eq!(taken.code, 1, "one file of the sample is refused: {}{}", taken.out, taken.err);
    for args in [["rights", "import", "rights.csv"], ["import", "listenbrainz", "listens.jsonl"]] {
        let said = world.here(&[args[0], args[1], sample.join(args[2]).to_str().unwrap()]);
        assert_eq!(said.code, 0, "{args:?}: {}{}", said.out, said.err);
    }
    copy(&world.path("archive"), &template);
    template
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
