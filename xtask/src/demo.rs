//! `cargo xtask demo`: builds the binary and lets it show the whole way on the sample collection.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result};

use crate::tools;
use crate::workspace::Workspace;

/// Becomes `fonoteca demo`, so that Ctrl-C and the exit code are the demo's own; returns only when that fails.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    tools::install_build_packages()?;
    eprintln!("building fonoteca …");
    let binary = workspace.build_binary("dev")?;
    let mut command = workspace.command(&binary);
    command.arg("demo").arg("--sample").arg(workspace.root.join("sample")).args(arguments);
    Err(command.exec()).with_context(|| format!("cannot start {}", binary.display()))
}
