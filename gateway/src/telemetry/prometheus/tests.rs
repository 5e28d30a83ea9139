use super::*;
use crate::api::Backend;
use crate::api::fixture::Fixture;
use crate::telemetry::DropReason;
use crate::telemetry::counters::TrafficTotal;
use crate::telemetry::view::VrfKind;
use std::io::Write;
use std::process::{Command, Stdio};

fn rendered() -> String {
    render(&Fixture::new().metrics(), "1.2.3", None).expect("renders")
}

#[test]
fn counters_appear_under_their_names() {
    let text = rendered();
    for line in [
        "# TYPE nvgw_port_receive_packets_total counter",
        "nvgw_port_receive_packets_total{port=\"wire0\"} 1500",
        "nvgw_port_transmit_bytes_total{port=\"wire0\"} 196420",
        "nvgw_port_receive_missed_packets_total{port=\"wire0\"} 12",
        "nvgw_port_up{port=\"wire0\"} 1",
        "nvgw_forwarded_packets_total 1400",
        "nvgw_drops_total{reason=\"gre-no-key\"} 60",
        "nvgw_drops_total{reason=\"vsid-vendor\"} 0",
        "nvgw_punts_total{class=\"neighbor\",port=\"wire0\"} 40",
        "nvgw_punts_policed_total{class=\"neighbor\",port=\"wire0\"} 120000",
        "nvgw_punts_lost_total{class=\"neighbor\",port=\"wire0\"} 3",
        "nvgw_punts_policed_total{class=\"learn\",port=\"wire0\"} 0",
        "nvgw_vrf_receive_packets_total{kind=\"tenant\",vrf=\"red\"} 900",
        "nvgw_worker_polls_total{result=\"busy\",worker=\"0\"} 100",
        "nvgw_worker_polls_total{result=\"idle\",worker=\"0\"} 300",
        "nvgw_worker_stage_cycles_total{stage=\"receive\",worker=\"0\"} 30000",
        "nvgw_worker_stage_packets_total{stage=\"decapsulate\",worker=\"0\"} 1000",
        "nvgw_neighbors{state=\"reachable\"} 0",
        "nvgw_table_entries{table=\"lookup\"} 3",
        "nvgw_table_capacity{table=\"lookup\"} 1000000",
        "nvgw_alarms{severity=\"critical\"} 1",
        "nvgw_alarms{severity=\"warning\"} 0",
        "nvgw_check_alarms{check=\"provider-route\",severity=\"critical\"} 1",
        "nvgw_provider_addresses{state=\"preferred\"} 1",
        "nvgw_provider_addresses{state=\"duplicate\"} 0",
        "nvgw_events_total{kind=\"lookup-moved\"} 2",
        "nvgw_generation 41",
        "nvgw_build_info{version=\"1.2.3\",dpdk=\"\"} 1",
        "process_start_time_seconds 1700000000.5",
    ] {
        assert!(text.lines().any(|candidate| candidate == line), "{line} is missing from\n{text}");
    }
}

#[test]
fn every_drop_reason_is_a_series() {
    let text = rendered();
    for reason in DropReason::ALL {
        let series = format!("nvgw_drops_total{{reason=\"{}\"}} ", reason.name());
        assert_eq!(text.matches(&series).count(), 1, "{reason:?}");
    }
}

#[test]
fn many_vrfs_make_a_bounded_scrape_that_loses_no_packet() {
    let mut snapshot = Fixture::new().metrics();
    snapshot.vrfs = VrfMetrics::default();
    let one = TrafficTotal { packets: 1, bytes: 100 };
    for vrf in 0..65_536 {
        snapshot.vrfs.add(&format!("t{vrf}"), VrfKind::Tenant, one, one);
    }
    let text = render(&snapshot, "1.2.3", None).expect("renders");
    let series = |line: &&str| line.starts_with("nvgw_vrf_receive_packets_total{");
    assert_eq!(text.lines().filter(series).count(), VrfMetrics::MAX + 1);
    assert!(text.contains("nvgw_vrf_receive_bytes_total{kind=\"other\",vrf=\"\"} 6453600\n"));
}

#[test]
fn promtool_has_no_complaint() {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = match promtool {
        Ok(promtool) => promtool,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: promtool is not installed (Debian: apt install prometheus)");
            return;
        }
        Err(error) => panic!("promtool does not start: {error}"),
    };
    let mut input = promtool.stdin.take().expect("a pipe");
    input.write_all(rendered().as_bytes()).expect("promtool reads");
    drop(input);
    let output = promtool.wait_with_output().expect("promtool ends");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}
