/* Names of files for what is made of a recording: derived from its object's key, whatever that is,
 * so that no name leads out of the folder that it is meant for. Any thread. */
#ifndef BS_FORMATS_FILE_NAME_H
#define BS_FORMATS_FILE_NAME_H

#include <stdbool.h>

#include "formats/config.h"
#include "formats/message.h"

#define BS_FILE_NAME_MAX 255  /* bytes of what stands between two slashes */
#define BS_FILE_PATH_MAX 1200 /* bytes in all; a key has 1,024 at most */

/* Appends the relative path of the file for a recording, with its NUL: its key, and `extension`
 * behind it. Its folders are those of the key, below the bucket's name; the keys of the bucket
 * `root` (NULL: of none) begin without it. Where `uri` names no object, the name is made of `id`.
 *
 * What the path promises: it is not absolute; none of its parts is empty, "." or "..", has more
 * than BS_FILE_NAME_MAX bytes, a control character, a mark that turns the direction of writing, a
 * backslash, or a dot or space at its end, or begins with ".backscribe"; it is valid UTF-8; it ends
 * in `extension`, and no folder in it does. A key that had to be altered for that has a "~" and
 * 16 hexadecimal digits of a hash behind it, before the extension: so the same recording always has
 * the same path, and two recordings never have one.
 *
 * `portable`: for a file system that does not tell upper from lower case, or forbids more
 * characters: names with letters that have two cases, and with :*?"<>|, are altered too. */
void bs_file_name_append(const struct bs_config *config, const char *root, const char *uri,
                         const char *id, const char *extension, bool portable,
                         struct bs_buffer *out);

#endif
