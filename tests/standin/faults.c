#include "faults.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

static const struct fault_name {
    const char *name;
    enum fault_kind kind;
    int code; /* where the rule gives none */
} fault_names[] = {
    {"error", FAULT_ERROR, 14},
    {"unavailable", FAULT_ERROR, 14},
    {"internal", FAULT_ERROR, 13},
    {"quota", FAULT_ERROR, 8},
    {"unauthenticated", FAULT_ERROR, 16},
    {"forbidden", FAULT_ERROR, 7},
    {"refuse", FAULT_ERROR, 3},
    {"not_found", FAULT_ERROR, 5},
    {"reset", FAULT_RESET, 0},
    {"cut", FAULT_CUT, 0},
    {"garble", FAULT_GARBLE, 0},
    {"hang", FAULT_HANG, 0},
    {"slow", FAULT_SLOW, 0},
    {"huge", FAULT_HUGE, 0},
    {"endless_headers", FAULT_ENDLESS_HEADERS, 0},
    {"redirect", FAULT_REDIRECT, 0},
    {"html", FAULT_HTML, 0},
    {"fail", FAULT_FAIL, 13},
    {"never_done", FAULT_NEVER_DONE, 0},
    {"error_before_done", FAULT_ERROR_BEFORE_DONE, 13},
    {"young_not_found", FAULT_YOUNG_NOT_FOUND, 0},
    {"expire", FAULT_EXPIRE, 0},
    {"empty", FAULT_EMPTY, 0},
    {"wrong_shape", FAULT_WRONG_SHAPE, 0},
    {"huge_result", FAULT_HUGE_RESULT, 0},
    {"duration", FAULT_DURATION, 0},
};

static const char *const request_names[] = {"submit", "check", "cancel", "token", "object", "any"};

static bool of_requests(enum fault_kind kind)
{
    return kind < FAULT_FAIL;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static void free_rule(struct fault *fault)
{
    free(fault->uri);
    free(fault->message);
    free(fault->location);
}

/* The member's text; "" when it is no string. */
static const char *text(const cJSON *rule, const char *name, const char *otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(rule, name);
    if (item == NULL) {
        return otherwise;
    }
    return cJSON_IsString(item) ? item->valuestring : "";
}

static char *copy_text(const cJSON *rule, const char *name)
{
    const char *found = text(rule, name, NULL);
    return found == NULL ? NULL : strdup(found);
}

static double number(const cJSON *rule, const char *name, double otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(rule, name);
    return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

static bool truth(const cJSON *rule, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(rule, name));
}

/* A misspelt field would make a test prove nothing, so it is an error. */
static bool fields_known(const cJSON *rule, struct bs_error *error)
{
    static const char *const names[] = {
        "fault",       "on",      "uri",  "probability",   "next",  "first_per_uri",
        "after",       "code",    "ms",   "message",       "bytes", "location",
        "retry_after", "wrapped", "hits", "code_as_string"};
    for (const cJSON *item = rule->child; item != NULL; item = item->next) {
        bool known = false;
        for (size_t i = 0; i < sizeof names / sizeof *names && !known; i++) {
            known = strcmp(item->string, names[i]) == 0;
        }
        if (!known) {
            bs_error_set(error, BS_ERROR_INVALID, "a rule has no field %s", item->string);
            return false;
        }
    }
    return true;
}

static bool read_kind(const cJSON *rule, struct fault *fault, struct bs_error *error)
{
    const char *name = text(rule, "fault", "");
    const char *on = text(rule, "on", request_names[REQUEST_ANY]);
    for (size_t i = 0; i < sizeof fault_names / sizeof *fault_names; i++) {
        if (strcmp(fault_names[i].name, name) == 0) {
            fault->kind = fault_names[i].kind;
            fault->code = fault_names[i].code;
        }
    }
    if (fault->kind == FAULT_NONE) {
        bs_error_set(error, BS_ERROR_INVALID, "no such fault: %s", name);
        return false;
    }
    for (int kind = 0; kind <= REQUEST_ANY; kind++) {
        if (strcmp(request_names[kind], on) == 0) {
            fault->on = (enum request_kind)kind;
            return true;
        }
    }
    bs_error_set(error, BS_ERROR_INVALID, "no such kind of request: %s", on);
    return false;
}

static bool read_rule(const cJSON *rule, struct fault *fault, struct bs_error *error)
{
    *fault = (struct fault){0};
    if (!fields_known(rule, error) || !read_kind(rule, fault, error)) {
        return false;
    }
    fault->uri = copy_text(rule, "uri");
    fault->message = copy_text(rule, "message");
    fault->location = copy_text(rule, "location");
    fault->probability = number(rule, "probability", 1);
    fault->left = (int64_t)number(rule, "next", -1);
    fault->first_per_uri = (int64_t)number(rule, "first_per_uri", 0);
    fault->after = truth(rule, "after");
    fault->wrapped = truth(rule, "wrapped");
    fault->code_as_string = truth(rule, "code_as_string");
    fault->code = (int)number(rule, "code", fault->code);
    fault->ms = (int64_t)number(rule, "ms", 0);
    fault->bytes = (int64_t)number(rule, "bytes", 16 * 1024 * 1024);
    fault->retry_after_seconds = (int64_t)number(rule, "retry_after", 0);
    return true;
}

static void free_rules(struct fault *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free_rule(&rules[i]);
    }
    free(rules);
}

/* Rules out of a JSON array, appended to those that `kept` holds. */
static enum bs_error_code append_rules(struct faults *faults, const cJSON *array, size_t kept,
                                       struct bs_error *error)
{
    size_t count = (size_t)cJSON_GetArraySize(array);
    struct fault *rules = calloc(kept + count + 1, sizeof *rules);
    BS_ASSERT(rules != NULL);
    size_t read = 0;
    for (const cJSON *rule = array->child; rule != NULL; rule = rule->next) {
        if (!read_rule(rule, &rules[kept + read], error)) {
            for (size_t i = 0; i < read; i++) {
                free_rule(&rules[kept + i]);
            }
            free(rules);
            return BS_ERROR_INVALID;
        }
        read++;
    }
    for (size_t i = 0; i < kept; i++) {
        rules[i] = faults->rules[i];
    }
    for (size_t i = kept; i < faults->count; i++) {
        free_rule(&faults->rules[i]);
    }
    free(faults->rules);
    faults->rules = rules;
    faults->count = kept + count;
    return BS_OK;
}

enum bs_error_code faults_read(struct faults *faults, const char *json, size_t size,
                               struct bs_error *error)
{
    cJSON *document = cJSON_ParseWithLength(json, size);
    if (!cJSON_IsObject(document)) {
        cJSON_Delete(document);
        return bs_error_set(error, BS_ERROR_INVALID, "the faults are no JSON object");
    }
    const cJSON *rules = cJSON_GetObjectItemCaseSensitive(document, "rules");
    const cJSON *more = cJSON_GetObjectItemCaseSensitive(document, "add");
    enum bs_error_code code = BS_OK;
    if (cJSON_IsArray(rules)) {
        code = append_rules(faults, rules, 0, error);
    }
    if (code == BS_OK && cJSON_IsArray(more)) {
        code = append_rules(faults, more, faults->count, error);
    }
    cJSON_Delete(document);
    return code;
}

void faults_free(struct faults *faults)
{
    free_rules(faults->rules, faults->count);
    *faults = (struct faults){0};
}

/* ---- showing ----------------------------------------------------------------------------------
 */

const char *faults_name(enum fault_kind kind)
{
    for (size_t i = 0; i < sizeof fault_names / sizeof *fault_names; i++) {
        if (fault_names[i].kind == kind) {
            return fault_names[i].name;
        }
    }
    return "none";
}

void faults_write(const struct faults *faults, struct buffer *out)
{
    buffer_text(out, "[");
    for (size_t i = 0; i < faults->count; i++) {
        const struct fault *fault = &faults->rules[i];
        buffer_format(out, "%s{\"fault\":\"%s\"", i == 0 ? "" : ",", faults_name(fault->kind));
        if (of_requests(fault->kind)) {
            buffer_format(out, ",\"on\":\"%s\"", request_names[fault->on]);
        }
        if (fault->uri != NULL) {
            buffer_text(out, ",\"uri\":");
            buffer_json(out, fault->uri);
        }
        buffer_format(out,
                      ",\"probability\":%g,\"next\":%lld,\"first_per_uri\":%lld,\"after\":%s,"
                      "\"code\":%d,\"ms\":%lld,\"bytes\":%lld,\"hits\":%lld}",
                      fault->probability, (long long)fault->left, (long long)fault->first_per_uri,
                      fault->after ? "true" : "false", fault->code, (long long)fault->ms,
                      (long long)fault->bytes, (long long)fault->hits);
    }
    buffer_text(out, "]");
}

/* ---- striking ---------------------------------------------------------------------------------
 */

static bool strikes(struct faults *faults, struct fault *fault, const char *uri, int64_t times)
{
    if (fault->left == 0 || (fault->uri != NULL && strstr(uri, fault->uri) == NULL) ||
        (fault->first_per_uri > 0 && times > fault->first_per_uri)) {
        return false;
    }
    double draw = (double)(bs_random_next(&faults->random) >> 11) / 9007199254740992.0;
    if (draw >= fault->probability) {
        return false;
    }
    fault->left -= fault->left > 0 ? 1 : 0;
    fault->hits++;
    return true;
}

const struct fault *faults_strike_request(struct faults *faults, enum request_kind on,
                                          const char *uri, int64_t times)
{
    for (size_t i = 0; i < faults->count; i++) {
        struct fault *fault = &faults->rules[i];
        if (of_requests(fault->kind) && (fault->on == REQUEST_ANY || fault->on == on) &&
            strikes(faults, fault, uri, times)) {
            return fault;
        }
    }
    return NULL;
}

const struct fault *faults_strike_operation(struct faults *faults, const char *uri, int64_t times)
{
    for (size_t i = 0; i < faults->count; i++) {
        struct fault *fault = &faults->rules[i];
        if (!of_requests(fault->kind) && strikes(faults, fault, uri, times)) {
            return fault;
        }
    }
    return NULL;
}
