#include "base/time.h"

#include <stdio.h>

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar; the year is taken to begin
 * in March, so that the leap day comes last. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    *month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    *year = year_of_era + era * 400 + (*month <= 2);
}

void bs_rfc3339_format(bs_wall_ms moment, char text[BS_RFC3339_SIZE])
{
    int64_t days = moment / 86400000;
    int64_t of_day = moment % 86400000;
    if (of_day < 0) {
        of_day += 86400000;
        days--;
    }
    int64_t year, month, day;
    date_from_days(days, &year, &month, &day);
    (void)snprintf(text, BS_RFC3339_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                   (unsigned)(year % 10000), (unsigned)(month % 100), (unsigned)(day % 100),
                   (unsigned)(of_day / 3600000 % 24), (unsigned)(of_day / 60000 % 60),
                   (unsigned)(of_day / 1000 % 60), (unsigned)(of_day % 1000));
}

/* Reads exactly `count` digits at `*at`; -1 when there are not as many. */
static int64_t digits(const char **at, const char *end, int count)
{
    int64_t value = 0;
    for (int i = 0; i < count; i++) {
        if (*at == end || **at < '0' || **at > '9') {
            return -1;
        }
        value = value * 10 + (**at - '0');
        (*at)++;
    }
    return value;
}

static bool literal(const char **at, const char *end, char wanted)
{
    if (*at == end || **at != wanted) {
        return false;
    }
    (*at)++;
    return true;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const int64_t usual[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return usual[month - 1] + (month == 2 && leap);
}

static bool parse_fraction(const char **at, const char *end, int64_t *milliseconds)
{
    *milliseconds = 0;
    if (!literal(at, end, '.')) {
        return true;
    }
    int64_t scale = 100;
    const char *first = *at;
    while (*at != end && **at >= '0' && **at <= '9') {
        *milliseconds += (**at - '0') * scale;
        scale /= 10;
        (*at)++;
    }
    return *at != first;
}

static bool parse_offset(const char **at, const char *end, int64_t *minutes)
{
    *minutes = 0;
    if (literal(at, end, 'Z') || literal(at, end, 'z')) {
        return true;
    }
    int sign = 1;
    if (!literal(at, end, '+')) {
        if (!literal(at, end, '-')) {
            return false;
        }
        sign = -1;
    }
    int64_t hour = digits(at, end, 2);
    if (hour < 0 || hour > 23 || !literal(at, end, ':')) {
        return false;
    }
    int64_t minute = digits(at, end, 2);
    if (minute < 0 || minute > 59) {
        return false;
    }
    *minutes = sign * (hour * 60 + minute);
    return true;
}

bool bs_rfc3339_parse(const char *text, size_t length, bs_wall_ms *moment)
{
    const char *at = text, *end = text + length;
    int64_t year = digits(&at, end, 4);
    if (year < 1 || !literal(&at, end, '-')) {
        return false;
    }
    int64_t month = digits(&at, end, 2);
    if (month < 1 || month > 12 || !literal(&at, end, '-')) {
        return false;
    }
    int64_t day = digits(&at, end, 2);
    if (day < 1 || day > days_in_month(year, month)) {
        return false;
    }
    if (!literal(&at, end, 'T') && !literal(&at, end, 't') && !literal(&at, end, ' ')) {
        return false;
    }
    int64_t hour = digits(&at, end, 2);
    if (hour < 0 || hour > 23 || !literal(&at, end, ':')) {
        return false;
    }
    int64_t minute = digits(&at, end, 2);
    if (minute < 0 || minute > 59 || !literal(&at, end, ':')) {
        return false;
    }
    int64_t second = digits(&at, end, 2), milliseconds, offset_minutes;
    if (second < 0 || second > 60 || !parse_fraction(&at, end, &milliseconds) ||
        !parse_offset(&at, end, &offset_minutes) || at != end) {
        return false;
    }
    *moment =
        ((days_from_date(year, month, day) * 24 + hour) * 60 + minute - offset_minutes) * 60000 +
        second * 1000 + milliseconds;
    return true;
}
