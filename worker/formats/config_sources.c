/* What stands on top of the file: --set, and the environment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/config_parts.h"
#include "formats/specification.h"

/* ---- --set --------------------------------------------------------------------------------------
 */

static bool is_utf8(const char *text)
{
    size_t size = strlen(text), length;
    for (size_t at = 0; at < size; at += length) {
        length = bs_utf8_sequence((const uint8_t *)text + at, size - at);
        if (length == 0) {
            return false;
        }
    }
    return true;
}

/* Below these the rest of a --set path is one name, dots and all. */
static const char *const whole_name_sections[] = {"kafka", "kafka_files"};

static bool takes_whole_names(const char *section)
{
    return strcmp(section, whole_name_sections[0]) == 0 ||
           strcmp(section, whole_name_sections[1]) == 0;
}

static bool is_below(const char *path, const char *section)
{
    size_t length = strlen(section);
    return strncmp(path, section, length) == 0 && path[length] == '.';
}

/* Whether the value of this path is text as it stands; everything else is JSON. */
static bool is_text_path(const char *path)
{
    static const char defaults[] = "speechkit.defaults";
    const struct bs_setting *setting = bs_config_setting(path, strlen(path));
    if (setting != NULL) {
        return setting->kind == BS_SETTING_TEXT || setting->kind == BS_SETTING_CHOICE ||
               setting->kind == BS_SETTING_LISTEN;
    }
    if (is_below(path, "speechkit.auth") || is_below(path, "objects.auth")) {
        return !bs_config_auth_is_flag(strrchr(path, '.') + 1);
    }
    if (is_below(path, defaults)) {
        return bs_specification_field_type(path + sizeof defaults) == cJSON_String;
    }
    return is_below(path, whole_name_sections[0]) || is_below(path, whole_name_sections[1]);
}

/* A value that is not the JSON it should be becomes a string: reading then says what was expected.
 */
static cJSON *setting_value(const char *path, const char *value)
{
    BS_ASSERT(value != NULL);
    cJSON *item = NULL;
    struct bs_json_problem problem;
    if (!is_text_path(path)) {
        item = bs_json_parse((const uint8_t *)value, strlen(value), &problem);
    }
    return item != NULL ? item : cJSON_CreateString(value);
}

/* Sets the item at the path; sections are made as needed. What stands in a section's place without
 * being one stays, to be complained about. */
static void put(cJSON *tree, char *path, cJSON *value)
{
    cJSON *section = tree;
    char *name = path;
    bool whole = false;
    for (char *dot = strchr(name, '.'); dot != NULL && !whole && cJSON_IsObject(section);
         dot = strchr(name, '.')) {
        *dot = '\0';
        whole = section == tree && takes_whole_names(name);
        cJSON *next = cJSON_GetObjectItemCaseSensitive(section, name);
        section = next != NULL ? next : cJSON_AddObjectToObject(section, name);
        name = dot + 1;
    }
    if (!cJSON_IsObject(section)) {
        cJSON_Delete(value);
        return;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(section, name);
    BS_ASSERT(cJSON_AddItemToObject(section, name, value));
}

/* More dots than any path or property has would only nest the tree deeply. */
static bool is_path(const char *path)
{
    size_t length = strlen(path);
    int dots = 0;
    for (const char *at = path; *at != '\0'; at++) {
        dots += *at == '.';
    }
    return length > 0 && path[0] != '.' && path[length - 1] != '.' && strstr(path, "..") == NULL &&
           dots <= 16;
}

void bs_config_apply_setting(cJSON *tree, const char *setting, struct bs_config_errors *errors)
{
    const char *equals = strchr(setting, '=');
    if (!is_utf8(setting)) {
        bs_config_complain(errors, "--set", "expected UTF-8");
        return;
    }
    char *path = strndup(setting, equals == NULL ? 0 : (size_t)(equals - setting));
    BS_ASSERT(path != NULL);
    if (!is_path(path)) {
        bs_config_complain(errors, "--set",
                           "expected PATH=VALUE, for instance limits.in_flight=10");
    } else {
        put(tree, path, setting_value(path, equals + 1));
    }
    free(path);
}

/* ---- ${NAME} ------------------------------------------------------------------------------------
 */

/* The length of a variable's name at `text`; 0 = none. */
static size_t name_length(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    size_t length = strspn(text, letters);
    while (
        length > 0 && text[length] != '\0' &&
        (strchr(letters, text[length]) != NULL || (text[length] >= '0' && text[length] <= '9'))) {
        length++;
    }
    return length;
}

/* Appends what stands for the dollar sign at `text`; how much of the text that was, 0 = an error.
 */
static size_t expand_one(const char *text, struct bs_buffer *out, const char *path,
                         struct bs_config_errors *errors)
{
    if (text[1] == '$') {
        bs_buffer_append(out, "$", 1);
        return 2;
    }
    size_t length = text[1] == '{' ? name_length(text + 2) : 0;
    if (length == 0 || text[2 + length] != '}') {
        bs_config_complain(errors, path, "expected ${NAME} or $$ where a $ stands");
        return 0;
    }
    char *name = strndup(text + 2, length);
    BS_ASSERT(name != NULL);
    const char *value = getenv(name);
    if (value == NULL || !is_utf8(value)) {
        bs_config_complain(errors, path, "the environment variable %s %s", name,
                           value == NULL ? "is not set" : "is not UTF-8");
        length = 0;
    } else {
        bs_buffer_append_text(out, value);
    }
    free(name);
    return length == 0 ? 0 : length + 3;
}

static void expand_string(cJSON *item, const char *path, struct bs_config_errors *errors)
{
    const char *text = item->valuestring;
    if (strchr(text, '$') == NULL) {
        return;
    }
    struct bs_buffer out = {0};
    while (*text != '\0') {
        size_t length = strcspn(text, "$");
        bs_buffer_append(&out, text, length);
        text += length;
        if (*text == '$') {
            size_t taken = expand_one(text, &out, path, errors);
            text += taken == 0 ? 1 : taken;
        }
    }
    bs_buffer_append(&out, "", 1);
    BS_ASSERT(cJSON_SetValuestring(item, (const char *)out.data) != NULL);
    bs_buffer_free(&out);
}

static void expand_below(cJSON *item, const char *path, struct bs_config_errors *errors)
{
    if (cJSON_IsString(item)) {
        expand_string(item, path, errors);
        return;
    }
    size_t index = 0;
    for (cJSON *child = item->child; child != NULL; child = child->next, index++) {
        char below[256];
        if (child->string == NULL) {
            (void)snprintf(below, sizeof below, "%s[%zu]", path, index);
        } else {
            (void)snprintf(below, sizeof below, "%s%s%s", path, path[0] == '\0' ? "" : ".",
                           child->string);
        }
        expand_below(child, below, errors);
    }
}

void bs_config_expand(cJSON *tree, struct bs_config_errors *errors)
{
    expand_below(tree, "", errors);
}
