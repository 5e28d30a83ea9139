//! The thread that writes the log, and its way in.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};
use std::{io, process};

use crossbeam::channel::{self, Receiver, Sender, TrySendError};
use nvgw_config::{NatLog as Config, Syslog};

use super::file::LogFile;
use super::health::{LogHealth, Sink};
use super::syslog::Header;
use super::{Line, LineEvent};

/// Lines that may wait for the thread; and for the syslog server beside it.
const QUEUE: usize = 16_384;
/// Lines written at one stroke.
const BATCH: usize = 256;
/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The control thread's side of the log. None of its methods waits for disk or network; it is written to the end when
/// it is dropped, as far as that can be done at once.
#[derive(Debug)]
pub struct NatLog {
    lines: Option<Sender<Line>>,
    orders: Option<Sender<Order>>,
    health: Arc<LogHealth>,
    config: Config,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is told beside lines.
#[derive(Debug)]
enum Order {
    Configure(Config),
    Reopen,
}

impl NatLog {
    /// Starts the thread. The first line says that the gateway has started.
    ///
    /// # Errors
    /// The operating system has no thread. A file or server that cannot be reached is no error: it is
    /// [in trouble](LogHealth), and tried again.
    pub fn start(config: &Config) -> io::Result<Self> {
        let (lines, incoming) = channel::bounded(QUEUE);
        let (orders, obeyed) = channel::unbounded();
        let health = Arc::new(LogHealth::default());
        let mut writer = Writer::new(incoming, obeyed, Arc::clone(&health));
        writer.configure(config);
        let thread = thread::Builder::new().name("nvgw-nat-log".into()).spawn(move || writer.run())?;
        let log = Self {
            lines: Some(lines),
            orders: Some(orders),
            health,
            config: config.clone(),
            thread: Some(thread),
        };
        log.write(Line { time: SystemTime::now().into(), event: LineEvent::GatewayStarted });
        Ok(log)
    }

    /// What is logged, and where.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether anything is logged.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.config.file.is_some() || self.config.syslog.is_some()
    }

    /// How many lines it takes now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.lines.as_ref().map_or(0, |lines| QUEUE - lines.len())
    }

    /// How many lines wait to be written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        QUEUE - self.room()
    }

    /// Writes a line; whether there was [room](Self::room). Where nothing is logged, there always is.
    pub fn write(&self, line: Line) -> bool {
        !self.is_on()
            || self.lines.as_ref().is_some_and(|lines| match lines.try_send(line) {
                Ok(()) => true,
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
            })
    }

    /// Goes on as this configuration says.
    pub fn configure(&mut self, config: &Config) {
        if self.config != *config {
            self.config = config.clone();
            self.order(Order::Configure(config.clone()));
        }
    }

    /// Opens the file anew: the one of its name may be another one now.
    pub fn reopen(&self) {
        self.order(Order::Reopen);
    }

    /// How it is.
    #[must_use]
    pub fn health(&self) -> &LogHealth {
        &self.health
    }

    fn order(&self, order: Order) {
        // The thread ends after its orders do, never before.
        if let Some(orders) = &self.orders {
            drop(orders.send(order));
        }
    }
}

impl Drop for NatLog {
    fn drop(&mut self) {
        self.write(Line { time: SystemTime::now().into(), event: LineEvent::GatewayStopped });
        drop((self.lines.take(), self.orders.take()));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// What the thread owns.
struct Writer {
    lines: Receiver<Line>,
    orders: Receiver<Order>,
    health: Arc<LogHealth>,
    file: Option<LogFile>,
    server: Option<Server>,
}

impl Writer {
    fn new(lines: Receiver<Line>, orders: Receiver<Order>, health: Arc<LogHealth>) -> Self {
        Self { lines, orders, health, file: None, server: None }
    }

    /// Until the control thread goes.
    fn run(mut self) {
        while self.next() {
            self.flush();
        }
        // What is left is written as long as that works.
        loop {
            let lines: Vec<_> = self.lines.try_iter().take(BATCH).collect();
            let last = lines.is_empty();
            lines.iter().for_each(|line| self.take(line));
            self.flush();
            if last || self.is_stuck() {
                break;
            }
        }
    }

    /// Waits for lines, orders, or the time to try again; whether there will be more.
    fn next(&mut self) -> bool {
        if self.is_stuck() {
            return match self.orders.recv_timeout(RETRY) {
                Ok(order) => self.obey(&order),
                Err(channel::RecvTimeoutError::Timeout) => true,
                Err(channel::RecvTimeoutError::Disconnected) => false,
            };
        }
        crossbeam::select! {
            recv(self.lines) -> line => {
                let Ok(line) = line else { return false };
                self.take(&line);
                let more: Vec<_> = self.lines.try_iter().take(BATCH - 1).collect();
                more.iter().for_each(|line| self.take(line));
                true
            }
            recv(self.orders) -> order => order.is_ok_and(|order| self.obey(&order)),
            default(RETRY) => true,
        }
    }

    /// Whether no line may be taken, because the ones before it are nowhere yet.
    fn is_stuck(&self) -> bool {
        match (&self.file, &self.server) {
            (Some(file), _) => !file.is_idle(),
            (None, Some(server)) => server.pending.len() >= QUEUE,
            (None, None) => false,
        }
    }

    fn take(&mut self, line: &Line) {
        if let Some(file) = &mut self.file {
            match serde_json::to_vec(line) {
                Ok(text) => file.push(&text),
                Err(error) => self.health.of(Sink::File).failed(error.to_string()),
            }
        }
        if let Some(server) = &mut self.server {
            match server.header.message(line) {
                Ok(message) => server.pending.push_back(message),
                Err(error) => self.health.of(Sink::Syslog).failed(error.to_string()),
            }
            // What the file has need not wait for a server without end.
            if self.file.is_some() && server.pending.len() > QUEUE {
                server.pending.pop_front();
                self.health.of(Sink::Syslog).skipped.add(1);
            }
        }
    }

    fn flush(&mut self) {
        if let Some(file) = &mut self.file {
            let health = self.health.of(Sink::File);
            match file.flush() {
                Ok(0) => {}
                Ok(lines) => {
                    health.lines.add(lines);
                    health.well();
                }
                Err(error) => health.failed(format!("{}: {error}", file.path().display())),
            }
        }
        if let Some(server) = &mut self.server {
            let health = self.health.of(Sink::Syslog);
            let waiting = server.pending.len();
            let outcome = server.send();
            health.lines.add((waiting - server.pending.len()) as u64);
            match outcome {
                Ok(()) => health.calm(),
                Err(error) => health.failed(format!("{}: {error}", server.address)),
            }
        }
    }

    fn obey(&mut self, order: &Order) -> bool {
        match order {
            Order::Configure(config) => self.configure(config),
            Order::Reopen => self.file.iter_mut().for_each(LogFile::reopen),
        }
        true
    }

    /// What could not be written before goes where lines go now.
    fn configure(&mut self, config: &Config) {
        match (&mut self.file, &config.file) {
            (Some(file), Some(path)) if file.path() != path => file.rename(path.clone()),
            (Some(_), Some(_)) => {}
            (None, Some(path)) => self.file = Some(LogFile::new(path.clone())),
            (_, None) => self.file = None,
        }
        self.server = config.syslog.map(|syslog| match self.server.take() {
            Some(server) if server.address == syslog.server => server.with(syslog),
            _ => Server::new(syslog),
        });
        Sink::ALL.iter().for_each(|sink| self.health.of(*sink).well());
    }
}

/// A syslog server.
#[derive(Debug)]
struct Server {
    address: SocketAddr,
    header: Header,
    socket: Option<UdpSocket>,
    /// Messages that were not sent yet.
    pending: VecDeque<String>,
    /// When it is tried again after a failure.
    again: Option<Instant>,
}

impl Server {
    fn new(syslog: Syslog) -> Self {
        Self {
            address: syslog.server,
            header: Header::new(syslog.facility, &hostname(), process::id()),
            socket: None,
            pending: VecDeque::new(),
            again: None,
        }
    }

    fn with(self, syslog: Syslog) -> Self {
        Self { header: Self::new(syslog).header, ..self }
    }

    /// Sends what is pending, unless it has failed just now.
    fn send(&mut self) -> io::Result<()> {
        if self.again.is_some_and(|again| Instant::now() < again) {
            return Ok(());
        }
        self.again = None;
        while let Some(message) = self.pending.front() {
            if let Err(error) = send(&mut self.socket, self.address, message) {
                self.socket = None;
                self.again = Some(Instant::now() + RETRY);
                return Err(error);
            }
            self.pending.pop_front();
        }
        Ok(())
    }
}

/// Sends a message by a socket that is connected, so that an answer that nobody listens there is an error.
fn send(socket: &mut Option<UdpSocket>, to: SocketAddr, message: &str) -> io::Result<()> {
    let socket = match socket {
        Some(socket) => socket,
        None => {
            let any: SocketAddr = match to {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let connected = UdpSocket::bind(any)?;
            connected.connect(to)?;
            socket.insert(connected)
        }
    };
    socket.send(message.as_bytes()).map(drop)
}

/// The host's name as the kernel has it.
fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default()
}
