const INSTRUCTION =
  /^(ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR)\s+/i;

/**
 * A step of an image's history as a line of a Dockerfile. The classic builder writes shell commands (`/bin/sh -c …`) and
 * marks all other instructions with `#(nop)`; BuildKit writes instructions, some with `# buildkit` at the end.
 */
export function dockerfileLine(createdBy: string): { instruction: string; rest: string } {
  const text = createdBy.replace(/\s*# buildkit$/, "").trim();
  const [, marked] = /^\/bin\/sh -c #\(nop\)\s+(.*)$/s.exec(text) ?? [];
  const line = marked ?? text.replace(/^(RUN\s+)?\/bin\/sh -c /, "RUN ");
  const [prefix, instruction] = INSTRUCTION.exec(line) ?? [];
  if (prefix === undefined || instruction === undefined) return { instruction: "", rest: line };
  return { instruction: instruction.toUpperCase(), rest: breakCommands(line.slice(prefix.length)) };
}

/** Chained commands on lines of their own. */
function breakCommands(command: string): string {
  return command.replaceAll(/\s+&&\s+/g, " \\\n    && ");
}
