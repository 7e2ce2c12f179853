//! What every request shares.

use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::serve::IncomingStream;
use fonoteca_accounts::Accounts;
use fonoteca_archive::{Archive, Published};
use fonoteca_guard::Guard;
use fonoteca_model::Timestamp;
use fonoteca_swarm::{Seeder, SeederStats};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::covers::Covers;
use crate::error::Internal;
use crate::library::View;
use crate::metrics::Metrics;
use crate::options::ServerOptions;
use crate::tracker::Tracker;

/// How long a look at the tables or releases is used for requests before it is renewed.
pub(crate) const VIEW_AGE: Duration = Duration::from_secs(1);
/// Transcodings at once; each takes about a processor.
const MAX_TRANSCODES: usize = 8;

/// The server's state; clones share it.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) archive: Archive,
    pub(crate) accounts: Accounts,
    pub(crate) options: ServerOptions,
    /// Where the seeder listens, and the seeder, which ends with the server though a request may outlive that.
    seeder: Option<(SocketAddr, Weak<Seeder>)>,
    pub(crate) guard: Mutex<Guard>,
    pub(crate) tracker: Tracker,
    pub(crate) metrics: Metrics,
    pub(crate) transcodes: Arc<Semaphore>,
    pub(crate) covers: Covers,
    pub(crate) view: tokio::sync::Mutex<Option<View>>,
    published: tokio::sync::Mutex<Option<(Arc<Published>, Instant)>>,
}

impl Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    pub(crate) fn new(
        archive: Archive,
        accounts: Accounts,
        options: ServerOptions,
        seeder: Option<&Arc<Seeder>>,
    ) -> Self {
        Self(Arc::new(Shared {
            guard: Mutex::new(Guard::new(options.guard)),
            tracker: Tracker::new(options.tracker),
            metrics: Metrics::default(),
            transcodes: Arc::new(Semaphore::new(MAX_TRANSCODES)),
            covers: Covers::default(),
            view: tokio::sync::Mutex::default(),
            published: tokio::sync::Mutex::default(),
            seeder: seeder.map(|seeder| (seeder.local_addr(), Arc::downgrade(seeder))),
            archive,
            accounts,
            options,
        }))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.archive.now()
    }

    /// What is given out, as it is now or was a second ago: a web seed is asked for thousands of ranges.
    pub(crate) async fn published(&self) -> Result<Arc<Published>, Internal> {
        let mut known = self.published.lock().await;
        if let Some((published, at)) = &*known
            && at.elapsed() < VIEW_AGE
        {
            return Ok(Arc::clone(published));
        }
        let published =
            self.archive.published().await.map_err(|error| self.internal("reading the releases", &error))?;
        *known = Some((Arc::clone(&published), Instant::now()));
        Ok(published)
    }

    pub(crate) fn has_seeder(&self) -> bool {
        self.seeder.is_some()
    }

    /// What the seeder has done so far.
    pub(crate) fn seeder_stats(&self) -> Option<SeederStats> {
        let (_, seeder) = self.seeder.as_ref()?;
        seeder.upgrade().map(|seeder| seeder.stats())
    }

    /// Where somebody who reached this server at `local` reaches its seeder: the same address, unless it has one of its own.
    pub(crate) fn own_seeder(&self, local: SocketAddr) -> Option<SocketAddr> {
        let (seeder, _) = self.seeder.as_ref()?;
        let ip = if seeder.ip().is_unspecified() { local.ip() } else { seeder.ip() };
        Some(SocketAddr::new(ip.to_canonical(), seeder.port()))
    }
}

/// Both ends of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connection {
    /// The client's end.
    pub(crate) remote: SocketAddr,
    /// The end at which the client reached this server.
    pub(crate) local: SocketAddr,
}

impl Connected<IncomingStream<'_, TcpListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        let remote = *stream.remote_addr();
        // A socket that cannot say where it is has been closed already.
        Self { remote, local: stream.io().local_addr().unwrap_or(remote) }
    }
}

/// The address at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, StatusCode> {
        let info = parts.extensions.get::<ConnectInfo<Connection>>();
        info.map(|info| Self(info.0.remote.ip().to_canonical())).ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
