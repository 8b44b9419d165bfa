import type { ErrorComponentProps } from "@tanstack/react-router";
import { Link } from "../components/link.tsx";
import { Page } from "../components/page.tsx";
import { Empty, Failure } from "../components/states.tsx";
import { messages } from "../messages.ts";
import classes from "./failures.module.css";

export function NotFoundPage() {
  return (
    <main className={classes.main}>
      <Page title={messages.failures.notFound}>
        <Empty title={messages.failures.noSuchPage}>
          <Link to="/">{messages.failures.home}</Link>
        </Empty>
      </Page>
    </main>
  );
}

export function RouteFailure({ error, reset }: ErrorComponentProps) {
  return (
    <main className={classes.main}>
      <Failure error={error instanceof Error ? error : new Error(String(error))} onRetry={reset} />
    </main>
  );
}
