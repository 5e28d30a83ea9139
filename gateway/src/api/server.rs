//! The server: one thread, two listeners.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

use axum::Router;
use axum::serve::Listener;
use crossbeam::channel::Sender;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tracing::{error, info};

use super::control::Control;
use super::socket::{self, SocketPath};
use super::view::VersionView;
use super::{Request, metrics, routes};

/// How long open requests may still take once the server is told to end.
const GRACE: Duration = Duration::from_millis(500);

/// Where the server listens, and what it says of itself.
#[derive(Debug, Clone)]
pub struct ApiOptions {
    /// The admin API's Unix socket.
    pub socket: PathBuf,
    /// Where `/metrics`, `/healthz` and `/readyz` listen; `None`: nowhere.
    pub metrics_listen: Option<SocketAddr>,
    /// The versions to report.
    pub version: VersionView,
    /// How long the control thread may take to answer a question.
    pub answer_within: Duration,
    /// How long it may take to reload the configuration, to apply changes, or to look for what is wrong.
    pub work_within: Duration,
}

impl ApiOptions {
    /// Options with the usual time-outs: 5 s for an answer, a minute for work.
    #[must_use]
    pub fn new(socket: PathBuf, metrics_listen: Option<SocketAddr>, version: VersionView) -> Self {
        let (answer_within, work_within) = (Duration::from_secs(5), Duration::from_secs(60));
        Self { socket, metrics_listen, version, answer_within, work_within }
    }
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The admin socket cannot be made.
    #[error("cannot make the admin socket {}: {source}; see `system.admin-socket`", path.display())]
    Socket {
        /// Its place.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Another process answers at the admin socket.
    #[error("another nvgw answers at {}; stop it, or give this one another `system.admin-socket`", path.display())]
    InUse {
        /// Its place.
        path: PathBuf,
    },
    /// Something else is where the admin socket should be.
    #[error("{} exists and is no socket; move it away, or change `system.admin-socket`", path.display())]
    NoSocket {
        /// Its place.
        path: PathBuf,
    },
    /// The metrics' address cannot be listened at.
    #[error("cannot listen for metrics at {address}: {source}; see `system.metrics-listen`")]
    Metrics {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The server's thread cannot be made.
    #[error("cannot start the API's thread: {0}")]
    Thread(io::Error),
}

/// The running server. It ends, and the socket goes away, when this is dropped.
#[derive(Debug)]
pub struct ApiServer {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    metrics_address: Option<SocketAddr>,
    _place: SocketPath,
}

impl ApiServer {
    /// Listens, and serves on a thread of its own. Requests go to `requests`; what does not fit into the channel is
    /// answered with "busy".
    ///
    /// # Errors
    /// A listener or the thread cannot be made.
    pub fn spawn(options: ApiOptions, requests: Sender<Request>) -> Result<Self, StartError> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let entered = runtime.enter();
        let (admin, place) = socket::listen(&options.socket)?;
        let metrics = options.metrics_listen.map(listen_tcp).transpose()?;
        let metrics_address = metrics.as_ref().and_then(|listener| listener.local_addr().ok());
        let (stop, stopped) = watch::channel(false);
        info!(socket = %options.socket.display(), metrics = ?metrics_address, "the admin API listens");
        let control = Control::new(options, requests);
        drop(entered);
        let thread = thread::Builder::new()
            .name("nvgw-api".to_owned())
            .spawn(move || {
                serve(&runtime, admin, metrics, control, stopped);
                // Changes that are still being read have nobody left who would make them.
                runtime.shutdown_background();
            })
            .map_err(StartError::Thread)?;
        Ok(Self { stop, thread: Some(thread), metrics_address, _place: place })
    }

    /// Where metrics are served: the port is the real one where the configuration says 0.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Ends the server within a second: open requests get half of it.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            error!("the API's thread has panicked");
        }
    }
}

fn listen_tcp(address: SocketAddr) -> Result<TcpListener, StartError> {
    let fail = |source| StartError::Metrics { address, source };
    let listener = std::net::TcpListener::bind(address).map_err(fail)?;
    listener.set_nonblocking(true).map_err(fail)?;
    TcpListener::from_std(listener).map_err(fail)
}

fn serve(
    runtime: &Runtime,
    admin: UnixListener,
    metrics: Option<TcpListener>,
    control: Control,
    stopped: watch::Receiver<bool>,
) {
    runtime.block_on(async {
        let all = async {
            let admin = serve_on(admin, routes::admin(control.clone()), stopped.clone());
            match metrics {
                Some(metrics) => {
                    tokio::join!(admin, serve_on(metrics, metrics::router(control), stopped.clone()));
                }
                None => admin.await,
            }
        };
        let mut stop = stopped.clone();
        let overdue = async {
            wait(&mut stop).await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            () = all => {}
            () = overdue => {}
        }
    });
}

async fn wait(stopped: &mut watch::Receiver<bool>) {
    // An error means that the handle is gone: time to stop as well.
    drop(stopped.wait_for(|&stop| stop).await);
}

async fn serve_on<L>(listener: L, router: Router, mut stopped: watch::Receiver<bool>)
where
    L: Listener,
    L::Addr: std::fmt::Debug,
{
    let result =
        axum::serve(listener, router).with_graceful_shutdown(async move { wait(&mut stopped).await }).await;
    if let Err(error) = result {
        error!(%error, "the API has stopped serving");
    }
}
