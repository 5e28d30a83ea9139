//! A disk that fails and loses power when a test wants it to.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

/// What a write that was not synced yet does to the disk.
#[derive(Debug, Clone)]
enum Change {
    Length(u64),
    Bytes(u64, Vec<u8>),
}

#[derive(Debug, Default)]
struct Platter {
    /// What survives a power loss for certain.
    durable: Vec<u8>,
    /// What a reader sees.
    visible: Vec<u8>,
    unsynced: Vec<Change>,
    syncs: u64,
    /// How many more writes are taken before the disk is full.
    room: Option<u64>,
    sync_fails: bool,
}

/// Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<Platter>>);

impl Disk {
    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap()
    }

    /// How often it was synced.
    pub(super) fn syncs(&self) -> u64 {
        self.platter().syncs
    }

    /// From now on, `writes` more are taken; with None all are.
    pub(super) fn room(&self, writes: Option<u64>) {
        self.platter().room = writes;
    }

    /// Whether syncing reports an error, for what in truth reaches the platter.
    pub(super) fn sync_fails(&self, fails: bool) {
        self.platter().sync_fails = fails;
    }

    /// What a power loss at this moment leaves: all that was synced, and of the rest what `lucky` says.
    pub(super) fn power_lost(&self, mut lucky: impl FnMut() -> bool) -> Self {
        let platter = self.platter();
        let mut image = platter.durable.clone();
        for change in &platter.unsynced {
            // A file system keeps the order of what it does to a file's length.
            if matches!(change, Change::Length(_)) || lucky() {
                apply(&mut image, change);
            }
        }
        let platter = Platter { durable: image.clone(), visible: image, ..Platter::default() };
        Self(Arc::new(Mutex::new(platter)))
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut platter = self.platter();
        if let Some(room) = &mut platter.room {
            *room = room.checked_sub(1).ok_or(io::Error::from(io::ErrorKind::StorageFull))?;
        }
        apply(&mut platter.visible, &change);
        platter.unsynced.push(change);
        Ok(())
    }
}

fn apply(image: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(length) => image.resize(*length as usize, 0),
        Change::Bytes(offset, bytes) => {
            let start = *offset as usize;
            image[start..start + bytes.len()].copy_from_slice(bytes);
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.platter().visible.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = offset as usize;
        out.copy_from_slice(&self.platter().visible[start..start + out.len()]);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.change(Change::Length(length))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.platter();
        platter.syncs += 1;
        platter.durable = platter.visible.clone();
        platter.unsynced.clear();
        if platter.sync_fails { Err(io::Error::from(io::ErrorKind::Other)) } else { Ok(()) }
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(Change::Bytes(offset, bytes.to_vec()))
    }
}
