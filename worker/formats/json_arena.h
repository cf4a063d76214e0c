/* Memory for cJSON's trees that live no longer than one call.
 *
 * An answer of the API is a tree of a thousand small nodes, built and thrown away at once; with
 * malloc that was a quarter of all the CPU that a job costs. Between begin and end, what cJSON
 * allocates on this thread is cut from a block and goes with the end, whether it was freed or not:
 * nothing of it may outlive the end. Calls nest. Any thread, each with its own. */
#ifndef BS_FORMATS_JSON_ARENA_H
#define BS_FORMATS_JSON_ARENA_H

void bs_json_arena_begin(void);
void bs_json_arena_end(void);

#endif
