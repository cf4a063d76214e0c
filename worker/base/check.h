/* Assertions and must-check: what cannot happen, and what must not be ignored.
 * Input, network and the broker can always happen, so they never end in BS_ASSERT. */
#ifndef BS_BASE_CHECK_H
#define BS_BASE_CHECK_H

#define BS_MUST_CHECK __attribute__((warn_unused_result))
#define BS_PRINTF(format_index, first_argument)                                                    \
    __attribute__((format(printf, format_index, first_argument)))

/* Prints the place to standard error and aborts. Stays on in release builds. Any thread. */
__attribute__((noreturn)) void bs_assert_failed(const char *expression, const char *file, int line);

#define BS_ASSERT(expression)                                                                      \
    ((expression) ? (void)0 : bs_assert_failed(#expression, __FILE__, __LINE__))

#endif
