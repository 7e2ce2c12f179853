//! What may not be read. Root reads everything, so that root runs these as nobody.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use fonoteca_testkit::Ran;
use serde_json::Value;

use super::noise;
use crate::world::World;

const NOBODY: u32 = 65534;

#[test]
fn a_file_and_a_folder_that_may_not_be_read_are_named_and_the_rest_comes_in() {
    let world = World::empty();
    open_up(&world.path(""));
    open_up(&world.path("home"));
    fs::create_dir_all(world.path("music/locked")).unwrap();
    for (name, seed) in [("good.wav", 1), ("secret.wav", 2), ("locked/song.wav", 3)] {
        fs::write(world.path("music").join(name), noise(seed, 400)).unwrap();
    }
    fs::set_permissions(world.path("music/secret.wav"), Permissions::from_mode(0o0)).unwrap();
    fs::set_permissions(world.path("music/locked"), Permissions::from_mode(0o0)).unwrap();
    // The program may lie where nobody may look.
    let program = world.path("fonoteca");
    fs::copy(env!("CARGO_BIN_EXE_fonoteca"), &program).unwrap();

    assert_eq!(as_nobody(&world, &program, &["init", "archive", "--name", "A"]).code, 0);
    let args = ["--archive", "archive", "ingest", "music", "--basis", "own-work", "--json"];
    let said = as_nobody(&world, &program, &args);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    let lines = said.json();
    let of =
        |name: &str| lines.iter().find(|line| line["path"].as_str().is_some_and(|path| path.ends_with(name))).unwrap();
    for name in ["secret.wav", "locked"] {
        assert_eq!(of(name)["status"], "failed", "{}", said.out);
        let told = said.err.lines().any(|line| line.contains(name) && line.contains("Permission denied"));
        assert!(told, "{}", said.err);
    }
    assert_eq!(of("good.wav")["status"], "added");
    let verified = as_nobody(&world, &program, &["--archive", "archive", "verify", "--json"]);
    assert_eq!((verified.code, &verified.one()["checked"]), (0, &1.into()), "{}", verified.err);

    // A blob that may not be read any more is told of as that, not as damaged, and the check goes on.
    let root = of("good.wav")["root"].as_str().unwrap().to_owned();
    let blob = world.path("archive/blobs").join(&root[..2]).join(&root[2..4]).join(&root);
    fs::set_permissions(&blob, Permissions::from_mode(0o0)).unwrap();
    let verified = as_nobody(&world, &program, &["--archive", "archive", "verify", "--json"]);
    assert_eq!(verified.code, 4, "{}{}", verified.out, verified.err);
    let report = verified.one();
    assert_eq!((&report["unreadable"][0]["root"], &report["damaged"]), (&root.as_str().into(), &Value::Array(vec![])));
    fs::set_permissions(world.path("music/locked"), Permissions::from_mode(0o755)).unwrap();
}

fn open_up(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

fn as_nobody(world: &World, program: &Path, args: &[&str]) -> Ran {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.args(args).env("HOME", world.path("home")).env("USER", "nobody").current_dir(world.path(""));
    Ran::from(command.stdin(Stdio::null()).output().unwrap())
}
