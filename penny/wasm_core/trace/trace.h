/* What is recorded, where tracing() says so: what others call of traces. */
#ifndef PENNY_TRACE_H
#define PENNY_TRACE_H

#include "shared.h"

void trace(u32 kind, u32 how, u32 who, u32 task, u32 function);
void trace_at(double now, u32 kind, u32 how, u32 who, u32 task, u32 function);
double trace_last(void);
void trace_began(double now, u32 index, u32 origin);
u32 trace_function(u32 index);

#endif
