/* The main program of the kernels' native twin: what they compute without Penny. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fib(int n);
uint32_t calls(uint32_t *ran, uint32_t nodes, uint32_t turns, uint32_t trap);
uint32_t chain(uint32_t depth);
uint32_t tree(uint32_t *ran, uint32_t nodes, uint32_t turns, uint32_t trap);
void list(uint32_t *ran, uint32_t n, uint32_t turns, uint32_t step);
void loop(uint32_t *ran, uint32_t n, int32_t grain, uint32_t turns);
uint32_t deep(uint32_t depth);
int increment(void);
int data(int i);
void *allocate(uint32_t bytes);
void release(void *block);
uint32_t worker_id(void);

static void each_once(uint32_t *ran, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    assert(ran[i] == 1);
    ran[i] = 0;
  }
}

int main(void) {
  enum { N = 1000 };
  uint32_t *ran = calloc(N, sizeof *ran);
  assert(fib(20) == 6765);
  assert(tree(ran, N, 1, 0) == N * (N - 1) / 2);
  each_once(ran + 1, N - 1);
  assert(calls(ran, N, 1, 0) == N * (N - 1) / 2);
  each_once(ran + 1, N - 1);
  assert(chain(1000) == 1001);
  list(ran, N, 1, 7);
  each_once(ran, 64);
  loop(ran, N, 3, 1);
  each_once(ran, N);
  assert(deep(100) == 101);
  assert(increment() == 41 && data(0) == 22 && data(1) == 71);
  void *block = allocate(100);
  assert(block);
  memset(block, 1, 100);
  release(block);
  assert(worker_id() == 0);
  free(ran);
  puts("ok");
}
