//! The kinds of events.

/// How an event is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    /// As it should go.
    Info,
    /// Somebody should look.
    Warning,
}

/// Declares the enum and its table together, so that a kind cannot exist in one and not in the other.
macro_rules! event_kinds {
    ($($variant:ident = $name:literal, $severity:ident, $text:literal;)+) => {
        /// What an event is. The event log, `/metrics`, the CLI and the documentation all come from this one table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum EventKind {
            $(#[doc = $text] $variant,)+
        }

        impl EventKind {
            /// All kinds, in the order of their discriminants.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in reports, metrics and commands.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// One sentence for people.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            pub(super) const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }
        }
    };
}

event_kinds! {
    // Learning.
    LookupLearned = "lookup-learned", Info, "A lookup record was learned from a VM's packet.";
    LookupMoved = "lookup-moved", Info, "A lookup record has another provider address: its VM has migrated.";
    RecordDamped = "record-damped", Warning, "A lookup record moves to and fro, and stays where it is for now.";
    RecordUndamped = "record-undamped", Info, "A lookup record that moved to and fro may move again.";
    LearningRefused = "learning-refused", Warning, "A packet's sender was not learned: a limit is reached, or it contradicts what is known.";
    // The gateway's own addresses.
    DuplicateAddress = "duplicate-address", Warning, "Another station has an address of the gateway, which does not use it.";
    AddressPreferred = "address-preferred", Info, "An address of the gateway is nobody else's and in use.";
    AddressClaimed = "address-claimed", Warning, "Another station claims an address that the gateway uses, and keeps.";
    // Changes.
    ChangesApplied = "changes-applied", Info, "A batch of changes is in force.";
    ReloadApplied = "reload-applied", Info, "A configuration file is in force.";
    ChangeSuspended = "change-suspended", Warning, "An earlier change does not fit the configuration file and is out of force.";
    // Address translation.
    NatLogFailed = "nat-log-failed", Warning, "The log of address translation cannot be written; its lines wait.";
    NatLogRestored = "nat-log-restored", Info, "The log of address translation is written again.";
    // Next hops.
    NextHopLost = "next-hop-lost", Warning, "A next hop does not answer ARP any more.";
    NextHopResolved = "next-hop-resolved", Info, "A next hop's Ethernet address is known.";
}

impl EventKind {
    /// How many kinds there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Whether any station can cause as many as it can send packets.
    pub(super) const fn is_for_strangers_to_cause(self) -> bool {
        matches!(self, Self::LearningRefused)
    }

    /// The kind as an index into tables of [`Self::COUNT`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}
