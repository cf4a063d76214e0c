#include "s3_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "s3_encoding.h"

#define PIECE_LENGTH 200 /* of a file's name, which may have 255 bytes */
#define FACTS        "/.facts"
#define UPLOADS      "/.uploads"
#define BLOCK_SIZE   65536

void s3_files_init(struct s3_files *files, const char *folder)
{
    *files = (struct s3_files){.folder = folder};
    pthread_mutex_init(&files->lock, NULL);
}

/* ---- names -------------------------------------------------------------------------------------
 */

bool s3_bucket_valid(const char *bucket)
{
    size_t length = strlen(bucket);
    bool well = length >= 3 && length <= 63 && strchr("-.", bucket[0]) == NULL &&
                strchr("-.", bucket[length - 1]) == NULL;
    return well && strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-.") == length;
}

static char *join(const char *folder, const char *bucket, const char *below)
{
    char *path;
    int length = asprintf(&path, "%s/%s%s", folder, bucket, below);
    BS_ASSERT(length > 0);
    return path;
}

/* The file of a key. The name is the key percent-encoded, with '/' and a '.' at its beginning; what
 * is too long for a name is cut into folders whose names end in a '+', which no other has. */
static char *path_of(const struct s3_files *files, const char *bucket, const char *below,
                     const char *key)
{
    struct buffer encoded = {0};
    struct buffer path = {0};
    s3_encode(key, "", &encoded);
    buffer_format(&path, "%s/%s%s/", files->folder, bucket, below);
    for (size_t at = 0; at < encoded.size; at += PIECE_LENGTH) {
        size_t left = encoded.size - at;
        if (at > 0) {
            buffer_text(&path, "+/");
        }
        if (encoded.bytes[at] == '.') {
            buffer_text(&path, "%2E");
            buffer_add(&path, encoded.bytes + at + 1,
                       (left < PIECE_LENGTH ? left : PIECE_LENGTH) - 1);
        } else {
            buffer_add(&path, encoded.bytes + at, left < PIECE_LENGTH ? left : PIECE_LENGTH);
        }
    }
    buffer_add(&path, "", 1);
    buffer_free(&encoded);
    return path.bytes;
}

/* Makes the folders that a file stands in, from `from` on. */
static void make_folders(char *path, size_t from)
{
    for (char *slash = strchr(path + from, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755); /* whether it is there shows when the file is made */
        *slash = '/';
    }
}

/* ---- buckets ------------------------------------------------------------------------------------
 */

enum s3_error s3_bucket_create(struct s3_files *files, const char *bucket)
{
    if (!s3_bucket_valid(bucket)) {
        return S3_INVALID_BUCKET;
    }
    char *path = join(files->folder, bucket, "");
    int failed = mkdir(path, 0755);
    int reason = errno;
    free(path);
    return failed == 0 ? S3_OK : reason == EEXIST ? S3_BUCKET_EXISTS : S3_INTERNAL;
}

enum s3_error s3_bucket_find(struct s3_files *files, const char *bucket)
{
    struct stat facts;
    char *path = join(files->folder, bucket, "");
    bool there = s3_bucket_valid(bucket) && stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
    free(path);
    return there ? S3_OK : S3_NO_BUCKET;
}

/* ---- objects ------------------------------------------------------------------------------------
 */

static void digest_text(EVP_MD_CTX *digest, char *text)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    int well = EVP_DigestFinal_ex(digest, bytes, &size);
    BS_ASSERT(well == 1);
    for (unsigned int i = 0; i < size; i++) {
        snprintf(text + (size_t)i * 2, 3, "%02x", bytes[i]);
    }
}

static EVP_MD_CTX *new_digest(const EVP_MD *kind)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    BS_ASSERT(digest != NULL);
    int well = EVP_DigestInit_ex(digest, kind, NULL);
    BS_ASSERT(well == 1);
    return digest;
}

static void compute_etag(int fd, char etag[S3_ETAG_SIZE])
{
    char block[BLOCK_SIZE];
    ssize_t count;
    EVP_MD_CTX *digest = new_digest(EVP_md5());
    for (off_t at = 0; (count = pread(fd, block, sizeof block, at)) > 0; at += count) {
        int well = EVP_DigestUpdate(digest, block, (size_t)count);
        BS_ASSERT(well == 1);
    }
    digest_text(digest, etag);
    EVP_MD_CTX_free(digest);
}

/* The facts of the very file that `inode` is; false: there are none. */
static bool read_facts(const char *path, ino_t inode, struct s3_object *object)
{
    FILE *file = fopen(path, "rbe");
    unsigned long long noted = 0;
    char line[8192];
    if (file == NULL) {
        return false;
    }
    bool well =
        fscanf(file, "%llu %32[0-9a-f]\n", &noted, object->etag) == 2 && noted == (uint64_t)inode;
    while (well && fgets(line, sizeof line, file) != NULL) {
        buffer_text(&object->headers, line);
    }
    fclose(file);
    return well;
}

static bool write_facts(char *path, size_t folder_length, const char *etag,
                        const struct buffer *headers, ino_t inode)
{
    char *temporary;
    int length = asprintf(&temporary, "%s+new", path);
    BS_ASSERT(length > 0);
    make_folders(path, folder_length);
    FILE *file = fopen(temporary, "wbe");
    bool well = file != NULL && fprintf(file, "%llu %s\n", (unsigned long long)inode, etag) > 0 &&
                (headers->size == 0 || fwrite(headers->bytes, headers->size, 1, file) == 1);
    well = file != NULL && fclose(file) == 0 && well && rename(temporary, path) == 0;
    free(temporary);
    return well;
}

enum s3_error s3_object_find(struct s3_files *files, const char *bucket, const char *key, bool open,
                             struct s3_object *object)
{
    *object = (struct s3_object){.fd = -1};
    if (s3_bucket_find(files, bucket) != S3_OK) {
        return S3_NO_BUCKET;
    }
    char *path = path_of(files, bucket, "", key);
    char *facts_path = path_of(files, bucket, FACTS, key);
    struct stat facts;
    pthread_mutex_lock(&files->lock);
    object->fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    bool there = object->fd >= 0 && fstat(object->fd, &facts) == 0 && S_ISREG(facts.st_mode);
    bool known = there && read_facts(facts_path, facts.st_ino, object);
    pthread_mutex_unlock(&files->lock);
    free(path);
    free(facts_path);
    if (!there) {
        s3_object_free(object);
        return S3_NO_KEY;
    }
    object->size = facts.st_size;
    object->modified = facts.st_mtime;
    if (!known) {
        object->headers.size = 0;
        compute_etag(object->fd, object->etag);
    }
    if (!open) {
        close(object->fd);
        object->fd = -1;
    }
    return S3_OK;
}

void s3_object_free(struct s3_object *object)
{
    if (object->fd >= 0) {
        close(object->fd);
    }
    buffer_free(&object->headers);
    object->fd = -1;
}

enum s3_error s3_object_delete(struct s3_files *files, const char *bucket, const char *key)
{
    if (s3_bucket_find(files, bucket) != S3_OK) {
        return S3_NO_BUCKET;
    }
    char *path = path_of(files, bucket, "", key);
    char *facts_path = path_of(files, bucket, FACTS, key);
    pthread_mutex_lock(&files->lock);
    bool well = unlink(path) == 0 || errno == ENOENT;
    (void)unlink(facts_path);
    pthread_mutex_unlock(&files->lock);
    free(path);
    free(facts_path);
    return well ? S3_OK : S3_INTERNAL;
}

/* ---- uploads ------------------------------------------------------------------------------------
 */

enum s3_error s3_upload_begin(struct s3_files *files, struct s3_upload *upload)
{
    *upload = (struct s3_upload){.md5 = new_digest(EVP_md5()), .sha256 = new_digest(EVP_sha256())};
    pthread_mutex_lock(&files->lock);
    uint64_t number = files->uploads++;
    pthread_mutex_unlock(&files->lock);
    int length = asprintf(&upload->path, "%s" UPLOADS "/%d-%llu", files->folder, (int)getpid(),
                          (unsigned long long)number);
    BS_ASSERT(length > 0);
    make_folders(upload->path, strlen(files->folder) + 1);
    upload->fd = openat(AT_FDCWD, upload->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return upload->fd < 0 ? S3_INTERNAL : S3_OK;
}

enum s3_error s3_upload_add(struct s3_upload *upload, const char *bytes, size_t size)
{
    int hashed = EVP_DigestUpdate(upload->md5, bytes, size) == 1 &&
                 EVP_DigestUpdate(upload->sha256, bytes, size) == 1;
    BS_ASSERT(hashed);
    upload->size += (int64_t)size;
    while (size > 0) {
        ssize_t count = write(upload->fd, bytes, size);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return S3_INTERNAL;
        }
        bytes += count;
        size -= (size_t)count;
    }
    return S3_OK;
}

void s3_upload_digests(struct s3_upload *upload, struct s3_digests *digests)
{
    digest_text(upload->md5, digests->md5);
    digest_text(upload->sha256, digests->sha256);
}

enum s3_error s3_upload_finish(struct s3_files *files, struct s3_upload *upload, const char *bucket,
                               const char *key, const char *etag, const struct buffer *headers)
{
    if (s3_bucket_find(files, bucket) != S3_OK) {
        return S3_NO_BUCKET;
    }
    size_t folder_length = strlen(files->folder) + 1;
    char *path = path_of(files, bucket, "", key);
    char *facts_path = path_of(files, bucket, FACTS, key);
    struct stat facts;
    make_folders(path, folder_length);
    pthread_mutex_lock(&files->lock);
    bool well = fstat(upload->fd, &facts) == 0 && rename(upload->path, path) == 0 &&
                write_facts(facts_path, folder_length, etag, headers, facts.st_ino);
    pthread_mutex_unlock(&files->lock);
    free(path);
    free(facts_path);
    return well ? S3_OK : S3_INTERNAL;
}

void s3_upload_free(struct s3_upload *upload)
{
    if (upload->path == NULL) {
        return;
    }
    (void)unlink(upload->path); /* not there any more when it became the object */
    if (upload->fd >= 0) {
        close(upload->fd);
    }
    free(upload->path);
    EVP_MD_CTX_free(upload->md5);
    EVP_MD_CTX_free(upload->sha256);
    *upload = (struct s3_upload){.fd = -1};
}

/* ---- keys ---------------------------------------------------------------------------------------
 */

static void add_key(struct s3_keys *keys, char *key)
{
    if (keys->count == keys->room) {
        keys->room = keys->room == 0 ? 256 : keys->room * 2;
        keys->list = realloc(keys->list, keys->room * sizeof *keys->list);
        BS_ASSERT(keys->list != NULL);
    }
    keys->list[keys->count++] = key;
}

/* `name` is what the folders so far have of an encoded key. */
static void walk(const char *path, const char *name, struct s3_keys *keys)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        size_t length = strlen(entry->d_name);
        if (entry->d_name[0] == '.') {
            continue;
        }
        char *whole;
        int whole_length = asprintf(&whole, "%s%s", name, entry->d_name);
        BS_ASSERT(whole_length > 0);
        if (entry->d_name[length - 1] == '+') {
            char *below = join(path, entry->d_name, "");
            whole[whole_length - 1] = '\0';
            walk(below, whole, keys);
            free(below);
        } else {
            char *key = s3_decode(whole, (size_t)whole_length, false);
            if (key != NULL) {
                add_key(keys, key);
            }
        }
        free(whole);
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

static int compare_keys(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

enum s3_error s3_keys_read(struct s3_files *files, const char *bucket, struct s3_keys *keys)
{
    *keys = (struct s3_keys){0};
    if (s3_bucket_find(files, bucket) != S3_OK) {
        return S3_NO_BUCKET;
    }
    char *path = join(files->folder, bucket, "");
    walk(path, "", keys);
    free(path);
    if (keys->count > 0) {
        qsort(keys->list, keys->count, sizeof *keys->list, compare_keys);
    }
    return S3_OK;
}

void s3_keys_free(struct s3_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        free(keys->list[i]);
    }
    free(keys->list);
    *keys = (struct s3_keys){0};
}
