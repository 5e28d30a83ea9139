//! What a running gateway cannot change.

use nvgw_config::Config;

/// What differs between two configurations that only a restart can change, as paths of the document.
pub(super) fn needed(running: &Config, new: &Config) -> Vec<&'static str> {
    let (a, b) = (&running.system, &new.system);
    let (c, d) = (&running.provider.encapsulation, &new.provider.encapsulation);
    let checks = [
        ("system.control-core", a.control_core == b.control_core),
        ("system.worker-cores", a.worker_cores == b.worker_cores),
        ("system.worker-idle", a.worker_idle == b.worker_idle),
        ("system.hugepages", a.hugepages == b.hugepages),
        ("system.memory-mb", a.memory_mb == b.memory_mb),
        ("system.state-dir", a.state_dir == b.state_dir),
        ("system.admin-socket", a.admin_socket == b.admin_socket),
        ("system.metrics-listen", a.metrics_listen == b.metrics_listen),
        ("system.limits", a.limits == b.limits),
        ("ports", running.ports == new.ports),
        // Workers are told once.
        ("provider.encapsulation.allow-reserved-vsids", c.allow_reserved_vsids == d.allow_reserved_vsids),
        ("provider.encapsulation.reassemble", c.reassemble == d.reassemble),
        ("provider.encapsulation.tcp-mss", c.clamp_mss == d.clamp_mss),
    ];
    checks.into_iter().filter(|(_, same)| !same).map(|(path, _)| path).collect()
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
        new.ports[0].mtu = 1400;
        assert_eq!(needed(&running, &new), ["ports"]);
        let encapsulation = &mut new.provider.encapsulation;
        encapsulation.allow_reserved_vsids = true;
        (encapsulation.reassemble, encapsulation.clamp_mss) = (true, false);
        let told = ["allow-reserved-vsids", "reassemble", "tcp-mss"]
            .map(|name| format!("provider.encapsulation.{name}"));
        assert_eq!(needed(&running, &new)[1..], told);
    }
}
