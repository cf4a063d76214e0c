/* Samples of the telephony formats become 16-bit ones, by G.711's own values. */
#include "fixture.h"

#include "formats/audio.h"

static int16_t expanded(enum bs_samples samples, uint8_t byte)
{
    uint8_t out[2];
    bs_samples_expand(samples, &byte, 1, out);
    return (int16_t)(uint16_t)(out[0] | out[1] << 8);
}

static void a_law_has_the_values_of_the_standard(void **state)
{
    (void)state;
    /* The ends and the turns of the segments; the whole table is compared with sox's by the
     * accuracy test. */
    static const struct {
        uint8_t byte;
        int16_t value;
    } cases[] = {{0x00, -5504}, {0x80, 5504}, {0x55, -8},   {0xd5, 8},       {0x2a, -32256},
                 {0xaa, 32256}, {0xc5, 264},  {0x45, -264}, {0xda, 248},     {0x5a, -248},
                 {0x7f, -848},  {0xff, 848},  {0xf5, 528},  {0x95, 1056 * 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(expanded(BS_SAMPLES_ALAW, cases[i].byte), cases[i].value);
    }
}

static void mu_law_has_the_values_of_the_standard(void **state)
{
    (void)state;
    static const struct {
        uint8_t byte;
        int16_t value;
    } cases[] = {{0x00, -32124}, {0x80, 32124}, {0x7f, 0},   {0xff, 0},    {0x7e, -8},
                 {0xfe, 8},      {0x70, -120},  {0xf0, 120}, {0x6f, -132}, {0xef, 132}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(expanded(BS_SAMPLES_MULAW, cases[i].byte), cases[i].value);
    }
}

static void eight_bits_are_moved_up_around_their_middle(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        assert_int_equal(expanded(BS_SAMPLES_U8, (uint8_t)byte), (byte - 128) * 256);
    }
}

static void nothing_is_lost(void **state)
{
    (void)state;
    static const enum bs_samples all[] = {BS_SAMPLES_U8, BS_SAMPLES_ALAW, BS_SAMPLES_MULAW};
    for (size_t kind = 0; kind < 3; kind++) {
        int zeros = 0;
        for (int left = 0; left < 256; left++) {
            zeros += expanded(all[kind], (uint8_t)left) == 0;
            for (int right = 0; right < left; right++) {
                int16_t value = expanded(all[kind], (uint8_t)left);
                assert_true(value != expanded(all[kind], (uint8_t)right) || value == 0);
            }
        }
        /* mu-law alone has two zeros, plus and minus. */
        assert_int_equal(zeros, all[kind] == BS_SAMPLES_MULAW ? 2 : all[kind] == BS_SAMPLES_U8);
    }
}

static void sixteen_bits_stay_as_they_are(void **state)
{
    (void)state;
    uint8_t bytes[] = {1, 2, 3, 4, 5}, out[5];
    assert_int_equal(bs_samples_expansion(BS_SAMPLES_S16), 1);
    bs_samples_expand(BS_SAMPLES_S16, bytes, sizeof bytes, out);
    assert_memory_equal(bytes, out, sizeof bytes);
}

static void what_would_lose_is_not_expanded(void **state)
{
    (void)state;
    static const enum bs_samples all[] = {BS_SAMPLES_NONE, BS_SAMPLES_S24, BS_SAMPLES_S32,
                                          BS_SAMPLES_FLOAT, BS_SAMPLES_OTHER};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_int_equal(bs_samples_expansion(all[i]), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_law_has_the_values_of_the_standard),
        cmocka_unit_test(mu_law_has_the_values_of_the_standard),
        cmocka_unit_test(eight_bits_are_moved_up_around_their_middle),
        cmocka_unit_test(nothing_is_lost),
        cmocka_unit_test(sixteen_bits_stay_as_they_are),
        cmocka_unit_test(what_would_lose_is_not_expanded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
