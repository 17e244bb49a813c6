// `initdb.ts <folder>`: makes the folder a PGlite database, as a process of its own. See pglite-folder.ts.
// It ends when its standard input does: whoever started it is gone then, and nobody wants the folder any more.

import { PGlite } from '@electric-sql/pglite'

process.stdin.once('end', () => process.exit(1)).resume()
const pglite = await PGlite.create({ dataDir: process.argv[2] ?? '' })
await pglite.close()
process.exit(0)
