#include "formats/digest.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

struct bs_digest {
    EVP_MD_CTX *sha256, *md5;
    bool md5_allowed;
};

struct bs_digest *bs_digest_begin(void)
{
    struct bs_digest *digest = calloc(1, sizeof *digest);
    BS_ASSERT(digest != NULL);
    digest->sha256 = EVP_MD_CTX_new();
    digest->md5 = EVP_MD_CTX_new();
    BS_ASSERT(digest->sha256 != NULL && digest->md5 != NULL);
    BS_ASSERT(EVP_DigestInit_ex(digest->sha256, EVP_sha256(), NULL) == 1);
    digest->md5_allowed = EVP_DigestInit_ex(digest->md5, EVP_md5(), NULL) == 1;
    return digest;
}

void bs_digest_add(struct bs_digest *digest, const void *bytes, size_t size)
{
    BS_ASSERT(EVP_DigestUpdate(digest->sha256, bytes, size) == 1);
    if (digest->md5_allowed) {
        BS_ASSERT(EVP_DigestUpdate(digest->md5, bytes, size) == 1);
    }
}

static void end(EVP_MD_CTX *context, char *hex)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int size;
    BS_ASSERT(EVP_DigestFinal_ex(context, bytes, &size) == 1);
    for (unsigned int i = 0; i < size; i++) {
        (void)snprintf(hex + (size_t)i * 2, 3, "%02x", bytes[i]);
    }
}

void bs_digest_end(struct bs_digest *digest, struct bs_digests *digests)
{
    *digests = (struct bs_digests){.md5 = ""};
    end(digest->sha256, digests->sha256);
    if (digest->md5_allowed) {
        end(digest->md5, digests->md5);
    }
    EVP_MD_CTX_free(digest->sha256);
    EVP_MD_CTX_free(digest->md5);
    free(digest);
}
