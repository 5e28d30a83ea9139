//! Where the journal lies: a directory for one process, and in it the file.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{self, Path, PathBuf};

use super::JournalError;
use super::store::Store;

/// The file's name in the journal's directory.
const FILE: &str = "journal.redb";
/// Its name until it is whole.
const NEW_FILE: &str = "journal.redb.new";

/// A journal's directory, locked for this process until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    dir: PathBuf,
    file: PathBuf,
    /// The open directory, which carries the lock.
    handle: File,
}

impl Place {
    /// Makes the directory where it is missing, and locks it.
    pub(super) fn lock(dir: &Path) -> Result<Self, JournalError> {
        let fail = |source| JournalError::directory(dir, source);
        make(dir).map_err(fail)?;
        let handle = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(dir).map_err(fail)?;
        match handle.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_owned(), file: dir.join(FILE), handle }),
            Err(TryLockError::WouldBlock) => Err(JournalError::InUse { dir: dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(fail(source)),
        }
    }

    /// Opens the file, made where it is missing.
    pub(super) fn open(&self) -> Result<Store, JournalError> {
        if fs::exists(&self.file).map_err(|source| JournalError::directory(&self.dir, source))? {
            self.reopen()
        } else {
            self.create()
        }
    }

    /// Opens the file that is there. One that has gone is not made anew: it held changes that are in force.
    pub(super) fn reopen(&self) -> Result<Store, JournalError> {
        Store::open(&self.file)
    }

    /// Makes the file under another name first: under its own it is whole from the beginning, so that a crash while
    /// it is made leaves nothing that could be taken for a journal which has lost its content.
    fn create(&self) -> Result<Store, JournalError> {
        let fail = |source| JournalError::directory(&self.dir, source);
        let new = self.dir.join(NEW_FILE);
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(error)),
            _ => {}
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).map_err(fail)?;
        Store::create(&new)?.close()?;
        fs::rename(&new, &self.file).map_err(fail)?;
        // The name, too, has to survive a power loss.
        self.handle.sync_all().map_err(fail)?;
        self.reopen()
    }
}

/// Makes `dir` and the directories above it that are missing, and sees to it that their names survive a power loss.
fn make(dir: &Path) -> io::Result<()> {
    let dir = path::absolute(dir)?;
    let missing: Vec<_> = dir.ancestors().take_while(|dir| !dir.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
    missing.into_iter().filter_map(Path::parent).try_for_each(|parent| File::open(parent)?.sync_all())
}
