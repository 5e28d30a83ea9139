//! What a configuration and its reloads make of the tables, as workers see them.

mod changes;
mod hosts;
mod kept;
mod reload;
mod snapshot;
mod variants;
