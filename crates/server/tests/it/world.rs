//! A running server with music behind it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fonoteca_accounts::{Accounts, AccountsKey, Role, Secret, User};
use fonoteca_archive::ingest::{self, Options};
use fonoteca_archive::{Archive, Clock};
use fonoteca_model::rights::Basis;
use fonoteca_model::{Silent, Timestamp};
use fonoteca_server::{Bound, ServerOptions, serve};
use fonoteca_testkit::{FixedClock, copy_folder, sample};
use reqwest::{Client, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{OnceCell, oneshot};

pub(crate) const PASSWORD: &str = "correct horse";
const NOW_SECONDS: i64 = 1_795_000_000;

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
    clock_face: Arc<FixedClock>,
    stop: Option<oneshot::Sender<()>>,
    _folder: TempDir,
}

impl World {
    /// With two albums of the sample: one in the public domain, and one that is a private copy.
    pub(crate) async fn new() -> Self {
        Self::on(music().await).await
    }

    /// With no music.
    pub(crate) async fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Archive::init(folder.path(), "Test archive", clock(now())).await.expect("made");
        Self::on(folder.path()).await
    }

    /// On a copy of the archive in this folder.
    async fn on(template: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        copy_folder(template, folder.path());
        let clock_face = now();
        let archive = Archive::open(folder.path(), clock(Arc::clone(&clock_face))).await.expect("opened");

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
        Self { archive, accounts, ana, bea, bound, client, ana_key, bea_key, clock_face, stop, _folder: folder }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.bound.http)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.expect("an answer")
    }

    /// Lets time go by.
    pub(crate) fn wait(&self, seconds: i64) {
        self.clock_face.jump(seconds);
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

    /// The API keys of ana and bea.
    pub(crate) fn api_keys(&self) -> (&str, &str) {
        (self.ana_key.expose(), self.bea_key.expose())
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

/// The archive that [`World::new`] copies. Taking music in is slow without optimisation, so it happens once.
async fn music() -> &'static Path {
    static MUSIC: OnceCell<PathBuf> = OnceCell::const_new();
    let made = MUSIC.get_or_init(async || {
        // Nothing drops a static, so a temporary folder would stay behind after every run.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("server-music");
        let _ = std::fs::remove_dir_all(&folder);
        let archive = Archive::init(&folder, "Test archive", clock(now())).await.expect("made");
        take_in(&archive, "Clara Monte/Teclas Antiguas (2019)", Basis::PublicDomain).await;
        take_in(&archive, "Lumen Duo", Basis::PrivateCopy).await;
        archive.refresh_index().await.expect("indexed");
        folder
    });
    made.await
}

fn clock(shown: Arc<FixedClock>) -> Clock {
    Arc::new(move || shown.now())
}

fn now() -> Arc<FixedClock> {
    Arc::new(FixedClock::new(Timestamp::from_seconds(NOW_SECONDS)))
}

async fn take_in(archive: &Archive, album: &str, basis: Basis) {
    let job = format!("test-{}", album.len());
    let options = Options { jobs: 2, ..Options::new(vec![sample().join(album)], basis, "test", &job) };
    let summary = ingest::ingest(archive, &options, &Silent, &mut |_| ()).await.expect("ingested");
    assert!(summary.added > 0, "{summary:?}");
}
