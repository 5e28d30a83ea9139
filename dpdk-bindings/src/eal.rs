//! DPDK's environment: memory, devices, the threads it knows.

mod affinity;
mod hugepages;

use std::ffi::{CStr, CString, c_char};
use std::iter;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use crate::error::{Errno, Error, Result};
use crate::mempool::flush_caches;
use affinity::Affinity;

/// Whether packet memory comes from hugepages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hugepages {
    /// Ordinary pages: works everywhere, costs TLB misses.
    Off,
    /// Hugepages where enough of them are free, ordinary pages otherwise.
    #[default]
    Auto,
    /// Hugepages, or an error.
    Required,
}

/// The least severe message that DPDK writes to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// Failures.
    Error,
    /// Failures and what is suspicious.
    #[default]
    Warning,
    /// What a person wants to know.
    Info,
    /// Everything.
    Debug,
}

impl LogLevel {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// How to start DPDK.
#[derive(Debug, Clone)]
pub struct EalOptions {
    /// The program's name, as DPDK's messages show it.
    pub program: String,
    /// The CPU on which DPDK thinks that the calling thread runs. The thread itself keeps its
    /// affinity.
    pub main_lcore: usize,
    /// Where packet memory comes from.
    pub hugepages: Hugepages,
    /// Packet memory in MB: all there is without hugepages, what is reserved at once with them.
    pub memory_mb: u32,
    /// PCI addresses that DPDK may use. Without any, DPDK leaves the PCI bus alone.
    pub pci: Vec<String>,
    /// Virtual devices to make at once. [`Port::open`](crate::Port::open) makes them on demand.
    pub vdevs: Vec<String>,
    /// Tells this process's run-time files from those of others; one of its own by default.
    pub file_prefix: Option<String>,
    /// What DPDK writes to standard error.
    pub log_level: LogLevel,
}

impl Default for EalOptions {
    fn default() -> Self {
        Self {
            program: "dpdk".to_owned(),
            main_lcore: affinity::current_cpu(),
            hugepages: Hugepages::default(),
            memory_mb: 256,
            pci: Vec::new(),
            vdevs: Vec::new(),
            file_prefix: None,
            log_level: LogLevel::default(),
        }
    }
}

/// Set by the first attempt: EAL cannot be started again after a failure either.
static STARTED: AtomicBool = AtomicBool::new(false);

/// EAL's command line, kept where leak checkers find it.
static COMMAND_LINE: AtomicPtr<*mut c_char> = AtomicPtr::new(std::ptr::null_mut());

#[derive(Debug)]
struct Inner {
    hugepages: bool,
}

/// The proof that DPDK's environment is up, which it stays until the process ends.
#[derive(Debug, Clone)]
pub struct Eal(Arc<Inner>);

impl Eal {
    /// Starts DPDK. The calling thread becomes one that DPDK knows, and keeps its CPU affinity.
    ///
    /// # Errors
    ///
    /// The second call in a process, hugepages that are required and missing, and what EAL refuses.
    pub fn init(options: &EalOptions) -> Result<Self> {
        let hugepages = hugepages::choose(options.hugepages, options.memory_mb)?;
        let arguments = arguments(options, hugepages)?;
        if STARTED.swap(true, Ordering::SeqCst) {
            return Err(Error::AlreadyRunning);
        }
        let affinity = Affinity::of_this_thread()?;
        // SAFETY: takes the process's standard error, before any other thread logs.
        unsafe { dpdk_sys::shim_log_to_stderr() };
        let status = start(arguments);
        affinity.restore()?;
        status.map_err(|reason| Error::Init {
            main_lcore: options.main_lcore,
            reason,
            hint: init_hint(reason, hugepages),
        })?;
        remove_runtime_directory();
        Ok(Self(Arc::new(Inner { hugepages })))
    }

    /// Whether packet memory is in hugepages.
    #[must_use]
    pub fn uses_hugepages(&self) -> bool {
        self.0.hugepages
    }

    /// Makes the calling thread one that DPDK knows, until the guard is dropped. A worker needs
    /// this: an unregistered thread gets every packet buffer through its pool's shared ring instead
    /// of a cache of its own. The thread that called [`Eal::init`] is registered by that.
    ///
    /// # Errors
    ///
    /// The thread is registered already, or DPDK knows as many as it can.
    pub fn register_thread(&self) -> Result<ThreadRegistration> {
        // SAFETY: reads a thread-local variable of DPDK.
        if unsafe { dpdk_sys::shim_lcore_id() } != dpdk_sys::LCORE_NONE {
            return Err(Error::AlreadyRegistered);
        }
        // SAFETY: EAL is up, and the thread is not registered.
        let status = unsafe { dpdk_sys::rte_thread_register() };
        if status != 0 {
            return Err(Error::Register { reason: Errno::last() });
        }
        Ok(ThreadRegistration(PhantomData))
    }

    /// The names of all devices that DPDK has made a port of.
    #[must_use]
    pub fn ports(&self) -> Vec<String> {
        let next = |from: u16| {
            // SAFETY: takes any number, and reads the table of ports, which EAL set up.
            let port = unsafe { dpdk_sys::rte_eth_find_next(from) };
            (port < MAX_PORTS).then_some(port)
        };
        iter::successors(next(0), |port| next(port + 1)).filter_map(port_name).collect()
    }

    /// DPDK's number of a port, from its name.
    #[must_use]
    pub fn port_by_name(&self, name: &str) -> Option<u16> {
        let name = CString::new(name).ok()?;
        let mut port = 0;
        // SAFETY: the name is NUL-terminated, and the number is written to a local variable.
        let status = unsafe { dpdk_sys::rte_eth_dev_get_port_by_name(name.as_ptr(), &raw mut port) };
        (status == 0).then_some(port)
    }
}

const MAX_PORTS: u16 = dpdk_sys::RTE_MAX_ETHPORTS as u16;

fn port_name(port: u16) -> Option<String> {
    let mut name = [0u8; dpdk_sys::RTE_ETH_NAME_MAX_LEN as usize];
    // SAFETY: the buffer has the length that the function writes at most.
    let status = unsafe { dpdk_sys::rte_eth_dev_get_name_by_port(port, name.as_mut_ptr().cast()) };
    if status != 0 {
        return None;
    }
    Some(CStr::from_bytes_until_nul(&name).ok()?.to_string_lossy().into_owned())
}

/// Keeps the calling thread registered with DPDK; see [`Eal::register_thread`].
#[derive(Debug)]
#[must_use = "the thread is registered until this is dropped"]
pub struct ThreadRegistration(PhantomData<*const ()>);

impl Drop for ThreadRegistration {
    fn drop(&mut self) {
        flush_caches();
        // SAFETY: this thread is registered, as the guard neither leaves it nor is made twice.
        unsafe { dpdk_sys::rte_thread_unregister() };
    }
}

/// EAL's command line.
fn arguments(options: &EalOptions, hugepages: bool) -> Result<Vec<CString>> {
    let prefix =
        options.file_prefix.clone().unwrap_or_else(|| format!("{}-{}", options.program, std::process::id()));
    let mut words = vec![
        options.program.clone(),
        // Gives the CPU a number of DPDK's own: machines have more CPUs than DPDK has numbers.
        format!("--lcores=0@{}", options.main_lcore),
        format!("--file-prefix={prefix}"),
        format!("--log-level={}", options.log_level.name()),
        "--no-telemetry".to_owned(),
        "-m".to_owned(),
        options.memory_mb.to_string(),
    ];
    // Neither may leave files behind. EAL refuses the first without hugepages.
    words.push(if hugepages { "--in-memory" } else { "--no-shconf" }.to_owned());
    if !hugepages {
        words.push("--no-huge".to_owned());
    }
    if options.pci.is_empty() {
        words.push("--no-pci".to_owned());
    }
    words.extend(options.pci.iter().map(|address| format!("--allow={address}")));
    words.extend(options.vdevs.iter().map(|device| format!("--vdev={device}")));
    words.into_iter().map(|word| c_string("an argument of DPDK", &word)).collect()
}

pub(crate) fn c_string(what: &'static str, text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::Text { what, text: text.to_owned() })
}

fn start(arguments: Vec<CString>) -> std::result::Result<(), Errno> {
    // EAL may keep pointers into its command line. It is started once, so this is no leak.
    let mut pointers: Vec<*mut c_char> = arguments.into_iter().map(CString::into_raw).collect();
    pointers.push(std::ptr::null_mut());
    let pointers = Vec::leak(pointers);
    COMMAND_LINE.store(pointers.as_mut_ptr(), Ordering::Relaxed);
    let count = i32::try_from(pointers.len() - 1).map_err(|_| Errno(libc::E2BIG))?;
    // SAFETY: a NULL-terminated vector of NUL-terminated texts, all of them writable and alive
    // until the process ends; the caller made sure that this happens once.
    let status = unsafe { dpdk_sys::rte_eal_init(count, pointers.as_mut_ptr()) };
    if status < 0 { Err(Errno::last()) } else { Ok(()) }
}

fn init_hint(reason: Errno, hugepages: bool) -> &'static str {
    match reason.0 {
        libc::EACCES | libc::EPERM => "it needs privileges for what it was asked: try as root",
        libc::ENOMEM if hugepages => "hugepages may be too few or too scattered over NUMA nodes",
        libc::ENOMEM => "the process may not get the memory that it was asked to take",
        libc::EINVAL => "the CPU may not exist or not be allowed, or a device be misspelt",
        _ => "a device or the memory may be taken by another process",
    }
}

/// EAL makes a directory for files that this process was told not to have.
fn remove_runtime_directory() {
    // SAFETY: EAL is up; the text is in a static buffer that nothing changes any more.
    let path = unsafe { CStr::from_ptr(dpdk_sys::rte_eal_get_runtime_dir()) };
    // A directory that is missing or in use may stay as it is: nothing depends on it.
    let _ = std::fs::remove_dir(path.to_string_lossy().as_ref());
}
