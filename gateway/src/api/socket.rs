//! The admin socket: who may open it, and what happens to one that is already there.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixSocket};

use super::StartError;

/// A socket's place in the file system, removed when dropped.
#[derive(Debug)]
pub(super) struct SocketPath {
    path: PathBuf,
    /// Device and inode, so that another process's socket at the same place is left alone.
    identity: (u64, u64),
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            // Nobody is left to tell, and a stale socket does no harm.
            drop(fs::remove_file(&self.path));
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Listens at `path` for this user alone. Must run inside a tokio runtime.
pub(super) fn listen(path: &Path) -> Result<(UnixListener, SocketPath), StartError> {
    let fail = |source| StartError::Socket { path: path.to_owned(), source };
    make_parent(path).map_err(fail)?;
    remove_stale(path)?;
    let socket = UnixSocket::new_stream().map_err(fail)?;
    // Before it has a name: at no moment may another user open it.
    File::from(socket.as_fd().try_clone_to_owned().map_err(fail)?)
        .set_permissions(Permissions::from_mode(0o600))
        .map_err(fail)?;
    socket.bind(path).map_err(fail)?;
    let place = SocketPath { path: path.to_owned(), identity: identity(path).map_err(fail)? };
    let listener = socket.listen(128).map_err(fail)?;
    Ok((listener, place))
}

fn make_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => {
            DirBuilder::new().recursive(true).mode(0o700).create(parent)
        }
        _ => Ok(()),
    }
}

/// Removes a socket that a dead process left; refuses one that a live process answers, and files of other kinds.
fn remove_stale(path: &Path) -> Result<(), StartError> {
    let fail = |source| StartError::Socket { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail(error)),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(StartError::NoSocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(StartError::InUse { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(fail),
        Err(error) => Err(fail(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen_once(path: &Path) -> Result<SocketPath, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("runtime");
        let _entered = runtime.enter();
        listen(path).map(|(_, place)| place)
    }

    #[test]
    fn it_is_private_in_a_private_directory_and_goes_away() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("run/nvgw/admin.sock");
        let place = listen_once(&path).expect("listens");
        let mode = |path: &Path| fs::metadata(path).expect("exists").permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().expect("parent")), 0o700);
        drop(place);
        assert!(!path.exists());
    }

    #[test]
    fn a_dead_process_s_socket_is_replaced() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("admin.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("binds"));
        assert!(path.exists(), "a dead process's socket stays behind");
        let place = listen_once(&path).expect("replaces it");
        assert_eq!(identity(&path).expect("exists"), place.identity);
    }

    #[test]
    fn a_live_process_s_socket_and_other_files_are_left_alone() {
        let dir = tempfile::tempdir().expect("directory");
        let live = dir.path().join("live.sock");
        let _listener = std::os::unix::net::UnixListener::bind(&live).expect("binds");
        let error = listen_once(&live).expect_err("in use");
        assert!(error.to_string().contains("another nvgw answers at"), "{error}");
        let file = dir.path().join("notes.txt");
        fs::write(&file, "keep").expect("writes");
        let error = listen_once(&file).expect_err("no socket");
        assert!(error.to_string().contains("is no socket"), "{error}");
        assert_eq!(fs::read_to_string(&file).expect("kept"), "keep");
    }

    #[test]
    fn a_successor_s_socket_survives_the_predecessor() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("admin.sock");
        let place = listen_once(&path).expect("listens");
        fs::rename(&path, dir.path().join("old.sock")).expect("moves");
        let _successor = std::os::unix::net::UnixListener::bind(&path).expect("binds");
        drop(place);
        assert!(path.exists());
    }
}
