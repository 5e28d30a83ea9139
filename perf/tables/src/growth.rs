use std::fs;

/// Builds a table, and says by how many bytes the memory grew that the process has touched.
///
/// # Panics
///
/// If Linux does not tell.
pub fn growth<T>(build: impl FnOnce() -> T) -> (T, usize) {
    let before = resident();
    let table = build();
    (table, resident().saturating_sub(before))
}

fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("procfs is mounted");
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells the resident set");
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes * 1024
}
