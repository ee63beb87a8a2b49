/* Take the events of a PML file in once: pml FILE. */
#define main sanitized
#include "pml_driver.c"
#undef main
#include "file.h"

int main(int argc, char **argv)
{
    size_t size, next = 0;
    uint8_t *data = contents_of(argv[argc - 1], &size);
    struct pml pml;
    uint64_t offsets;
    uint32_t events;

    memcpy(&events, data + 0x234, sizeof events);
    memcpy(&offsets, data + 0x248, sizeof offsets);
    MUST(pml_init(&pml, size, 8, 7));
    pml_begin(&pml, 0);
    MUST(pml_run(&pml, data, size, 0, data + offsets, events, &next) && next == events);
    MUST(pml.taken > events / 5 && pml.damaged.count == 0);
    pml_free(&pml);
    return 0;
}
