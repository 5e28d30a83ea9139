//! DPDK devices.

use schemars::{Schema, json_schema};

use crate::decode::Leaf;
use crate::model::Device;
use crate::rules::Refusal;
use crate::tree::{Scalar, quote};

/// A PCI address, with or without its domain, or a vdev string.
#[derive(Debug, Clone)]
pub(crate) struct PortDevice(pub(crate) Device);

impl PortDevice {
    /// What no two ports can share: DPDK knows a device by this name.
    pub(crate) fn key(&self) -> &str {
        match &self.0 {
            Device::Pci(address) => address,
            Device::Vdev(vdev) => vdev.split(',').next().unwrap_or(vdev),
        }
    }

    /// The kernel interface that a vdev takes its packets from, if it says so.
    pub(crate) fn interface(&self) -> Option<&str> {
        match &self.0 {
            Device::Pci(_) => None,
            Device::Vdev(vdev) => {
                vdev.split(',').skip(1).find_map(|argument| argument.strip_prefix("iface="))
            }
        }
    }
}

impl Leaf for PortDevice {
    const WANTED: &'static str =
        "a PCI address, as in 0000:3b:00.0, or a DPDK vdev, as in net_af_packet0,iface=veth0";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let text = scalar.text;
        if let Some(address) = pci(text) {
            return Ok(Self(Device::Pci(address)));
        }
        if is_vdev(text) {
            return Ok(Self(Device::Vdev(text.to_owned())));
        }
        let hint = if is_interface_name(text) {
            format!(
                "write a PCI address, as in 0000:3b:00.0; for the kernel's interface {text}: net_af_packet0,iface={text}"
            )
        } else {
            format!("write {}", Self::WANTED)
        };
        Err(Refusal::new(format!("{} is no device", quote(text)), hint))
    }

    fn leaf_schema() -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(([0-9A-Fa-f]{4}:)?[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\\.[0-7]|net_[A-Za-z0-9_]+(,.*)?)$",
        })
    }
}

/// The full form, in lower case, of `[domain:]bus:device.function`.
fn pci(text: &str) -> Option<String> {
    let (head, function) = text.split_once('.')?;
    let parts: Vec<&str> = head.split(':').collect();
    let (domain, bus, device) = match parts[..] {
        [domain, bus, device] => (domain, bus, device),
        [bus, device] => ("0000", bus, device),
        _ => return None,
    };
    let hexadecimal =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let right = hexadecimal(domain, 4)
        && hexadecimal(bus, 2)
        && hexadecimal(device, 2)
        && u8::from_str_radix(device, 16).is_ok_and(|device| device < 32)
        && matches!(function.as_bytes(), [b'0'..=b'7']);
    right.then(|| format!("{domain}:{bus}:{device}.{function}").to_ascii_lowercase())
}

fn is_vdev(text: &str) -> bool {
    let name = text.split(',').next().unwrap_or("");
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.strip_prefix("net_").is_some_and(|rest| !rest.is_empty() && rest.chars().all(word))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn is_interface_name(text: &str) -> bool {
    // IFNAMSIZ, less the terminating zero.
    (1..=15).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pci_addresses_take_their_full_form() {
        for (text, expected) in [
            ("0000:3b:00.0", Some("0000:3b:00.0")),
            ("3b:00.0", Some("0000:3b:00.0")),
            ("0001:AF:1f.7", Some("0001:af:1f.7")),
            ("3b:20.0", None),
            ("3b:00.8", None),
            ("3b:00", None),
            ("0:3b:00.0", None),
            ("3b:+1.0", None),
            ("", None),
        ] {
            assert_eq!(pci(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn vdevs_begin_with_net() {
        for (text, expected) in [
            ("net_af_packet0,iface=veth0", true),
            ("net_null0", true),
            ("net_", false),
            ("net_pcap0, iface=lo", false),
            ("eth0", false),
            ("net-tap0", false),
        ] {
            assert_eq!(is_vdev(text), expected, "{text}");
        }
    }
}
