/** The worker threads there are: a file each in this folder, and an entry each in the bundle. */
export const WORKERS = ["checkpoint", "parse-manifest", "unpack"] as const;

/**
 * What `new Worker()` is given. The source has the worker's file beside this one; so has the bundle, which
 * puts all its files into one folder (build.ts).
 */
export function workerUrl(name: (typeof WORKERS)[number]): URL {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf(".") + 1);
  return new URL(`./${name}.${extension}`, import.meta.url);
}
