/** What a token may still call, as an answer said it. */
export interface RateLimit {
  /** Calls in an hour. */
  limit: number;
  remaining: number;
  /** When the oldest call is forgotten. */
  reset: Date;
}

/** A refusal, or an answer that is none of the API's. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  /** The API's word for it, such as `not_found`; `unreadable` where the answer is not in its shape. */
  readonly id: string;
  /** To find the request in the server's log. */
  readonly requestId: string | undefined;
  readonly rateLimit: RateLimit | undefined;

  constructor({ status, headers }: Response, text: string) {
    const { id, message, request_id: requestId } = parseRefusal(text);
    super(message ?? `the answer, of status ${status}, is not the API's`);
    this.status = status;
    this.id = id ?? "unreadable";
    this.requestId = requestId ?? headers.get("x-request-id") ?? undefined;
    this.rateLimit = readRateLimit(headers);
  }
}

function parseRefusal(text: string): { id?: string; message?: string; request_id?: string } {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

function readRateLimit(headers: Headers): RateLimit | undefined {
  const [limit, remaining, reset] = ["limit", "remaining", "reset"].map((name) =>
    Number(headers.get(`ratelimit-${name}`) ?? Number.NaN),
  ) as [number, number, number];
  return Number.isNaN(limit + remaining + reset)
    ? undefined
    : { limit, remaining, reset: new Date(reset * 1000) };
}
