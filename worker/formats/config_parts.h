/* The parts that config.h's reader is made of. Internal to formats. */
#ifndef BS_FORMATS_CONFIG_PARTS_H
#define BS_FORMATS_CONFIG_PARTS_H

#include "formats/config.h"
#include "formats/json.h"

/* Adds a line "path: text". */
void bs_config_complain(struct bs_config_errors *errors, const char *path, const char *format, ...)
    BS_PRINTF(3, 4);

/* ---- config_sources.c: --set and the environment ----------------------------------------------
 */

/* Puts "path=value" into the tree, as the type that the path has. */
void bs_config_apply_setting(cJSON *tree, const char *setting, struct bs_config_errors *errors);
/* Replaces ${NAME} and $$ in every string. */
void bs_config_expand(cJSON *tree, struct bs_config_errors *errors);

/* ---- config_table.c: the settings with their types, bounds and defaults ------------------------
 */

enum bs_setting_kind {
    BS_SETTING_TEXT,
    BS_SETTING_INTEGER,
    BS_SETTING_NUMBER,
    BS_SETTING_FLAG,
    BS_SETTING_CHOICE, /* two names, the default first; a bool is whether it is the second */
    BS_SETTING_BUCKETS,
    BS_SETTING_LISTEN,
    BS_SETTING_SPEECHKIT_AUTH,
    BS_SETTING_OBJECTS_AUTH,
    BS_SETTING_SPECIFICATION,
    BS_SETTING_KAFKA,
    BS_SETTING_KAFKA_FILES,
};

struct bs_setting {
    const char *path;
    enum bs_setting_kind kind;
    size_t place;           /* in struct bs_config */
    double low, high;       /* of numbers */
    double standard_number; /* the default of numbers and flags */
    const char *standard;   /* the default of texts; a choice's first name */
    const char *other;      /* a choice's second name */
    bool (*good)(const char *text);
    const char *expected; /* for texts, after "expected " */
};

/* The setting with that path, or NULL. */
const struct bs_setting *bs_config_setting(const char *path, size_t length);
void bs_config_set_defaults(struct bs_config *config);
/* Reads every value of the tree; tells what is unknown or wrong. */
void bs_config_read(struct bs_config *config, const cJSON *tree, struct bs_config_errors *errors);

/* ---- config_kafka.c, config_rules.c -------------------------------------------------------------
 */

void bs_config_read_kafka(struct bs_config *config, const cJSON *object, bool files,
                          struct bs_config_errors *errors);
void bs_config_read_auth(struct bs_auth *auth, const cJSON *object, const char *path, bool objects,
                         struct bs_config_errors *errors);
void bs_config_read_defaults(struct bs_config *config, const cJSON *object,
                             struct bs_config_errors *errors);
/* The type of a member of an auth object that --set names: a flag (true) or a text. */
bool bs_config_auth_is_flag(const char *name);
/* What settings must be towards each other. */
void bs_config_check_rules(const struct bs_config *config, struct bs_config_errors *errors);
/* The value of a property, or NULL. */
const char *bs_config_kafka_value(const struct bs_config *config, const char *name);

/* strdup that aborts where there is no memory. */
char *bs_config_copy(const char *text);

#endif
