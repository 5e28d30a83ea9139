//! Whether the log can be written.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::telemetry::counters::Counter;

/// How long nothing must fail until a sink whose failures show late, as those of datagrams do, is well again.
const CALM: Duration = Duration::from_secs(10);

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sink {
    /// The file.
    File,
    /// The syslog server.
    Syslog,
}

impl Sink {
    /// Both.
    pub const ALL: [Self; 2] = [Self::File, Self::Syslog];

    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Syslog => "syslog",
        }
    }
}

/// How a sink is.
#[derive(Debug, Default)]
pub struct SinkHealth {
    /// Lines that it took.
    pub lines: Counter,
    /// Attempts that failed.
    pub failures: Counter,
    /// Lines that only the file has, because the server could not be sent to for too long.
    pub skipped: Counter,
    trouble: Mutex<Option<Trouble>>,
}

#[derive(Debug)]
struct Trouble {
    message: String,
    last: Instant,
}

impl SinkHealth {
    /// What is wrong with it.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.lock().as_ref().map(|trouble| trouble.message.clone())
    }

    pub(super) fn failed(&self, message: String) {
        self.failures.add(1);
        *self.lock() = Some(Trouble { message, last: Instant::now() });
    }

    /// It works.
    pub(super) fn well(&self) {
        *self.lock() = None;
    }

    /// It has not failed lately.
    pub(super) fn calm(&self) {
        let mut trouble = self.lock();
        if trouble.as_ref().is_some_and(|trouble| trouble.last.elapsed() > CALM) {
            *trouble = None;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Trouble>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the log is.
#[derive(Debug, Default)]
pub struct LogHealth {
    file: SinkHealth,
    syslog: SinkHealth,
}

impl LogHealth {
    /// How one of its sinks is.
    #[must_use]
    pub fn of(&self, sink: Sink) -> &SinkHealth {
        match sink {
            Sink::File => &self.file,
            Sink::Syslog => &self.syslog,
        }
    }
}
