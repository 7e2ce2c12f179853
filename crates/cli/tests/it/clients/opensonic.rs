//! The Python client py-opensonic from PyPI lists, searches and plays.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use fonoteca_testkit::{Operator, python, run, sample};
use serde_json::{Value, json};

use crate::mirrors::PROGRAM;

const CLIENT: &str = include_str!("opensonic.py");

fn add_user(operator: &Operator, name: &str, password: &str) -> Value {
    let mut command = operator.command(&["user", "add", name, "--password-stdin", "--json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
    child.stdin.take().expect("it is piped").write_all(password.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("waited for");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn py_opensonic_lists_searches_and_streams() {
    let operator = Operator::new(PROGRAM, "Songs");
    let music = ["Clara Monte", "Harbour Lights"].map(|folder| sample().join(folder));
    let [a, b] = music.each_ref().map(|folder| folder.to_str().expect("UTF-8"));
    operator.json(&["ingest", a, b, "--basis", "private-copy"]);
    let app_password = add_user(&operator, "ana", "a long pass phrase")["app_password"].take();
    let api_key = operator.object(&["user", "api-key", "ana"])["api_key"].take();
    let serving = operator.serve(&["--bittorrent", "off"]);

    let original = sample().join("Clara Monte/Teclas Antiguas (2019)/02 Für Elise.flac");
    let original = std::fs::read(original).expect("the sample is there");
    let folder = tempfile::tempdir().expect("a folder");
    let listen = |login: &Value| {
        let file = folder.path().join("song");
        let mut command = Command::new(python());
        command
            .args(["-c", CLIENT, "http://127.0.0.1", &serving.http.port().to_string(), &login.to_string()])
            .arg(&file);
        (run(&mut command, Duration::from_mins(1)), file)
    };
    for login in [json!({"username": "ana", "password": app_password}), json!({"api_key": api_key})] {
        let (ran, file) = listen(&login);
        let told = ran.ended(0).json().remove(0);
        assert!(std::fs::read(&file).expect("it was written") == original, "streamed as it came in");
        std::fs::remove_file(&file).expect("removed");
        assert_eq!(told["artists"], json!(["Clara Monte", "Harbour Lights"]));
        let albums = ["Selected Recordings", "Teclas Antiguas", "The Long Way Home"];
        assert_eq!(told["albums"], json!(albums));
        assert_eq!((&told["songs"][0], &told["suffix"]), (&json!("Für Elise"), &json!("flac")));
        assert_eq!(told["album"], json!(["Minuet in G", "Für Elise", "Ode to Joy"]));
        assert_eq!((&told["size"], &told["same"]), (&json!(original.len()), &json!(true)));
        assert!(told["cover"].as_u64() > Some(1000), "{told}");
        assert!(told["small"].as_u64() > Some(100) && told["small"].as_u64() < told["cover"].as_u64(), "{told}");
        assert!(
            told["extensions"].as_array().is_some_and(|all| all.contains(&json!("apiKeyAuthentication"))),
            "{told}"
        );
    }
    for login in [json!({"username": "ana", "password": "a long pass phrase"}), json!({"api_key": "guessed"})] {
        let (ran, file) = listen(&login);
        assert!(ran.code == 1 && !file.exists(), "the web page's password and a guess open nothing: {}", ran.err);
    }
}
