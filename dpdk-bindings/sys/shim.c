/*
 * DPDK's hot functions are static inlines, which no shared library exports.
 * These are the ones called about once per burst, where a call costs nothing.
 */
/* rte_ip_frag_table_del_expired_entries is experimental in 22.11, and stable since. */
#define ALLOW_EXPERIMENTAL_API
#include <errno.h>
#include <stdio.h>

#include <rte_flow.h>

#include "wrapper.h"

int shim_errno(void)
{
	return rte_errno;
}

unsigned int shim_lcore_id(void)
{
	return rte_lcore_id();
}

void shim_log_to_stderr(void)
{
	/* Older releases log to standard output and to syslog. */
	rte_openlog_stream(stderr);
}

uint16_t shim_eth_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	return rte_eth_rx_burst(port, queue, mbufs, n);
}

uint16_t shim_eth_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
	return rte_eth_tx_burst(port, queue, mbufs, n);
}

int shim_eth_link(uint16_t port, struct shim_link *out)
{
	struct rte_eth_link link;
	int status = rte_eth_link_get_nowait(port, &link);

	if (status != 0)
		return status;
	out->speed_mbps = link.link_speed;
	out->up = link.link_status == RTE_ETH_LINK_UP;
	out->full_duplex = link.link_duplex == RTE_ETH_LINK_FULL_DUPLEX;
	return 0;
}

int shim_flow_hash_inside_nvgre(uint16_t port, int ipv6, uint16_t queues)
{
	uint16_t numbers[RTE_MAX_QUEUES_PER_PORT];
	const struct rte_flow_attr attributes = { .ingress = 1 };
	const struct rte_flow_item pattern[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH },
		{ .type = ipv6 ? RTE_FLOW_ITEM_TYPE_IPV6 : RTE_FLOW_ITEM_TYPE_IPV4 },
		{ .type = RTE_FLOW_ITEM_TYPE_NVGRE },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	const struct rte_flow_action_rss rss = {
		.func = RTE_ETH_HASH_FUNCTION_DEFAULT,
		/* 1 is the outermost encapsulation level, 2 the one inside it. */
		.level = 2,
		.types = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP,
		.queue_num = queues,
		.queue = numbers,
	};
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &rss },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow_error error;
	int status;

	if (queues > RTE_MAX_QUEUES_PER_PORT)
		return -EINVAL;
	for (uint16_t queue = 0; queue < queues; queue++)
		numbers[queue] = queue;
	status = rte_flow_validate(port, &attributes, pattern, actions, &error);
	if (status != 0)
		return status;
	return rte_flow_create(port, &attributes, pattern, actions, &error) != NULL ? 0 : -rte_errno;
}

int shim_eth_has_sibling(uint16_t port, const struct rte_device *device)
{
	uint16_t other;

	RTE_ETH_FOREACH_DEV_OF(other, device) {
		if (other != port)
			return 1;
	}
	return 0;
}

struct rte_mbuf *shim_pktmbuf_alloc(struct rte_mempool *pool)
{
	return rte_pktmbuf_alloc(pool);
}

int shim_pktmbuf_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **mbufs, unsigned int n)
{
	return rte_pktmbuf_alloc_bulk(pool, mbufs, n);
}

void shim_pktmbuf_free(struct rte_mbuf *mbuf)
{
	rte_pktmbuf_free(mbuf);
}

int shim_pktmbuf_linearize(struct rte_mbuf *mbuf)
{
	return rte_pktmbuf_linearize(mbuf);
}

/* What the table let go of; a whole packet keeps nothing of what is meant for a device. */
static struct rte_mbuf *reassembled(struct rte_mbuf *whole, struct rte_ip_frag_death_row *row,
				    uint32_t *freed)
{
	*freed = row->cnt;
	rte_ip_frag_free_death_row(row, 0);
	if (whole != NULL) {
		whole->ol_flags &= ~RTE_MBUF_F_TX_OFFLOAD_MASK;
		whole->tx_offload = 0;
	}
	return whole;
}

struct rte_mbuf *shim_ipv4_reassemble(struct rte_ip_frag_tbl *table, struct rte_mbuf *mbuf,
				      uint16_t l2, uint16_t l3, uint64_t now, uint32_t *freed)
{
	struct rte_ip_frag_death_row row;
	struct rte_ipv4_hdr *header = rte_pktmbuf_mtod_offset(mbuf, struct rte_ipv4_hdr *, l2);

	row.cnt = 0;
	mbuf->l2_len = l2;
	mbuf->l3_len = l3;
	mbuf = rte_ipv4_frag_reassemble_packet(table, &row, mbuf, now, header);
	return reassembled(mbuf, &row, freed);
}

struct rte_mbuf *shim_ipv6_reassemble(struct rte_ip_frag_tbl *table, struct rte_mbuf *mbuf,
				      uint16_t l2, uint16_t l3, uint64_t now, uint32_t *freed)
{
	struct rte_ip_frag_death_row row;
	struct rte_ipv6_hdr *header = rte_pktmbuf_mtod_offset(mbuf, struct rte_ipv6_hdr *, l2);
	struct rte_ipv6_fragment_ext *fragment = (struct rte_ipv6_fragment_ext *)(header + 1);

	row.cnt = 0;
	mbuf->l2_len = l2;
	mbuf->l3_len = l3;
	mbuf = rte_ipv6_frag_reassemble_packet(table, &row, mbuf, now, header, fragment);
	return reassembled(mbuf, &row, freed);
}

uint32_t shim_ip_frag_expire(struct rte_ip_frag_tbl *table, uint64_t now)
{
	struct rte_ip_frag_death_row row;
	uint32_t freed;

	row.cnt = 0;
	rte_ip_frag_table_del_expired_entries(table, &row, now);
	freed = row.cnt;
	rte_ip_frag_free_death_row(&row, 0);
	return freed;
}

void shim_mempool_flush_cache(struct rte_mempool *pool)
{
	rte_mempool_cache_flush(NULL, pool);
}

unsigned int shim_ring_enqueue_burst(struct rte_ring *ring, const void *objects,
				     unsigned int size, unsigned int n)
{
	return rte_ring_enqueue_burst_elem(ring, objects, size, n, NULL);
}

unsigned int shim_ring_dequeue_burst(struct rte_ring *ring, void *objects,
				     unsigned int size, unsigned int n)
{
	return rte_ring_dequeue_burst_elem(ring, objects, size, n, NULL);
}

unsigned int shim_ring_count(const struct rte_ring *ring)
{
	return rte_ring_count(ring);
}

unsigned int shim_ring_capacity(const struct rte_ring *ring)
{
	return rte_ring_get_capacity(ring);
}

void shim_rcu_qsbr_online(struct rte_rcu_qsbr *qsbr, unsigned int thread)
{
	rte_rcu_qsbr_thread_online(qsbr, thread);
}

void shim_rcu_qsbr_offline(struct rte_rcu_qsbr *qsbr, unsigned int thread)
{
	rte_rcu_qsbr_thread_offline(qsbr, thread);
}

void shim_rcu_qsbr_quiescent(struct rte_rcu_qsbr *qsbr, unsigned int thread)
{
	rte_rcu_qsbr_quiescent(qsbr, thread);
}

uint64_t shim_rcu_qsbr_start(struct rte_rcu_qsbr *qsbr)
{
	return rte_rcu_qsbr_start(qsbr);
}

int shim_rcu_qsbr_check(struct rte_rcu_qsbr *qsbr, uint64_t token)
{
	return rte_rcu_qsbr_check(qsbr, token, false);
}
