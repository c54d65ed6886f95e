/* Merge sort of doubles: both the halves and their merge are split where another worker asks. After T. Cormen et
 * al., "Introduction to Algorithms", 3rd edition, section 27.3.
 *
 *   penny kernel build mergesort.c
 */
#include <penny.h>

/* Shorter runs are sorted by insertion, and merged by one worker. */
enum { INSERTION = 24, SERIAL_MERGE = 4096 };

static void insertion_sort(double *x, uint32_t n) {
  for (uint32_t i = 1; i < n; i++) {
    double value = x[i];
    uint32_t j = i;
    for (; j > 0 && x[j - 1] > value; j--) x[j] = x[j - 1];
    x[j] = value;
  }
}

/* ---- merging: of equal ones, those of `a` come first --------------------------------------------- */

struct merge {
  struct penny_job job;
  const double *a, *b;
  double *to;
  uint32_t na, nb;
};

static void merge_serially(const double *a, uint32_t na, const double *b, uint32_t nb, double *to) {
  while (na && nb) {
    int from_b = *b < *a;
    *to++ = from_b ? *b : *a;
    b += from_b;
    nb -= from_b;
    a += !from_b;
    na -= !from_b;
  }
  while (na--) *to++ = *a++;
  while (nb--) *to++ = *b++;
}

/* How many are less than `value`; or, with `equal`, no greater. */
static uint32_t count_less(const double *x, uint32_t n, double value, int equal) {
  uint32_t low = 0;
  while (n) {
    uint32_t half = n / 2;
    if (x[low + half] < value || (equal && x[low + half] == value)) {
      low += half + 1;
      n -= half + 1;
    } else {
      n = half;
    }
  }
  return low;
}

static void merge(const double *a, uint32_t na, const double *b, uint32_t nb, double *to);
static void merge_job(void *p) {
  const struct merge *m = p;
  merge(m->a, m->na, m->b, m->nb, m->to);
}

static void merge(const double *a, uint32_t na, const double *b, uint32_t nb, double *to) {
  if (na + nb <= SERIAL_MERGE) {
    merge_serially(a, na, b, nb, to);
    return;
  }
  /* The longer one is halved, and the other where the middle one belongs. */
  uint32_t i, j;
  if (na >= nb) {
    i = na / 2;
    j = count_less(b, nb, a[i], 0);
  } else {
    j = nb / 2;
    i = count_less(a, na, b[j], 1);
  }
  struct merge upper;
  upper.a = a + i;
  upper.na = na - i;
  upper.b = b + j;
  upper.nb = nb - j;
  upper.to = to + i + j;
  penny_spawn(&upper.job, merge_job, &upper);
  merge(a, i, b, j, to);
  penny_join_call(&upper.job, merge_job, &upper);
}

/* ---- sorting -------------------------------------------------------------------------------------- */

struct sort {
  struct penny_job job;
  double *x, *scratch;
  uint32_t n;
  int to_scratch;
};

/* Sorts x, in place or into `scratch`; the other one is overwritten. */
static void sort(double *x, double *scratch, uint32_t n, int to_scratch);
static void sort_job(void *p) {
  const struct sort *s = p;
  sort(s->x, s->scratch, s->n, s->to_scratch);
}

static void sort(double *x, double *scratch, uint32_t n, int to_scratch) {
  if (n <= INSERTION) {
    insertion_sort(x, n);
    if (to_scratch)
      for (uint32_t i = 0; i < n; i++) scratch[i] = x[i];
    return;
  }
  uint32_t half = n / 2;
  struct sort upper;
  upper.x = x + half;
  upper.scratch = scratch + half;
  upper.n = n - half;
  upper.to_scratch = !to_scratch;
  penny_spawn(&upper.job, sort_job, &upper);
  sort(x, scratch, half, !to_scratch);
  penny_join_call(&upper.job, sort_job, &upper);
  const double *from = to_scratch ? x : scratch;
  merge(from, half, from + half, n - half, to_scratch ? scratch : x);
}

/* Sorts x; `scratch` is as long and is overwritten. NaNs have no order, and leave others out of theirs. */
PENNY_KERNEL(mergesort, "f64[] x, f64[] scratch")
void mergesort(double *x, uint32_t n, double *scratch, uint32_t room) {
  if (room < n) __builtin_trap();
  sort(x, scratch, n, 0);
}
