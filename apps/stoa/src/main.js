#!/usr/bin/env node
// This file alone is JavaScript: the first TypeScript file loads the 15 MB that strip types, and with the cache no other
// file needs them. It has to be read by an older Node, too, which cannot read the rest, so that this can be said.
import * as module from 'node:module'

const OLDEST = 24

if (Number.parseInt(process.versions.node, 10) < OLDEST) {
  const hint = "In a clone, 'npm start' brings one along, and 'npx stoa' does after it."
  process.stderr.write(`stoa: Stoa runs on Node ${OLDEST} or newer, and this is ${process.versions.node}. ${hint}\n`)
  process.exitCode = 1
} else {
  // Compiled code of the last start is used again: it halves the time until the program is ready.
  module.enableCompileCache()
  const { run } = await import('./run.ts')
  process.exitCode = await run(process.argv.slice(2))
}
