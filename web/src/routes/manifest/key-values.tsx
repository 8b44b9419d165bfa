import classes from "./key-values.module.css";

/** Names and values that somebody else has chosen: long, empty, or in any script. */
export function KeyValues({
  label,
  entries,
}: {
  label: string;
  entries: readonly (readonly [name: string, value: string])[];
}) {
  return (
    <table className={classes.table} aria-label={label}>
      <tbody>
        {entries.map(([name, value], index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: names may come twice, and the list does not change.
          <tr key={`${index} ${name}`}>
            <th scope="row" dir="auto">
              {name}
            </th>
            <td dir="auto">{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
