//! The file: whole lines at its end, or nothing.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Who may read it: its group too, which a log shipper can be in.
const MODE: u32 = 0o640;

/// A file that lines are appended to.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: Option<File>,
    /// Lines that it has not taken yet.
    pending: Vec<u8>,
    lines: u64,
}

impl LogFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None, pending: Vec::new(), lines: 0 }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Goes on in another file.
    pub(super) fn rename(&mut self, path: PathBuf) {
        self.path = path;
        self.file = None;
    }

    /// Opens the file of that name anew with the next line: it may have been rotated away.
    pub(super) fn reopen(&mut self) {
        self.file = None;
    }

    pub(super) fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    /// Adds a line, without its end.
    pub(super) fn push(&mut self, line: &[u8]) {
        self.pending.extend_from_slice(line);
        self.pending.push(b'\n');
        self.lines += 1;
    }

    /// Writes what is pending. Returns how many lines that were.
    ///
    /// # Errors
    /// What the operating system says. Lines that were not written whole are not in the file, and still pending.
    pub(super) fn flush(&mut self) -> io::Result<u64> {
        if self.pending.is_empty() {
            return Ok(0);
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => open(&self.path)?,
        };
        let outcome = append(&mut file, &mut self.pending);
        if outcome.is_ok() {
            self.file = Some(file);
            return Ok(std::mem::take(&mut self.lines));
        }
        // A failed file is opened anew: it may be on a disk that was replaced.
        self.lines = self.pending.iter().filter(|byte| **byte == b'\n').count() as u64;
        outcome.map(|()| 0)
    }
}

/// Opens a log for writing at its end, which is made the end of a line.
fn open(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(MODE).open(path)?;
    // What a crash has cut off does not spoil the line after it. Pipes and the like have no end to look at.
    if file.metadata()?.is_file() && file.seek(SeekFrom::End(0))? > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

/// Writes all lines, or as many as can be; those leave `pending`.
fn append(file: &mut File, pending: &mut Vec<u8>) -> io::Result<()> {
    let mut written = 0;
    let outcome = loop {
        match file.write(&pending[written..]) {
            Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
            Ok(bytes) => written += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
        if written == pending.len() {
            break Ok(());
        }
    };
    let whole = pending[..written].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let torn = (written - whole) as u64;
    if torn > 0 {
        // Where even that fails, the next opening ends the torn line, and it is written again as a whole.
        drop(file.metadata().and_then(|file_now| file.set_len(file_now.len().saturating_sub(torn))));
    }
    pending.drain(..whole);
    outcome
}
