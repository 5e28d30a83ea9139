//! Ports on virtual devices: what goes in comes out, and every buffer returns.

use std::fs;
use std::path::PathBuf;
use std::thread;

use crate::common::{eal, pool};
use dpdk_bindings::{
    BURST, Burst, Error, HEADROOM, Mempool, MempoolOptions, Outer, Port, PortOptions, RxQueue, Sent,
    TX_BATCH, TxBatch, TxQueue,
};

fn options(pool: &Mempool) -> PortOptions {
    PortOptions { mempools: vec![pool.clone()], ..PortOptions::default() }
}

fn open(device: &str, options: &PortOptions) -> (Port, RxQueue, TxQueue) {
    let port = Port::open(eal(), device, options).expect("the port opens");
    let (mut rx, mut tx) = port.start().expect("the port starts");
    (port, rx.remove(0), tx.remove(0))
}

fn fill(batch: &mut TxBatch, pool: &Mempool, packets: usize) {
    for number in 0..packets {
        let mbuf = pool.mbuf_from(&number.to_be_bytes().repeat(8)).expect("a buffer");
        batch.push(mbuf).expect("room in the batch");
    }
}

#[test]
fn null_takes_everything() {
    let pool = pool("null");
    let (port, _rx, mut tx) = open("net_null0,no-rx=1", &options(&pool));
    let mut batch = TxBatch::new();
    fill(&mut batch, &pool, 100);
    assert_eq!(pool.in_use(), 100);
    assert_eq!(tx.send(&mut batch), Sent { sent: 100, sent_bytes: 6400, dropped: 0 });
    assert!(batch.is_empty());
    assert_eq!(pool.in_use(), 0);
    assert_eq!(port.stats().unwrap().tx_packets, 100);
}

#[test]
fn null_receives_bursts_that_are_dropped_in_every_way() {
    let pool = pool("null-rx");
    let (_port, mut rx, mut tx) = open("net_null1", &options(&pool));
    let mut burst = Burst::new();
    let polled = rx.poll(&mut burst);
    assert!(polled > 0);
    assert_eq!((burst.len(), pool.in_use() as usize), (polled, polled));
    assert_eq!(burst.get(0).unwrap().port(), rx.port());

    let taken = burst.take(1).unwrap();
    assert!(burst.get(1).is_none() && burst.take(1).is_none());
    drop(taken);
    assert_eq!(pool.in_use() as usize, polled - 1);

    let mut batch = TxBatch::new();
    batch.push(burst.take(0).unwrap()).unwrap();
    let _ = tx.send(&mut batch);
    assert_eq!(pool.in_use() as usize, polled - 2);

    burst.clear();
    assert!(burst.is_empty());
    assert_eq!(pool.in_use(), 0);

    rx.poll(&mut burst);
    drop(burst.drain().next());
    assert!(burst.is_empty());
    assert_eq!(pool.in_use(), 0);

    rx.poll(&mut burst);
    drop(burst);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_ring_gives_back_what_it_was_given() {
    let pool = pool("ring");
    let (_port, mut rx, mut tx) = open("net_ring0", &options(&pool));
    let mut batch = TxBatch::new();
    fill(&mut batch, &pool, 100);
    assert_eq!(tx.send(&mut batch), Sent { sent: 100, sent_bytes: 6400, dropped: 0 });
    assert_eq!(pool.in_use(), 100);

    let mut burst = Burst::new();
    assert_eq!(rx.poll(&mut burst), BURST);
    for (number, mbuf) in burst.iter().enumerate() {
        assert_eq!(mbuf.data(), number.to_be_bytes().repeat(8));
    }
    assert_eq!(rx.poll(&mut burst), 0, "a full burst takes no more");
    burst.clear();
    assert_eq!(rx.poll(&mut burst), 100 - BURST);
    burst.clear();
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn what_a_full_device_refuses_is_counted_and_freed() {
    let big = MempoolOptions { mbufs: 2047, cache: 0, ..MempoolOptions::default() };
    let pool = Mempool::new(eal(), "refused", &big).unwrap();
    let (_port, mut rx, mut tx) = open("net_ring1", &options(&pool));
    let (mut sent, mut dropped) = (0, 0);
    let mut batch = TxBatch::new();
    for _ in 0..6 {
        fill(&mut batch, &pool, TX_BATCH);
        let result = tx.send(&mut batch);
        assert!(batch.is_empty());
        assert_eq!((result.sent + result.dropped) as usize, TX_BATCH);
        sent += result.sent;
        dropped += result.dropped;
    }
    assert!(dropped > 0, "the device's ring is smaller than what was sent");
    assert_eq!(pool.in_use(), sent, "only what was sent is still in use");

    let mut burst = Burst::new();
    while rx.poll(&mut burst) > 0 {
        burst.clear();
    }
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn chains_are_sent_or_copied_together() {
    let pool = pool("chains");
    for (device, tx_segments) in [("net_ring2", true), ("net_ring3", false)] {
        let (_port, mut rx, mut tx) = open(device, &PortOptions { tx_segments, ..options(&pool) });
        let mut mbuf = pool.mbuf_from(b"front").unwrap();
        mbuf.chain(pool.mbuf_from(b"back").unwrap()).unwrap();
        let mut full = pool.mbuf_from(&[1; 2048]).unwrap();
        full.chain(pool.mbuf_from(&[1; HEADROOM as usize + 1]).unwrap()).unwrap();
        // Its room is in front, where headers were taken off.
        let mut stripped = pool.mbuf_from(&[2; 2048]).unwrap();
        assert!(stripped.adj(48));
        stripped.chain(pool.mbuf_from(&[3; 48 + HEADROOM as usize]).unwrap()).unwrap();
        let mut batch = TxBatch::new();
        batch.push(stripped).unwrap();
        batch.push(mbuf).unwrap();
        batch.push(full).unwrap();
        let result = tx.send(&mut batch);
        assert_eq!((result.sent, result.dropped), if tx.segments() { (3, 0) } else { (2, 1) });
        let mut burst = Burst::new();
        assert_eq!(rx.poll(&mut burst), result.sent as usize);
        for mbuf in burst.iter() {
            let mut bytes = Vec::new();
            mbuf.copy_to(&mut bytes);
            let stripped = [&[2; 2000][..], &[3; 48 + HEADROOM as usize]].concat();
            let known = bytes == b"frontback" || bytes == stripped || bytes == [1; 2049 + HEADROOM as usize];
            assert!(known, "{} bytes", bytes.len());
        }
        burst.clear();
        assert_eq!(pool.in_use(), 0);
    }
}

/// A capture of Ethernet frames in the classic format, little endian.
fn capture(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1u32] {
        file.extend(word.to_le_bytes());
    }
    for frame in frames {
        for word in [0, 0, frame.len() as u32, frame.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("dpdk-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the directory was there");
    }
}

#[test]
fn captures_go_in_and_out() {
    let directory = Directory::new("pcap");
    let (input, output) = (directory.0.join("in.pcap"), directory.0.join("out.pcap"));
    let frames: Vec<Vec<u8>> = [60usize, 1514, 9000].iter().map(|len| vec![*len as u8; *len]).collect();
    fs::write(&input, capture(&frames)).unwrap();

    let pool = pool("pcap");
    let device = format!("net_pcap0,rx_pcap={},tx_pcap={}", input.display(), output.display());
    let (port, mut rx, mut tx) = open(&device, &options(&pool));
    assert_eq!(port.name(), "net_pcap0");
    let mut burst = Burst::new();
    assert_eq!(rx.poll(&mut burst), frames.len());
    let mut batch = TxBatch::new();
    for (mbuf, frame) in burst.drain().zip(&frames) {
        assert_eq!(mbuf.pkt_len() as usize, frame.len());
        assert_eq!(mbuf.is_contiguous(), frame.len() <= 2048);
        batch.push(mbuf).unwrap();
    }
    let result = tx.send(&mut batch);
    assert_eq!(pool.in_use(), 0);
    drop((port, rx, tx));

    let written = fs::read(&output).unwrap();
    let lengths: Vec<usize> = {
        let mut rest = &written[24..];
        std::iter::from_fn(|| {
            let len = u32::from_le_bytes(rest.get(8..12)?.try_into().ok()?) as usize;
            rest = &rest[16 + len..];
            Some(len)
        })
        .collect()
    };
    assert_eq!(lengths.len(), result.sent as usize);
    assert_eq!(lengths[..2], [60, 1514]);
}

#[test]
fn a_port_opens_again_after_its_last_queue_is_gone() {
    let pool = pool("again");
    let (port, rx, tx) = open("net_null2", &options(&pool));
    assert!(matches!(Port::open(eal(), "net_null2", &options(&pool)), Err(Error::PortInUse { .. })));
    assert!(matches!(port.start(), Err(Error::AlreadyStarted { .. })));
    assert!(eal().ports().contains(&"net_null2".to_owned()));
    drop((port, tx));
    assert_eq!(eal().port_by_name("net_null2"), Some(rx.port()), "a queue keeps its port");
    drop(rx);
    assert_eq!(eal().port_by_name("net_null2"), None);
    open("net_null2", &options(&pool));
}

#[test]
fn a_frame_that_fits_no_buffer_is_refused_with_a_hint() {
    let pool = pool("small");
    let open = |mtu| Port::open(eal(), "net_null3", &PortOptions { mtu, ..options(&pool) });
    let error = open(9000).unwrap_err().to_string();
    assert!(error.contains("9018") && error.contains("2030"), "{error}");
    open(2030).expect("the hint holds");
}

#[test]
fn queues_are_limited_by_the_device_and_its_pools() {
    let pool = pool("queues");
    let directory = Directory::new("queues");
    let input = directory.0.join("in.pcap");
    fs::write(&input, capture(&[])).unwrap();
    let device = format!("net_pcap1,rx_pcap={}", input.display());
    let two = PortOptions { rx_queues: 2, ..options(&pool) };
    let error = Port::open(eal(), &device, &two).unwrap_err();
    assert!(matches!(error, Error::Queues { asked: 2, limit: 1, .. }), "{error}");
    let none = PortOptions { mempools: Vec::new(), ..PortOptions::default() };
    let error = Port::open(eal(), "net_null4", &none).unwrap_err();
    assert!(matches!(error, Error::Pools { pools: 0, queues: 1, .. }), "{error}");
}

#[test]
fn what_is_no_device_says_so() {
    let error = Port::open(eal(), "net_nonsense0", &PortOptions::default()).unwrap_err();
    assert!(error.to_string().starts_with("port net_nonsense0: "), "{error}");
    let error = Port::open(eal(), "0000:00:1f.7", &PortOptions::default()).unwrap_err();
    assert!(error.to_string().starts_with("port 0000:00:1f.7: "), "{error}");
}

#[test]
fn a_port_tells_what_it_is() {
    let pool = pool("info");
    let mac = [2, 0, 0, 0, 0, 7];
    let (port, ..) = open("net_null5", &PortOptions { mac: Some(mac), ..options(&pool) });
    assert_eq!(port.info().driver, "net_null");
    assert_eq!(port.info().mac, mac);
    assert!(port.info().max_rx_queues > 1);
    assert!(port.link().unwrap().up);
}

#[test]
fn queues_move_to_workers_and_fill_from_their_own_pools() {
    let pools = [pool("worker 0"), pool("worker 1")];
    let options =
        PortOptions { rx_queues: 2, tx_queues: 2, mempools: pools.to_vec(), ..PortOptions::default() };
    let port = Port::open(eal(), "net_null6", &options).unwrap();
    let (rx, tx) = port.start().unwrap();
    drop(port);
    thread::scope(|scope| {
        for ((mut rx, mut tx), pool) in rx.into_iter().zip(tx).zip(&pools) {
            scope.spawn(move || {
                let _registration = eal().register_thread().unwrap();
                let (mut burst, mut batch) = (Burst::new(), TxBatch::new());
                let polled = rx.poll(&mut burst);
                assert_eq!(pool.in_use() as usize, polled);
                burst.drain().for_each(|mbuf| batch.push(mbuf).unwrap());
                assert_eq!(tx.send(&mut batch).sent as usize, polled);
                assert_eq!(pool.in_use(), 0);
            });
        }
    });
    assert_eq!(eal().port_by_name("net_null6"), None, "the last queue closed the port");
}

#[test]
fn a_device_with_fewer_queues_gives_what_it_has_or_is_refused() {
    let pool = pool("fewer");
    let many = PortOptions { rx_queues: 4096, ..options(&pool) };
    let refused = Port::open(eal(), "net_null8,no-rx=1", &many).expect_err("too many");
    assert!(refused.to_string().contains("4096 receive queues are asked for"), "{refused}");
    let many = PortOptions { fewer_rx_queues: true, tx_queues: 4096, ..many };
    let refused = Port::open(eal(), "net_null8,no-rx=1", &many).expect_err("too many");
    assert!(refused.to_string().contains("4096 transmit queues are asked for"), "{refused}");
    let fewer = PortOptions { fewer_tx_queues: true, ..many };
    let port = Port::open(eal(), "net_null8,no-rx=1", &fewer).expect("opens");
    let (rx, tx) = port.start().expect("starts");
    assert_eq!(rx.len(), usize::from(port.info().max_rx_queues));
    assert_eq!(tx.len(), usize::from(port.info().max_tx_queues));
    assert!(port.hash_inside_nvgre(Outer::Ipv4).is_err(), "it has no flow rules");
}
