/* A command's manual page, man(7), from its table of options and the text behind them.
 *
 * The text is what --help prints: paragraphs, among them lists ("  term  what it is", with the
 * lines that go on below the text) and examples (indented lines). A paragraph that begins with
 * "Exit status:" or "Examples:" becomes that section. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/help.h"
#include "commands/version.h"
#include "formats/json.h"

static const char status_heading[] = "Exit status: ";
static const char examples_heading[] = "Examples:\n";

/* ---- text in roff ---- */

static uint32_t code_point(const char *text, size_t size)
{
    uint32_t point = (uint8_t)text[0] & (size == 2 ? 0x1fu : size == 3 ? 0x0fu : 0x07u);
    for (size_t i = 1; i < size; i++) {
        point = point << 6 | ((uint8_t)text[i] & 0x3fu);
    }
    return point;
}

/* What may be typed again stays ASCII: a hyphen is a minus, a quote is a quote. */
static void put_character(char character)
{
    static const char special[] = "\\-'`^~\"";
    static const char *const escapes[] = {"\\e",   "\\-",   "\\(aq", "\\(ga",
                                          "\\(ha", "\\(ti", "\\(dq"};
    const char *found = character == '\0' ? NULL : strchr(special, character);
    if (found != NULL) {
        printf("%s", escapes[found - special]);
    } else {
        putchar(character);
    }
}

static void put(const char *text, size_t size)
{
    if (size > 0 && text[0] == '.') {
        printf("\\&"); /* no request */
    }
    for (size_t i = 0; i < size;) {
        size_t length = bs_utf8_sequence((const uint8_t *)text + i, size - i);
        if (length > 1) {
            printf("\\[u%04X]", (unsigned)code_point(text + i, length));
            i += length;
        } else {
            put_character(text[i++]);
        }
    }
}

static void put_line(const char *text, size_t size)
{
    put(text, size);
    putchar('\n');
}

static void put_text(const char *text)
{
    put_line(text, strlen(text));
}

/* ---- the text behind the options ---- */

struct line {
    const char *text; /* without what it is indented by */
    size_t size;
    size_t indent;
    size_t term;   /* of a list's entry: the term's size; else 0 */
    size_t column; /* where the text behind the term begins, in characters of the line */
};

static struct line read_line(const char **from, const char *end)
{
    const char *begin = *from;
    const char *newline = memchr(begin, '\n', (size_t)(end - begin));
    const char *stop = newline == NULL ? end : newline;
    *from = newline == NULL ? end : newline + 1;
    struct line line = {.text = begin};
    while (line.text < stop && *line.text == ' ') {
        line.text++;
    }
    line.indent = (size_t)(line.text - begin);
    line.size = (size_t)(stop - line.text);
    for (size_t i = 1; i + 2 < line.size; i++) {
        if (line.text[i] == ' ' && line.text[i + 1] == ' ') {
            line.term = i;
            while (line.text[i] == ' ') {
                i++;
            }
            line.column = line.indent + i;
            break;
        }
    }
    return line;
}

/* Lists, examples and plain text, as they follow each other; `first`: nothing is above it. */
static void put_block(const char *text, const char *end, bool first)
{
    enum { FIRST, ABOVE, PLAIN, ENTRY, EXAMPLE } in = first ? FIRST : ABOVE;
    size_t column = 0;
    while (text < end) {
        struct line line = read_line(&text, end);
        bool goes_on = in == ENTRY && line.term == 0 && line.indent == column;
        bool is_example = line.term == 0 && line.indent > 0 && !goes_on;
        if (in == EXAMPLE && !is_example) {
            printf(".EE\n");
        }
        if (line.term > 0) {
            printf(".TP\n.B ");
            put_line(line.text, line.term);
            size_t skipped = line.column - line.indent;
            put_line(line.text + skipped, line.size - skipped);
            in = ENTRY;
            column = line.column;
        } else if (is_example) {
            printf("%s%s", in == EXAMPLE || in == FIRST ? "" : ".PP\n",
                   in == EXAMPLE ? "" : ".EX\n");
            put_line(line.text, line.size);
            in = EXAMPLE;
        } else {
            printf("%s", in == FIRST || in == PLAIN || goes_on ? "" : ".PP\n");
            put_line(line.text, line.size);
            in = goes_on ? ENTRY : PLAIN;
        }
    }
    printf("%s", in == EXAMPLE ? ".EE\n" : "");
}

/* "0 well; 1 a failure, …" as a list. */
static void put_statuses(const char *text, const char *end)
{
    bool first = true;
    end -= end > text && end[-1] == '.';
    for (const char *at = text; at < end; at++) {
        bool begins = at == text || (at >= text + 2 && at[-2] == ';' && isspace((uint8_t)at[-1]));
        if (begins && at + 1 < end && isdigit((uint8_t)at[0]) && at[1] == ' ') {
            printf("%s.TP\n.B %c\n", first ? "" : "\n", at[0]);
            first = false;
            at++;
            continue;
        }
        bool separates =
            at + 2 < end && *at == ';' && isspace((uint8_t)at[1]) && isdigit((uint8_t)at[2]);
        if (separates) {
            at++;
        } else {
            put(at, bs_utf8_sequence((const uint8_t *)at, (size_t)(end - at)));
            at += bs_utf8_sequence((const uint8_t *)at, (size_t)(end - at)) - 1;
        }
    }
    putchar('\n');
}

enum section { DESCRIPTION, EXIT_STATUS, EXAMPLES };

static enum section section_of(const char *paragraph)
{
    if (strncmp(paragraph, status_heading, strlen(status_heading)) == 0) {
        return EXIT_STATUS;
    }
    return strncmp(paragraph, examples_heading, strlen(examples_heading)) == 0 ? EXAMPLES
                                                                               : DESCRIPTION;
}

/* The paragraphs of a section; whether there were any. */
static void put_section(const char *after, enum section section)
{
    while (after != NULL && *after != '\0') {
        const char *gap = strstr(after, "\n\n");
        const char *end = gap == NULL ? after + strlen(after) : gap;
        if (section_of(after) == section) {
            switch (section) {
            case DESCRIPTION:
                put_block(after, end, false);
                break;
            case EXIT_STATUS:
                printf(".SH EXIT STATUS\n");
                put_statuses(after + strlen(status_heading), end);
                break;
            case EXAMPLES:
                printf(".SH EXAMPLES\n");
                put_block(after + strlen(examples_heading), end, true);
                break;
            }
        }
        after = gap == NULL ? NULL : gap + 2;
    }
}

/* ---- pages ---- */

static void put_head(const char *name, const char *brief)
{
    char heading[128];
    (void)snprintf(heading, sizeof heading, "BACKSCRIBE%s%s", name == NULL ? "" : "-",
                   name == NULL ? "" : name);
    for (char *at = heading; *at != '\0'; at++) {
        *at = (char)toupper((uint8_t)*at);
    }
    printf(".\\\" Made by backscribe --help=man.\n.TH ");
    put(heading, strlen(heading));
    printf(" 1 " BS_VERSION_DATE " \"backscribe " BS_VERSION "\" \"User Commands\"\n");
    printf(".nh\n.ad l\n.SH NAME\nbackscribe%s%s \\- ", name == NULL ? "" : "\\-",
           name == NULL ? "" : name);
    put_text(brief);
}

static void put_option(const struct bs_help_option *option)
{
    printf(".TP\n\\fB\\-\\-");
    put(option->name, strlen(option->name));
    printf("\\fR");
    if (option->argument != NULL) {
        printf(" \\fI");
        put(option->argument, strlen(option->argument));
        printf("\\fR");
    }
    if (option->letter != 0) {
        printf(", \\fB\\-%c\\fR", option->letter);
        if (option->argument != NULL) {
            printf(" \\fI");
            put(option->argument, strlen(option->argument));
            printf("\\fR");
        }
    }
    putchar('\n');
    put_text(option->help);
}

static void put_options(const struct bs_command *command)
{
    struct bs_help_option option;
    bool common = false;
    printf(".SH OPTIONS\n");
    for (size_t i = 0; bs_help_option(command, i, &option); i++) {
        if (option.common && !common) {
            printf(".SS Common options\n");
            common = true;
        }
        put_option(&option);
    }
}

static void put_environment(void)
{
    printf(".SH ENVIRONMENT\n.TP\n.B BACKSCRIBE_CONFIG\nThe configuration's file, where "
           "\\fB\\-\\-config\\fR is not given.\n.PP\nEvery string of the configuration may name "
           "other variables as ${NAME}.\n");
}

static void put_see_also(const char *self)
{
    printf(".SH SEE ALSO\n");
    if (self != NULL) {
        printf(".BR backscribe (1)");
    }
    bool first = self == NULL;
    for (size_t i = 0; i < bs_subcommand_count; i++) {
        if (self == NULL || strcmp(bs_subcommands[i].name, self) != 0) {
            printf("%s.BR backscribe\\-%s (1)", first ? "" : ",\n", bs_subcommands[i].name);
            first = false;
        }
    }
    putchar('\n');
}

void bs_help_man(const struct bs_command *command)
{
    put_head(command->name, bs_help_brief(command->name));
    printf(".SH SYNOPSIS\n.B backscribe %s\n", command->name);
    put_text(command->usage);
    printf(".SH DESCRIPTION\n");
    put_block(command->summary, command->summary + strlen(command->summary), true);
    put_section(command->after, DESCRIPTION);
    put_options(command);
    put_section(command->after, EXIT_STATUS);
    put_environment();
    put_section(command->after, EXAMPLES);
    put_see_also(command->name);
}

void bs_help_man_program(void)
{
    put_head(NULL, "turn archives of recordings into text");
    printf(".SH SYNOPSIS\n.B backscribe\n.I COMMAND\n.RI [ OPTIONS ]\n.br\n.B backscribe\n.I "
           "COMMAND\n.B \\-\\-help\n.br\n.B backscribe \\-\\-version\n.SH DESCRIPTION\n");
    const char *summary = bs_help_program_summary;
    put_block(summary, summary + strlen(summary), true);
    printf(".SH COMMANDS\n");
    for (size_t i = 0; i < bs_subcommand_count; i++) {
        printf(".TP\n.BR backscribe\\-%s (1)\n", bs_subcommands[i].name);
        put_text(bs_subcommands[i].summary);
    }
    printf(
        ".SH OPTIONS\n.TP\n\\fB\\-\\-help\\fR, \\fB\\-h\\fR\nthe commands; behind a command, its "
        "options\n.TP\n\\fB\\-\\-version\\fR, \\fB\\-V\\fR\nthe version, and those of the "
        "libraries that it runs on\n");
    put_environment();
    printf(".SH FILES\n.TP\n.I /etc/backscribe/config.json\nthe configuration of the systemd "
           "units\n");
    put_see_also(NULL);
}
