/* One column of a row group of a Parquet file: its pages in, numbers out.
 *
 * Taken are the pages that writers make of traces: flat numbers of 4 or 8 bytes, plain or by a
 * dictionary, and texts by a dictionary, whose indices come out; not packed, or by Snappy; without
 * a null. Whatever else there is, or is not as it must be, is PARQUET_STRANGE: another reader is
 * then asked, which says what it is. The layout: parquet.apache.org/docs/file-format (documented). */
#ifndef REGSIM_CORE_PARQUET_H
#define REGSIM_CORE_PARQUET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum parquet_answer { PARQUET_DONE, PARQUET_STRANGE, PARQUET_NO_MEMORY };

/* indices unpacked at a time */
enum { PARQUET_BLOCK = 256 };

/* bytes behind a page, and behind a file's last column, that may be read though not used */
enum { PARQUET_SLACK = 8 };

struct parquet {
    const uint8_t *at, *end; /* the pages that are still to come */
    uint64_t left;           /* the values in them */
    unsigned width;          /* bytes of a number; 0 for texts */
    bool optional, snappy;
    /* the dictionary: as it stands in the file, and as items of `table_item` bytes */
    uint8_t *entries;
    size_t entries_size;
    uint32_t entry_count;
    bool has_entries;
    uint8_t *table;
    unsigned table_item;
    /* the page under way */
    uint8_t *unpacked;
    size_t unpacked_room;
    const uint8_t *next, *stop; /* its bytes that are still to be read */
    uint64_t page_left;         /* its values that are */
    bool by_index;
    unsigned bits;      /* of an index */
    uint64_t run_left;  /* indices that are still to be unpacked or repeated in this run */
    bool packed;
    uint32_t repeated;
    uint32_t block[PARQUET_BLOCK];
    unsigned block_at, block_used;
};

/* begin with the pages at `pages`, behind which PARQUET_SLACK more bytes can be read */
void parquet_init(struct parquet *parquet, const uint8_t *pages, size_t size, uint64_t values,
                  unsigned width, bool optional, bool snappy);

/* write the next `count` values to `out` as items of 1, 2, 4 or 8 bytes, of which the value's upper
 * ones are left out; indices of texts have 4. What is not done has to be begun anew */
enum parquet_answer parquet_read(struct parquet *parquet, void *out, unsigned item, size_t count);

/* have the dictionary read, which comes before all values; strange where there is none */
enum parquet_answer parquet_dictionary(struct parquet *parquet);

/* write the texts of a dictionary that was read one after the other to `texts`, and to `ends`, of
 * which there is one more than texts, where each begins and the last one ends; false where the
 * entries are no texts. `texts` has room for what parquet_texts_size() says */
bool parquet_texts(const struct parquet *parquet, uint32_t *ends, uint8_t *texts);

/* return how many bytes the texts of a dictionary have, SIZE_MAX where its entries are none */
size_t parquet_texts_size(const struct parquet *parquet);

void parquet_free(struct parquet *parquet);

#endif
