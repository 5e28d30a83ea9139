//! Compiles what DPDK offers in place of our tables, and links it.

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=src/peers.c");
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
        .atleast_version("22.11")
        .cargo_metadata(false)
        .probe("libdpdk")
        .map_err(|error| format!("DPDK is needed (`apt-get install libdpdk-dev`): {error}"))?;
    // The crate leaves out what is no include path and no library, such as `-march`.
    let tool = std::env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".to_owned());
    let output = Command::new(&tool)
        .args(["--cflags", "libdpdk"])
        .output()
        .map_err(|error| format!("cannot run {tool}: {error}"))?;
    let mut peers = cc::Build::new();
    peers.file("src/peers.c").opt_level(3);
    for flag in String::from_utf8_lossy(&output.stdout).split_whitespace() {
        peers.flag(flag);
    }
    peers.try_compile("peers").map_err(|error| format!("the C compiler refuses peers.c: {error}"))?;
    for path in &library.link_paths {
        println!("cargo::rustc-link-search=native={}", path.display());
    }
    for name in ["rte_hash", "rte_fib", "rte_lpm", "rte_eal"] {
        println!("cargo::rustc-link-lib=dylib={name}");
    }
    Ok(())
}
