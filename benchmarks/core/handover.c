/* What benchmarks/arrays.py calls: touches one element of an array. */
#include <penny.h>

PENNY_KERNEL(touch, "f32[] x, u32 i -> f32")
float touch(float *x, uint32_t n, uint32_t i) {
  if (i >= n) __builtin_trap();
  return x[i] += 1;
}
