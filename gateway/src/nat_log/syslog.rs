//! Lines for a syslog server: RFC 5424, one in a UDP datagram (RFC 5426).

use std::fmt::Write as _;

use serde_json::Value;

use super::Line;

/// The enterprise number in the structured data's name: the one that is set aside for documentation (RFC 5612), as the
/// project has none of its own.
const STRUCTURED_DATA: &str = "nvgw-nat@32473";
/// RFC 5424 §6.2.1: informational.
const SEVERITY: u8 = 6;
/// RFC 5424 §6.2.4: the longest HOSTNAME.
const HOSTNAME: usize = 255;

/// What all messages of a process begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    priority: u8,
    hostname: String,
    process: u32,
}

impl Header {
    /// For a facility of 0 to 23. What of the host's name may not be in a HOSTNAME is left out.
    pub(super) fn new(facility: u8, hostname: &str, process: u32) -> Self {
        let printable = hostname.chars().filter(char::is_ascii_graphic).take(HOSTNAME);
        let hostname: String = printable.collect();
        let hostname = if hostname.is_empty() { "-".to_owned() } else { hostname };
        Self { priority: facility.min(23) * 8 + SEVERITY, hostname, process }
    }

    /// The message of a line: all that the file has as members are parameters here.
    pub(super) fn message(&self, line: &Line) -> Result<String, serde_json::Error> {
        let Self { priority, hostname, process } = self;
        let (time, id) = (line.time, line.event.message_id());
        let mut message = format!("<{priority}>1 {time} {hostname} nvgw {process} {id} [{STRUCTURED_DATA}");
        let members = serde_json::to_value(line)?;
        let members = members.as_object().into_iter().flatten();
        for (name, value) in members.filter(|(name, _)| *name != "time") {
            message.push(' ');
            message.push_str(name);
            message.push_str("=\"");
            match value {
                Value::String(text) => escape(text, &mut message),
                // A String takes all that is written to it.
                value => drop(write!(message, "{value}")),
            }
            message.push('"');
        }
        message.push(']');
        Ok(message)
    }
}

/// RFC 5424 §6.3.3: what ends a value is escaped.
fn escape(text: &str, to: &mut String) {
    for character in text.chars() {
        if matches!(character, '"' | '\\' | ']') {
            to.push('\\');
        }
        to.push(character);
    }
}
