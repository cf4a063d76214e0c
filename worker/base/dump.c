#include "base/dump.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

void bs_dump_without_memory(void)
{
    /* 1 and not 0: a dump that the system pipes into a program ignores the limit, but for this
     * value (core(5)). The hard limit stays, so that a person can raise it again. */
    struct rlimit limit;
    if (getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max > 0) {
        limit.rlim_cur = 1;
        (void)setrlimit(RLIMIT_CORE, &limit);
    }
    int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t written = write(fd, "0", 1);
        (void)written;
        (void)close(fd);
    }
}
