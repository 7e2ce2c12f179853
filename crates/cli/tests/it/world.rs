//! A world of its own for each test: a folder, an empty environment, and a copy of an archive that holds the sample.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

pub use fonoteca_testkit::sample;
use fonoteca_testkit::{LIMIT, Ran, alone, copy_folder, run};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with a home in it, and perhaps an archive.
pub struct World {
    folder: TempDir,
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
        Self::like(TEMPLATE.get_or_init(|| make_template().kept("sample")))
    }

    /// A copy of an archive that was [kept](Self::kept), called `archive`.
    pub fn like(archive: &Path) -> Self {
        let world = Self::empty();
        copy_folder(archive, &world.path("archive"));
        world
    }

    /// Keeps `archive` as long as this process lives, for other tests of it to begin with.
    pub fn kept(&self, name: &str) -> PathBuf {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
        for entry in std::fs::read_dir(place).unwrap().filter_map(Result::ok) {
            // Left by a run that has ended: a static is never dropped.
            let left = entry.file_name().to_string_lossy().into_owned();
            if let Some(process) = left.strip_prefix(&format!("{name}-archive-"))
                && !Path::new("/proc").join(process).exists()
            {
                std::fs::remove_dir_all(entry.path()).unwrap();
            }
        }
        let kept = place.join(format!("{name}-archive-{}", std::process::id()));
        copy_folder(&self.path("archive"), &kept);
        kept
    }

    /// A path in the world.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, in this world and no other.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = alone(env!("CARGO_BIN_EXE_fonoteca"), &self.path("home"));
        command.current_dir(self.folder.path()).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command that finds its archive by itself, or needs none.
    pub fn run(&self, args: &[&str]) -> Ran {
        run(&mut self.command(args), LIMIT)
    }

    /// Runs a command that must succeed.
    pub fn ok(&self, args: &[&str]) -> Ran {
        let said = self.run(args);
        assert_eq!(said.code, 0, "{args:?}: {}{}", said.out, said.err);
        said
    }

    /// Runs a command on `archive`.
    pub fn here(&self, args: &[&str]) -> Ran {
        self.run(&[&["--archive", "archive"], args].concat())
    }

    /// Runs a command on `archive` with something on stdin.
    pub fn here_with_input(&self, args: &[&str], input: &str) -> Ran {
        let mut command = self.command(&[&["--archive", "archive"], args].concat());
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Ran::from(child.wait_with_output().unwrap())
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

/// Fails unless the object has all these fields.
pub fn assert_fields(object: &Value, fields: &[&str]) {
    for field in fields {
        assert!(object.get(field).is_some(), "no {field:?} in {object}");
    }
}

/// Takes the sample in once for all tests of this process.
fn make_template() -> World {
    let world = World::with_archive();
    let sample = sample();
    let taken = world.here(&["ingest", sample.to_str().unwrap(), "--basis", "licensed"]);
    assert_eq!(taken.code, 1, "one file of the sample is refused: {}{}", taken.out, taken.err);
    for args in [["rights", "import", "rights.csv"], ["import", "listenbrainz", "listens.jsonl"]] {
        let said = world.here(&[args[0], args[1], sample.join(args[2]).to_str().unwrap()]);
        assert_eq!(said.code, 0, "{args:?}: {}{}", said.out, said.err);
    }
    world
}
