/* Numbers and durations for people. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "commands/watch.h"

#define THIN_SPACE "\xe2\x80\xaf" /* U+202F, which breaks no line */

const char *bs_watch_number(double value, int digits, bool ascii, char text[BS_WATCH_WORDS_SIZE])
{
    char plain[48];
    const char *between = ascii ? "," : THIN_SPACE;
    if (!(fabs(value) < 1e15)) {
        (void)snprintf(text, BS_WATCH_WORDS_SIZE, "%s", ascii ? "-" : "\xe2\x80\x93");
        return text;
    }
    (void)snprintf(plain, sizeof plain, "%.*f", digits, value);
    size_t sign = plain[0] == '-', whole = strspn(plain + sign, "0123456789"), used = 0;
    for (size_t i = 0; plain[i] != '\0'; i++) {
        if (i > sign && i < sign + whole && (sign + whole - i) % 3 == 0) {
            memcpy(text + used, between, strlen(between));
            used += strlen(between);
        }
        text[used++] = plain[i];
    }
    text[used] = '\0';
    return text;
}

const char *bs_watch_short(double value, bool ascii, char text[BS_WATCH_WORDS_SIZE])
{
    static const struct {
        double least, unit;
        const char *name;
    } scales[] = {{999.5e9, 1e12, "T"}, {999.5e6, 1e9, "G"}, {999.5e3, 1e6, "M"}};
    if (!(value < 1e15)) {
        return bs_watch_number(NAN, 0, ascii, text);
    }
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        if (value >= scales[i].least) {
            double scaled = value / scales[i].unit;
            int digits = scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
            (void)snprintf(text, BS_WATCH_WORDS_SIZE, "%.*f %s", digits, scaled, scales[i].name);
            return text;
        }
    }
    return bs_watch_number(value, value > 0 && value < 9.95 && fabs(value - round(value)) > 0.049,
                           ascii, text);
}

const char *bs_watch_duration(double seconds, bool up, char text[BS_WATCH_WORDS_SIZE])
{
    static const struct {
        double size, part;
        const char *name, *part_name;
    } units[] = {{86400, 3600, "d", "h"}, {3600, 60, "h", "min"}, {60, 1, "min", "s"}};
    if (!(seconds >= 0 && seconds < 1e12)) {
        (void)snprintf(text, BS_WATCH_WORDS_SIZE, "?");
        return text;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        /* 12 min, not 12 min 34 s; 115 d, not 115 d 18 h */
        bool coarse = seconds >= (units[i].part < 2 ? 10 : 100) * units[i].size;
        double step = coarse ? units[i].size : units[i].part;
        double rounded = (up ? ceil(seconds / step) : floor(seconds / step)) * step;
        if (rounded < units[i].size) {
            continue;
        }
        double whole = floor(rounded / units[i].size);
        double parts = round((rounded - whole * units[i].size) / step);
        int size = snprintf(text, BS_WATCH_WORDS_SIZE, "%.0f %s", whole, units[i].name);
        if (parts > 0 && !coarse) {
            (void)snprintf(text + size, BS_WATCH_WORDS_SIZE - (size_t)size, " %.0f %s", parts,
                           units[i].part_name);
        }
        return text;
    }
    (void)snprintf(text, BS_WATCH_WORDS_SIZE, "%.*f s",
                   seconds > 0 && seconds < 9.95 && fabs(seconds - round(seconds)) > 0.049,
                   seconds);
    return text;
}

void bs_watch_left_words(const struct bs_watch_left *left, char *text, size_t size)
{
    char low[BS_WATCH_WORDS_SIZE], high[BS_WATCH_WORDS_SIZE];
    switch (left->kind) {
    case BS_WATCH_LEFT_NOTHING:
        (void)snprintf(text, size, "none%s",
                       left->reason[0] == '\0' ? ": everything is answered" : "");
        break;
    case BS_WATCH_LEFT_AT_LEAST:
        (void)snprintf(text, size, "at least %s", bs_watch_duration(left->low, false, low));
        break;
    case BS_WATCH_LEFT_RANGE:
        (void)bs_watch_duration(left->low, false, low);
        (void)bs_watch_duration(left->high, true, high);
        if (left->high < 60) {
            (void)snprintf(text, size, "less than a minute");
        } else if (strcmp(low, high) == 0) {
            (void)snprintf(text, size, "about %s", low);
        } else {
            (void)snprintf(text, size, "%s to %s", low, high);
        }
        break;
    default:
        (void)snprintf(text, size, "not known");
        break;
    }
}
