/* Loaded in front of libc (LD_PRELOAD): the same "random" bytes in every run, so that two gateways choose alike. */

#include <string.h>
#include <sys/random.h>

ssize_t getrandom(void *buffer, size_t length, unsigned int flags)
{
	(void)flags;
	memset(buffer, 0x5a, length);
	return (ssize_t)length;
}
