/*
 * What the bindings are generated from: the DPDK headers, the layout of a
 * packet buffer as constants, and the functions of shim.c.
 */
#ifndef NVGW_DPDK_WRAPPER_H
#define NVGW_DPDK_WRAPPER_H

#include <stddef.h>
#include <stdint.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ip_frag.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_version.h>

/*
 * The layout of struct rte_mbuf differs between releases and build options,
 * so Rust never sees the structure: only where the fields in use are.
 */
enum {
	MBUF_BUF_ADDR = offsetof(struct rte_mbuf, buf_addr),
	MBUF_DATA_OFF = offsetof(struct rte_mbuf, data_off),
	MBUF_REFCNT = offsetof(struct rte_mbuf, refcnt),
	MBUF_NB_SEGS = offsetof(struct rte_mbuf, nb_segs),
	MBUF_PORT = offsetof(struct rte_mbuf, port),
	MBUF_OL_FLAGS = offsetof(struct rte_mbuf, ol_flags),
	MBUF_PKT_LEN = offsetof(struct rte_mbuf, pkt_len),
	MBUF_DATA_LEN = offsetof(struct rte_mbuf, data_len),
	MBUF_HASH_RSS = offsetof(struct rte_mbuf, hash.rss),
	MBUF_PACKET_TYPE = offsetof(struct rte_mbuf, packet_type),
	MBUF_BUF_LEN = offsetof(struct rte_mbuf, buf_len),
	MBUF_POOL = offsetof(struct rte_mbuf, pool),
	MBUF_NEXT = offsetof(struct rte_mbuf, next),
	MBUF_TX_OFFLOAD = offsetof(struct rte_mbuf, tx_offload),
	MBUF_L2_LEN_SHIFT = RTE_MBUF_L2_LEN_OFS,
	MBUF_L2_LEN_BITS = RTE_MBUF_L2_LEN_BITS,
	MBUF_L3_LEN_SHIFT = RTE_MBUF_L3_LEN_OFS,
	MBUF_L3_LEN_BITS = RTE_MBUF_L3_LEN_BITS,
	MBUF_HEADROOM = RTE_PKTMBUF_HEADROOM,
};

/* Fragments that one packet may have. */
enum {
	IP_FRAG_MAX = RTE_LIBRTE_IP_FRAG_MAX_FRAG,
};

/* Macros that bindgen cannot evaluate, or that hide behind a cast. */
static const uint64_t MBUF_F_RX_RSS_HASH = RTE_MBUF_F_RX_RSS_HASH;
static const uint64_t MBUF_F_RX_IP_CKSUM_MASK = RTE_MBUF_F_RX_IP_CKSUM_MASK;
static const uint64_t MBUF_F_RX_IP_CKSUM_BAD = RTE_MBUF_F_RX_IP_CKSUM_BAD;
static const uint64_t MBUF_F_RX_IP_CKSUM_GOOD = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
static const uint64_t MBUF_F_RX_L4_CKSUM_MASK = RTE_MBUF_F_RX_L4_CKSUM_MASK;
static const uint64_t MBUF_F_RX_L4_CKSUM_BAD = RTE_MBUF_F_RX_L4_CKSUM_BAD;
static const uint64_t MBUF_F_RX_L4_CKSUM_GOOD = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
static const uint64_t MBUF_F_TX_IPV4 = RTE_MBUF_F_TX_IPV4;
static const uint64_t MBUF_F_TX_IPV6 = RTE_MBUF_F_TX_IPV6;
static const uint64_t MBUF_F_TX_IP_CKSUM = RTE_MBUF_F_TX_IP_CKSUM;
static const uint64_t MBUF_F_TX_TCP_CKSUM = RTE_MBUF_F_TX_TCP_CKSUM;
static const uint64_t MBUF_F_TX_UDP_CKSUM = RTE_MBUF_F_TX_UDP_CKSUM;

static const uint32_t PTYPE_L3_IPV4 = RTE_PTYPE_L3_IPV4;
static const uint32_t PTYPE_L3_IPV6 = RTE_PTYPE_L3_IPV6;
static const uint32_t PTYPE_TUNNEL_GRE = RTE_PTYPE_TUNNEL_GRE;
static const uint32_t PTYPE_TUNNEL_NVGRE = RTE_PTYPE_TUNNEL_NVGRE;
static const uint32_t PTYPE_TUNNEL_MASK = RTE_PTYPE_TUNNEL_MASK;
static const uint64_t ETH_RX_OFFLOAD_IPV4_CKSUM = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
static const uint64_t ETH_RX_OFFLOAD_UDP_CKSUM = RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
static const uint64_t ETH_RX_OFFLOAD_TCP_CKSUM = RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
static const uint64_t ETH_RX_OFFLOAD_SCATTER = RTE_ETH_RX_OFFLOAD_SCATTER;
static const uint64_t ETH_RX_OFFLOAD_RSS_HASH = RTE_ETH_RX_OFFLOAD_RSS_HASH;
static const uint64_t ETH_TX_OFFLOAD_IPV4_CKSUM = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
static const uint64_t ETH_TX_OFFLOAD_UDP_CKSUM = RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
static const uint64_t ETH_TX_OFFLOAD_TCP_CKSUM = RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
static const uint64_t ETH_TX_OFFLOAD_MULTI_SEGS = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
static const uint64_t ETH_RSS_IP = RTE_ETH_RSS_IP;
static const uint64_t ETH_RSS_TCP = RTE_ETH_RSS_TCP;
static const uint64_t ETH_RSS_UDP = RTE_ETH_RSS_UDP;
static const uint64_t ETH_RSS_NVGRE = RTE_ETH_RSS_NVGRE;
static const uint64_t ETH_RSS_LEVEL_INNERMOST = RTE_ETH_RSS_LEVEL_INNERMOST;
static const uint32_t ETH_LINK_SPEED_UNKNOWN = RTE_ETH_SPEED_NUM_UNKNOWN;
static const uint32_t LCORE_NONE = LCORE_ID_ANY;

/* The state of a link: rte_eth_link is a union with bit fields in newer releases. */
struct shim_link {
	uint32_t speed_mbps;
	uint8_t up;
	uint8_t full_duplex;
};

int shim_errno(void);
unsigned int shim_lcore_id(void);
void shim_log_to_stderr(void);

uint16_t shim_eth_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n);
uint16_t shim_eth_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n);
int shim_eth_link(uint16_t port, struct shim_link *link);
/*
 * Has the started port spread NVGRE over its first queues by a hash of the headers inside: one flow
 * rule for outer IPv4 or IPv6. Returns 0, or a negative errno.
 */
int shim_flow_hash_inside_nvgre(uint16_t port, int ipv6, uint16_t queues);
/* Whether another port than this one belongs to the device. */
int shim_eth_has_sibling(uint16_t port, const struct rte_device *device);

struct rte_mbuf *shim_pktmbuf_alloc(struct rte_mempool *pool);
int shim_pktmbuf_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **mbufs, unsigned int n);
void shim_pktmbuf_free(struct rte_mbuf *mbuf);
int shim_pktmbuf_linearize(struct rte_mbuf *mbuf);

/*
 * Gives a fragment with l2 bytes before its IP header and l3 bytes of IP header (IPv6: up to and
 * with the fragment header) to the table. Returns the whole packet, or NULL; freed says how many
 * fragments were freed.
 */
struct rte_mbuf *shim_ipv4_reassemble(struct rte_ip_frag_tbl *table, struct rte_mbuf *mbuf,
				      uint16_t l2, uint16_t l3, uint64_t now, uint32_t *freed);
struct rte_mbuf *shim_ipv6_reassemble(struct rte_ip_frag_tbl *table, struct rte_mbuf *mbuf,
				      uint16_t l2, uint16_t l3, uint64_t now, uint32_t *freed);
/* Frees fragments that have waited too long, some of them; returns how many. */
uint32_t shim_ip_frag_expire(struct rte_ip_frag_tbl *table, uint64_t now);

/* Returns to the pool what the calling thread keeps of it. */
void shim_mempool_flush_cache(struct rte_mempool *pool);

unsigned int shim_ring_enqueue_burst(struct rte_ring *ring, const void *objects,
				     unsigned int size, unsigned int n);
unsigned int shim_ring_dequeue_burst(struct rte_ring *ring, void *objects,
				     unsigned int size, unsigned int n);
unsigned int shim_ring_count(const struct rte_ring *ring);
unsigned int shim_ring_capacity(const struct rte_ring *ring);

void shim_rcu_qsbr_online(struct rte_rcu_qsbr *qsbr, unsigned int thread);
void shim_rcu_qsbr_offline(struct rte_rcu_qsbr *qsbr, unsigned int thread);
void shim_rcu_qsbr_quiescent(struct rte_rcu_qsbr *qsbr, unsigned int thread);
uint64_t shim_rcu_qsbr_start(struct rte_rcu_qsbr *qsbr);
int shim_rcu_qsbr_check(struct rte_rcu_qsbr *qsbr, uint64_t token);

#endif
