//! Somebody who runs an archive from the command line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{LIMIT, Ran, alone, run};
use crate::serving::Serving;

/// Somebody with an archive, keys and a home of their own, who knows nothing of whoever runs the tests.
#[derive(Debug)]
pub struct Operator {
    program: PathBuf,
    home: PathBuf,
    /// Removed when this is dropped.
    temporary: Option<TempDir>,
}

impl Operator {
    /// With a new, empty archive called `name` in a temporary home. `program` is the `fonoteca` to run.
    pub fn new(program: impl Into<PathBuf>, name: &str) -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let mut operator = Self::at(program, temporary.path(), name);
        operator.temporary = Some(temporary);
        operator
    }

    /// The same in `home`, which is emptied first and stays.
    pub fn at(program: impl Into<PathBuf>, home: &Path, name: &str) -> Self {
        if home.exists() {
            std::fs::remove_dir_all(home).expect("an old home can be removed");
        }
        std::fs::create_dir_all(home).expect("a home can be made");
        let operator = Self { program: program.into(), home: home.to_owned(), temporary: None };
        let archive = operator.archive();
        let archive = archive.to_str().expect("temporary folders have UTF-8 names");
        operator.json(&["init", archive, "--name", name]);
        operator
    }

    /// The archive's folder.
    pub fn archive(&self) -> PathBuf {
        self.home.join("archive")
    }

    /// The folder with the secret keys.
    pub fn keys(&self) -> PathBuf {
        self.home.join("configuration/keys")
    }

    /// A command about the archive, without the environment of whoever runs the tests.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = alone(&self.program, &self.home);
        command.args(arguments).env("FONOTECA_CONFIG", self.home.join("configuration"));
        if arguments.first() != Some(&"init") {
            command.env("FONOTECA_ARCHIVE", self.archive());
        }
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments), LIMIT)
    }

    /// Runs a command with `--json`, expects it to succeed, and returns what it printed.
    pub fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        self.run(&arguments).ended(0).json()
    }

    /// Runs a command whose answer is one JSON object.
    pub fn object(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        self.run(&arguments).ended(0).one()
    }

    /// Serves the archive on free ports of this machine.
    pub fn serve(&self, more: &[&str]) -> Serving {
        let arguments: Vec<&str> =
            ["serve", "--json", "--listen", "127.0.0.1:0"].into_iter().chain(more.iter().copied()).collect();
        Serving::start(&mut self.command(&arguments))
    }

    /// The names of all blobs in the store.
    pub fn blobs(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut folders = vec![self.archive().join("blobs")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("the store can be listed") {
                let path = entry.expect("the store can be listed").path();
                let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8").to_owned();
                match path.is_dir() {
                    true if !name.starts_with('.') => folders.push(path),
                    true => {}
                    false => drop(names.insert(name)),
                }
            }
        }
        names
    }

    /// Where a blob lies.
    pub fn blob(&self, root: &str) -> PathBuf {
        self.archive().join("blobs").join(&root[..2]).join(&root[2..4]).join(root)
    }
}
