/* UTS, unbalanced tree search: S. Olivier et al., "UTS: An Unbalanced Tree Search Benchmark", LCPC 2006. A kernel counts
 * the nodes of a tree, whole, with a fork for each child but the last.
 *
 * A node is 20 bytes of SHA-1: its parent's, hashed with its own index among the siblings; the root's are of the seed. Its last 31 bits are its random
 * number in [0, 1), which says how many children it has; nothing tells how many hang below it. */
#include "penny.h"
#include "sha1.h"

/* T1: geometric with a fixed branching factor of 4 down to depth 10, seed 19: 4,130,071 nodes.
 * T3: binomial: 2000 children of the root, any other node 8 with probability 0.124875, seed 42: 4,112,897 nodes. */
enum tree { T1, T3 };
enum { T1_SEED = 19, T1_DEPTH = 10, T3_SEED = 42, T3_ROOT = 2000, T3_CHILDREN = 8 };
static const double T1_BRANCHING = 4, T3_PROBABILITY = 0.124875;

struct node {
  struct sha1 state;
  uint32_t depth;
};

static uint32_t children_of(enum tree tree, const struct node *node) {
  double u = (node->state.word[4] & 0x7fffffff) / 2147483648.0;
  if (tree == T3) {
    if (!node->depth) return T3_ROOT;
    return u < T3_PROBABILITY ? T3_CHILDREN : 0;
  }
  if (node->depth >= T1_DEPTH) return 0;
  /* floor(log(1 - u) / log(1 - p)) without a logarithm: how often 1 - p goes into 1 - u. */
  double q = 1 - 1 / (1 + T1_BRANCHING), power = q;
  uint32_t children = 0;
  for (; 1 - u <= power; power *= q) children++;
  return children;
}

static int64_t below(struct penny_call *call, enum tree tree, const struct node *node, uint32_t first);
static void below_call(struct penny_call *call, struct penny_call *next) {
  call->i64[0] = below(next, call->u32[1], call->pointer[0], call->u32[2]);
}

/* The number of nodes below a node, from the child `first` on. */
static int64_t below(struct penny_call *call, enum tree tree, const struct node *node, uint32_t first) {
  int64_t count = 0;
  uint32_t children = children_of(tree, node);
  for (uint32_t i = first; i < children; i++) {
    struct penny_call *next = call;
    int others = i + 1 < children;
    if (others) {
      call->pointer[0] = (void *)node; /* it stays where it is until all below it are counted */
      call->u32[1] = tree;
      call->u32[2] = i + 1;
      next = penny_fork(call, below_call);
    }
    struct node child = {sha1_append(node->state.word, 5, i), node->depth + 1};
    count += 1 + below(next, tree, &child, 0);
    if (others && !penny_kept(call)) return count + call->i64[0];
  }
  return count;
}

static double uts(enum tree tree, uint32_t seed) {
  static const uint32_t zeros[4];
  struct node root = {sha1_append(zeros, 4, seed), 0};
  int64_t nodes = 1 + below(penny_open(), tree, &root, 0);
  penny_close();
  return (double)nodes;
}
PENNY_KERNEL(uts_t1, "")
double uts_t1(void) { return uts(T1, T1_SEED); }
PENNY_KERNEL(uts_t3, "")
double uts_t3(void) { return uts(T3, T3_SEED); }
