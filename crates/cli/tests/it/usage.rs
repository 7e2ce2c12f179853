//! What is wrong with a command is said, with what to do and the right exit code.

use std::process::Stdio;

use crate::world::World;

#[test]
fn nonsense_is_wrong_usage_and_the_message_helps() {
    let world = World::with_archive();
    let mut page = String::new();
    for (args, told) in [
        (&["frobnicate"][..], "unrecognized subcommand"),
        (&["ingest"], "--basis"),
        (&["ingest", "x", "--basis", "stolen"], "possible values: own-work"),
        (&["ingest", "x", "--basis", "licensed", "--link", "--in-place"], "cannot be used with"),
        (&["ingest", "x", "--basis", "licensed", "--jobs", "0"], "--jobs"),
        (&["search", "x", "--year", "long ago"], "1990..1999"),
        (&["search", "x", "--held", "--not-held"], "cannot be used with"),
        (&["verify", "--sample", "0%"], "5%"),
        (&["mirror", "add", "http://127.0.0.1:1", "--budget", "5 parsecs"], "GiB"),
        (&["rights", "show", "no such thing"], "KIND:KEY"),
        (&["rights", "show", "isrc:12"], "ISRC"),
        (&["rights", "set", "ZZFN32200005", "--basis", "permission"], "--evidence"),
        (&["rights", "set", "ZZFN32200005", "--basis", "licensed"], "--license"),
        (&["serve", "--listen", "everywhere"], "--listen"),
        (&["serve", "--bittorrent", "on"], "0.0.0.0:6881"),
        (&["release", "build", "../escape", "--yes"], "cannot name a release"),
        (&["release", "verify", "nosuch"], "release list"),
        (&["feed", "verify", "--key", "RWQnonsense"], "minisign public key"),
        (&["mirror", "pull"], "mirror add"),
        (&["mirror", "add", "ftp://example.org"], "http or https"),
        (&["user", "remove", "nobody", "--yes"], "user list"),
        (&["user", "add", "ana"], "--password-stdin"),
        (&["user", "revoke", "ana", "12"], "16 hex digits"),
        (&["completions", "cmd.exe"], "possible values: bash"),
    ] {
        let said = world.here(args);
        assert_eq!(said.code, 2, "{args:?}: {}{}", said.out, said.err);
        assert!(said.err.starts_with("error: ") && said.err.contains(told), "{args:?}: {}", said.err);
        assert!(said.out.is_empty(), "{args:?}: {}", said.out);
        page.extend(["$ fonoteca ", &args.join(" "), "\n", &said.err, "\n"]);
    }
    // Messages are read by people: a change should be looked at.
    insta::assert_snapshot!(page);
}

#[test]
fn without_an_archive_every_command_says_how_to_make_one() {
    let world = World::empty();
    for args in [
        &["ingest", ".", "--basis", "unknown"][..],
        &["search", "x"],
        &["lookup", "x"],
        &["stats"],
        &["verify"],
        &["serve"],
        &["release", "list"],
        &["feed", "verify"],
        &["mirror", "status"],
        &["user", "list"],
        &["index", "rebuild"],
        &["sql", "SELECT 1"],
        &["catalog", "history"],
        &["--archive", "nowhere", "stats"],
    ] {
        let said = world.run(args);
        assert_eq!(said.code, 4, "{args:?}: {}{}", said.out, said.err);
        assert!(said.err.contains("fonoteca init") && said.err.contains("--archive"), "{args:?}: {}", said.err);
        assert!(said.out.is_empty(), "{args:?}: {}", said.out);
    }
}

#[test]
fn an_archive_is_found_from_inside_and_by_the_environment() {
    let world = World::with_archive();
    let inside = world.command(&["stats", "--json"]).current_dir(world.path("archive/releases")).output().unwrap();
    assert!(inside.status.success());
    let named = world.command(&["stats", "--json"]).env("FONOTECA_ARCHIVE", world.path("archive")).output().unwrap();
    assert_eq!(named.stdout, inside.stdout);
}

#[test]
fn an_archive_of_a_newer_program_is_left_alone() {
    let world = World::with_archive();
    let settings = world.path("archive/archive.toml");
    let text = std::fs::read_to_string(&settings).unwrap().replace("format = 1", "format = 2");
    std::fs::write(&settings, text).unwrap();
    let said = world.here(&["stats"]);
    assert_eq!(said.code, 4);
    assert!(said.err.contains("newer Fonoteca"), "{}", said.err);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let world = World::with_sample();
    for args in [&["man", "--markdown"][..], &["--archive", "archive", "search", "--json", "--limit", "100"]] {
        let mut child = world.command(args).stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let complaint = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), complaint.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn a_full_disk_below_stdout_is_an_error() {
    let world = World::empty();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let child = world.command(&["man", "--markdown"]).stdout(full).spawn().unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8(ended.stderr).unwrap().contains("No space left"));
}

#[test]
fn quiet_says_only_results_and_errors() {
    let world = World::with_archive();
    assert!(world.here(&["mirror", "status"]).err.contains("mirror add"));
    let quiet = world.here(&["mirror", "status", "--quiet"]);
    assert_eq!((quiet.code, quiet.out.as_str(), quiet.err.as_str()), (0, "", ""));
    assert!(world.here(&["lookup", "--quiet"]).err.starts_with("error: "));
}
