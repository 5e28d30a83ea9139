//! The log of a replay: the same lines, at the captures' time, whatever the configuration says.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use nvgw_types::VrfId;

use super::{Moment, Names, WallClock};
use crate::tables::exchange::NatEvent;

/// The file's name in the folder that a replay writes to.
const FILE: &str = "nat.jsonl";

/// The log of a replay.
#[derive(Debug)]
pub struct ReplayLog {
    path: PathBuf,
    /// Made with the first line: most replays translate nothing.
    file: Option<BufWriter<fs::File>>,
    clock: WallClock,
    names: Names,
}

impl ReplayLog {
    /// A log that will be `nat.jsonl` in `folder` once there is something to say; that of an earlier replay goes. Events'
    /// time is counted from `start`.
    ///
    /// # Errors
    /// The file of an earlier replay cannot be removed.
    pub fn create(folder: &Path, start: Moment) -> io::Result<Self> {
        let path = folder.join(FILE);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(Self { path, file: None, clock: WallClock::new(start), names: Names::default() }),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what happened, in the order given. `names` are those of the VRFs as they are now.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write<'n>(
        &mut self,
        names: impl IntoIterator<Item = (VrfId, &'n str)>,
        events: impl IntoIterator<Item = NatEvent>,
    ) -> io::Result<()> {
        self.names.learn(names);
        for event in events {
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(BufWriter::new(fs::File::create(&self.path)?)),
            };
            serde_json::to_writer(&mut *file, &self.names.line(&self.clock, &event))?;
            file.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Finishes the file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}
