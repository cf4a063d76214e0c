/* Memory holds credentials, and libraries hold copies of them: none of it may reach a file. */
#ifndef BS_BASE_DUMP_H
#define BS_BASE_DUMP_H

/* From now on a crash leaves no core dump, and a dump that is made by other means (gcore, or after
 * the limit was raised) contains none of this process's memory: the registers (which may hold a few
 * bytes of what was copied last) and the list of mappings. Whoever may change both from outside
 * (prlimit, /proc/PID/coredump_filter) still gets a whole one. Once, at the very start; where the
 * system has no such filter, the limit alone holds. */
void bs_dump_without_memory(void);

#endif
