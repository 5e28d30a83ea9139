/* DPDK's tables behind functions that all look alike. Tables live as long as the process. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_lpm.h>
#include <rte_lpm6.h>

#define BURST 64
/* Room for the parts of IPv6 prefixes behind the first 24 bits, 1 KB each. */
#define IPV6_PARTS(routes) (2 * (routes) + 4096)
#define NAME_BYTES 16

/* Several tables may live at a time, and DPDK wants them to have names. */
static const char *name(char *buffer, size_t size)
{
	static unsigned int tables;

	snprintf(buffer, size, "peer%u", tables++);
	return buffer;
}

/* From hugepages, or without. */
bool peers_start(bool huge, const char *megabytes)
{
	char *huge_args[] = {"peers", "--in-memory", "--no-pci", "--no-telemetry", "--log-level=error",
			     "-l", "0", "-m", (char *)megabytes, NULL};
	char *small_args[] = {"peers", "--no-huge", "--no-pci", "--no-telemetry", "--log-level=error",
			      "-l", "0", "-m", (char *)megabytes, NULL};

	return rte_eal_init(9, huge ? huge_args : small_args) >= 0;
}

void *peers_hash_new(uint32_t entries, uint32_t key_bytes)
{
	char buffer[NAME_BYTES];
	struct rte_hash_parameters parameters = {
		.name = name(buffer, sizeof(buffer)),
		.entries = entries,
		.key_len = key_bytes,
		.hash_func = rte_hash_crc,
		.hash_func_init_val = 0x5eed,
		/* Readers beside a writer, without locks, and room for all entries whatever their keys: as ours. */
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF | RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};

	return rte_hash_create(&parameters);
}

bool peers_hash_add(void *hash, const void *key, const void *value)
{
	return rte_hash_add_key_data(hash, key, (void *)value) == 0;
}

/* The bits of what was found. */
uint64_t peers_hash_lookup(const void *hash, const void **keys, void **values)
{
	uint64_t found = 0;

	rte_hash_lookup_bulk_data(hash, keys, BURST, &found, values);
	return found;
}

void *peers_lpm_new(uint32_t routes)
{
	char buffer[NAME_BYTES];
	const struct rte_lpm_config config = {.max_rules = routes, .number_tbl8s = 1 << 15};

	return rte_lpm_create(name(buffer, sizeof(buffer)), SOCKET_ID_ANY, &config);
}

bool peers_lpm_add(void *lpm, uint32_t address, uint8_t length, uint32_t value)
{
	return rte_lpm_add(lpm, address, length, value) == 0;
}

bool peers_lpm_remove(void *lpm, uint32_t address, uint8_t length)
{
	return rte_lpm_delete(lpm, address, length) == 0;
}

void peers_lpm_lookup(void *lpm, const uint32_t *addresses, uint32_t *values)
{
	rte_lpm_lookup_bulk(lpm, addresses, values, BURST);
}

void *peers_fib_new(uint32_t routes)
{
	char buffer[NAME_BYTES];
	struct rte_fib_conf config = {
		.type = RTE_FIB_DIR24_8,
		.max_routes = routes,
		.dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_4B, .num_tbl8 = 1 << 15},
	};

	return rte_fib_create(name(buffer, sizeof(buffer)), SOCKET_ID_ANY, &config);
}

bool peers_fib_add(void *fib, uint32_t address, uint8_t length, uint32_t value)
{
	return rte_fib_add(fib, address, length, value) == 0;
}

bool peers_fib_remove(void *fib, uint32_t address, uint8_t length)
{
	return rte_fib_delete(fib, address, length) == 0;
}

void peers_fib_lookup(void *fib, uint32_t *addresses, uint64_t *values)
{
	rte_fib_lookup_bulk(fib, addresses, values, BURST);
}

void *peers_lpm6_new(uint32_t routes)
{
	char buffer[NAME_BYTES];
	const struct rte_lpm6_config config = {.max_rules = routes, .number_tbl8s = IPV6_PARTS(routes)};

	return rte_lpm6_create(name(buffer, sizeof(buffer)), SOCKET_ID_ANY, &config);
}

bool peers_lpm6_add(void *lpm, const uint8_t *address, uint8_t length, uint32_t value)
{
	return rte_lpm6_add(lpm, address, length, value) == 0;
}

bool peers_lpm6_remove(void *lpm, const uint8_t *address, uint8_t length)
{
	return rte_lpm6_delete(lpm, address, length) == 0;
}

void peers_lpm6_lookup(const void *lpm, uint8_t (*addresses)[16], int32_t *values)
{
	rte_lpm6_lookup_bulk_func(lpm, addresses, values, BURST);
}

void *peers_fib6_new(uint32_t routes)
{
	char buffer[NAME_BYTES];
	struct rte_fib6_conf config = {
		.type = RTE_FIB6_TRIE,
		.max_routes = routes,
		.trie = {.nh_sz = RTE_FIB6_TRIE_4B, .num_tbl8 = IPV6_PARTS(routes)},
	};

	return rte_fib6_create(name(buffer, sizeof(buffer)), SOCKET_ID_ANY, &config);
}

bool peers_fib6_add(void *fib, const uint8_t *address, uint8_t length, uint32_t value)
{
	return rte_fib6_add(fib, address, length, value) == 0;
}

bool peers_fib6_remove(void *fib, const uint8_t *address, uint8_t length)
{
	return rte_fib6_delete(fib, address, length) == 0;
}

void peers_fib6_lookup(void *fib, uint8_t (*addresses)[16], uint64_t *values)
{
	rte_fib6_lookup_bulk(fib, addresses, values, BURST);
}
