//! Whether hugepages are there, found out before EAL starts: it cannot be started twice.

use std::fs;
use std::path::Path;
use std::ptr;

use super::Hugepages;
use crate::error::{Error, Result};

const POOLS: &str = "/sys/kernel/mm/hugepages";

/// A size of hugepages that the kernel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pool {
    page_kb: u64,
    free: u64,
}

/// Whether to use hugepages for `memory_mb` of packet memory.
pub(super) fn choose(wish: Hugepages, memory_mb: u32) -> Result<bool> {
    if wish == Hugepages::Off {
        return Ok(false);
    }
    let pools: Vec<Pool> = pools(Path::new(POOLS)).into_iter().filter(|pool| usable(*pool)).collect();
    let free_mb = pools.iter().map(|pool| pool.free * pool.page_kb / 1024).sum();
    if free_mb >= u64::from(memory_mb).max(1) {
        return Ok(true);
    }
    if wish == Hugepages::Required {
        return Err(Error::Hugepages { wanted_mb: memory_mb, free_mb, pages: memory_mb.div_ceil(2) });
    }
    Ok(false)
}

/// The hugepages of the kernel, one entry for every size.
fn pools(directory: &Path) -> Vec<Pool> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let page_kb = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
            let free = fs::read_to_string(entry.path().join("free_hugepages")).ok()?;
            Some(Pool { page_kb, free: free.trim().parse().ok()? })
        })
        .collect()
}

/// Whether this process gets a page: free pages can be promised to others, or be out of its reach.
fn usable(pool: Pool) -> bool {
    let Ok(length) = usize::try_from(pool.page_kb * 1024) else {
        return false;
    };
    if pool.free == 0 || !length.is_power_of_two() {
        return false;
    }
    let size = (length.ilog2() as libc::c_int) << libc::MAP_HUGE_SHIFT;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_HUGETLB | size;
    // SAFETY: a new anonymous mapping, wherever the kernel likes.
    let page =
        unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return false;
    }
    // SAFETY: the mapping made above, which nothing points into.
    unsafe { libc::munmap(page, length) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn off_never_looks() {
        assert!(!choose(Hugepages::Off, 0).unwrap());
    }

    #[test]
    fn more_than_any_machine_has() {
        assert!(!choose(Hugepages::Auto, u32::MAX).unwrap());
        let error = choose(Hugepages::Required, u32::MAX).unwrap_err().to_string();
        assert!(error.contains("vm.nr_hugepages="), "{error}");
    }

    #[test]
    fn reads_every_size() {
        let root = std::env::temp_dir().join(format!("hugepages-{}", std::process::id()));
        for (name, free) in [("hugepages-2048kB", "12\n"), ("hugepages-1048576kB", "1\n"), ("x", "7")] {
            fs::create_dir_all(root.join(name)).unwrap();
            fs::write(root.join(name).join("free_hugepages"), free).unwrap();
        }
        let mut found = pools(&root);
        found.sort_by_key(|pool| pool.page_kb);
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(found, [Pool { page_kb: 2048, free: 12 }, Pool { page_kb: 1_048_576, free: 1 }]);
    }
}
