import { formatBytes, formatPercent } from "../format.ts";
import classes from "./size-bar.module.css";

export interface Part {
  label: string;
  bytes: number;
  /** Which of the colours: 1, 2 or 3. */
  series: 1 | 2 | 3;
}

/** Parts of a whole, as a bar and in words. Without `whole` the parts are all there is. */
export function SizeBar({
  label,
  parts,
  whole,
}: {
  label: string;
  parts: readonly Part[];
  whole?: number | undefined;
}) {
  const sum = parts.reduce((bytes, part) => bytes + part.bytes, 0);
  const all = Math.max(whole ?? sum, sum, 1);
  return (
    <figure className={classes.figure} aria-label={label}>
      <div className={classes.bar} aria-hidden>
        {parts
          .filter(({ bytes }) => bytes > 0)
          .map(({ label: name, bytes, series }) => (
            <div key={name} data-series={series} style={{ width: `${(bytes / all) * 100}%` }} />
          ))}
      </div>
      <figcaption className={classes.legend}>
        {parts.map((part) => (
          <span key={part.label} className={classes.entry}>
            <span className={classes.swatch} data-series={part.series} aria-hidden />
            {part.label} <b>{formatBytes(part.bytes)}</b>
            <span className={classes.percent}>{formatPercent(part.bytes, all)}</span>
          </span>
        ))}
      </figcaption>
    </figure>
  );
}
