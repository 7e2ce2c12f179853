//! Archives of the bench, each in a home of its own: one that publishes, and those that mirror it.

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::workspace::output;

/// An archive, and the program that works on it.
pub struct Archive {
    binary: PathBuf,
    home: PathBuf,
}

impl Archive {
    /// Makes a new one below `home`.
    pub fn init(binary: &Path, home: &Path) -> Result<Self> {
        std::fs::create_dir_all(home).with_context(|| format!("cannot create {}", home.display()))?;
        let archive = Self::of(binary, home);
        let mut command = archive.command();
        output(command.arg("init").arg(archive.folder()).env_remove("FONOTECA_ARCHIVE"))?;
        Ok(archive)
    }

    /// Its folder.
    pub fn folder(&self) -> PathBuf {
        self.home.join("archive")
    }

    /// Runs a command to its end, and returns the last thing that it told.
    pub fn run(&self, arguments: &[&str]) -> Result<Value> {
        let printed = output(self.command().args(arguments).arg("--json"))?;
        let last = printed.lines().last().context("the program prints JSON")?;
        serde_json::from_str(last).context("the program prints JSON")
    }

    /// One that is there.
    pub fn of(binary: &Path, home: &Path) -> Self {
        Self { binary: binary.to_owned(), home: home.to_owned() }
    }

    /// Serves it, and seeds what is published; returns when it does.
    pub fn serve(&self, address: SocketAddr) -> Result<Serving> {
        let mut command = self.command();
        command.args(["serve", "--json", "--listen", &address.to_string()]);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("the server does not start")?;
        let out = child.stdout.take().context("its output is piped")?;
        let serving = Serving(child);
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).context("the server says nothing")?;
        let told: Value = serde_json::from_str(&line).unwrap_or_default();
        if told["bittorrent"].is_null() {
            bail!("the server does not seed: {line}");
        }
        Ok(serving)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.env("HOME", &self.home).env("FONOTECA_CONFIG", self.home.join("configuration"));
        command.env("FONOTECA_ARCHIVE", self.folder()).stdin(Stdio::null());
        command
    }
}

/// A server, which ends when this is dropped.
pub struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A free port at the address by which others reach this machine, since some clients leave peers at 127.x aside.
pub fn own_address() -> Result<SocketAddr> {
    // Nothing is sent by this.
    let asked = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("198.51.100.1:9")?;
        Ok(socket.local_addr()?.ip())
    });
    let ip = asked.unwrap_or(IpAddr::from([127, 0, 0, 1]));
    TcpListener::bind((ip, 0)).and_then(|listener| listener.local_addr()).context("no port is free")
}
