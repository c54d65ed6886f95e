/* Quicksort: the partition is serial, and the longer a part the more of it is; so even endless workers would bring no more
 * than about half the logarithm of its length. */
#include "penny.h"

enum { ITEMS = 1 << 21, SMALL = 24, SERIAL = 1024 };
static double *items, *unsorted, sum;

static void exchange(double *a, double *b) {
  double x = *a;
  *a = *b;
  *b = x;
}

static void insertion_sort(double *item, int n) {
  for (int i = 1; i < n; i++) {
    double x = item[i];
    int j = i;
    for (; j > 0 && item[j - 1] > x; j--) item[j] = item[j - 1];
    item[j] = x;
  }
}

/* Hoare's, by the median of the first, the middle and the last: items of [0, split] are no greater than the others. */
static int partition(double *item, int n) {
  double *low = item, *middle = item + (n - 1) / 2, *high = item + n - 1;
  if (*middle < *low) exchange(middle, low);
  if (*high < *low) exchange(high, low);
  if (*high < *middle) exchange(high, middle);
  double pivot = *middle;
  int i = -1, j = n;
  for (;;) {
    do i++;
    while (item[i] < pivot);
    do j--;
    while (item[j] > pivot);
    if (i >= j) return j;
    exchange(item + i, item + j);
  }
}

struct part {
  struct penny_job job;
  double *item;
  int n;
};

static void sort(void *p) {
  struct part *part = p;
  double *item = part->item;
  int n = part->n;
  if (n <= SMALL) {
    insertion_sort(item, n);
    return;
  }
  int split = partition(item, n) + 1;
  struct part lower = {.item = item, .n = split}, upper = {.item = item + split, .n = n - split};
  if (n > SERIAL) {
    penny_spawn(&upper.job, sort, &upper);
    sort(&lower);
    penny_join_call(&upper.job, sort, &upper);
  } else {
    sort(&lower);
    sort(&upper);
  }
}

PENNY_KERNEL(quicksort, "")
double quicksort(void) {
  __builtin_memcpy(items, unsorted, ITEMS * sizeof *items);
  struct part all = {.item = items, .n = ITEMS};
  sort(&all);
  double left = sum;
  for (int i = 0; i < ITEMS; i++) {
    if (i && items[i - 1] > items[i]) return 0;
    left -= items[i];
  }
  return left == 0;
}

PENNY_KERNEL(prepare_quicksort, "")
int prepare_quicksort(void) {
  items = penny_alloc(ITEMS * sizeof *items);
  unsorted = penny_alloc(ITEMS * sizeof *unsorted);
  if (!items || !unsorted) return 0;
  uint32_t x = 1;
  for (int i = 0; i < ITEMS; i++) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    unsorted[i] = x >> 8; /* integers, whose sum is exact */
    sum += unsorted[i];
  }
  return 1;
}
