/* Gaussian blur of an RGBA image, along rows and then along columns.
 *
 *   penny kernel build blur.c -msimd128
 */
#include <penny.h>

enum { CHANNELS = 4 };

static inline int32_t within(int32_t i, int32_t count) { return i < 0 ? 0 : i >= count ? count - 1 : i; }

/* Row y, blurred along itself. `weights`: from the centre outwards, one side. Beyond its edges the image goes on as
 * they are. */
PENNY_KERNEL(along_rows, "i32 y, u8[] image, f32[] blurred, i32 width, f32[] weights")
void along_rows(int32_t y, const uint8_t *image, uint32_t n, float *blurred, uint32_t nb, int32_t width,
                const float *weights, uint32_t reach) {
  uint32_t begin = (uint32_t)y * (uint32_t)width * CHANNELS, end = begin + (uint32_t)width * CHANNELS;
  if (end > n || end > nb) __builtin_trap();
  const uint8_t *in = image + begin;
  float *out = blurred + begin;
  for (int32_t x = 0; x < width; x++)
    for (int c = 0; c < CHANNELS; c++) {
      float sum = weights[0] * in[x * CHANNELS + c];
      for (int32_t d = 1; d < (int32_t)reach; d++) {
        int32_t left = within(x - d, width), right = within(x + d, width);
        sum += weights[d] * (float)(in[left * CHANNELS + c] + in[right * CHANNELS + c]);
      }
      out[x * CHANNELS + c] = sum;
    }
}

/* Row y of what along_rows() made of all rows, blurred across rows. */
PENNY_KERNEL(along_columns, "i32 y, f32[] blurred, u8[] image, i32 width, f32[] weights")
void along_columns(int32_t y, const float *blurred, uint32_t n, uint8_t *image, uint32_t ni, int32_t width,
                   const float *weights, uint32_t reach) {
  int32_t size = width * CHANNELS, height = size ? (int32_t)n / size : 0;
  if (y >= height || n > ni) __builtin_trap();
  uint8_t *out = image + y * size;
  for (int32_t i = 0; i < size; i++) {
    float sum = weights[0] * blurred[y * size + i];
    for (int32_t d = 1; d < (int32_t)reach; d++)
      sum += weights[d] * (blurred[within(y - d, height) * size + i] + blurred[within(y + d, height) * size + i]);
    out[i] = (uint8_t)(sum + 0.5f);
  }
}
