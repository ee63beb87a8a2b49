/* Where certain bytes are in a block of 64, as bits: the lowest stands for the first byte.
 *
 * SSE2 and NEON are part of every x86-64 and every 64-bit ARM, so nothing is asked at run time.
 * Elsewhere, and with -DREGSIM_PLAIN, it is plain C, byte by byte; tests hold the forms together. */
#ifndef REGSIM_CORE_BLOCKS_H
#define REGSIM_CORE_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK = 64 };

struct marks {
    uint64_t quotes, commas, breaks; /* '"' ',' '\n' */
    bool zero;                       /* whether a byte is 0 */
};

#if !defined(REGSIM_PLAIN) && (defined(__SSE2__) || defined(_M_X64))
#include <emmintrin.h>

/* return which of 16 bytes are `byte` */
static inline uint64_t equal16(__m128i bytes, char byte)
{
    return (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte)));
}

static inline struct marks mark(const uint8_t *at)
{
    const __m128i *from = (const __m128i *)(const void *)at;
    __m128i least = _mm_set1_epi8(-1);
    struct marks marks = {0, 0, 0, false};

    for (int i = 0; i < 4; i++) {
        __m128i bytes = _mm_loadu_si128(from + i);

        least = _mm_min_epu8(least, bytes);
        marks.quotes |= equal16(bytes, '"') << (16 * i);
        marks.commas |= equal16(bytes, ',') << (16 * i);
        marks.breaks |= equal16(bytes, '\n') << (16 * i);
    }
    marks.zero = equal16(least, 0) != 0;
    return marks;
}

#elif !defined(REGSIM_PLAIN) && defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>

/* return which of 64 bytes are `byte`, by adding up a bit of each */
static inline uint64_t equal64(const uint8x16_t *bytes, uint8_t byte)
{
    static const uint8_t powers[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t bit = vld1q_u8(powers), wanted = vdupq_n_u8(byte), parts[4];

    for (int i = 0; i < 4; i++)
        parts[i] = vandq_u8(vceqq_u8(bytes[i], wanted), bit);
    parts[0] = vpaddq_u8(vpaddq_u8(parts[0], parts[1]), vpaddq_u8(parts[2], parts[3]));
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(parts[0], parts[0])), 0);
}

static inline struct marks mark(const uint8_t *at)
{
    uint8x16_t bytes[4] = {vld1q_u8(at), vld1q_u8(at + 16), vld1q_u8(at + 32), vld1q_u8(at + 48)};
    uint8x16_t least = vminq_u8(vminq_u8(bytes[0], bytes[1]), vminq_u8(bytes[2], bytes[3]));

    return (struct marks){equal64(bytes, '"'), equal64(bytes, ','), equal64(bytes, '\n'),
                          vminvq_u8(least) == 0};
}

#else

static inline struct marks mark(const uint8_t *at)
{
    struct marks marks = {0, 0, 0, false};

    for (int i = 0; i < BLOCK; i++) {
        marks.quotes |= (uint64_t)(at[i] == '"') << i;
        marks.commas |= (uint64_t)(at[i] == ',') << i;
        marks.breaks |= (uint64_t)(at[i] == '\n') << i;
        marks.zero |= at[i] == 0;
    }
    return marks;
}

#endif

/* return how many bits are set */
static inline unsigned bits_in(uint64_t bits)
{
#if defined(__POPCNT__) || defined(__aarch64__)
    return (unsigned)__builtin_popcountll(bits);
#else
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0F0F0F0F0F0F0F0F);
    return (unsigned)(bits * UINT64_C(0x0101010101010101) >> 56);
#endif
}

/* return the place of the lowest bit; one must be set */
static inline unsigned lowest(uint64_t bits)
{
#if defined(__GNUC__) && !defined(REGSIM_PLAIN)
    return (unsigned)__builtin_ctzll(bits);
#else
    return bits_in((bits & (~bits + 1)) - 1);
#endif
}

/* return for each bit whether it and those below are set an odd number of times */
static inline uint64_t parity(uint64_t bits)
{
    for (int step = 1; step < BLOCK; step *= 2)
        bits ^= bits << step;
    return bits;
}

#endif
