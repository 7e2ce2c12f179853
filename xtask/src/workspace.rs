//! Where the repository is, which files it has, and how commands run in it.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// A program that was started and did not succeed; its exit code becomes ours.
#[derive(Debug)]
pub struct CommandFailed {
    /// The command, as one would type it.
    pub command: String,
    /// Its exit code, 1 where a signal ended it.
    pub code: u8,
}

impl fmt::Display for CommandFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` failed with exit code {}", self.command, self.code)
    }
}

impl std::error::Error for CommandFailed {}

/// The repository.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Its topmost folder.
    pub root: PathBuf,
}

/// What `cargo metadata` says of one package; dependencies are those in its manifest.
#[derive(Debug, Deserialize)]
pub struct Package {
    /// Package name.
    pub name: String,
    /// Its `Cargo.toml`.
    pub manifest_path: PathBuf,
    /// What the manifest names.
    pub dependencies: Vec<Dependency>,
}

/// A dependency in a manifest.
#[derive(Debug, Deserialize)]
pub struct Dependency {
    /// Package name.
    pub name: String,
    /// Nothing, `dev` or `build`.
    pub kind: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

impl Workspace {
    /// The repository that this program was built from.
    pub fn here() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self { root: manifest.parent().unwrap_or(manifest).to_owned() }
    }

    /// A folder under `target/`, for what tasks fetch. Not cargo's own setting: a second build folder should not cost a
    /// second download.
    pub fn cache(&self, name: &str) -> PathBuf {
        self.root.join("target").join(name)
    }

    /// `cargo`, in the repository.
    ///
    /// What cargo told this program about itself is kept from it: ring's build script looks at it, and would have half of
    /// the workspace built anew each time that cargo is called by hand after it was called from here.
    pub fn cargo(&self) -> Command {
        let mut cargo = self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        for (name, _) in std::env::vars_os() {
            let is_about_us = name
                .to_str()
                .is_some_and(|name| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix)));
            if is_about_us {
                cargo.env_remove(name);
            }
        }
        cargo
    }

    /// Any program, in the repository.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// The packages of the workspace that git knows, so that a stray folder is nobody's business.
    pub fn packages(&self) -> Result<Vec<Package>> {
        let tracked = self.tracked()?;
        let mut packages = self.metadata()?.packages;
        packages.retain(|package| {
            package
                .manifest_path
                .strip_prefix(&self.root)
                .is_ok_and(|manifest| tracked.iter().any(|file| file == manifest))
        });
        Ok(packages)
    }

    /// Builds the binary in a profile (`dev` or `release`) and returns its path.
    pub fn build_binary(&self, profile: &str) -> Result<PathBuf> {
        run(self.cargo().args(["build", "--package", "fonoteca", "--profile", profile]))?;
        let folder = if profile == "dev" { "debug" } else { profile };
        Ok(self.metadata()?.target_directory.join(folder).join("fonoteca"))
    }

    /// Files that git tracks and that exist, relative to the root.
    pub fn tracked(&self) -> Result<Vec<PathBuf>> {
        let listing = output(self.command("git").args(["ls-files", "-z"]))?;
        let files = listing.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
        Ok(files.filter(|file| self.root.join(file).is_file()).collect())
    }

    fn metadata(&self) -> Result<Metadata> {
        let json = output(self.cargo().args(["metadata", "--format-version=1", "--no-deps", "--locked", "--offline"]))?;
        serde_json::from_str(&json).context("cargo metadata printed something unexpected")
    }
}

/// Runs a command with our own streams; anything but success is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", words(command)))?;
    judge(command, status)
}

/// Runs a command and returns what it wrote to stdout.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start `{}`", words(command)))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return judge(command, output.status).context(message).map(|()| String::new());
    }
    match String::from_utf8(output.stdout) {
        Ok(text) => Ok(text),
        Err(_) => bail!("`{}` printed something that is not UTF-8", words(command)),
    }
}

fn judge(command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Err(CommandFailed { command: words(command), code }.into())
}

fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_keeps_its_exit_code() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(error.downcast_ref::<CommandFailed>().unwrap().code, 3);
        let error = output(Command::new("sh").args(["-c", "echo why >&2; exit 4"])).unwrap_err();
        assert_eq!(error.downcast_ref::<CommandFailed>().unwrap().code, 4);
        assert!(error.to_string().contains("why"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(error.to_string().contains("no-such-program-here"), "{error}");
    }
}
