/** RFC 3339 in UTC, as every time of the API. */
export function presentTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
