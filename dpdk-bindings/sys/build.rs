//! Finds DPDK, compiles the shim, generates the bindings.

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// The oldest release whose headers have every name used here.
const OLDEST: &str = "22.11";

/// What is linked of DPDK: drivers are plugins that EAL loads at run time. `rte_log` is a library
/// of its own in newer releases.
const LIBRARIES: [&str; 8] =
    ["rte_ip_frag", "rte_ethdev", "rte_mbuf", "rte_mempool", "rte_ring", "rte_rcu", "rte_eal", "rte_log"];

/// Functions that DPDK's libraries export; everything else comes through `shim_`.
const FUNCTIONS: &[&str] = &[
    "rte_dev_(probe|remove)",
    "rte_eal_(init|get_runtime_dir)",
    "rte_eth_dev_(adjust_nb_rx_tx_desc|close|configure|count_avail|default_mac_addr_set)",
    "rte_eth_dev_(get_mtu|get_name_by_port|get_port_by_name|info_get|set_mtu)",
    "rte_eth_dev_(socket_id|start|stop)",
    "rte_eth_find_next",
    "rte_eth_macaddr_get",
    "rte_eth_promiscuous_(disable|enable)",
    "rte_eth_rx_queue_setup",
    "rte_eth_stats_get",
    "rte_eth_tx_queue_setup",
    "rte_get_tsc_hz",
    "rte_ip_frag_table_(create|destroy)",
    "rte_mempool_(avail_count|in_use_count)",
    "rte_pktmbuf_(free_bulk|pool_create|pool_create_by_ops)",
    "rte_rcu_qsbr_(get_memsize|init|thread_register|thread_unregister)",
    "rte_ring_(create_elem|free)",
    "rte_strerror",
    "rte_thread_(register|unregister)",
    "rte_version",
    "shim_.*",
];

const CONSTANTS: &[&str] = &[
    "(MBUF|ETH|PTYPE|RING_F|IP_FRAG)_.*",
    "LCORE_NONE",
    "RTE_ETH_NAME_MAX_LEN",
    "RTE_MAX_ETHPORTS",
    "RTE_MEMPOOL_CACHE_MAX_SIZE",
];

/// Handed around by pointer only; `lib.rs` declares them without a layout.
/// What only their definitions use is left out as well.
const OPAQUE: &str =
    "rte_(mbuf|mempool|ring|rcu_qsbr|device|ip_frag_tbl)(_.*)?|__rte_ring_.*|rte_memzone.*|RTE_RING_.*";

fn main() -> ExitCode {
    for file in ["build.rs", "wrapper.h", "shim.c"] {
        println!("cargo::rerun-if-changed={file}");
    }
    for variable in ["PKG_CONFIG", "PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("cargo::error={message}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let library = pkg_config::Config::new()
        .atleast_version(OLDEST)
        .cargo_metadata(false)
        .env_metadata(false)
        .probe("libdpdk")
        .map_err(|error| missing_dpdk(&error))?;
    load_libclang()?;
    let flags = compiler_flags()?;
    compile_shim(&flags)?;
    for path in &library.link_paths {
        println!("cargo::rustc-link-search=native={}", path.display());
    }
    for name in LIBRARIES {
        if library.libs.iter().any(|found| found == name) {
            println!("cargo::rustc-link-lib=dylib={name}");
        }
    }
    generate(&flags)
}

fn missing_dpdk(error: &pkg_config::Error) -> String {
    match error {
        pkg_config::Error::Command { .. } => {
            "pkg-config, which finds DPDK, is missing: run `apt-get install pkg-config`".to_owned()
        }
        _ => format!(
            "DPDK {OLDEST} or newer with its headers is needed and pkg-config finds none: run \
             `apt-get install libdpdk-dev`, or point PKG_CONFIG_PATH at the libdpdk.pc of another \
             installation"
        ),
    }
}

/// Every flag of pkg-config, in order: the headers need `-include rte_config.h` and the `-march`
/// that DPDK was built for, which the pkg-config crate leaves out.
fn compiler_flags() -> Result<Vec<String>, String> {
    let tool = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".to_owned());
    let output = Command::new(&tool)
        .args(["--cflags", "libdpdk"])
        .output()
        .map_err(|error| format!("cannot run {tool}: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{tool} --cflags libdpdk` failed: {}", output.status));
    }
    let text = String::from_utf8(output.stdout)
        .map_err(|_| "pkg-config's flags for libdpdk are no UTF-8".to_owned())?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

fn compile_shim(flags: &[String]) -> Result<(), String> {
    let mut shim = cc::Build::new();
    shim.file("shim.c").opt_level(3).warnings(false);
    for flag in flags {
        shim.flag(flag);
    }
    shim.try_compile("dpdk_shim").map_err(|error| format!("the C compiler refuses DPDK's headers: {error}"))
}

fn load_libclang() -> Result<(), String> {
    clang_sys::load().map_err(|_| {
        "libclang, which reads DPDK's headers, is missing: run `apt-get install libclang-dev`".to_owned()
    })
}

fn generate(flags: &[String]) -> Result<(), String> {
    let mut builder = bindgen::Builder::default()
        .header("wrapper.h")
        .clang_args(flags)
        .rust_edition(bindgen::RustEdition::Edition2024)
        .blocklist_type(OPAQUE)
        .default_enum_style(bindgen::EnumVariation::Consts)
        .prepend_enum_name(false)
        .derive_default(true)
        .generate_comments(false)
        .layout_tests(false);
    for name in FUNCTIONS {
        builder = builder.allowlist_function(name);
    }
    for name in CONSTANTS {
        builder = builder.allowlist_var(name);
    }
    let bindings = builder.generate().map_err(|error| {
        format!(
            "libclang cannot read DPDK's headers (`apt-get install libclang-dev` brings the \
             compiler's own headers): {}",
            error.to_string().lines().next().unwrap_or_default()
        )
    })?;
    let directory = env::var_os("OUT_DIR").ok_or("cargo sets no OUT_DIR")?;
    bindings
        .write_to_file(PathBuf::from(directory).join("bindings.rs"))
        .map_err(|error| format!("cannot write the bindings: {error}"))
}
