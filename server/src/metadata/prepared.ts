import type { Compilable, CompiledQuery } from "kysely";
import type { Queries } from "./database.ts";

/** Stands in a query for a value that each run brings. */
class Parameter {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** In place of any values: what is built with them is a text with gaps. */
const PARAMETERS = new Proxy({}, { get: (_, name) => new Parameter(String(name)) });

/**
 * A query that is built once for each kind of database and then only given its values: building one takes several times
 * as long as running it. What is built must be the same whatever the values are.
 */
export function prepared<Values extends object, Row>(
  build: (db: Queries, values: Values) => Compilable<Row>,
): (db: Queries, values: Values) => Promise<Row[]> {
  const compiled = new WeakMap<object, CompiledQuery<Row>>();
  return async (db, values) => {
    // Transactions share it with their database.
    const { adapter } = db.getExecutor();
    let query = compiled.get(adapter);
    if (query === undefined) {
      query = build(db, PARAMETERS as Values).compile();
      compiled.set(adapter, query);
    }
    const parameters = query.parameters.map((parameter) =>
      parameter instanceof Parameter ? values[parameter.name as keyof Values] : parameter,
    );
    return (await db.executeQuery<Row>({ ...query, parameters })).rows;
  };
}
