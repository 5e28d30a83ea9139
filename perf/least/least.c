/*
 * The least work that decapsulates or encapsulates NVGRE and routes: what is left when everything is left out that a
 * gateway does beside, so an upper bound for one. IPv4 without options, one port to the other, one worker.
 *
 *   least EAL-ARGUMENTS -- decapsulate|encapsulate RECORDS ROUTES BUFFERS
 *
 * RECORDS and ROUTES are files of `struct record_line` and `struct route_line`, in the machine's byte order. Statistics
 * are asked over DPDK's telemetry: /ethdev/stats,1 and /least/dropped.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_byteorder.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_fib.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_ip.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_telemetry.h>

#define BURST 64
#define VSIDS (1u << 24)
#define OVERHEAD 42 /* Ethernet, IPv4, GRE with a key */
#define ETHER sizeof(struct rte_ether_hdr)
#define GRE_KEYED_TEB RTE_BE32(0x20006558)
#define GATEWAY RTE_IPV4(100, 64, 255, 254)

struct record_line { uint32_t vsid, customer, provider; uint8_t mac[6], unused[2]; };
struct route_line { uint32_t prefix, length, next_hop; };

struct nvgre { uint32_t flags_protocol, vsid_flow; };
struct key { uint32_t vsid; rte_be32_t customer; };
struct counter { uint64_t packets, bytes; };
/* All headers before the inner IP packet, and what they add up to without the length. */
struct __rte_cache_aligned rewrite { uint8_t headers[OVERHEAD + ETHER]; uint32_t sum; };

static struct rte_hash *records;
static rte_be32_t *provider_of;       /* by place in `records` */
static struct rewrite *rewrite_of;    /* likewise */
static uint32_t subnet_of[VSIDS >> 8]; /* the VSID of a customer's /24 in 10.0.0.0/8, by the prefix' low bits */
static uint8_t known_vsid[VSIDS];
static struct counter *counters;      /* by VSID */
static struct rte_fib *routes;
static struct rte_ether_hdr next_hops[256];
static volatile uint64_t dropped;
static volatile sig_atomic_t stopped;

static void drop(struct rte_mbuf *packet)
{
	dropped++;
	rte_pktmbuf_free(packet);
}

static void count(uint32_t vsid, uint32_t bytes)
{
	counters[vsid].packets++;
	counters[vsid].bytes += bytes;
}

static bool may_be_routed(const struct rte_ipv4_hdr *ip, uint32_t available)
{
	uint32_t length = rte_be_to_cpu_16(ip->total_length);

	return ip->version_ihl == 0x45 && ip->time_to_live > 1 && length >= sizeof(*ip) && length <= available;
}

static void lower_ttl(struct rte_ipv4_hdr *ip)
{
	uint32_t sum = ip->hdr_checksum + RTE_BE16(0x0100);

	ip->time_to_live--;
	ip->hdr_checksum = sum + (sum >= 0xffff);
}

static void send_all(struct rte_mbuf **packets, uint16_t n)
{
	uint16_t sent = rte_eth_tx_burst(1, 0, packets, n);

	for (; sent < n; sent++)
		drop(packets[sent]);
}

static uint16_t receive(struct rte_mbuf **packets)
{
	uint16_t n = rte_eth_rx_burst(0, 0, packets, BURST);

	for (uint16_t i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(packets[i], void *));
	return n;
}

/* From tenants: outer headers, VSID, sender check, route, TTL and Ethernet header. */
static int decapsulate(void *unused)
{
	RTE_SET_USED(unused);
	while (!stopped) {
		struct rte_mbuf *in[BURST], *kept[BURST];
		struct key keys[BURST];
		const void *key_of[BURST];
		rte_be32_t sender[BURST];
		uint32_t destination[BURST];
		uint64_t hop[BURST];
		int32_t place[BURST];
		uint16_t n = receive(in), m = 0;

		for (uint16_t i = 0; i < n; i++) {
			const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(in[i], const struct rte_ether_hdr *);
			const struct rte_ipv4_hdr *outer = (const void *)(ether + 1);
			const struct nvgre *nvgre = (const void *)(outer + 1);
			const struct rte_ether_hdr *inner_ether = (const void *)(nvgre + 1);
			const struct rte_ipv4_hdr *inner = (const void *)(inner_ether + 1);
			uint32_t length = rte_pktmbuf_data_len(in[i]), vsid;

			if (length < OVERHEAD + ETHER + sizeof(*inner) || ether->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4) ||
			    outer->version_ihl != 0x45 || outer->next_proto_id != IPPROTO_GRE ||
			    outer->fragment_offset & RTE_BE16(0x3fff) || outer->dst_addr != RTE_BE32(GATEWAY) ||
			    nvgre->flags_protocol != GRE_KEYED_TEB || inner_ether->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4) ||
			    !may_be_routed(inner, length - OVERHEAD - ETHER)) {
				drop(in[i]);
				continue;
			}
			vsid = rte_be_to_cpu_32(nvgre->vsid_flow) >> 8;
			if (!known_vsid[vsid]) {
				drop(in[i]);
				continue;
			}
			keys[m] = (struct key){ vsid, inner->src_addr };
			key_of[m] = &keys[m];
			sender[m] = outer->src_addr;
			destination[m] = rte_be_to_cpu_32(inner->dst_addr);
			rte_pktmbuf_adj(in[i], OVERHEAD);
			kept[m++] = in[i];
		}
		if (!m)
			continue;
		rte_fib_lookup_bulk(routes, destination, hop, m);
		rte_hash_lookup_bulk(records, key_of, m, place);

		uint16_t good = 0;
		for (uint16_t i = 0; i < m; i++) {
			struct rte_ether_hdr *ether = rte_pktmbuf_mtod(kept[i], struct rte_ether_hdr *);

			if (place[i] < 0 || provider_of[place[i]] != sender[i]) {
				drop(kept[i]);
				continue;
			}
			*ether = next_hops[hop[i] % RTE_DIM(next_hops)];
			lower_ttl((struct rte_ipv4_hdr *)(ether + 1));
			count(keys[i].vsid, rte_pktmbuf_data_len(kept[i]));
			kept[good++] = kept[i];
		}
		send_all(kept, good);
	}
	return 0;
}

/* From outside: virtual subnet of the destination, lookup record, TTL and all headers. */
static int encapsulate(void *unused)
{
	RTE_SET_USED(unused);
	while (!stopped) {
		struct rte_mbuf *in[BURST], *kept[BURST];
		struct key keys[BURST];
		const void *key_of[BURST];
		int32_t place[BURST];
		uint16_t n = receive(in), m = 0;

		for (uint16_t i = 0; i < n; i++) {
			const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(in[i], const struct rte_ether_hdr *);
			const struct rte_ipv4_hdr *ip = (const void *)(ether + 1);
			uint32_t length = rte_pktmbuf_data_len(in[i]), destination;

			if (length < ETHER + sizeof(*ip) || ether->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4) ||
			    !may_be_routed(ip, length - ETHER)) {
				drop(in[i]);
				continue;
			}
			destination = rte_be_to_cpu_32(ip->dst_addr);
			keys[m] = (struct key){ subnet_of[(destination >> 8) & 0xffff], ip->dst_addr };
			key_of[m] = &keys[m];
			kept[m++] = in[i];
		}
		if (!m)
			continue;
		rte_hash_lookup_bulk(records, key_of, m, place);
		for (uint16_t i = 0; i < m; i++)
			if (place[i] >= 0)
				rte_prefetch0(&rewrite_of[place[i]]);

		uint16_t good = 0;
		for (uint16_t i = 0; i < m; i++) {
			if (place[i] < 0) {
				drop(kept[i]);
				continue;
			}
			const struct rewrite *rewrite = &rewrite_of[place[i]];
			struct rte_ipv4_hdr *inner = rte_pktmbuf_mtod_offset(kept[i], struct rte_ipv4_hdr *, ETHER);
			uint32_t ports, flow;
			uint16_t length = rte_pktmbuf_data_len(kept[i]);

			memcpy(&ports, inner + 1, sizeof(ports));
			flow = rte_hash_crc_4byte(inner->dst_addr, rte_hash_crc_4byte(inner->src_addr, ports));
			lower_ttl(inner);
			uint8_t *frame = (uint8_t *)rte_pktmbuf_prepend(kept[i], OVERHEAD);
			memcpy(frame, rewrite->headers, sizeof(rewrite->headers));
			struct rte_ipv4_hdr *outer = (struct rte_ipv4_hdr *)(frame + ETHER);
			outer->total_length = rte_cpu_to_be_16(length + OVERHEAD - ETHER);
			uint32_t sum = rewrite->sum + outer->total_length;
			sum = (sum & 0xffff) + (sum >> 16);
			outer->hdr_checksum = ~(sum + (sum >> 16));
			frame[OVERHEAD - 1] = flow;
			count(keys[i].vsid, length);
			kept[good++] = kept[i];
		}
		send_all(kept, good);
	}
	return 0;
}

static struct rewrite rewrite_for(const struct record_line *line)
{
	struct rewrite made = { .sum = 0 };
	struct rte_ether_hdr *ether = (void *)made.headers;
	struct rte_ipv4_hdr *outer = (void *)(ether + 1);
	struct nvgre *nvgre = (void *)(outer + 1);
	struct rte_ether_hdr *inner = (void *)(nvgre + 1);

	ether->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	*outer = (struct rte_ipv4_hdr){ .version_ihl = 0x45, .time_to_live = 64, .next_proto_id = IPPROTO_GRE,
					.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG), .src_addr = RTE_BE32(GATEWAY),
					.dst_addr = rte_cpu_to_be_32(line->provider) };
	*nvgre = (struct nvgre){ GRE_KEYED_TEB, rte_cpu_to_be_32(line->vsid << 8) };
	memcpy(&inner->dst_addr, line->mac, sizeof(line->mac));
	inner->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	made.sum = rte_raw_cksum(outer, sizeof(*outer));
	return made;
}

/* Everything in a file, `*n` elements of `size`. */
static void *file(const char *path, size_t size, size_t *n)
{
	FILE *stream = fopen(path, "rb");
	void *all;
	long bytes;

	if (!stream || fseek(stream, 0, SEEK_END) || (bytes = ftell(stream)) < 0)
		rte_exit(EXIT_FAILURE, "%s cannot be read\n", path);
	rewind(stream);
	*n = bytes / size;
	all = malloc(bytes);
	if (!all || fread(all, size, *n, stream) != *n)
		rte_exit(EXIT_FAILURE, "%s cannot be read\n", path);
	fclose(stream);
	return all;
}

/* Tables, in hugepages where there are some. */
static void *table(size_t n, size_t size)
{
	void *made = rte_zmalloc(NULL, n * size, RTE_CACHE_LINE_SIZE);

	if (!made)
		rte_exit(EXIT_FAILURE, "no memory for a table of %zu bytes\n", n * size);
	return made;
}

static void read_records(const char *path)
{
	size_t n;
	struct record_line *lines = file(path, sizeof(*lines), &n);
	struct rte_hash_parameters parameters = { .name = "records", .entries = RTE_MAX(n * 5 / 4, 1024u),
						  .key_len = sizeof(struct key), .hash_func = rte_hash_crc };
	uint32_t highest = 0;

	records = rte_hash_create(&parameters);
	if (!records)
		rte_exit(EXIT_FAILURE, "records: %s\n", rte_strerror(rte_errno));
	provider_of = table(rte_hash_max_key_id(records) + 1, sizeof(*provider_of));
	rewrite_of = table(rte_hash_max_key_id(records) + 1, sizeof(*rewrite_of));
	for (size_t i = 0; i < n; i++) {
		struct key key = { lines[i].vsid, rte_cpu_to_be_32(lines[i].customer) };
		int32_t place = rte_hash_add_key(records, &key);

		if (place < 0)
			rte_exit(EXIT_FAILURE, "record %zu: %s\n", i, rte_strerror(-place));
		provider_of[place] = rte_cpu_to_be_32(lines[i].provider);
		rewrite_of[place] = rewrite_for(&lines[i]);
		known_vsid[lines[i].vsid] = 1;
		subnet_of[(lines[i].customer >> 8) & 0xffff] = lines[i].vsid;
		highest = RTE_MAX(highest, lines[i].vsid);
	}
	counters = table(highest + 1, sizeof(*counters));
	free(lines);
}

static void read_routes(const char *path)
{
	size_t n;
	struct route_line *lines = file(path, sizeof(*lines), &n);
	struct rte_fib_conf parameters = { .type = RTE_FIB_DIR24_8, .max_routes = n + 1024,
					   .dir24_8 = { .nh_sz = RTE_FIB_DIR24_8_4B, .num_tbl8 = 1024 } };

	routes = rte_fib_create("routes", SOCKET_ID_ANY, &parameters);
	if (!routes)
		rte_exit(EXIT_FAILURE, "routes: %s\n", rte_strerror(rte_errno));
	for (size_t i = 0; i < n; i++)
		if (rte_fib_add(routes, lines[i].prefix, lines[i].length, lines[i].next_hop))
			rte_exit(EXIT_FAILURE, "route %zu does not fit\n", i);
	for (size_t i = 0; i < RTE_DIM(next_hops); i++) {
		next_hops[i].ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
		next_hops[i].dst_addr.addr_bytes[5] = i;
	}
	free(lines);
}

static void open_ports(unsigned int buffers)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create("frames", buffers, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
							   SOCKET_ID_ANY);
	struct rte_eth_conf none = { 0 };

	if (!pool)
		rte_exit(EXIT_FAILURE, "packet buffers: %s\n", rte_strerror(rte_errno));
	for (uint16_t port = 0; port < 2; port++)
		if (rte_eth_dev_configure(port, 1, 1, &none) ||
		    rte_eth_rx_queue_setup(port, 0, 512, SOCKET_ID_ANY, NULL, pool) ||
		    rte_eth_tx_queue_setup(port, 0, 512, SOCKET_ID_ANY, NULL) || rte_eth_dev_start(port))
			rte_exit(EXIT_FAILURE, "port %u does not start\n", port);
}

static int tell_dropped(const char *command, const char *parameters, struct rte_tel_data *answer)
{
	RTE_SET_USED(command);
	RTE_SET_USED(parameters);
	char text[24];
	snprintf(text, sizeof(text), "%lu", dropped);
	return rte_tel_data_string(answer, text);
}

static void stop(int signal_number)
{
	RTE_SET_USED(signal_number);
	stopped = 1;
}

int main(int argc, char **argv)
{
	int taken = rte_eal_init(argc, argv);
	lcore_function_t *work;

	if (taken < 0)
		rte_exit(EXIT_FAILURE, "EAL: %s\n", rte_strerror(rte_errno));
	argc -= taken;
	argv += taken;
	if (argc != 5)
		rte_exit(EXIT_FAILURE, "usage: least EAL-ARGUMENTS -- decapsulate|encapsulate RECORDS ROUTES BUFFERS\n");
	work = strcmp(argv[1], "decapsulate") ? encapsulate : decapsulate;
	read_records(argv[2]);
	read_routes(argv[3]);
	open_ports(strtoul(argv[4], NULL, 10));
	rte_telemetry_register_cmd("/least/dropped", tell_dropped, "Packets that were not forwarded.");
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	rte_eal_mp_remote_launch(work, NULL, SKIP_MAIN);
	while (!stopped)
		pause();
	rte_eal_mp_wait_lcore();
	return rte_eal_cleanup() ? EXIT_FAILURE : EXIT_SUCCESS;
}
