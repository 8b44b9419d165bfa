import type { Compilable, CompiledQuery } from "kysely";
import { Database, type Queries } from "./database.ts";

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
  const fill = builtOnce(build);
  return async (db, values) => (await db.executeQuery(fill(db, values))).rows;
}

/** Of each query. */
const MAX_REMEMBERED = 1000;

/**
 * As {@link prepared}, for what is small and asked for again and again; `read` makes it of the rows. Where nobody but this process
 * writes, it is what another look would find for as long as nothing has been committed: so long it is not looked for again.
 */
export function remembered<Values extends object, Row, Found>(
  build: (db: Queries, values: Values) => Compilable<Row>,
  read: (rows: Row[]) => Found,
): (db: Queries, values: Values) => Promise<Readonly<Found>> {
  const fill = builtOnce(build);
  const answers = new WeakMap<Queries, { commits: number; found: Map<string, Readonly<Found>> }>();
  return async (db, values) => {
    const query = fill(db, values);
    const look = async () => Object.freeze(read((await db.executeQuery(query)).rows));
    // Before the look: should something be committed beside it, what it finds is forgotten at once.
    const commits = db instanceof Database ? db.commits() : undefined;
    // A transaction sees what it has written itself; and other processes do not tell what they write.
    if (commits === undefined) return look();
    let known = answers.get(db);
    if (known?.commits !== commits || known.found.size >= MAX_REMEMBERED) {
      known = { commits, found: new Map() };
      answers.set(db, known);
    }
    const key = JSON.stringify(query.parameters);
    if (!known.found.has(key)) known.found.set(key, await look());
    return known.found.get(key) as Readonly<Found>;
  };
}

function builtOnce<Values extends object, Row>(
  build: (db: Queries, values: Values) => Compilable<Row>,
): (db: Queries, values: Values) => CompiledQuery<Row> {
  const compiled = new WeakMap<object, CompiledQuery<Row>>();
  return (db, values) => {
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
    return { ...query, parameters };
  };
}
