#include "operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define PREFIX_LENGTH 10
#define DIGITS        10

void operations_init(struct operations *operations, uint64_t seed)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuv";
    *operations = (struct operations){.prefix = "e03"};
    uint64_t bits = bs_mix64(seed);
    for (size_t i = 3; i < PREFIX_LENGTH; i++) {
        operations->prefix[i] = letters[bits & 31];
        bits >>= 5;
    }
}

void operations_free(struct operations *operations)
{
    for (size_t i = 0; i < operations->count; i++) {
        struct operation *operation = operations->list[i];
        if (operation->transcript != NULL) {
            transcript_free(operation->transcript);
            free(operation->transcript);
        }
        free(operation->message);
        free(operation);
    }
    free(operations->list);
    *operations = (struct operations){0};
}

struct operation *operations_add(struct operations *operations)
{
    if (operations->count == operations->room) {
        operations->room = operations->room == 0 ? 1024 : operations->room * 2;
        operations->list = realloc(operations->list, operations->room * sizeof(struct operation *));
        BS_ASSERT(operations->list != NULL);
    }
    struct operation *operation = calloc(1, sizeof *operation);
    BS_ASSERT(operation != NULL);
    operation->number = (int64_t)operations->count;
    operations->list[operations->count++] = operation;
    return operation;
}

void operations_id(const struct operations *operations, const struct operation *operation,
                   char id[OPERATION_ID_SIZE])
{
    memcpy(id, operations->prefix, PREFIX_LENGTH);
    int64_t rest = operation->number;
    for (int place = PREFIX_LENGTH + DIGITS - 1; place >= PREFIX_LENGTH; place--) {
        id[place] = (char)('0' + rest % 10);
        rest /= 10;
    }
    id[PREFIX_LENGTH + DIGITS] = '\0';
}

struct operation *operations_find(const struct operations *operations, const char *id,
                                  size_t length)
{
    if (length != PREFIX_LENGTH + DIGITS || memcmp(id, operations->prefix, PREFIX_LENGTH) != 0) {
        return NULL;
    }
    size_t number = 0;
    for (size_t i = PREFIX_LENGTH; i < length; i++) {
        if (id[i] < '0' || id[i] > '9') {
            return NULL;
        }
        number = number * 10 + (size_t)(id[i] - '0');
    }
    return number < operations->count ? operations->list[number] : NULL;
}

void operation_fail(struct operation *operation, bs_wall_ms now, int code, const char *message)
{
    operation->state = OPERATION_FAILED;
    operation->modified = now;
    operation->code = code;
    char *copy = strdup(message);
    BS_ASSERT(copy != NULL);
    free(operation->message);
    operation->message = copy;
}

void operation_settle(struct operation *operation, bs_wall_ms now)
{
    if (operation->state != OPERATION_RUNNING || now < operation->done_at ||
        operation->recognising) {
        return;
    }
    bool fails = operation->fate == FAULT_FAIL || operation->fate == FAULT_ERROR_BEFORE_DONE;
    operation->state = fails || operation->code != 0 ? OPERATION_FAILED : OPERATION_DONE;
    if (operation->modified < operation->done_at) {
        operation->modified = operation->done_at;
    }
}
