// `initdb.ts <folder>`: makes the folder a PGlite database, as a process of its own. See pglite-folder.ts.

import { PGlite } from '@electric-sql/pglite'

process.stdin.resume().once('end', () => {
  throw new Error('whoever asked for this database is gone')
})
const pglite = await PGlite.create({ dataDir: process.argv[2] ?? '' })
await pglite.close()
process.stdin.destroy()
