//! Between Hyper-V network virtualization and nvgw.
//!
//! [`Document::read`] takes what the `Get-NetVirtualization*` cmdlets print through `ConvertTo-Json`, [`import`] makes
//! tenants of it, which [`Import::to_config`] and [`Import::to_changes`] write as a configuration or as a change
//! document. [`export`] goes the other way: the commands that point compute hosts at a gateway.
//!
//! Whatever is wrong with a document is told with its place, everything at once, as the configuration's mistakes are.

mod document;
mod export;
mod fields;
mod import;
mod items;
mod output;
mod problem;
mod quote;
mod text;

pub use document::Document;
pub use export::{ExportError, ExportOptions, Input, Site, Subnet, Tenant, export};
pub use import::{Import, ImportError, Options, Remark, import};
pub use output::{Configuration, External, Underlay};
pub use problem::{Problem, Problems};
