//! What a running gateway cannot change.

use nvgw_config::Config;

/// What differs between two configurations that only a restart can change, as paths of the document.
pub(super) fn needed(running: &Config, new: &Config) -> Vec<&'static str> {
    let (a, b) = (&running.system, &new.system);
    let checks = [
        ("system.control-core", a.control_core == b.control_core),
        ("system.worker-cores", a.worker_cores == b.worker_cores),
        ("system.hugepages", a.hugepages == b.hugepages),
        ("system.memory-mb", a.memory_mb == b.memory_mb),
        ("system.state-dir", a.state_dir == b.state_dir),
        ("system.admin-socket", a.admin_socket == b.admin_socket),
        ("system.metrics-listen", a.metrics_listen == b.metrics_listen),
        ("system.limits", a.limits == b.limits),
        ("ports", running.ports == new.ports),
        // Workers are told once.
        ("provider.encapsulation.allow-reserved-vsids", reserved(running) == reserved(new)),
    ];
    checks.into_iter().filter(|(_, same)| !same).map(|(path, _)| path).collect()
}

const fn reserved(config: &Config) -> bool {
    config.provider.encapsulation.allow_reserved_vsids
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::fixture;

    #[test]
    fn what_workers_were_told_once_needs_a_restart() {
        let running = fixture::config();
        assert_eq!(needed(&running, &running), [""; 0]);
        let mut new = running.clone();
        new.provider.encapsulation.allow_reserved_vsids = true;
        new.ports[0].mtu = 1400;
        assert_eq!(needed(&running, &new), ["ports", "provider.encapsulation.allow-reserved-vsids"]);
    }
}
