/*
 * Sends the frames of a capture that never ends at a steady rate, paced by the time-stamp counter.
 *
 *   paced EAL-ARGUMENTS -- RATE BUFFERS
 *
 * Port 0 is the capture, port 1 where frames go; RATE is in packets per second, 0 as fast as they are taken. What is
 * not taken at once is lost, as on a cable. The main lcore does the work: this is made for one core. A line on standard
 * output every tenth of a second tells packets offered and packets taken so far, and the microseconds of this clock.
 */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#define BURST 32
/* A generator that was kept from its core does not make up for more than this: it would be a burst, not a load. */
#define MOST_BEHIND (4 * BURST)

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	RTE_SET_USED(signal_number);
	stopped = 1;
}

static void open_port(uint16_t port, struct rte_mempool *pool)
{
	struct rte_eth_conf none = { 0 };

	if (rte_eth_dev_configure(port, 1, 1, &none) ||
	    rte_eth_rx_queue_setup(port, 0, 1024, SOCKET_ID_ANY, NULL, pool) ||
	    rte_eth_tx_queue_setup(port, 0, 1024, SOCKET_ID_ANY, NULL) || rte_eth_dev_start(port))
		rte_exit(EXIT_FAILURE, "port %u does not start\n", port);
}

/* How many packets are due now, of which the caller sends all; `begin` moves on where too much time was lost. */
static uint16_t due(uint64_t rate, uint64_t hz, uint64_t *begin, uint64_t offered)
{
	uint64_t now = rte_rdtsc(), by_now;

	if (!rate)
		return BURST;
	by_now = (double)(now - *begin) / hz * rate;
	if (by_now <= offered)
		return 0;
	if (by_now - offered > MOST_BEHIND) {
		*begin += (double)(by_now - offered - BURST) / rate * hz;
		return BURST;
	}
	return RTE_MIN(by_now - offered, (uint64_t)BURST);
}

static void run(uint64_t rate)
{
	uint64_t hz = rte_get_tsc_hz(), start, begin, tell, offered = 0, taken = 0;

	start = begin = rte_rdtsc();
	tell = start + hz / 10;
	while (!stopped) {
		struct rte_mbuf *frames[BURST];
		uint16_t n = due(rate, hz, &begin, offered), sent;

		if (n) {
			n = rte_eth_rx_burst(0, 0, frames, n);
			sent = rte_eth_tx_burst(1, 0, frames, n);
			offered += n;
			taken += sent;
			rte_pktmbuf_free_bulk(frames + sent, n - sent);
		}
		if (rte_rdtsc() >= tell) {
			tell += hz / 10;
			printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", offered, taken,
			       (uint64_t)((double)(rte_rdtsc() - start) / hz * 1e6));
			fflush(stdout);
		}
	}
}

static void await_link(uint16_t port)
{
	struct rte_eth_link link = { 0 };

	while (!stopped && !link.link_status) {
		rte_delay_us_sleep(10000);
		rte_eth_link_get_nowait(port, &link);
	}
}

int main(int argc, char **argv)
{
	int taken = rte_eal_init(argc, argv);
	struct rte_mempool *pool;

	if (taken < 0)
		rte_exit(EXIT_FAILURE, "EAL: %s\n", rte_strerror(rte_errno));
	argc -= taken;
	argv += taken;
	if (argc != 3)
		rte_exit(EXIT_FAILURE, "usage: paced EAL-ARGUMENTS -- RATE BUFFERS\n");
	pool = rte_pktmbuf_pool_create("frames", strtoul(argv[2], NULL, 10), 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	if (!pool)
		rte_exit(EXIT_FAILURE, "packet buffers: %s\n", rte_strerror(rte_errno));
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	open_port(0, pool);
	open_port(1, pool);
	await_link(1);
	run(strtoull(argv[1], NULL, 10));
	return rte_eal_cleanup() ? EXIT_FAILURE : EXIT_SUCCESS;
}
