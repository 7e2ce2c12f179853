//! A running server with music behind it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fonoteca_accounts::{Accounts, AccountsKey, Role, Secret, User};
use fonoteca_archive::Archive;
use fonoteca_archive::ingest::{self, Options};
use fonoteca_model::rights::Basis;
use fonoteca_model::{Silent, Timestamp};
use fonoteca_server::{Bound, ServerOptions, serve};
use reqwest::{Client, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;

pub(crate) const PASSWORD: &str = "correct horse";

/// A server, its archive and two accounts: `ana` owns it, `bea` listens.
pub(crate) struct World {
    pub(crate) archive: Archive,
    pub(crate) accounts: Accounts,
    pub(crate) ana: User,
    pub(crate) bea: User,
    pub(crate) bound: Bound,
    pub(crate) client: Client,
    ana_key: Secret,
    bea_key: Secret,
    seconds: Arc<AtomicI64>,
    stop: Option<oneshot::Sender<()>>,
    _folder: TempDir,
}

impl World {
    /// With two albums of the sample: one CC0 in FLAC, and one whose tags name no licence, taken in as a private copy.
    pub(crate) async fn new() -> Self {
        Self::with(&[("Clara Monte/Teclas Antiguas (2019)", Basis::PublicDomain), ("Lumen Duo", Basis::PrivateCopy)])
            .await
    }

    pub(crate) async fn empty() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(music: &[(&str, Basis)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let seconds = Arc::new(AtomicI64::new(1_795_000_000));
        let clock = Arc::clone(&seconds);
        let clock = Arc::new(move || Timestamp::from_seconds(clock.load(Ordering::Relaxed)));
        let archive = Archive::init(&folder.path().join("archive"), "Test archive", clock).await.expect("made");
        for (number, (path, basis)) in music.iter().enumerate() {
            take_in(&archive, &sample().join(path), *basis, number).await;
        }
        archive.refresh_index().await.expect("indexed");

        let key = AccountsKey::generate();
        let accounts = Accounts::open(&archive.accounts_path(), key).await.expect("opened");
        let now = archive.now();
        let password = Secret::new(PASSWORD);
        let ana = accounts.add_user("ana", &password, Role::Owner, now).await.expect("added");
        let bea = accounts.add_user("bea", &password, Role::Listener, now).await.expect("added");
        let ana_key = accounts.new_api_key(&ana, "test", now).await.expect("made");
        let bea_key = accounts.new_api_key(&bea, "test", now).await.expect("made");

        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = ServerOptions { listen: local, bittorrent: Some(local), ..ServerOptions::default() };
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, bound) = oneshot::channel();
        let (served, of) = (archive.clone(), accounts.clone());
        tokio::spawn(async move {
            let shutdown = async { drop(stopped.await) };
            let on_ready = |bound| ready.send(bound).expect("somebody waits");
            serve(served, of, options, on_ready, shutdown).await.expect("served");
        });
        let bound = bound.await.expect("the server listens");
        let client =
            Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().expect("a client");
        let stop = Some(stop);
        Self { archive, accounts, ana, bea, bound, client, ana_key, bea_key, seconds, stop, _folder: folder }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.bound.http)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.expect("an answer")
    }

    /// Lets time go by.
    pub(crate) fn wait(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Asks a Subsonic endpoint as ana: `ask("getAlbum", "id=al-…")`.
    pub(crate) async fn ask(&self, endpoint: &str, query: &str) -> Value {
        self.ask_with(&self.ana_key, endpoint, query).await
    }

    /// Asks as bea, who does not own the archive.
    pub(crate) async fn ask_as_bea(&self, endpoint: &str, query: &str) -> Value {
        self.ask_with(&self.bea_key, endpoint, query).await
    }

    async fn ask_with(&self, key: &Secret, endpoint: &str, query: &str) -> Value {
        let response = self.get(&rest(key, endpoint, &format!("f=json&{query}"))).await;
        assert!(response.headers()["content-type"].to_str().expect("text").starts_with("application/json"));
        let body: Value = serde_json::from_str(&response.text().await.expect("text")).expect("JSON");
        body["subsonic-response"].clone()
    }

    /// The raw answer of an endpoint, as ana or as bea.
    pub(crate) async fn fetch(&self, user: &User, endpoint: &str, query: &str) -> Response {
        let key = if user.id == self.ana.id { &self.ana_key } else { &self.bea_key };
        self.get(&rest(key, endpoint, query)).await
    }

    /// The cookie of a fresh session.
    pub(crate) async fn session(&self, user: &User) -> String {
        let ttl = std::time::Duration::from_hours(1);
        let secret = self.accounts.new_session(user, self.archive.now(), ttl).await.expect("made");
        format!("fonoteca_session={}", secret.expose())
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.client.get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

fn rest(key: &Secret, endpoint: &str, query: &str) -> String {
    format!("/rest/{endpoint}?v=1.16.1&c=test&apiKey={}&{query}", key.expose())
}

/// The committed sample collection.
pub(crate) fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sample")
}

async fn take_in(archive: &Archive, path: &Path, basis: Basis, number: usize) {
    let options = Options {
        paths: vec![path.to_owned()],
        basis,
        licence: None,
        asserted_by: "test".into(),
        job: format!("test-{number}"),
        jobs: 2,
        first_batch: Options::FIRST_BATCH,
        limits: fonoteca_model::limits::Limits::default(),
    };
    let summary = ingest::ingest(archive, &options, &Silent, &mut |_| ()).await.expect("ingested");
    assert!(summary.added > 0, "{summary:?}");
}
