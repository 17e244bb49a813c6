import type { Command } from '../command-line.ts'
import { serveUntilStopped } from '../serve-until-stopped.ts'

/** `stoa serve` */
export const serve: Command = {
  name: 'serve',
  summary: 'Serve. Refuses a database that lacks migrations of this release, or has breaking ones of a newer.',
  details: 'For production: run `stoa migrate` once per release, then as many of these as you like.',
  run: (program) =>
    serveUntilStopped(program, { migrates: false }, async ({ url }) => {
      program.print(`Stoa is ready at ${url}`)
    }),
}
