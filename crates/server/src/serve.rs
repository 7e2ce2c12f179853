//! Running the server: listen, work, stop.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fonoteca_accounts::Accounts;
use fonoteca_archive::Archive;
use fonoteca_swarm::Seeder;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::announcer::Announcer;
use crate::app::{App, Connection};
use crate::background::{check, count, follow};
use crate::error::ServerError;
use crate::options::ServerOptions;
use crate::routes::router;

/// How long requests may go on after the server was told to stop; a song may take minutes.
const GRACE: Duration = Duration::from_secs(3);

/// The addresses that the server listens on, ports filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// HTTP.
    pub http: SocketAddr,
    /// The BitTorrent seeder.
    pub bittorrent: Option<SocketAddr>,
}

/// Serves an archive until `shutdown` is done; `on_ready` is called once both sockets listen.
///
/// Beside the requests it keeps the search index at the tables' versions, and lets tracker and seeder follow what is
/// published, also by other processes; it tells other trackers what is seeded, and checks what is held as `archive.toml`
/// says.
///
/// # Errors
/// [`ServerError::Listen`] for an address that is taken; [`ServerError::Swarm`] for that of the seeder.
pub async fn serve(
    archive: Archive,
    accounts: Accounts,
    options: ServerOptions,
    on_ready: impl FnOnce(Bound),
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServerError> {
    let listen = options.listen;
    let failed = |source| ServerError::Listen { address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let http = listener.local_addr().map_err(failed)?;
    let seeder = match options.bittorrent {
        Some(address) => Some(Arc::new(Seeder::start(address, archive.seed_source(), options.seeder.clone()).await?)),
        None => None,
    };
    let bittorrent = seeder.as_ref().map(|seeder| seeder.local_addr());
    let announcer = seeder.as_ref().filter(|_| options.announce);
    let announcer = announcer.map(|seeder| Announcer { peer_id: seeder.peer_id(), at: seeder.local_addr() });
    let app = App::new(archive, accounts, options, seeder.as_ref());
    let announcing = announcer.map(|announcer| tokio::spawn(announcer.keep_telling(app.clone())));
    let following = tokio::spawn(follow(app.clone(), seeder));
    let checking = tokio::spawn(check(app.clone()));
    let counting = tokio::spawn(count(app.clone()));

    let (stop, stopped) = watch::channel(false);
    let mut graceful = stopped.clone();
    let server = axum::serve(listener, router(app).into_make_service_with_connect_info::<Connection>())
        .with_graceful_shutdown(async move {
            shutdown.await;
            let _ = stop.send(true);
        });
    on_ready(Bound { http, bittorrent });
    let grace_is_over = async move {
        // An error means that the server has ended by itself, and its own branch is about to win.
        let _ = graceful.wait_for(|stopped| *stopped).await;
        tokio::time::sleep(GRACE).await;
    };
    let ended = tokio::select! {
        ended = server => ended.map_err(ServerError::Http),
        () = grace_is_over => Ok(()),
    };
    following.abort();
    checking.abort();
    counting.abort();
    announcing.iter().for_each(JoinHandle::abort);
    ended
}
