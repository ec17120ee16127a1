/* Gives files to a fuzz target one by one, where there is no libFuzzer. */
#include <stdint.h>
#include <stdio.h>

#define INPUT_MOST 65536U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int count, char **names) {
    static uint8_t data[INPUT_MOST];
    int index;
    for (index = 1; index < count; index++) {
        FILE *file = fopen(names[index], "rb");
        size_t size;
        if (file == NULL) {
            (void)fprintf(stderr, "%s cannot be read\n", names[index]);
            return 1;
        }
        size = fread(data, 1, sizeof data, file);
        (void)fclose(file);
        (void)LLVMFuzzerTestOneInput(data, size);
    }
    return 0;
}
