import { randomUUID } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";
import type { TestProject } from "vitest/node";
import { startPostgres } from "./postgres-server.ts";

// One PostgreSQL for a whole run of the tests, and a database of its own for each file that asks.

declare module "vitest" {
  interface ProvidedContext {
    postgresUrl: string;
  }
}

const SETTINGS = [
  "max_connections=200",
  // Nothing here has to outlive the tests.
  "fsync=off",
  "full_page_writes=off",
];

/** Starts PostgreSQL before the first test file; what it returns stops it after the last. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await startPostgres(SETTINGS);
  project.provide("postgresUrl", postgres.url);
  return () => postgres[Symbol.asyncDispose]();
}

/** An empty database that nobody else uses, dropped when disposed of. */
export function freshDatabase(): Promise<TestDatabase> {
  return createDatabase("");
}

/** A copy of a database that nobody is connected to, dropped when disposed of. */
export function copyOfDatabase(url: string): Promise<TestDatabase> {
  return createDatabase(` TEMPLATE ${new URL(url).pathname.slice(1)}`);
}

interface TestDatabase {
  url: string;
  [Symbol.asyncDispose](): Promise<void>;
}

async function createDatabase(clause: string): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  await execute(`CREATE DATABASE ${name}${clause}`);
  const url = new URL(inject("postgresUrl"));
  url.pathname = name;
  return {
    url: url.href,
    [Symbol.asyncDispose]: () => execute(`DROP DATABASE ${name} WITH (FORCE)`),
  };
}

async function execute(statement: string): Promise<void> {
  const client = new pg.Client(inject("postgresUrl"));
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
