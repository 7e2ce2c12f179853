//! The house rules hold in this repository.

use xtask::tidy;
use xtask::workspace::Workspace;

#[test]
fn tidy_holds() {
    let findings = tidy::check(&Workspace::here()).expect("tidy must be able to look");
    assert!(findings.is_empty(), "against the house rules:\n{}", findings.join("\n"));
}
