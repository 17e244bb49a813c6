#!/usr/bin/env node
import { enableCompileCache } from 'node:module'

// Compiled code of the last start is used again: it halves the time until the program is ready. This file alone is JavaScript, because the first
// TypeScript file loads the 15 MB that strip types, and with the cache no other file needs them.
enableCompileCache()
const { run } = await import('./run.ts')
process.exitCode = await run(process.argv.slice(2))
