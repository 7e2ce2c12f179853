//! `cargo xtask fuzz`: hostile bytes for every reader of foreign bytes, for as long as one likes.
//!
//! What the targets check stands in `fuzz/src`; here they are built with a nightly compiler, run with limits on memory and
//! time, and what came out is told. What is new grows a corpus under `fuzz/target`; `--keep` puts its essence into
//! `fuzz/corpus`, which git keeps and the ordinary tests run through.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace::{Workspace, output, run as run_command};

/// Memory in MB and seconds for one input; what needs more is a finding.
const LIMITS: [&str; 2] = ["-rss_limit_mb=512", "-timeout=10"];
/// Bytes of the corpus of one target that git keeps.
const MAX_CORPUS_BYTES: u64 = 48 << 10;
/// Its files.
const MAX_CORPUS_FILES: usize = 200;

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The target; all of them, one after the other, if none is named
    target: Option<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 600, value_name = "N")]
    seconds: u64,
    /// Put the essence of what was found worth keeping into fuzz/corpus
    #[arg(long)]
    keep: bool,
}

/// Runs one target or all; an error if anything was found.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let targets = chosen(targets(workspace)?, options.target.as_deref())?;
    install()?;
    let mut build = nightly(workspace, "cargo");
    build.args(["fuzz", "build", "--fuzz-dir", "fuzz"]).args(options.target.iter());
    run_command(&mut build)?;
    let version = output(nightly(workspace, "rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let programs = workspace.root.join("fuzz/target").join(host).join("release");

    let mut findings = 0;
    for name in &targets {
        let target = Target { workspace, program: programs.join(name), name };
        findings += usize::from(!target.run(options.seconds)?);
        if options.keep {
            target.keep()?;
        }
    }
    match findings {
        0 => Ok(()),
        _ => bail!("{findings} of {} targets found something", targets.len()),
    }
}

/// The names of all targets, sorted.
fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let names = files(&workspace.root.join("fuzz/fuzz_targets"))?;
    Ok(names.iter().filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect())
}

fn chosen(all: Vec<String>, wanted: Option<&str>) -> Result<Vec<String>> {
    match wanted {
        None => Ok(all),
        Some(wanted) if all.iter().any(|name| name == wanted) => Ok(vec![wanted.to_owned()]),
        Some(wanted) => bail!("there is no fuzz target {wanted:?}; there are {}", all.join(", ")),
    }
}

/// The regular files of a folder, sorted; none where there is no folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.retain(|path| path.is_file());
    paths.sort();
    Ok(paths)
}

/// A program of the nightly toolchain.
fn nightly(workspace: &Workspace, program: &str) -> Command {
    let mut command = workspace.command("rustup");
    command.args(["run", "nightly", program]);
    // The toolchain that runs this must not be asked instead.
    for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    command
}

/// Installs the nightly toolchain and cargo-fuzz where they are missing.
fn install() -> Result<()> {
    let works = |command: &mut Command| {
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    if !works(Command::new("rustup").args(["run", "nightly", "rustc", "--version"])) {
        run_command(Command::new("rustup").args(["toolchain", "install", "nightly", "--profile", "minimal"]))?;
    }
    if !works(Command::new("cargo").args(["fuzz", "--version"])) {
        run_command(Command::new("cargo").args(["install", "cargo-fuzz", "--locked"]))?;
    }
    Ok(())
}

/// A target that is built.
struct Target<'a> {
    workspace: &'a Workspace,
    program: PathBuf,
    name: &'a str,
}

impl Target<'_> {
    /// A folder of the target's own in `fuzz/`.
    fn folder(&self, kind: &str) -> PathBuf {
        self.workspace.root.join("fuzz").join(kind).join(self.name)
    }

    fn command(&self) -> Command {
        let mut command = self.workspace.command(&self.program);
        // The sanitizer would hold 256 MB of freed memory back, which looks like memory in use.
        command.env("ASAN_OPTIONS", "quarantine_size_mb=16:detect_odr_violation=0");
        command
    }

    /// Runs it and tells what came out; whether nothing was found.
    fn run(&self, seconds: u64) -> Result<bool> {
        let (found, fresh) = (self.folder("artifacts"), self.folder("target/corpus"));
        for folder in [&found, &fresh] {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let known: Vec<PathBuf> =
            [self.folder("corpus"), self.folder("found")].into_iter().filter(|folder| folder.exists()).collect();
        let log = fresh.with_extension("log");
        let stderr = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let dictionary = self.workspace.root.join("fuzz/dictionaries").join(format!("{}.dict", self.name));
        let mut command = self.command();
        command.arg(&fresh).args(known).args(LIMITS).arg("-print_final_stats=1");
        command.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}/", found.display()));
        if dictionary.exists() {
            command.arg(format!("-dict={}", dictionary.display()));
        }
        let status = command.stdout(Stdio::null()).stderr(stderr).status();
        let status = status.with_context(|| format!("cannot run {}", self.program.display()))?;
        let told = Told::read(&String::from_utf8_lossy(&fs::read(&log)?));
        let (executions, edges) = (told.executions, told.edges);
        let outcome = match &told.artifact {
            _ if status.success() => "nothing found".to_owned(),
            Some(artifact) => format!("FOUND {artifact}"),
            None => format!("FAILED, see {}", log.display()),
        };
        println!("{}: {executions} executions, {edges} edges covered, {outcome}", self.name);
        told.contained.iter().for_each(|line| println!("    {line}"));
        Ok(status.success())
    }

    /// Puts the smallest inputs that together cover what all cover into the corpus that git keeps, as far as they fit.
    fn keep(&self) -> Result<()> {
        let (kept, fresh) = (self.folder("corpus"), self.folder("target/corpus"));
        let essence = tempfile::tempdir().context("cannot make a temporary folder")?;
        let mut command = self.command();
        command.arg("-set_cover_merge=1").args(LIMITS).args([essence.path(), &kept, &fresh]);
        run_command(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
        let mut sized = Vec::new();
        for path in files(essence.path())? {
            sized.push((fs::metadata(&path)?.len(), path));
        }
        sized.sort();
        let mut room = MAX_CORPUS_BYTES.saturating_sub(bytes(&files(&kept)?)?);
        let known: Vec<Vec<u8>> = files(&kept)?.iter().map(fs::read).collect::<Result<_, _>>()?;
        let mut added = 0;
        // Where they are too many, small and large ones alike.
        let every = sized.len().div_ceil(MAX_CORPUS_FILES).max(1);
        for (size, path) in sized.into_iter().step_by(every) {
            let content = fs::read(&path)?;
            if size <= room && known.len() + added < MAX_CORPUS_FILES && !known.contains(&content) {
                fs::write(kept.join(path.file_name().context("a file has a name")?), content)?;
                room -= size;
                added += 1;
            }
        }
        println!("    {added} inputs kept in {}", kept.display());
        Ok(())
    }
}

fn bytes(files: &[PathBuf]) -> Result<u64> {
    files.iter().map(|path| Ok(fs::metadata(path)?.len())).sum()
}

/// What libFuzzer says on its way.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    executions: u64,
    edges: u64,
    /// The file with the input that something was found with.
    artifact: Option<String>,
    /// Panics of libraries that were contained.
    contained: Vec<String>,
}

impl Told {
    fn read(log: &str) -> Self {
        let mut told = Self::default();
        for line in log.lines() {
            let after = |mark: &str| line.split_once(mark).map(|(_, rest)| rest.trim());
            let number = |mark: &str| after(mark)?.split_whitespace().next()?.parse::<u64>().ok();
            if let Some(executions) = number("stat::number_of_executed_units:").or_else(|| {
                line.strip_prefix('#').and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
            }) {
                told.executions = executions;
            }
            told.edges = number(" cov: ").unwrap_or(told.edges);
            if let Some(artifact) = after("Test unit written to ") {
                told.artifact = Some(artifact.to_owned());
            }
            if line.starts_with("contained: ") {
                told.contained.push(line.to_owned());
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_tells() {
        let log = "#2\tINITED cov: 61 ft: 62 corp: 1/1b exec/s: 0 rss: 45Mb\n\
            contained: panicked at x.rs:1:2:\n\
            #8192\tpulse  cov: 812 ft: 1900 corp: 9/1Kb lim: 80 exec/s: 9 rss: 80Mb\n\
            artifact_prefix='a/'; Test unit written to a/crash-12\n";
        let mut expected = Told {
            executions: 8192,
            edges: 812,
            artifact: Some("a/crash-12".to_owned()),
            contained: vec!["contained: panicked at x.rs:1:2:".to_owned()],
        };
        assert_eq!(Told::read(log), expected);
        expected.executions = 9000;
        assert_eq!(Told::read(&format!("{log}stat::number_of_executed_units: 9000\n")), expected);
    }

    #[test]
    fn a_target_that_is_not_there_is_named_with_those_that_are() {
        let all = || vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(chosen(all(), None).unwrap(), ["a", "b"]);
        assert_eq!(chosen(all(), Some("b")).unwrap(), ["b"]);
        assert_eq!(chosen(all(), Some("c")).unwrap_err().to_string(), "there is no fuzz target \"c\"; there are a, b");
    }

    #[test]
    fn every_target_has_a_small_corpus() {
        let workspace = Workspace::here();
        let manifest = fs::read_to_string(workspace.root.join("fuzz/Cargo.toml")).unwrap();
        for name in targets(&workspace).unwrap() {
            assert!(manifest.contains(&format!("\"fuzz_targets/{name}.rs\"")), "{name} is not built");
            let corpus = files(&workspace.root.join("fuzz/corpus").join(&name)).unwrap();
            let bytes = bytes(&corpus).unwrap();
            assert!((1..=MAX_CORPUS_BYTES).contains(&bytes), "{name}: {bytes} bytes");
        }
    }
}
