//! Whose a public port was at some time, as the log says: for whoever has to answer for a tenant.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{BlockLine, Line, LineEvent, Moment};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The public address.
    pub public: Ipv4Addr,
    /// The public port, or query identifier.
    pub port: u16,
    /// The external network; `None`: any.
    pub external: Option<String>,
    /// When.
    pub at: Moment,
}

/// A block of ports in somebody's hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenure {
    /// Whose and what it was.
    pub block: BlockLine,
    /// Since when.
    pub since: Moment,
    /// Until when; `None`: the log does not say that it has ended.
    pub until: Option<Moment>,
}

impl Tenure {
    fn covers(&self, at: Moment) -> bool {
        self.since <= at && self.until.is_none_or(|until| at < until)
    }
}

/// What a log says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Who had the port then: one, or one of each external network.
    pub holders: Vec<Tenure>,
    /// Who had it last before.
    pub before: Option<Tenure>,
    /// Who had it first afterwards.
    pub after: Option<Tenure>,
    /// The first and the last time in the log; `None`: it is empty.
    pub span: Option<(Moment, Moment)>,
}

/// The log and what has been rotated away from it and is still readable as it is: `nat.jsonl`, `nat.jsonl.1`,
/// `nat.jsonl-20261122`; compressed ones are not.
///
/// # Errors
/// The folder cannot be read.
pub fn rotated(log: &Path) -> io::Result<Vec<PathBuf>> {
    let name = log.file_name().unwrap_or_default().as_bytes();
    let folder = log.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut logs = vec![log.to_owned()];
    for entry in fs::read_dir(folder)? {
        let entry = entry?.file_name();
        let suffix = entry.as_bytes().strip_prefix(name).and_then(|suffix| suffix.split_first());
        if let Some((b'.' | b'-', number)) = suffix
            && number.first().is_some_and(u8::is_ascii_digit)
            && number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')
        {
            logs.push(folder.join(OsStr::from_bytes(entry.as_bytes())));
        }
    }
    logs.sort();
    Ok(logs)
}

/// Searches files. One that is rotated away, and not there yet again, is skipped, as long as another is there.
///
/// # Errors
/// A file cannot be read.
pub fn search_files(logs: &[PathBuf], question: &Question) -> io::Result<Found> {
    let (mut search, mut missing, mut found) = (Search::new(question), None, false);
    for log in logs {
        match File::open(log) {
            Ok(file) => {
                found = true;
                search.read(BufReader::with_capacity(1 << 20, file))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing = Some(error),
            Err(error) => return Err(error),
        }
    }
    match missing.filter(|_| !found) {
        Some(error) => Err(error),
        None => Ok(search.finish()),
    }
}

/// A search, file by file. The order of the files does not matter.
#[derive(Debug)]
pub struct Search<'q> {
    question: &'q Question,
    /// What is about the port, and when the gateway started and ended.
    lines: Vec<Line>,
    span: Option<(Moment, Moment)>,
    /// What a line about the address must have in it.
    marks: [Vec<u8>; 2],
}

impl<'q> Search<'q> {
    /// A search that has read nothing yet.
    #[must_use]
    pub fn new(question: &'q Question) -> Self {
        let marks = [format!("\"{}\"", question.public).into_bytes(), b"\"gateway-st".to_vec()];
        Self { question, lines: Vec::new(), span: None, marks }
    }

    /// Reads a log. What is no line of one is passed over, such as the last line of a gateway that lost power.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&mut self, mut log: impl BufRead) -> io::Result<()> {
        let (mut text, mut first, mut last) = (Vec::new(), true, Vec::new());
        while log.read_until(b'\n', &mut text)? > 0 {
            if first {
                first = !self.stretch(&text);
            }
            if self.marks.iter().any(|mark| contains(&text, mark))
                && let Ok(line) = serde_json::from_slice::<Line>(&text)
                && self.concerns(&line)
            {
                self.lines.push(line);
            }
            std::mem::swap(&mut text, &mut last);
            text.clear();
        }
        self.stretch(&last);
        Ok(())
    }

    fn concerns(&self, line: &Line) -> bool {
        match &line.event {
            LineEvent::GatewayStarted | LineEvent::GatewayStopped => true,
            LineEvent::BlockAllocated(block) | LineEvent::BlockReleased(block) => {
                block.public == self.question.public
                    && (block.first_port..=block.last_port).contains(&self.question.port)
                    && self.question.external.as_ref().is_none_or(|name| **name == *block.external)
            }
            LineEvent::SessionCreated(_) | LineEvent::SessionEnded(_) => false,
        }
    }

    /// Takes a line's time into the span of the log; whether it is a line.
    fn stretch(&mut self, text: &[u8]) -> bool {
        let Ok(Line { time, .. }) = serde_json::from_slice(text) else { return false };
        let (first, last) = self.span.unwrap_or((time, time));
        self.span = Some((first.min(time), last.max(time)));
        true
    }

    /// What was found.
    #[must_use]
    pub fn finish(mut self) -> Found {
        self.lines.sort_by_key(|line| line.time);
        let (at, mut tenures) = (self.question.at, Tenures::default());
        self.lines.into_iter().for_each(|line| tenures.go_on(line));
        let all = tenures.all();
        let before = all.iter().filter(|tenure| tenure.until.is_some_and(|until| until <= at));
        let after = all.iter().filter(|tenure| tenure.since > at);
        Found {
            before: before.max_by_key(|tenure| tenure.until).cloned(),
            after: after.min_by_key(|tenure| tenure.since).cloned(),
            holders: all.iter().filter(|tenure| tenure.covers(at)).cloned().collect(),
            span: self.span,
        }
    }
}

/// Who had the port, one after the other; in several external networks, at the same time.
#[derive(Debug, Default)]
struct Tenures {
    ended: Vec<Tenure>,
    current: Vec<Tenure>,
}

impl Tenures {
    fn go_on(&mut self, Line { time, event }: Line) {
        match event {
            LineEvent::BlockAllocated(block) => {
                self.end(Some(&block.external), time);
                self.current.push(Tenure { since: time, until: None, block });
            }
            LineEvent::BlockReleased(block) => {
                // Its beginning may be in a file that is gone.
                if !self.end(Some(&block.external), time)
                    && let Some(since) = block.since
                {
                    self.ended.push(Tenure { since, until: Some(time), block });
                }
            }
            LineEvent::GatewayStarted | LineEvent::GatewayStopped => {
                self.end(None, time);
            }
            LineEvent::SessionCreated(_) | LineEvent::SessionEnded(_) => {}
        }
    }

    /// Ends what goes on in an external network, or in all; whether there was something.
    fn end(&mut self, external: Option<&Arc<str>>, time: Moment) -> bool {
        let ends = |tenure: &mut Tenure| external.is_none_or(|name| *name == tenure.block.external);
        let before = self.ended.len();
        let ending = self.current.extract_if(.., ends);
        self.ended.extend(ending.map(|tenure| Tenure { until: Some(time), ..tenure }));
        self.ended.len() > before
    }

    fn all(self) -> Vec<Tenure> {
        let mut all = self.ended;
        all.extend(self.current);
        all.sort_by_key(|tenure| tenure.since);
        all
    }
}

/// Whether `text` has `part` in it.
fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
