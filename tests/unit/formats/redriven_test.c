/* Marks of redriven dead letters: the set, and its records in the state topic. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "formats/redriven.h"
#include "formats/state.h"

static struct bs_bytes bytes_of(const char *text)
{
    return (struct bs_bytes){(const uint8_t *)text, strlen(text)};
}

static struct bs_redriven_letter letter_at(int32_t partition, int64_t offset)
{
    uint32_t fingerprint = (uint32_t)bs_mix64((uint64_t)offset * 31 + (uint64_t)partition);
    return (struct bs_redriven_letter){partition, offset, fingerprint};
}

/* Carries every changed record over, as the state topic does; how many there were. */
static int carry(struct bs_redriven *from, struct bs_redriven *to)
{
    char key[BS_REDRIVEN_KEY_SIZE];
    struct bs_buffer value = {0};
    struct bs_error error = BS_NO_ERROR;
    int count = 0;
    while (bs_redriven_next_change(from, key, &value)) {
        assert_true(bs_redriven_is_key(bytes_of(key)));
        assert_true(
            bs_redriven_take(to, bytes_of(key), (struct bs_bytes){value.data, value.size}, &error));
        value.size = 0;
        count++;
    }
    bs_buffer_free(&value);
    return count;
}

static void what_is_marked_is_known_to_whoever_reads_the_records(void **state)
{
    (void)state;
    struct bs_redriven *writer = bs_redriven_create("dead/letters"), *reader;
    struct bs_random random = {7};
    int64_t offsets[500];
    for (int i = 0; i < 500; i++) { /* in several transactions */
        offsets[i] = bs_random_below(&random, 100000) * 2;
        const struct bs_redriven_letter letter = letter_at(i % 7, offsets[i]);
        bs_redriven_add(writer, &letter);
    }
    reader = bs_redriven_create("dead/letters");
    assert_true(carry(writer, reader) > 300);
    const struct bs_redriven_letter far = letter_at(900, 1LL << 60);
    bs_redriven_add(writer, &far);
    assert_int_equal(carry(writer, reader), 1);
    assert_int_equal(carry(writer, reader), 0);
    for (int i = 0; i < 500; i++) {
        struct bs_redriven_letter letter = letter_at(i % 7, offsets[i]);
        assert_true(bs_redriven_has(reader, &letter));
        letter.fingerprint++;
        assert_false(bs_redriven_has(reader, &letter));
        letter = letter_at(i % 7, offsets[i] + 1);
        assert_false(bs_redriven_has(reader, &letter));
    }
    assert_true(bs_redriven_has(reader, &far));
    const struct bs_redriven_letter beyond = letter_at(901, 0);
    assert_false(bs_redriven_has(reader, &beyond));
    bs_redriven_destroy(reader);
    bs_redriven_destroy(writer);
}

static void a_thousand_neighbours_are_one_record_of_six_kilobytes(void **state)
{
    (void)state;
    struct bs_redriven *marks = bs_redriven_create("letters");
    for (int64_t offset = 2048; offset < 3072; offset++) {
        const struct bs_redriven_letter letter = letter_at(3, offset);
        bs_redriven_add(marks, &letter);
    }
    char key[BS_REDRIVEN_KEY_SIZE];
    struct bs_buffer value = {0};
    assert_true(bs_redriven_next_change(marks, key, &value));
    assert_string_equal(key, "r:letters/3/2");
    assert_true(value.size < 6200);
    assert_false(bs_redriven_next_change(marks, key, &value));
    bs_buffer_free(&value);
    bs_redriven_destroy(marks);
}

static void records_of_others_are_passed_over(void **state)
{
    (void)state;
    struct bs_error error = BS_NO_ERROR;
    struct bs_redriven *marks = bs_redriven_create("letters");
    static const char *const keys[] = {"c",
                                       "o:12",
                                       "i:00112233445566778899aabbccddeeff",
                                       "r:",
                                       "r:letters",
                                       "r:letters/1",
                                       "r:letters/1/",
                                       "r:letters/01/2",
                                       "r:letters/-1/2",
                                       "r:letters/1/2/3",
                                       "r:letters/2147483647/0",
                                       "r:letters2/1/2",
                                       "r:other/1/2",
                                       ""};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_true(bs_redriven_take(marks, bytes_of(keys[i]), bytes_of("no record"), &error));
    }
    assert_true(bs_redriven_take(marks, (struct bs_bytes){0}, bytes_of("no record"), &error));
    assert_false(bs_redriven_is_key(bytes_of("o:12")));
    bs_redriven_destroy(marks);
}

static void a_record_that_cannot_be_read_is_an_error_and_a_tombstone_clears(void **state)
{
    (void)state;
    struct bs_error error = BS_NO_ERROR;
    struct bs_redriven *marks = bs_redriven_create("letters");
    const struct bs_redriven_letter letter = letter_at(1, 5);
    char key[BS_REDRIVEN_KEY_SIZE];
    struct bs_buffer value = {0};
    bs_redriven_add(marks, &letter);
    assert_true(bs_redriven_next_change(marks, key, &value));
    assert_true(bs_redriven_take(marks, bytes_of(key), (struct bs_bytes){0}, &error));
    assert_false(bs_redriven_has(marks, &letter));
    for (size_t size = 0; size < value.size; size++) {
        assert_false(
            bs_redriven_take(marks, bytes_of(key), (struct bs_bytes){value.data, size}, &error));
    }
    assert_non_null(strstr(error.message, "partition 1 of letters"));
    value.data[1] = BS_STATE_VERSION + 1;
    assert_false(
        bs_redriven_take(marks, bytes_of(key), (struct bs_bytes){value.data, value.size}, &error));
    bs_buffer_free(&value);
    bs_redriven_destroy(marks);
}

static void a_letter_of_another_time_in_the_same_place_is_another_one(void **state)
{
    (void)state;
    uint32_t one = bs_redriven_fingerprint(bytes_of("jobs/0/1"), bytes_of("2026-01-01T00:00:00Z"));
    assert_int_equal(
        one, bs_redriven_fingerprint(bytes_of("jobs/0/1"), bytes_of("2026-01-01T00:00:00Z")));
    assert_int_not_equal(
        one, bs_redriven_fingerprint(bytes_of("jobs/0/2"), bytes_of("2026-01-01T00:00:00Z")));
    assert_int_not_equal(
        one, bs_redriven_fingerprint(bytes_of("jobs/0/1"), bytes_of("2026-01-01T00:00:01Z")));
}

static void what_was_not_written_is_no_mark_and_in_no_later_record(void **state)
{
    (void)state;
    struct bs_redriven *writer = bs_redriven_create("dead"), *reader = bs_redriven_create("dead");
    struct bs_redriven *nobody = bs_redriven_create("dead");
    const struct bs_redriven_letter first = letter_at(0, 1), refused = letter_at(0, 2),
                                    last = letter_at(0, 3), never = letter_at(4, 1 << 20);
    bs_redriven_add(writer, &first);
    assert_int_equal(carry(writer, reader), 1);
    bs_redriven_add(writer, &refused);
    assert_int_equal(carry(writer, nobody), 1); /* a transaction that was aborted */
    bs_redriven_remove(writer, &refused);
    bs_redriven_remove(writer, &never); /* nothing to take back */
    assert_false(bs_redriven_has(writer, &refused));
    bs_redriven_add(writer, &last);
    assert_int_equal(carry(writer, reader), 1);
    assert_true(bs_redriven_has(reader, &first) && bs_redriven_has(reader, &last));
    assert_false(bs_redriven_has(reader, &refused));
    bs_redriven_destroy(writer);
    bs_redriven_destroy(reader);
    bs_redriven_destroy(nobody);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_marked_is_known_to_whoever_reads_the_records),
        cmocka_unit_test(a_thousand_neighbours_are_one_record_of_six_kilobytes),
        cmocka_unit_test(records_of_others_are_passed_over),
        cmocka_unit_test(a_record_that_cannot_be_read_is_an_error_and_a_tombstone_clears),
        cmocka_unit_test(a_letter_of_another_time_in_the_same_place_is_another_one),
        cmocka_unit_test(what_was_not_written_is_no_mark_and_in_no_later_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
