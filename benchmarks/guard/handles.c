/* Open and close handles of a table that has a thousand open. */
#include "core_handles.h"

int main(void)
{
    struct handle_table table = HANDLE_TABLE_EMPTY;
    struct handle_slot slot = {70002, 3, 0x20019};

    for (int i = 0; i < 1000; i++)
        if (!handle_open(&table, slot))
            return 1;
    for (int i = 0; i < 100000; i++)
        if (handle_close(&table, handle_open(&table, slot)) < 0)
            return 1;
    handle_clear(&table);
    return 0;
}
