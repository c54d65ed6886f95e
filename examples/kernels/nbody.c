/* Bodies that attract each other: all pairs, leapfrog steps.
 *
 *   penny kernel build nbody.c
 */
#include <math.h>
#include <penny.h>

/* Keeps forces finite where two bodies meet: added to squares of distances. */
#define SOFTENING 1e-9

struct bodies {
  double *positions, *velocities; /* x, y, z of each */
  const double *masses;
  int32_t count;
  double dt;
};

/* The first half of a step: velocities of bodies [from, to), by where all bodies are. */
static void kick(int32_t from, int32_t to, void *argument) {
  const struct bodies *b = argument;
  for (int32_t i = from; i < to; i++) {
    const double *here = &b->positions[3 * i];
    double ax = 0, ay = 0, az = 0;
    for (int32_t j = 0; j < b->count; j++) {
      const double *there = &b->positions[3 * j];
      double dx = there[0] - here[0], dy = there[1] - here[1], dz = there[2] - here[2];
      double square = dx * dx + dy * dy + dz * dz + SOFTENING;
      double pull = b->masses[j] / (square * sqrt(square)); /* of a body on itself: times 0 */
      ax += pull * dx;
      ay += pull * dy;
      az += pull * dz;
    }
    b->velocities[3 * i] += b->dt * ax;
    b->velocities[3 * i + 1] += b->dt * ay;
    b->velocities[3 * i + 2] += b->dt * az;
  }
}

/* The second: positions. */
static void drift(int32_t from, int32_t to, void *argument) {
  const struct bodies *b = argument;
  for (int32_t i = 3 * from; i < 3 * to; i++) b->positions[i] += b->dt * b->velocities[i];
}

/* Goes on by `steps` steps of the time dt each. The constant of gravity is 1. */
PENNY_KERNEL(advance, "f64[] positions, f64[] velocities, f64[] masses, i32 steps, f64 dt")
void advance(double *positions, uint32_t np, double *velocities, uint32_t nv, const double *masses, uint32_t count,
             int32_t steps, double dt) {
  if (np != 3 * count || nv != 3 * count) __builtin_trap();
  struct bodies bodies = {positions, velocities, masses, (int32_t)count, dt};
  for (int32_t step = 0; step < steps; step++) {
    penny_for(0, bodies.count, 8, kick, &bodies);
    penny_for(0, bodies.count, 4096, drift, &bodies);
  }
}

/* Kinetic and potential energy. */
PENNY_KERNEL(energy, "f64[] positions, f64[] velocities, f64[] masses -> f64")
double energy(const double *positions, uint32_t np, const double *velocities, uint32_t nv, const double *masses,
              uint32_t count) {
  if (np != 3 * count || nv != 3 * count) __builtin_trap();
  double sum = 0;
  for (uint32_t i = 0; i < count; i++) {
    const double *p = &positions[3 * i], *v = &velocities[3 * i];
    sum += masses[i] * (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]) / 2;
    for (uint32_t j = 0; j < i; j++) {
      const double *q = &positions[3 * j];
      double dx = q[0] - p[0], dy = q[1] - p[1], dz = q[2] - p[2];
      sum -= masses[i] * masses[j] / sqrt(dx * dx + dy * dy + dz * dz + SOFTENING);
    }
  }
  return sum;
}
