//! The claim on a device: one `Port` at a time may have it.

use std::collections::BTreeSet;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use dpdk_sys::rte_eth_dev_info;

use crate::Eal;
use crate::eal::c_string;
use crate::error::{Errno, Error, Result};

/// The devices that are claimed. Held while devices come and go, which DPDK wants one at a time.
static CLAIMED: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A device that nothing else in this process opens, closed when dropped.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) index: u16,
    pub(super) name: String,
}

impl Device {
    /// Claims a device, which is probed for if it does not exist.
    pub(super) fn claim(eal: &Eal, devargs: &str) -> Result<Self> {
        let devargs = full_address(devargs);
        let name = devargs.split(',').next().unwrap_or_default();
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match eal.port_by_name(name) {
            Some(index) => index,
            None => probe(eal, name, &devargs)?,
        };
        if !claimed.insert(index) {
            return Err(Error::PortInUse { port: name.to_owned() });
        }
        Ok(Self { index, name: name.to_owned() })
    }

    pub(super) fn error(&self, action: &'static str, reason: Errno, hint: &'static str) -> Error {
        Error::Port { port: self.name.clone(), action, reason, hint }
    }

    pub(super) fn read_info(&self) -> Result<rte_eth_dev_info> {
        let mut info = rte_eth_dev_info::default();
        // SAFETY: the device is claimed; it fills the structure in.
        let status = unsafe { dpdk_sys::rte_eth_dev_info_get(self.index, &raw mut info) };
        Errno::check(status).map_err(|reason| self.error("ask the device what it is", reason, GONE))?;
        Ok(info)
    }

    /// Whether the device is on the PCI bus.
    pub(super) fn is_pci(&self) -> bool {
        self.name.contains(':')
    }
}

pub(super) const GONE: &str = "it may have been unplugged";

impl Drop for Device {
    fn drop(&mut self) {
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        let bus_device = self.read_info().map_or(ptr::null_mut(), |info| info.device);
        // SAFETY: the device is claimed, and all its queues are gone. Stopping one that was not
        // started does nothing; one that refuses cannot be closed either, and stays as it is.
        unsafe {
            let shared = dpdk_sys::shim_eth_has_sibling(self.index, bus_device) != 0;
            // Some drivers leave the interface under them as it was last told to be.
            dpdk_sys::rte_eth_promiscuous_disable(self.index);
            dpdk_sys::rte_eth_dev_stop(self.index);
            let closed = dpdk_sys::rte_eth_dev_close(self.index) == 0;
            // Without this the device is there, has no port, and cannot be opened again.
            if closed && !shared && !bus_device.is_null() {
                dpdk_sys::rte_dev_remove(bus_device);
            }
        }
        claimed.remove(&self.index);
    }
}

fn probe(eal: &Eal, name: &str, devargs: &str) -> Result<u16> {
    let text = c_string("a device", devargs)?;
    // SAFETY: EAL is up, and no other thread adds or removes devices.
    let status = unsafe { dpdk_sys::rte_dev_probe(text.as_ptr()) };
    let failed = |reason| Error::Port {
        port: name.to_owned(),
        action: "make it from its description",
        reason,
        hint: "look for the driver's name and arguments in its documentation; a driver's own words \
               are on standard error",
    };
    Errno::check(status).map_err(failed)?;
    eal.port_by_name(name).ok_or_else(|| Error::NoSuchPort { port: name.to_owned() })
}

/// A PCI address with its domain, as DPDK names ports: `03:00.0` becomes `0000:03:00.0`.
fn full_address(devargs: &str) -> String {
    let is_short = matches!(
        devargs.as_bytes(),
        [a, b, b':', ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()
    );
    if is_short { format!("0000:{devargs}") } else { devargs.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::full_address;

    #[test]
    fn addresses_get_their_domain() {
        assert_eq!(full_address("03:00.1"), "0000:03:00.1");
        assert_eq!(full_address("0000:03:00.1"), "0000:03:00.1");
        assert_eq!(full_address("net_null0,no-rx=1"), "net_null0,no-rx=1");
        assert_eq!(full_address(""), "");
    }
}
