#include "engine/capabilities.h"

#include "hal.h"

static const struct {
    unsigned group;
    const char *name;
} GROUPS[] = {
    {GROUP_PROG, "PROG"}, {GROUP_READBACK, "READBACK"}, {GROUP_SEQ, "SEQ"}, {GROUP_TEMP, "TEMP"},
    {GROUP_SIM, "SIM"},   {GROUP_LOCK, "LOCK"},         {GROUP_TILE, "TILE"}, {GROUP_CAL, "CAL"},
};

void capabilities_list(unsigned groups, struct text *text) {
    bool first = true;
    size_t index;
    for (index = 0; index < sizeof GROUPS / sizeof GROUPS[0]; index++) {
        if ((groups & GROUPS[index].group) != 0U) {
            text_string(text, first ? "" : ",");
            text_string(text, GROUPS[index].name);
            first = false;
        }
    }
}
