/** Whether the server answered the last time that it was asked anything. */
import { useSyncExternalStore } from "react";

let isReachable = true;
const listeners = new Set<() => void>();

export function setServerReachable(value: boolean): void {
  if (value === isReachable) return;
  isReachable = value;
  for (const listener of listeners) listener();
}

export function useServerReachable(): boolean {
  return useSyncExternalStore(subscribe, () => isReachable);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
