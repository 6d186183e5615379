/* MD5 (RFC 1321). Broken as a signature; here because the sample's contract says so. */
#ifndef MD5_H
#define MD5_H

#include "contract.h"

/* Returns the digest of `message` as 32 hexadecimal digits. */
Text md5(Text message);

#endif
