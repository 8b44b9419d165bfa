/** A server with the panel in it, and people who look at it in a browser. */
import { type Browser, type BrowserContext, chromium, type Page } from "@playwright/test";
import { OWNER_TOKEN } from "../../../server/test/support/registry.ts";
import {
  type ServedRegistry,
  type ServedRegistryOptions,
  serveRegistry,
} from "../../../server/test/support/served-registry.ts";

/** As Debian has it. */
const CHROMIUM = "/usr/bin/chromium";

export interface Visit {
  width?: number;
  colorScheme?: "light" | "dark";
  /** With which token somebody is signed in; `undefined`: nobody is. */
  token?: string | undefined;
}

export class ServedPanel implements AsyncDisposable {
  readonly registry: ServedRegistry;
  readonly #browser: Browser;
  /** What the browser complained about: scripts that threw, and what the Content-Security-Policy stopped. */
  readonly complaints: string[] = [];

  constructor(registry: ServedRegistry, browser: Browser) {
    this.registry = registry;
    this.#browser = browser;
  }

  get origin(): string {
    return this.registry.server.origin;
  }

  /** A new browser window of somebody who was never here. */
  async visit({ width = 1280, colorScheme = "light", ...who }: Visit = {}): Promise<Page> {
    const context = await this.#browser.newContext({
      baseURL: this.origin,
      viewport: { width, height: 900 },
      colorScheme,
      permissions: ["clipboard-read", "clipboard-write"],
    });
    const token = "token" in who ? who.token : OWNER_TOKEN;
    if (token !== undefined) await this.#signIn(context, token);
    const page = await context.newPage();
    page.on("pageerror", ({ message }) => this.complaints.push(message));
    page.on("console", (line) => {
      if (/Content Security Policy|Minified React error/.test(line.text())) this.complaints.push(line.text());
    });
    return page;
  }

  async #signIn(context: BrowserContext, token: string): Promise<void> {
    const answer = await context.request.post("/api/v1/session", {
      data: { token },
      headers: { "x-boxyard-request": "panel" },
    });
    if (!answer.ok())
      throw new Error(`signing in was answered with ${answer.status()}: ${await answer.text()}`);
  }

  /** Calls the management API as the owner. */
  async call<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    const answer = await fetch(`${this.origin}${path}`, {
      method,
      headers: { authorization: `Bearer ${OWNER_TOKEN}`, "content-type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} was answered with ${answer.status}: ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as Answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    await this.registry[Symbol.asyncDispose]();
  }
}

export async function servePanel(options: ServedRegistryOptions = {}): Promise<ServedPanel> {
  const registry = await serveRegistry(options);
  // Chromium's sandbox needs what a container does not have.
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  return new ServedPanel(registry, browser);
}
