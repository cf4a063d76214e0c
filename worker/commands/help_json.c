/* A command as JSON, for what makes reference pages of it. */
#include <stdio.h>

#include "commands/help.h"
#include "formats/json.h"

static void text_member(struct bs_buffer *out, const char *name, const char *text)
{
    bs_json_append_string(out, name);
    bs_buffer_append_text(out, ":");
    if (text == NULL) {
        bs_buffer_append_text(out, "null");
    } else {
        bs_json_append_string(out, text);
    }
}

static void flag_member(struct bs_buffer *out, const char *name, bool flag)
{
    bs_buffer_append_text(out, ",");
    bs_json_append_string(out, name);
    bs_buffer_append_text(out, flag ? ":true" : ":false");
}

static void append_option(struct bs_buffer *out, const struct bs_help_option *option)
{
    const char letter[2] = {option->letter, '\0'};
    bs_buffer_append_text(out, "{");
    text_member(out, "name", option->name);
    bs_buffer_append_text(out, ",");
    text_member(out, "short", option->letter == 0 ? NULL : letter);
    bs_buffer_append_text(out, ",");
    text_member(out, "argument", option->argument);
    bs_buffer_append_text(out, ",");
    text_member(out, "help", option->help);
    flag_member(out, "repeated", option->repeated);
    flag_member(out, "common", option->common);
    bs_buffer_append_text(out, "}");
}

void bs_help_json(const struct bs_command *command)
{
    struct bs_buffer out = {0};
    struct bs_help_option option;
    bs_buffer_append_text(&out, "{");
    text_member(&out, "name", command->name);
    bs_buffer_append_text(&out, ",");
    text_member(&out, "brief", bs_help_brief(command->name));
    bs_buffer_append_text(&out, ",");
    text_member(&out, "usage", command->usage);
    bs_buffer_append_text(&out, ",");
    text_member(&out, "summary", command->summary);
    bs_buffer_append_text(&out, ",\"options\":[");
    for (size_t i = 0; bs_help_option(command, i, &option); i++) {
        bs_buffer_append_text(&out, i == 0 ? "" : ",");
        append_option(&out, &option);
    }
    bs_buffer_append_text(&out, "],");
    text_member(&out, "after", command->after);
    bs_buffer_append_text(&out, "}\n");
    (void)fwrite(out.data, 1, out.size, stdout);
    bs_buffer_free(&out);
}
