//! Whose an object is.

use serde::{Deserialize, Serialize};

/// Who made an object; nobody else removes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// A site of the provider network: its connected subnet, or its default gateway.
    Site,
    /// The configuration file.
    Config,
    /// The admin API.
    Api,
    /// The gateway, from what it heard.
    Learned,
}

impl Owner {
    /// The name in commands and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Config => "config",
            Self::Api => "api",
            Self::Learned => "learned",
        }
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
