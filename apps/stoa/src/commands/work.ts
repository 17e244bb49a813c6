import type { Command } from '../command-line.ts'
import { serveUntilStopped } from '../serve-until-stopped.ts'

/** `stoa work` */
export const work: Command = {
  name: 'work',
  summary: 'Run jobs, and serve nothing but /health and /metrics.',
  details: `\`stoa serve\` runs jobs too, unless STOA_WORK=false. Start these where jobs need machines of their own, as many as you like.
Beside a server on the same machine, give each a PORT of its own; PORT=0 takes any free one.`,
  run: (program) =>
    serveUntilStopped(program, { migrates: false, serves: 'health', works: true }, async ({ address }) => {
      program.print(`Stoa works; /health and /metrics are at ${address}`)
    }),
}
