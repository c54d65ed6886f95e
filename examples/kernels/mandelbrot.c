/* The Mandelbrot set, as an image of RGBA pixels.
 *
 *   penny kernel build mandelbrot.c
 */
#include <penny.h>

/* From |z|² = 4 on a point escapes. */
#define ESCAPE 4.0

/* Steps until z escapes under z -> z² + c; `limit` if it doesn't by then. */
static int32_t escape(double cx, double cy, int32_t limit) {
  double x = 0, y = 0, xx = 0, yy = 0;
  int32_t steps = 0;
  while (steps < limit && xx + yy <= ESCAPE) {
    y = 2 * x * y + cy;
    x = xx - yy + cx;
    xx = x * x;
    yy = y * y;
    steps++;
  }
  return steps;
}

/* A channel that rises and falls as `steps` goes on: a triangle of period 512, from 0 to 255. */
static uint32_t wave(uint32_t steps) {
  uint32_t phase = steps & 511;
  return phase < 256 ? phase : 511 - phase;
}

static uint32_t colour(int32_t steps, int32_t limit) {
  if (steps == limit) return 0xff000000;
  uint32_t n = (uint32_t)steps;
  return 0xff000000 | wave(n * 11 + 96) << 16 | wave(n * 7 + 32) << 8 | wave(n * 5);
}

typedef uint32_t __attribute__((may_alias)) pixel;

/* Row y of the image whose upper left corner is the point (left, top), with `step` between two pixels. */
PENNY_KERNEL(row, "i32 y, u8[] pixels, i32 width, f64 left, f64 top, f64 step, i32 limit")
void row(int32_t y, uint8_t *pixels, uint32_t bytes, int32_t width, double left, double top, double step,
         int32_t limit) {
  if ((uint32_t)(y + 1) * (uint32_t)width > bytes / sizeof(pixel)) __builtin_trap();
  pixel *out = (pixel *)(void *)pixels + y * width;
  for (int32_t x = 0; x < width; x++) out[x] = colour(escape(left + x * step, top + y * step, limit), limit);
}
