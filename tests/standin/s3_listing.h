/* ListObjects, versions 1 and 2, as XML. */
#ifndef STANDIN_S3_LISTING_H
#define STANDIN_S3_LISTING_H

#include "s3_error.h"
#include "s3_files.h"

/* `query` is canonical. Appends the document. */
BS_MUST_CHECK enum s3_error s3_list(struct s3_files *files, const char *bucket, const char *query,
                                    struct buffer *out);
/* Text of an element or attribute. */
void s3_xml_text(const char *text, struct buffer *out);

#endif
