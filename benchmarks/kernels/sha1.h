/* SHA-1 (FIPS 180-4) of messages of a few words, which fit into one block: what a tree of the UTS benchmark is made of. */
#include <stdint.h>

struct sha1 {
  uint32_t word[5]; /* the digest, as big-endian words */
};

static inline uint32_t sha1_rotate(uint32_t x, int by) { return x << by | x >> (32 - by); }

/* One round; `f` is its function of b, c and d. */
#define SHA1_ROUND(f, constant)                                             \
  do {                                                                      \
    uint32_t next = sha1_rotate(a, 5) + (f) + e + (constant) + w[i & 15];   \
    e = d, d = c, c = sha1_rotate(b, 30), b = a, a = next;                  \
  } while (0)
#define SHA1_SCHEDULE() \
  w[i & 15] = sha1_rotate(w[(i + 13) & 15] ^ w[(i + 8) & 15] ^ w[(i + 2) & 15] ^ w[i & 15], 1)

/* The digest of so many words, at most 12, and one after them. */
static __attribute__((noinline)) struct sha1 sha1_append(const uint32_t *word, int words, uint32_t last) {
  uint32_t w[16] = {0};
  for (int i = 0; i < words; i++) w[i] = word[i];
  w[words] = last;
  w[words + 1] = 0x80000000;
  w[15] = (words + 1) * 32;
  uint32_t a = 0x67452301, b = 0xefcdab89, c = 0x98badcfe, d = 0x10325476, e = 0xc3d2e1f0;
  int i = 0;
  for (; i < 16; i++) SHA1_ROUND((b & c) | (~b & d), 0x5a827999);
  for (; i < 20; i++) {
    SHA1_SCHEDULE();
    SHA1_ROUND((b & c) | (~b & d), 0x5a827999);
  }
  for (; i < 40; i++) {
    SHA1_SCHEDULE();
    SHA1_ROUND(b ^ c ^ d, 0x6ed9eba1);
  }
  for (; i < 60; i++) {
    SHA1_SCHEDULE();
    SHA1_ROUND((b & c) | (b & d) | (c & d), 0x8f1bbcdc);
  }
  for (; i < 80; i++) {
    SHA1_SCHEDULE();
    SHA1_ROUND(b ^ c ^ d, 0xca62c1d6);
  }
  return (struct sha1){{0x67452301 + a, 0xefcdab89 + b, 0x98badcfe + c, 0x10325476 + d, 0xc3d2e1f0 + e}};
}
