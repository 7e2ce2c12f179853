//! Running the programs that the crate is compared with.

use std::process::Command;

/// Runs `program` and returns its standard output; a missing program or one that fails fails the test, with a message
/// that names the Debian package.
pub fn output_of(program: &str, package: &str, args: &[&str]) -> String {
    let output =
        Command::new("timeout").arg("120").arg(program).args(args).output().expect("`timeout` is in coreutils");
    assert_ne!(output.status.code(), Some(127), "{program} is missing: apt-get install {package}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("No module named"), "{program} lacks a module: apt-get install {package}\n{stderr}");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program} {args:?} failed: {}\n{stdout}\n{stderr}", output.status);
    stdout
}
