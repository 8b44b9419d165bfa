import { useRef, useState } from "react";

/** Which rows of a list are chosen: some of those that were read, or all that match but a few. */
type Chosen = { kind: "some"; keys: ReadonlySet<string> } | { kind: "matching"; except: ReadonlySet<string> };

export interface Selection {
  chosen: Chosen;
  count: number;
  /** Whether all rows that were read are chosen. */
  isAll: boolean;
  has: (key: string) => boolean;
  /** Chooses the row or leaves it out; with `isRange` all from the one before to this one. */
  toggle: (index: number, isRange: boolean) => void;
  toggleAll: () => void;
  chooseMatching: () => void;
  clear: () => void;
}

const NOTHING: Chosen = { kind: "some", keys: new Set() };

/** The selection in a list of which `keys` were read, and which has `total` rows. */
export function useSelection(keys: readonly string[], total: number): Selection {
  const [chosen, setChosen] = useState<Chosen>(NOTHING);
  const anchor = useRef<number | undefined>(undefined);
  const has = (key: string) => (chosen.kind === "some" ? chosen.keys.has(key) : !chosen.except.has(key));
  const count = chosen.kind === "some" ? chosen.keys.size : Math.max(0, total - chosen.except.size);
  const isAll = keys.length > 0 && keys.every(has);

  function put(changed: readonly string[], isChosen: boolean): void {
    setChosen(
      chosen.kind === "some"
        ? { kind: "some", keys: withOrWithout(chosen.keys, changed, isChosen) }
        : { kind: "matching", except: withOrWithout(chosen.except, changed, !isChosen) },
    );
  }

  return {
    chosen,
    count,
    isAll,
    has,
    toggle(index, isRange) {
      const key = keys[index];
      if (key === undefined) return;
      const from = isRange ? (anchor.current ?? index) : index;
      put(keys.slice(Math.min(from, index), Math.max(from, index) + 1), !has(key));
      anchor.current = index;
    },
    toggleAll: () => put(keys, !isAll),
    chooseMatching: () => setChosen({ kind: "matching", except: new Set() }),
    clear: () => setChosen(NOTHING),
  };
}

function withOrWithout(
  set: ReadonlySet<string>,
  keys: readonly string[],
  isIn: boolean,
): ReadonlySet<string> {
  return isIn ? set.union(new Set(keys)) : set.difference(new Set(keys));
}
