//! The journal's tables in the file, and the transactions on them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use redb::{
    Builder, Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    Table, TableDefinition,
};

use super::{Batch, JournalError};

const ENTRIES: TableDefinition<&str, &[u8]> = TableDefinition::new("entries");
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// In `META`: the layout of the tables.
const SCHEMA: &str = "schema";
/// In `META`: the generation of the last batch.
const GENERATION: &str = "generation";

/// The layout that is written here.
const KNOWN_SCHEMA: u64 = 1;

/// In bytes. Enough for the inner pages of a million entries; the leaves are in the kernel's cache anyway.
const CACHE: usize = 16 << 20;

/// The open file.
#[derive(Debug)]
pub(super) struct Store {
    database: Database,
    file: PathBuf,
}

/// What takes the journal back to the last transaction that is known to be whole.
///
/// A transaction that fails may be on the disk all the same: what failed can be the very last step. Since all its
/// batches are reported as failed, it has to go before anything else is written.
#[derive(Debug, Default)]
pub(super) struct Undo {
    generation: Option<u64>,
    entries: BTreeMap<String, Option<Vec<u8>>>,
}

impl Undo {
    pub(super) fn is_empty(&self) -> bool {
        self.generation.is_none() && self.entries.is_empty()
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    // All of it is read at the start anyway, and every page's checksum with it: a bad disk shows here.
    builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
    builder
}

impl Store {
    /// Makes an empty journal in the empty `file`.
    pub(super) fn create(file: &Path) -> Result<Self, JournalError> {
        let fail = |error| JournalError::from_redb(file, error);
        let database = builder().create(file).map_err(|error| fail(error.into()))?;
        lay_out(&database, KNOWN_SCHEMA).map_err(fail)?;
        Ok(Self { database, file: file.to_owned() })
    }

    /// Opens the journal that `file` holds.
    pub(super) fn open(file: &Path) -> Result<Self, JournalError> {
        let database = builder().open(file).map_err(|error| JournalError::from_redb(file, error))?;
        Self::verified(database, file)
    }

    pub(super) fn verified(database: Database, file: &Path) -> Result<Self, JournalError> {
        let store = Self { database, file: file.to_owned() };
        match store.meta(SCHEMA)? {
            KNOWN_SCHEMA => Ok(store),
            found if found > KNOWN_SCHEMA => {
                Err(JournalError::Newer { file: file.to_owned(), found, known: KNOWN_SCHEMA })
            }
            found => Err(JournalError::damaged(file, format!("there is no schema {found}"))),
        }
    }

    fn fault(&self, error: impl Into<redb::Error>) -> JournalError {
        JournalError::from_redb(&self.file, error)
    }

    fn meta(&self, key: &str) -> Result<u64, JournalError> {
        let read = || -> Result<Option<u64>, redb::Error> {
            let meta = self.database.begin_read()?.open_table(META)?;
            Ok(meta.get(key)?.map(|value| value.value()))
        };
        let value = read().map_err(|error| self.fault(error))?;
        value.ok_or_else(|| JournalError::damaged(&self.file, format!("its {key} is missing")))
    }

    /// All that the journal holds now.
    pub(super) fn state(&self) -> Result<State, JournalError> {
        let open = || -> Result<_, redb::Error> { Ok(self.database.begin_read()?.open_table(ENTRIES)?) };
        let entries = open().map_err(|error| self.fault(error))?;
        Ok(State { generation: self.meta(GENERATION)?, entries, file: self.file.clone() })
    }

    /// Undoes what `undo` says, makes the writes of `batches` in their order, and returns when all of it would
    /// survive a power loss. When that fails, `undo` says what the next transaction has to undo.
    pub(super) fn write<'a>(
        &self,
        undo: &mut Undo,
        batches: impl IntoIterator<Item = &'a Batch>,
    ) -> Result<(), JournalError> {
        self.transact(undo, batches).map_err(|error| self.fault(error))?;
        *undo = Undo::default();
        Ok(())
    }

    fn transact<'a>(
        &self,
        undo: &mut Undo,
        batches: impl IntoIterator<Item = &'a Batch>,
    ) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut entries = transaction.open_table(ENTRIES)?;
            let mut meta = transaction.open_table(META)?;
            for (key, value) in &undo.entries {
                put(&mut entries, key, value.as_deref())?;
            }
            if let Some(generation) = undo.generation {
                meta.insert(GENERATION, generation)?;
            }
            for batch in batches {
                for (key, value) in &batch.writes {
                    let old = put(&mut entries, key, value.as_deref())?;
                    // The first one read is the one from before the transaction.
                    undo.entries.entry(key.clone()).or_insert(old);
                }
                let old = meta.insert(GENERATION, batch.generation)?.map(|old| old.value());
                undo.generation = undo.generation.or(old);
            }
        }
        Ok(transaction.commit()?)
    }

    /// Closes the file, so that the next one to open it need not repair it.
    pub(super) fn close(self) -> Result<(), JournalError> {
        self.database.close().map_err(|error| JournalError::from_redb(&self.file, error))
    }
}

pub(super) fn lay_out(database: &Database, schema: u64) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(ENTRIES)?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(SCHEMA, schema)?;
        meta.insert(GENERATION, 0)?;
    }
    Ok(transaction.commit()?)
}

/// Writes or removes, and gives what was there.
fn put(
    entries: &mut Table<&str, &[u8]>,
    key: &str,
    value: Option<&[u8]>,
) -> Result<Option<Vec<u8>>, redb::StorageError> {
    let old = match value {
        Some(value) => entries.insert(key, value)?,
        None => entries.remove(key)?,
    };
    Ok(old.map(|old| old.value().to_vec()))
}

/// What the journal held when it was opened. As long as it lives the file keeps what it shows, and grows: read it,
/// then drop it.
pub struct State {
    /// The generation of the last batch, 0 where there was none yet.
    pub generation: u64,
    entries: ReadOnlyTable<&'static str, &'static [u8]>,
    file: PathBuf,
}

impl State {
    /// Hands every key and its value to `each`, in the order of the keys' bytes. Nothing is copied: a million
    /// entries take no memory here.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn read(&self, mut each: impl FnMut(&str, &[u8])) -> Result<(), JournalError> {
        let fail = |error| JournalError::from_redb(&self.file, error);
        for entry in self.entries.iter().map_err(fail)? {
            let (key, value) = entry.map_err(fail)?;
            each(key.value(), value.value());
        }
        Ok(())
    }

    /// How many entries there are.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn count(&self) -> Result<u64, JournalError> {
        self.entries.len().map_err(|error| JournalError::from_redb(&self.file, error))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("generation", &self.generation).finish_non_exhaustive()
    }
}
