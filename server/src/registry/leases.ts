import type { Backend } from "./backend.ts";

/** Until when a lease that begins now lasts. */
export function newLease({ now, leaseMs }: Backend): number {
  return now() + leaseMs;
}

/** Whether a lease outlasts what an answer given now promises, so that it need not be renewed. */
export function outlastsPromise({ now, leaseMs }: Backend, leasedUntil: number): boolean {
  return leasedUntil >= now() + leaseMs / 2;
}
