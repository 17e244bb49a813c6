import { systemClock, systemCtx } from '@stoa/kernel'
import { banner, finishing } from '../banner.ts'
import type { Command } from '../command-line.ts'
import type { Config } from '../config/config.ts'
import { redisPlace } from '../config/redis.ts'
import { placeOf } from '../failure.ts'
import { firstBoot } from '../first-boot.ts'
import { pgliteFolder } from '../open-database.ts'
import { serveUntilStopped } from '../serve-until-stopped.ts'
import { VERSION } from '../version.ts'

/** `stoa up` */
export const up: Command = {
  name: 'up',
  summary: 'Migrate, make a demo tenant on the first start, and serve. This is npm start.',
  run: (program) =>
    serveUntilStopped(
      program,
      { migrates: true },
      async (stoa, config, log) => {
        const first = await firstBoot(stoa, systemCtx({ log, clock: systemClock }, 'first start'))
        program.print(
          banner({
            url: stoa.url,
            address: stoa.address,
            database: databaseInWords(config),
            embedded: config.database === null,
            redis: config.redisUrl === null ? null : redisPlace(config.redisUrl),
            version: VERSION,
            firstBoot: first,
            startedInMs: performance.now(),
          }),
        )
      },
      async (stoa) => program.print(finishing(await stoa.finishing())),
    ),
}

function databaseInWords(config: Config): string {
  if (config.database === null) return `PGlite in ${pgliteFolder(config)}`
  return `PostgreSQL at ${placeOf(config.database.url)}`
}
